import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestService, type TestService } from '../../test/test-service.ts'

const SECRET = 'a shared secret of more than thirty-two characters'
const AUDIENCE = 'files'
const ISSUER = 'https://login.example.com'

let keys: Awaited<ReturnType<typeof generateKeyPair>>
let directory: Server
let service: TestService

beforeAll(async () => {
  keys = await generateKeyPair('RS256')
  const jwk = { ...(await exportJWK(keys.publicKey)), kid: 'k1', alg: 'RS256' }
  directory = createServer((_, answer) => answer.end(JSON.stringify({ keys: [jwk] })))
  await new Promise<void>((settle) => directory.listen(0, '127.0.0.1', settle))
  service = await startTestService({
    settings: {
      STOWAGE_JWT_SECRET: SECRET,
      STOWAGE_JWKS_URL: `http://127.0.0.1:${(directory.address() as AddressInfo).port}/jwks`,
      STOWAGE_JWT_AUDIENCE: AUDIENCE,
      STOWAGE_JWT_ISSUER: ISSUER,
      STOWAGE_JWT_CLAIMS: 'organization=org,role=files_role,name=full_name',
    },
  })
})
afterAll(async () => {
  await service?.stop()
  directory?.close()
})

interface Sealed {
  subject?: string
  audience?: string
  issuer?: string
  expires?: string | number
}

function tokenOf(claims: JWTPayload, { subject, audience, issuer, expires }: Sealed = {}): SignJWT {
  const token = new SignJWT({ org: 'default', ...claims })
    .setIssuer(issuer ?? ISSUER)
    .setAudience(audience ?? AUDIENCE)
    .setExpirationTime(expires ?? '5m')
  return subject === undefined ? token : token.setSubject(subject)
}

function shared(claims: JWTPayload, sealed?: Sealed, secret = SECRET): Promise<string> {
  return tokenOf(claims, sealed).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(secret))
}

async function memberOf(subject: string) {
  const organization = (await service.call('/v1/organizations')).json.items[0].id
  const { items } = (await service.call(`/v1/organizations/${organization}/members`)).json
  return items.find((member: { externalId: string }) => member.externalId === subject)
}

const list = (secret: string) => service.call('/v1/assets', { secret })
const save = (secret: string) => service.call('/v1/assets', { secret, body: { name: 'a.txt', content: 'text' } })

describe('a token', () => {
  test('is taken when the shared secret signed it, and its member is made on first sight, by a read too', async () => {
    const answer = await list(await shared({ files_role: 'editor', full_name: 'Ada' }, { subject: 'ada' }))
    expect(answer.status).toBe(200)
    expect(await memberOf('ada')).toMatchObject({ externalId: 'ada', name: 'Ada', role: 'editor' })
  })

  test('is taken when a key of the directory signed it', async () => {
    const header = { alg: 'RS256', kid: 'k1' }
    const token = await tokenOf({ files_role: 'editor' }, { subject: 'bob' })
      .setProtectedHeader(header)
      .sign(keys.privateKey)
    expect((await save(token)).status).toBe(201)
    expect(await memberOf('bob')).toMatchObject({ role: 'editor' })
  })

  test('makes a viewer of a member whose role it does not say or nobody knows', async () => {
    await list(await shared({}, { subject: 'carl' }))
    await list(await shared({ files_role: 'emperor' }, { subject: 'dora' }))
    expect([(await memberOf('carl')).role, (await memberOf('dora')).role]).toEqual(['viewer', 'viewer'])
  })

  test('narrows the role of a member and never widens it', async () => {
    await list(await shared({ files_role: 'editor' }, { subject: 'eve' }))
    expect((await save(await shared({ files_role: 'viewer' }, { subject: 'eve' }))).status).toBe(403)
    const wider = await shared({ files_role: 'owner' }, { subject: 'eve' })
    expect((await service.call('/v1/usage', { secret: wider })).status).toBe(403)
    expect((await save(wider)).status).toBe(201)
  })

  test('is refused with credential.expired after its time', async () => {
    const expired = await shared({}, { subject: 'ada', expires: Math.floor(Date.now() / 1000) - 60 })
    const answer = await list(expired)
    expect([answer.status, answer.json.code]).toEqual([401, 'credential.expired'])
  })

  test.each<[string, () => Promise<string>]>([
    ['for another audience', () => shared({}, { subject: 'ada', audience: 'mail' })],
    ['of another issuer', () => shared({}, { subject: 'ada', issuer: 'https://elsewhere.example' })],
    ['of nobody', () => shared({})],
    ['without an organization', () => shared({ org: undefined }, { subject: 'ada' })],
    ['signed with another secret', () => shared({}, { subject: 'ada' }, `${SECRET} but another`)],
    [
      'signed with a key that the directory does not have',
      async () => {
        const { privateKey } = await generateKeyPair('RS256')
        return tokenOf({}, { subject: 'ada' }).setProtectedHeader({ alg: 'RS256', kid: 'k1' }).sign(privateKey)
      },
    ],
    [
      'that nobody signed',
      async () => {
        const [, body] = (await shared({}, { subject: 'ada' })).split('.')
        return `${Buffer.from('{"alg":"none"}').toString('base64url')}.${body}.x`
      },
    ],
  ])('%s is refused with credential.invalid', async (_what, make) => {
    const answer = await list(await make())
    expect([answer.status, answer.json.code]).toEqual([401, 'credential.invalid'])
  })

  test('of an organization that is not there is refused', async () => {
    expect((await list(await shared({ org: 'nowhere' }, { subject: 'ada' }))).json.code).toBe('organization.notFound')
  })

  test('of a member who was removed is refused', async () => {
    const token = await shared({ files_role: 'editor' }, { subject: 'fred' })
    await list(token)
    const { id } = await memberOf('fred')
    const organization = (await service.call('/v1/organizations')).json.items[0].id
    const removed = await service.call(`/v1/organizations/${organization}/members/${id}`, { method: 'DELETE' })
    expect(removed.status, removed.bytes.toString()).toBe(204)
    expect((await list(token)).json.code).toBe('credential.invalid')
  })
})
