import { afterEach, describe, expect, test } from 'vitest'
import type { Cdn } from './port.ts'

export interface CdnUnderTest {
  /** Signs with the moment NOW, and is set up for all that its network can do. */
  cdn: Cdn
  /** The base that every address begins with, without a slash at its end. */
  base: string
  /** Whether the edge lets a request through; written from the network's documentation, not from the provider. */
  edgeAccepts(url: string, now: Date, clientIp: string): boolean
  /** What the network was asked to forget: encoded paths below the base, and tags. In order, repeats included. */
  purged(): { paths: string[]; tags: string[] }
  /** The network answers the next `times` requests with this status. */
  failNext(status: number, times: number): void
  /** Requests that reached the network, refused ones included. */
  requests(): number
  close(): Promise<void>
}

export const NOW = new Date('2026-08-01T12:00:00.750Z')
const CLIENT = '203.0.113.7'
const PATHS = ['/a.pdf', '/org_1/reports/Q1 é+50%?#.pdf', "/it's (1)!/~x&y=z;a,b@c"]

/** The suite that every CDN passes. */
export function describeCdn(name: string, open: () => Promise<CdnUnderTest>): void {
  let opened: CdnUnderTest[] = []
  const start = async () => {
    const subject = await open()
    opened.push(subject)
    return subject
  }
  afterEach(async () => {
    await Promise.all(opened.map((subject) => subject.close()))
    opened = []
  })
  describe(`${name} as a CDN`, () => {
    describeAddresses(start)
    describeSigned(start)
    describePurge(start)
  })
}

const after = (seconds: number) => new Date(NOW.getTime() + seconds * 1000)

function describeAddresses(start: () => Promise<CdnUnderTest>): void {
  test.each(PATHS)('gives %s the same public address every time, which reads back as that path', async (path) => {
    const { cdn, base } = await start()
    const url = cdn.publicUrl(path)
    expect(cdn.publicUrl(path)).toBe(url)
    expect(url.startsWith(`${base}/`)).toBe(true)
    expect(url).toMatch(/^[!-~]+$/)
    expect(decodeURIComponent(new URL(url).pathname)).toBe(`${new URL(base).pathname.replace(/\/$/, '')}${path}`)
    expect(new URL(url).search + new URL(url).hash).toBe('')
  })

  test.each(['', 'a', '/', '/a/', '//a', '/../a', '/a/./b', '/a\\b', '/a*', '/a\nb', '/\ud800', `/${'é'.repeat(512)}`])(
    'refuses the path %j everywhere',
    async (path) => {
      const { cdn, requests } = await start()
      expect(() => cdn.publicUrl(path)).toThrow(expect.objectContaining({ name: 'CdnError', kind: 'badRequest' }))
      expect(() => cdn.signUrl({ path, expiresAt: after(60) })).toThrow(expect.objectContaining({ kind: 'badRequest' }))
      await expect(cdn.purge({ paths: ['/fine', path] })).rejects.toMatchObject({
        kind: 'badRequest',
        retryable: false,
      })
      expect(requests()).toBe(0)
    },
  )
}

function describeSigned(start: () => Promise<CdnUnderTest>): void {
  test.each(PATHS)(
    'signs an address for %s that the edge accepts until it expires, and not a second longer',
    async (path) => {
      const { cdn, edgeAccepts } = await start()
      const url = cdn.signUrl({ path, expiresAt: after(60) })
      expect(edgeAccepts(url, NOW, CLIENT)).toBe(true)
      // 750 ms are cut off the expiry.
      expect(edgeAccepts(url, after(59), CLIENT)).toBe(true)
      expect(edgeAccepts(url, after(60), CLIENT)).toBe(false)
    },
  )

  test('signs the query with the path', async () => {
    const { cdn, edgeAccepts } = await start()
    const query = { version: '2', disposition: `attachment; filename="a b*'é.pdf"` }
    const url = cdn.signUrl({ path: '/a.pdf', expiresAt: after(60), query })
    expect(Object.fromEntries(new URL(url).searchParams)).toMatchObject(query)
    expect(edgeAccepts(url, NOW, CLIENT)).toBe(true)
    expect(edgeAccepts(url.replace('version=2', 'version=3'), NOW, CLIENT)).toBe(false)
    expect(edgeAccepts(url.replace('version=2', 'version=2&more=1'), NOW, CLIENT)).toBe(false)
    expect(edgeAccepts(url.replace(/version=2&?/, ''), NOW, CLIENT)).toBe(false)
  })

  test('lets an address be used for no other path', async () => {
    const { cdn, edgeAccepts } = await start()
    const url = cdn.signUrl({ path: '/org_1/a.pdf', expiresAt: after(60) })
    expect(edgeAccepts(url.replace('/org_1/a.pdf', '/org_2/a.pdf'), NOW, CLIENT)).toBe(false)
    expect(edgeAccepts(url.replace('/org_1/a.pdf', '/org_1/a.pdf/b'), NOW, CLIENT)).toBe(false)
  })

  test('lets no single character of an address be changed', async () => {
    const { cdn, edgeAccepts } = await start()
    const url = cdn.signUrl({ path: '/org_1/a.pdf', expiresAt: after(60), query: { version: '2' } })
    for (let at = url.indexOf('/org_1'); at < url.length; at++) {
      const other = url[at] === '7' ? '8' : '7'
      const tampered = url.slice(0, at) + other + url.slice(at + 1)
      expect({ at, accepted: edgeAccepts(tampered, NOW, CLIENT) }).toEqual({ at, accepted: false })
    }
  })

  test('binds an address to one client, or refuses to where the network cannot', async () => {
    const { cdn, edgeAccepts } = await start()
    const sign = (clientIp: string) => cdn.signUrl({ path: '/a.pdf', expiresAt: after(60), clientIp })
    const refused = expect.objectContaining({ kind: 'badRequest' })
    expect(() => sign('not an address')).toThrow(refused)
    expect(() => sign('203.0.113.700')).toThrow(refused)
    if (cdn.capabilities.clientAddress === 'none') return expect(() => sign(CLIENT)).toThrow(refused)
    expect(edgeAccepts(sign(CLIENT), NOW, CLIENT)).toBe(true)
    expect(edgeAccepts(sign(CLIENT), NOW, '203.0.113.8')).toBe(false)
    expect(edgeAccepts(sign(CLIENT), after(60), CLIENT)).toBe(false)
    if (cdn.capabilities.clientAddress === 'address') {
      expect(() => sign('203.0.113.0/24')).toThrow(refused)
      expect(edgeAccepts(sign('2001:DB8:0::7'), NOW, '2001:db8::7')).toBe(true)
    } else {
      expect(() => sign('2001:db8::7')).toThrow(refused)
      expect(edgeAccepts(sign('203.0.113.0/24'), NOW, '203.0.113.8')).toBe(true)
      expect(edgeAccepts(sign('203.0.113.0/24'), NOW, '203.0.114.8')).toBe(false)
    }
  })

  test('refuses an expiry that is past, is no moment, or lies more than seven days ahead', async () => {
    const { cdn } = await start()
    const sign = (expiresAt: Date) => cdn.signUrl({ path: '/a.pdf', expiresAt })
    for (const expiresAt of [NOW, after(-1), after(604_802), new Date(Number.NaN)]) {
      expect(() => sign(expiresAt)).toThrow(expect.objectContaining({ kind: 'badRequest' }))
    }
    expect(sign(after(604_800))).toContain('/a.pdf?')
  })

  test('refuses a parameter that the signature itself needs', async () => {
    const { cdn } = await start()
    const own = new URL(cdn.signUrl({ path: '/a.pdf', expiresAt: after(60) })).searchParams.keys()
    for (const name of [...own, 'a b', 'a=b', '']) {
      const query = { [name]: '1' }
      expect(() => cdn.signUrl({ path: '/a.pdf', expiresAt: after(60), query })).toThrow(
        expect.objectContaining({ kind: 'badRequest' }),
      )
    }
  })
}

function describePurge(start: () => Promise<CdnUnderTest>): void {
  test('purges the paths and tags that it is given, each of them once', async () => {
    const { cdn, purged } = await start()
    await cdn.purge({ paths: ['/b.pdf', '/a é.pdf', '/b.pdf'], tags: ['ast_2', 'org:1', 'ast_2'] })
    expect(purged()).toEqual({ paths: ['/a%20%C3%A9.pdf', '/b.pdf'], tags: ['ast_2', 'org:1'] })
  })

  test('purges again what was purged before', async () => {
    const { cdn, purged } = await start()
    await cdn.purge({ paths: ['/a.pdf'] })
    await cdn.purge({ paths: ['/a.pdf'] })
    await Promise.all([cdn.purge({ tags: ['ast_1'] }), cdn.purge({ tags: ['ast_1'] })])
    expect(purged()).toEqual({ paths: ['/a.pdf', '/a.pdf'], tags: ['ast_1', 'ast_1'] })
  })

  test('asks for nothing when there is nothing to purge', async () => {
    const { cdn, requests } = await start()
    await cdn.purge({ paths: [], tags: [] })
    expect(requests()).toBe(0)
  })

  test.each(['', 'a b', 'a,b', 'A', 'a*', 'é', 'a\n', '{tag}', 'x'.repeat(129)])('refuses the tag %j', async (tag) => {
    const { cdn, requests } = await start()
    await expect(cdn.purge({ tags: ['ast_1', tag] })).rejects.toMatchObject({ kind: 'badRequest' })
    expect(requests()).toBe(0)
  })

  test('tries again when the network is away for a moment', async () => {
    const { cdn, failNext, purged, requests } = await start()
    failNext(503, 2)
    await cdn.purge({ paths: ['/a.pdf'] })
    expect(requests()).toBe(3)
    expect(purged().paths).toEqual(['/a.pdf'])
  })

  test('gives up with an error worth a later retry when the network stays away', async () => {
    const { cdn, failNext, purged } = await start()
    failNext(503, 100)
    await expect(cdn.purge({ paths: ['/a.pdf'] })).rejects.toMatchObject({ kind: 'unavailable', retryable: true })
    expect(purged().paths).toEqual([])
  })

  test('names a limit of the network as throttled', async () => {
    const { cdn, failNext } = await start()
    failNext(429, 100)
    await expect(cdn.purge({ tags: ['ast_1'] })).rejects.toMatchObject({ kind: 'throttled', retryable: true })
  })

  test.each([
    [403, 'denied'],
    [400, 'badRequest'],
  ])('does not try again after %d', async (status, kind) => {
    const { cdn, failNext, requests } = await start()
    failNext(status, 100)
    await expect(cdn.purge({ paths: ['/a.pdf'] })).rejects.toMatchObject({ name: 'CdnError', kind, retryable: false })
    expect(requests()).toBe(1)
  })

  test('ends with the reason given when it is aborted', async () => {
    const { cdn, purged } = await start()
    const reason = new Error('enough')
    await expect(cdn.purge({ paths: ['/a.pdf'], signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(purged().paths).toEqual([])
  })
}
