import { createVerify, generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { configFor } from '../test/service.ts'
import { startTestService, type TestService } from '../test/test-service.ts'
import { openCdn } from './cdn.ts'
import { jobs } from './doors/worker/jobs.ts'

const log = pino({ level: 'silent' })
const settingsOf = (cdn: unknown) => ({ STOWAGE_CDN: typeof cdn === 'string' ? cdn : JSON.stringify(cdn) })
const url = 'https://cdn.example.com'

describe('STOWAGE_CDN', () => {
  test.each([
    ['not JSON', '{', /STOWAGE_CDN: must be JSON/],
    ['of no kind', { url }, /STOWAGE_CDN/],
    ['of another kind', { kind: 'akamai', url }, /kind must be one of cloudfront, hmac/],
    ['without its URL', { kind: 'hmac' }, /STOWAGE_CDN url:/],
    ['with a key that is none', { kind: 'cloudfront', url, keyPairId: 'K1', privateKey: '/nowhere' }, /private key/],
  ])('is refused when it is %s, and its secrets are not repeated', async (_title, cdn, message) => {
    const opening = async () => openCdn(configFor('./data', settingsOf(cdn)), log)
    await expect(opening()).rejects.toThrow(message)
    await expect(opening()).rejects.not.toThrow(/nowhere/)
  })

  test('may be left out', async () => {
    expect(await openCdn(configFor('./data'), log)).toBeUndefined()
  })
})

describe('a service behind CloudFront', () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const invalidated: string[] = []
  const api = createServer(async (request, response) => {
    const body = await text(request)
    if (request.url === '/2020-05-31/distribution/EDIST1/invalidation') {
      invalidated.push(...[...body.matchAll(/<Path>([^<]*)<\/Path>/g)].map((found) => found[1] as string))
    }
    response.writeHead(201, { 'content-type': 'text/xml' }).end('<Invalidation><Id>I1</Id></Invalidation>')
  })
  let service: TestService
  beforeAll(async () => {
    api.listen(0, '127.0.0.1')
    await once(api, 'listening')
    const cdn = {
      kind: 'cloudfront',
      url,
      keyPairId: 'K1',
      privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }),
      distributionId: 'EDIST1',
      tagPath: '/v1/assets/{tag}/*',
      accessKeyId: 'AKIDEXAMPLE',
      secretAccessKey: 'secret',
      endpoint: `http://127.0.0.1:${(api.address() as AddressInfo).port}`,
    }
    service = await startTestService({ settings: settingsOf(cdn) })
  })
  afterAll(async () => {
    api.close()
    await service?.stop()
  })

  test('signs URLs that the edge and then the origin take', async () => {
    const asset = (await service.call('/v1/assets', { body: { name: 'a.txt', content: 'behind the edge' } })).json
    const signed = (await service.call(`/v1/assets/${asset.id}/signed-urls`, { body: { cdn: true } })).json
    const [resource = '', own = ''] = signed.url.split('&Expires=') as string[]
    const parameters = new URLSearchParams(`Expires=${own}`)
    const policy = `{"Statement":[{"Resource":"${resource}","Condition":{"DateLessThan":{"AWS:EpochTime":${parameters.get('Expires')}}}}]}`
    const signature = parameters.get('Signature')?.replaceAll('-', '+').replaceAll('_', '=').replaceAll('~', '/')
    const verify = createVerify('SHA256').update(policy)
    expect(verify.verify(publicKey, Buffer.from(signature as string, 'base64'))).toBe(true)
    // Whether the edge passes its own parameters on or not.
    for (const asked of [resource, signed.url]) {
      const answer = await service.call(asked.replace(url, ''), { secret: '' })
      expect([answer.status, answer.bytes.toString()]).toEqual([200, 'behind the edge'])
    }
  })

  test('has it forget all that lies below an asset', async () => {
    const body = { name: 'a.txt', content: 'public', visibility: 'public' }
    const { id } = (await service.call('/v1/assets', { body })).json
    await service.call(`/v1/assets/${id}`, { method: 'DELETE' })
    await jobs.purge(service.app.worker)
    expect(invalidated).toEqual([`/v1/assets/${id}/*`])
  })
})
