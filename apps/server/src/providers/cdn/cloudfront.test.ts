import { createVerify, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { type AddressInfo, BlockList } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { type CloudfrontSettings, cloudfrontSettings, createCloudfront } from './cloudfront.ts'
import { type CdnUnderTest, describeCdn, NOW } from './conformance.ts'

const BASE = 'https://cdn.example.com'
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ecdsa = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
const pem = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }).toString()
const trusted = (publicKey: KeyObject, id = 'K1') => new Map([[id, publicKey]])

/**
 * The check that CloudFront documents for signed URLs. Canned: the policy is rebuilt from the URL without CloudFront's
 * parameters and its `Expires`. Custom: the policy is in the URL; resource, time and address are compared with the
 * request. In both the signature of the policy text is verified, and base64 is written with - _ ~ for + = /.
 */
function edgeAccepts(keys: ReadonlyMap<string, KeyObject>, url: string, now: Date, clientIp: string): boolean {
  const own = ['Expires', 'Policy', 'Signature', 'Key-Pair-Id', 'Hash-Algorithm']
  const [base = '', query = ''] = url.split('?')
  const parts = query.split('&')
  const plain = parts.filter((part) => !own.includes(part.split('=')[0]!))
  const asked = plain.length > 0 ? `${base}?${plain.join('&')}` : base
  const value = (name: string) => parts.find((part) => part.startsWith(`${name}=`))?.slice(name.length + 1)
  const [expires, policy] = [value('Expires'), value('Policy')]
  const statement = policy === undefined ? cannedPolicy(asked, Number(expires)) : unescaped(policy).toString()
  const hash = value('Hash-Algorithm') ?? 'SHA1'
  const key = keys.get(value('Key-Pair-Id') ?? '')
  if (!key || !['SHA1', 'SHA256'].includes(hash)) return false
  const signature = unescaped(value('Signature') ?? '')
  // A signature in another spelling of the same bytes is not taken.
  if (escaped(signature) !== value('Signature')) return false
  if (!createVerify(hash).update(statement).verify(key, signature)) return false
  return allows(statement, asked, now, clientIp)
}

const cannedPolicy = (resource: string, expires: number) =>
  `{"Statement":[{"Resource":"${resource}","Condition":{"DateLessThan":{"AWS:EpochTime":${expires}}}}]}`
const unescaped = (value: string) =>
  Buffer.from(value.replaceAll('-', '+').replaceAll('_', '=').replaceAll('~', '/'), 'base64')
const escaped = (bytes: Buffer) =>
  bytes.toString('base64').replaceAll('+', '-').replaceAll('=', '_').replaceAll('/', '~')

function allows(statement: string, asked: string, now: Date, clientIp: string): boolean {
  const { Resource, Condition } = JSON.parse(statement).Statement[0]
  const escapedText = Resource.replace(/[.+^${}()|[\]\\]/g, '\\$&')
  const pattern = new RegExp(`^${escapedText.replaceAll('*', '.*').replaceAll('?', '.')}$`)
  const cidr: string | undefined = Condition.IpAddress?.['AWS:SourceIp']
  const [network, bits] = cidr?.split('/') ?? []
  const list = new BlockList()
  if (network) list.addSubnet(network, Number(bits))
  const inTime = now.getTime() / 1000 < Condition.DateLessThan['AWS:EpochTime']
  return pattern.test(asked) && inTime && (!network || list.check(clientIp))
}

interface Invalidation {
  reference: string
  items: string[]
  authorization: string
}

/** Speaks the invalidation call of the CloudFront API 2020-05-31. */
async function openApi() {
  const made: Invalidation[] = []
  const state = { failures: 0, status: 503, requests: 0, references: [] as string[] }
  const server = createServer(async (request, response) => {
    const body = await text(request)
    state.requests++
    const fields = (name: string) =>
      [...body.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map((found) => found[1]!)
    const reference = fields('CallerReference')[0] ?? ''
    // Somebody who still asks for a server that had this port before names none.
    if (reference) state.references.push(reference)
    response.setHeader('content-type', 'text/xml')
    const answer = (status: number, xml: string) => response.writeHead(status).end(`<?xml version="1.0"?>${xml}`)
    const error = (status: number, code: string) =>
      answer(
        status,
        `<ErrorResponse xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/"><Error><Type>Sender</Type><Code>${code}</Code><Message>no</Message></Error><RequestId>1</RequestId></ErrorResponse>`,
      )
    if (state.failures-- > 0) {
      return error(
        state.status,
        { 400: 'InvalidArgument', 403: 'AccessDenied', 429: 'Throttling' }[state.status] ?? 'Oops',
      )
    }
    if (request.method !== 'POST' || request.url !== '/2020-05-31/distribution/EDIST1/invalidation') {
      return error(404, 'NoSuchDistribution')
    }
    const items = fields('Path').map((path) => path.replaceAll('&apos;', "'").replaceAll('&amp;', '&'))
    if (Number(fields('Quantity')[0]) !== items.length) return error(400, 'InconsistentQuantities')
    if (items.length > 3000) return error(413, 'BatchTooLarge')
    const known = made.find((each) => each.reference === reference)
    if (known && known.items.join() !== items.join()) return error(400, 'InvalidationBatchAlreadyExists')
    if (!known) made.push({ reference, items, authorization: request.headers.authorization ?? '' })
    answer(
      201,
      `<Invalidation><Id>I${made.length}</Id><Status>InProgress</Status><CreateTime>2026-08-01T12:00:00Z</CreateTime></Invalidation>`,
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const close = () => {
    server.closeAllConnections()
    return new Promise<void>((resolve) => server.close(() => resolve()))
  }
  return { endpoint, made, state, close }
}

const settingsWith = (more: object): CloudfrontSettings =>
  cloudfrontSettings.parse({
    url: BASE,
    keyPairId: 'K1',
    privateKey: pem(rsa.privateKey),
    distributionId: 'EDIST1',
    cacheTags: true,
    accessKeyId: 'AKIDEXAMPLE',
    secretAccessKey: 'secret',
    ...more,
  })
// Three tries: what the suite needs, and no longer a wait between them than that.
const open = (more: object) => createCloudfront(settingsWith(more), { now: () => NOW, attempts: 3 })

async function openUnderTest(more: object, publicKey: KeyObject, base = BASE): Promise<CdnUnderTest> {
  const { endpoint, made, state, close } = await openApi()
  const items = () => made.flatMap((each) => each.items)
  const prefix = new URL(base).pathname.replace(/\/$/, '')
  return {
    cdn: open({ ...more, url: base, endpoint }),
    base,
    edgeAccepts: (url, now, clientIp) => edgeAccepts(trusted(publicKey), url, now, clientIp),
    purged: () => ({
      paths: items()
        .filter((item) => item.startsWith('/'))
        .map((item) => (item.startsWith(prefix) ? item.slice(prefix.length) : `outside the base: ${item}`)),
      tags: items()
        .filter((item) => item.startsWith('#'))
        .map((item) => item.slice(1)),
    }),
    failNext: (status, times) => Object.assign(state, { status, failures: times }),
    requests: () => state.requests,
    close,
  }
}

describeCdn('cloudfront with RSA and SHA-256', () => openUnderTest({}, rsa.publicKey))
describeCdn('cloudfront with RSA and SHA-1, below a path', () =>
  openUnderTest({ hash: 'SHA1' }, rsa.publicKey, `${BASE}/files`),
)
describeCdn('cloudfront with ECDSA', () => openUnderTest({ privateKey: pem(ecdsa.privateKey) }, ecdsa.publicKey))

describe('signing for CloudFront', () => {
  const request = { path: '/a b.pdf', expiresAt: new Date('2026-08-01T13:00:00Z'), query: { version: '2' } }

  test('uses a canned policy, and a custom one only for a client address', () => {
    const canned = new URL(open({}).signUrl(request)).searchParams
    expect([...canned.keys()]).toEqual(['version', 'Expires', 'Key-Pair-Id', 'Signature', 'Hash-Algorithm'])
    expect(canned.get('Expires')).toBe('1785589200')
    const custom = new URL(open({}).signUrl({ ...request, clientIp: '203.0.113.7' })).searchParams
    expect(JSON.parse(unescaped(custom.get('Policy')!).toString())).toEqual({
      Statement: [
        {
          Resource: `${BASE}/a%20b.pdf?version=2`,
          Condition: {
            DateLessThan: { 'AWS:EpochTime': 1785589200 },
            IpAddress: { 'AWS:SourceIp': '203.0.113.7/32' },
          },
        },
      ],
    })
  })

  test('signs an asterisk in a value as one, never as the wildcard of a custom policy', () => {
    const url = open({}).signUrl({ ...request, query: { name: 'a*' }, clientIp: '203.0.113.7' })
    const accepts = (asked: string) => edgeAccepts(trusted(rsa.publicKey), asked, NOW, '203.0.113.7')
    expect(accepts(url)).toBe(true)
    expect(accepts(url.replace(/name=[^&]*/, 'name=anything'))).toBe(false)
  })

  test('names the new key after a rotation, while URLs under the old one hold until the edge stops trusting it', () => {
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const before = open({}).signUrl(request)
    const after = open({ keyPairId: 'K2', privateKey: pem(other.privateKey) }).signUrl(request)
    const both = new Map([...trusted(rsa.publicKey), ...trusted(other.publicKey, 'K2')])
    for (const url of [before, after]) expect(edgeAccepts(both, url, NOW, '203.0.113.7')).toBe(true)
    const rotated = trusted(other.publicKey, 'K2')
    expect(edgeAccepts(rotated, before, NOW, '203.0.113.7')).toBe(false)
    expect(edgeAccepts(rotated, before.replace('Key-Pair-Id=K1', 'Key-Pair-Id=K2'), NOW, '203.0.113.7')).toBe(false)
    expect(edgeAccepts(rotated, after, NOW, '203.0.113.7')).toBe(true)
  })

  test('reads the key from a file, or from text with written line breaks', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'cdn-key-'))
    const file = join(folder, 'key.pem')
    await writeFile(file, pem(rsa.privateKey))
    for (const privateKey of [file, pem(rsa.privateKey).replaceAll('\n', '\\n')]) {
      const url = open({ privateKey }).signUrl(request)
      expect(edgeAccepts(trusted(rsa.publicKey), url, NOW, '203.0.113.7')).toBe(true)
    }
    await rm(folder, { recursive: true })
  })

  test('refuses a key that CloudFront does not take, and does not quote it', () => {
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey
    const curve = generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).privateKey
    const broken = '-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----'
    for (const privateKey of [pem(weak), pem(curve), broken, '/nowhere/key.pem']) {
      expect(() => open({ privateKey })).toThrow(expect.objectContaining({ kind: 'badRequest' }))
      expect(() => open({ privateKey })).not.toThrow(/SECRET/)
    }
  })

  test('signs nothing without a key pair, and purges nothing without a distribution', async () => {
    const cdn = open({ keyPairId: undefined, privateKey: undefined, distributionId: undefined })
    expect(cdn.capabilities).toEqual({ signed: false, clientAddress: 'none', purge: false, tags: false })
    expect(cdn.publicUrl('/a.pdf')).toBe(`${BASE}/a.pdf`)
    expect(() => cdn.signUrl(request)).toThrow(expect.objectContaining({ kind: 'badRequest' }))
    await expect(cdn.purge({ paths: ['/a.pdf'] })).rejects.toMatchObject({ kind: 'badRequest' })
  })

  test('takes only whole pairs of settings', () => {
    const given = (more: object) => cloudfrontSettings.safeParse({ url: BASE, ...more }).success
    expect(given({})).toBe(true)
    expect(given({ keyPairId: 'K1' })).toBe(false)
    expect(given({ privateKey: 'x' })).toBe(false)
    expect(given({ accessKeyId: 'x' })).toBe(false)
    expect(given({ tagPath: '/all/*' })).toBe(false)
    expect(given({ url: 'cdn.example.com' })).toBe(false)
  })
})

describe('invalidating in CloudFront', () => {
  test('signs the request for the CloudFront API (Signature Version 4)', async () => {
    const api = await openApi()
    await open({ endpoint: api.endpoint }).purge({ paths: ['/a.pdf'] })
    expect(api.made[0]?.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/us-east-1\/cloudfront\/aws4_request, SignedHeaders=\S*host\S*, Signature=[0-9a-f]{64}$/,
    )
    await api.close()
  })

  test('sends at most 3,000 paths in one request', async () => {
    const api = await openApi()
    const paths = Array.from({ length: 6_001 }, (_, at) => `/a${at}.pdf`)
    await open({ endpoint: api.endpoint }).purge({ paths })
    expect(api.made.map((each) => each.items.length)).toEqual([3000, 3000, 1])
    expect(new Set(api.made.flatMap((each) => each.items))).toEqual(new Set(paths))
    expect(new Set(api.state.references).size).toBe(3)
    await api.close()
  })

  test('stands by one reference while it tries again, and takes a new one for the next purge', async () => {
    const api = await openApi()
    const cdn = open({ endpoint: api.endpoint })
    Object.assign(api.state, { failures: 1 })
    await cdn.purge({ paths: ['/a.pdf'] })
    await cdn.purge({ paths: ['/a.pdf'] })
    const [first, again, next] = api.state.references
    expect(first).toBe(again)
    expect(next).not.toBe(first)
    await api.close()
  })

  test('makes no second invalidation for a purge that is asked again by its reference', async () => {
    const api = await openApi()
    const cdn = open({ endpoint: api.endpoint })
    await cdn.purge({ paths: ['/b.pdf', '/a.pdf'], reference: 'job_1' })
    await cdn.purge({ paths: ['/a.pdf', '/b.pdf'], reference: 'job_1' })
    expect(api.made).toHaveLength(1)
    await cdn.purge({ paths: ['/a.pdf'], reference: 'job_1' })
    await cdn.purge({ paths: ['/a.pdf', '/b.pdf'], reference: 'job_2' })
    expect(api.made).toHaveLength(3)
    await api.close()
  })

  test('turns a tag into a wildcard path, fifteen in one request, where the distribution reads no tags', async () => {
    const api = await openApi()
    const cdn = open({ endpoint: api.endpoint, url: `${BASE}/files`, cacheTags: false, tagPath: '/v1/{tag}/*' })
    expect(cdn.capabilities.tags).toBe(true)
    const tags = Array.from({ length: 16 }, (_, at) => `ast_${10 + at}`)
    await cdn.purge({ paths: ['/a.pdf'], tags })
    expect(api.made.map((each) => each.items.length)).toEqual([1, 15, 1])
    expect(api.made[1]?.items[0]).toBe('/files/v1/ast_10/*')
    await api.close()
  })

  test('refuses tags where neither is set up', async () => {
    const cdn = open({ cacheTags: false })
    expect(cdn.capabilities).toMatchObject({ purge: true, tags: false })
    await expect(cdn.purge({ tags: ['ast_1'] })).rejects.toMatchObject({ kind: 'badRequest' })
  })

  test('names too many invalidations in progress as throttled', async () => {
    const server = createServer((_, response) => {
      response.writeHead(400, { 'content-type': 'text/xml' })
      response.end(
        '<ErrorResponse><Error><Type>Sender</Type><Code>TooManyInvalidationsInProgress</Code><Message>no</Message></Error></ErrorResponse>',
      )
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    await expect(open({ endpoint }).purge({ paths: ['/a.pdf'] })).rejects.toMatchObject({ kind: 'throttled' })
    server.closeAllConnections()
    server.close()
  })

  test('names an API that does not answer as unavailable', async () => {
    const cdn = createCloudfront(settingsWith({ endpoint: 'http://127.0.0.1:1' }), { now: () => NOW, attempts: 1 })
    await expect(cdn.purge({ paths: ['/a.pdf'] })).rejects.toMatchObject({ kind: 'unavailable', retryable: true })
  })
})
