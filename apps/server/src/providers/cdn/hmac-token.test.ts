import { createHmac } from 'node:crypto'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { type CdnUnderTest, describeCdn, NOW } from './conformance.ts'
import { createHmacToken, hmacSettings } from './hmac-token.ts'

const BASE = 'https://cdn.example.com'
const SECRET = 'a secret of the edge'
const sha256 = (secret: string | Buffer, signed: string) => createHmac('sha256', secret).update(signed).digest()
const seconds = (now: Date) => Math.floor(now.getTime() / 1000)
const targetOf = (url: string) => url.replace(/^https?:\/\/[^/]+/, '')

type Edge = (url: string, now: Date, clientIp: string) => boolean

/** As the VCL in token-formats.ts reads a URL. */
const vclEdge: Edge = (url, now, clientIp) => {
  const found = /^(.*)[?&]token=(\d{10})_([01])_([0-9a-f]{64})$/.exec(targetOf(url))
  if (!found) return false
  const [, asked, expires, bound, mac] = found
  const address = bound === '1' ? clientIp : ''
  return sha256(SECRET, `${expires}_${address}_${asked}`).toString('hex') === mac && seconds(now) < Number(expires)
}

/** As Bunny documents it: HS256 over path, expiry and the other parameters, sorted and decoded. */
const bunnyEdge: Edge = (url, now) => {
  const [path, query = ''] = targetOf(url).split('?')
  const given = new Map(query.split('&').map((part) => [part.split('=')[0]!, part.slice(part.indexOf('=') + 1)]))
  const { token, expires } = Object.fromEntries(given)
  if (!/^HS256-/.test(token ?? '') || !/^\d+$/.test(expires ?? '')) return false
  const others = [...given].filter(([name]) => name !== 'token' && name !== 'expires').sort()
  const signed = others.map(([name, value]) => `${name}=${decodeURIComponent(value)}`).join('&')
  const expected = `HS256-${sha256(SECRET, `${path}${expires}${signed}`).toString('base64url')}`
  return expected === token && seconds(now) < Number(expires)
}

/**
 * As Cloudflare documents `is_timed_hmac_valid_v0(key, http.request.uri, 3600, now, 8)`: message, eight bytes of
 * separator, ten digits of the moment of issue, `-`, and the MAC of message and moment as percent-encoded base64. The
 * rule goes with one that wants the parameter's name.
 */
const cloudflareEdge: Edge = (url, now) => {
  const found = /^(.+)(.{8})(\d{10})-(.{43,})$/.exec(targetOf(url))
  if (!found || !/^[?&]verify=$/.test(found[2]!)) return false
  const [, message, , issued, mac] = found
  const expected = encodeURIComponent(sha256(SECRET, `${message}${issued}`).toString('base64'))
  return expected === mac && seconds(now) < Number(issued) + 3600
}

interface Purge {
  method: string
  target: string
  headers: IncomingHttpHeaders
  body: string
}

async function openNetwork() {
  const taken: Purge[] = []
  const state = { failures: 0, status: 503, requests: 0, headers: {} as Record<string, string> }
  const server = createServer(async (request, response) => {
    const body = await text(request)
    state.requests++
    if (state.failures-- > 0) return response.writeHead(state.status, state.headers).end('no')
    taken.push({ method: request.method!, target: request.url!, headers: request.headers, body })
    response.end('{"status":"ok"}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const close = () => {
    server.closeAllConnections()
    return new Promise<void>((resolve) => server.close(() => resolve()))
  }
  return { address, taken, state, close }
}

const waited: number[] = []
const open = (more: object) =>
  createHmacToken(hmacSettings.parse({ url: BASE, secret: SECRET, ...more }), {
    now: () => NOW,
    random: () => 1,
    sleep: async (ms) => waited.push(ms),
  })

/** Purged by JSON, as at Cloudflare. */
async function openUnderTest(more: object, edgeAccepts: Edge, base = BASE): Promise<CdnUnderTest> {
  const { address, taken, state, close } = await openNetwork()
  const json = (field: string) => taken.flatMap((each) => JSON.parse(each.body)[field] ?? [])
  return {
    cdn: open({
      ...more,
      url: base,
      purgePaths: { url: `${address}/purge_cache`, body: '{"files":{urls}}', atOnce: 30 },
      purgeTags: { url: `${address}/purge_cache`, body: '{"tags":{tags}}', atOnce: 30 },
    }),
    base,
    edgeAccepts,
    purged: () => ({ paths: json('files').map((url: string) => url.replace(base, '')), tags: json('tags') }),
    failNext: (status, times) => Object.assign(state, { status, failures: times }),
    requests: () => state.requests,
    close,
  }
}

describeCdn('hmac token for a programmable edge', () => openUnderTest({}, vclEdge, `${BASE}/files`))
describeCdn('hmac token for Bunny', () => openUnderTest({ format: 'bunny' }, bunnyEdge))
describeCdn('hmac token for Cloudflare', () => openUnderTest({ format: 'cloudflare' }, cloudflareEdge))

describe('the text that is signed', () => {
  const expiresAt = new Date(1_790_000_000_000)
  const early = { now: () => new Date(1_789_999_000_000) }

  test('is expiry, address, path and query for a programmable edge', () => {
    const cdn = createHmacToken(
      hmacSettings.parse({
        url: BASE,
        secret: Buffer.from(SECRET).toString('base64'),
        secretEncoding: 'base64',
        tokenParameter: 't',
      }),
      early,
    )
    const request = { path: '/reports/a.pdf', expiresAt, query: { version: '2' }, clientIp: '203.0.113.7' }
    const mac = sha256(SECRET, '1790000000_203.0.113.7_/reports/a.pdf?version=2').toString('hex')
    expect(cdn.signUrl(request)).toBe(`${BASE}/reports/a.pdf?version=2&t=1790000000_1_${mac}`)
  })

  test("is what Bunny's published examples sign", () => {
    const sign = (query?: Record<string, string>) =>
      createHmacToken(
        { ...hmacSettings.parse({ url: 'https://token-tester.b-cdn.net', format: 'bunny' }), secret: 'SecurityKey' },
        { now: () => new Date(1_598_020_000_000) },
      ).signUrl({ path: '/300kb.jpg', expiresAt: new Date(1_598_024_587_000), ...(query && { query }) })
    expect(sign()).toBe(
      'https://token-tester.b-cdn.net/300kb.jpg?token=HS256-o10JRWlsAItyAsdKS6jJKjabHN4FrFsplDHPV1idcX4&expires=1598024587',
    )
    expect(sign({ limit: '1000' })).toBe(
      'https://token-tester.b-cdn.net/300kb.jpg?token=HS256-DAVapqNNED3Z7JkjRTYX0UOIHNtbHEuuhRNEc4A7mMQ&limit=1000&expires=1598024587',
    )
  })

  test('is path and moment of issue for Cloudflare, which is the expiry less the lifetime of the rule', () => {
    const cdn = createHmacToken(
      hmacSettings.parse({ url: BASE, secret: SECRET, format: 'cloudflare', lifetimeSeconds: 10_800 }),
      early,
    )
    const mac = encodeURIComponent(sha256(SECRET, '/images/cat.jpg1789989200').toString('base64'))
    expect(cdn.signUrl({ path: '/images/cat.jpg', expiresAt })).toBe(`${BASE}/images/cat.jpg?verify=1789989200-${mac}`)
  })

  test.each(['/a.v12', '/a-10', '/reports/2024', '/a_007'])(
    'is never, for Bunny, a path such as %s whose number could lend its end to the expiry',
    (path) => {
      const sign = (format: string) => open({ format }).signUrl({ path, expiresAt: new Date(NOW.getTime() + 60_000) })
      expect(() => sign('bunny')).toThrow(expect.objectContaining({ kind: 'badRequest' }))
      expect(sign('edge')).toContain(path)
    },
  )

  test.each(['/a.mp4', '/ast_01h455vb4pex5vsknk084sn02', '/a.v1', '/a.v12.pdf'])(
    'may be, for Bunny, a path such as %s',
    (path) => {
      const url = open({ format: 'bunny' }).signUrl({ path, expiresAt: new Date(NOW.getTime() + 60_000) })
      expect(bunnyEdge(url, NOW, '')).toBe(true)
    },
  )

  test('is never, for Bunny, a value that reads as two parameters', () => {
    const request = { path: '/a', expiresAt: new Date(NOW.getTime() + 60_000), query: { a: '1&b=2' } }
    expect(() => open({ format: 'bunny' }).signUrl(request)).toThrow(expect.objectContaining({ kind: 'badRequest' }))
  })

  test('is nothing without a secret', () => {
    const cdn = open({ secret: undefined })
    expect(cdn.capabilities).toEqual({ signed: false, clientAddress: 'none', purge: false, tags: false })
    expect(() => cdn.signUrl({ path: '/a', expiresAt: new Date(NOW.getTime() + 60_000) })).toThrow(
      expect.objectContaining({ kind: 'badRequest' }),
    )
  })
})

describe('purging by HTTP', () => {
  test('sends PURGE to each address, and takes "not cached" for done', async () => {
    const network = await openNetwork()
    const cdn = open({
      url: `${network.address}/files`,
      purgePaths: { method: 'PURGE', url: '{url}', headers: { 'Fastly-Key': 'k' } },
    })
    Object.assign(network.state, { failures: 1, status: 404 })
    await cdn.purge({ paths: ['/a é.pdf', '/b.pdf'] })
    expect(network.state.requests).toBe(2)
    expect(network.taken).toMatchObject([{ method: 'PURGE', target: '/files/b.pdf', headers: { 'fastly-key': 'k' } }])
    await network.close()
  })

  test('sends surrogate keys in a header, as many at once as are taken', async () => {
    const network = await openNetwork()
    const template = { url: `${network.address}/service/1/purge`, headers: { 'Surrogate-Key': '{tags}' }, atOnce: 2 }
    await open({ purgeTags: template }).purge({ tags: ['ast_1', 'ast_2', 'ast_3'] })
    expect(network.taken.map((each) => each.headers['surrogate-key'])).toEqual(['ast_1 ast_2', 'ast_3'])
    await network.close()
  })

  test('writes an address into a query, and a tag into JSON', async () => {
    const network = await openNetwork()
    const cdn = open({
      purgePaths: { url: `${network.address}/purge?url={url}` },
      purgeTags: { url: `${network.address}/pullzone/1/purgeCache`, body: '{"CacheTag":{tag}}' },
    })
    await cdn.purge({ paths: ['/a&b.pdf'], tags: ['org:1'] })
    expect(network.taken).toMatchObject([
      { method: 'POST', target: `/purge?url=${encodeURIComponent(`${BASE}/a%26b.pdf`)}` },
      { body: '{"CacheTag":"org:1"}', headers: { 'content-type': 'application/json' } },
    ])
    await network.close()
  })

  test('waits longer each time, or as long as it is told, but no longer than half a minute', async () => {
    const network = await openNetwork()
    const cdn = open({ purgePaths: { url: `${network.address}/{url}` } })
    waited.length = 0
    Object.assign(network.state, { failures: 3 })
    await cdn.purge({ paths: ['/a'] })
    Object.assign(network.state, { failures: 1, status: 429, headers: { 'retry-after': '7' } })
    await cdn.purge({ paths: ['/a'] })
    Object.assign(network.state, { failures: 1, headers: { 'retry-after': '3600' } })
    await cdn.purge({ paths: ['/a'] })
    expect(waited).toEqual([1000, 4000, 16_000, 7000, 30_000])
    await network.close()
  })

  test('follows no redirect, which would carry the credentials elsewhere', async () => {
    const network = await openNetwork()
    Object.assign(network.state, { failures: 1, status: 307, headers: { location: '/elsewhere' } })
    const cdn = open({ purgePaths: { url: `${network.address}/{url}`, headers: { AccessKey: 'k' } } })
    await expect(cdn.purge({ paths: ['/a'] })).rejects.toMatchObject({ kind: 'badRequest' })
    expect(network.state.requests).toBe(1)
    await network.close()
  })

  test('names a network that does not answer as unavailable', async () => {
    const cdn = open({ purgePaths: { url: 'http://127.0.0.1:1/{url}' } })
    await expect(cdn.purge({ paths: ['/a'] })).rejects.toMatchObject({ kind: 'unavailable', retryable: true })
  })

  test('ends with the reason given when it is aborted while it waits', async () => {
    const network = await openNetwork()
    Object.assign(network.state, { failures: 1 })
    const stop = new AbortController()
    const settings = hmacSettings.parse({ url: BASE, purgePaths: { url: `${network.address}/{url}` } })
    const reason = new Error('enough')
    const cdn = createHmacToken(settings, {
      sleep: (_, signal) => {
        stop.abort(reason)
        return Promise.reject(signal?.reason)
      },
    })
    await expect(cdn.purge({ paths: ['/a'], signal: stop.signal })).rejects.toBe(reason)
    expect(network.taken).toEqual([])
    await network.close()
  })

  test.each([
    ['{"files":{url}}', 30],
    ['{"everything":true}', 1],
  ])('takes no template such as %s for %d at once', (body, atOnce) => {
    const purgePaths = { url: 'https://api.example.com/purge', body, atOnce }
    expect(hmacSettings.safeParse({ url: BASE, purgePaths }).success).toBe(false)
  })
})
