import { once } from 'node:events'
import { request } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { beforeAll, describe, expect, test } from 'vitest'
import { answerOf, digestField, expectProblem, openOrganization, type Shown } from './api.ts'
import { poll } from './poll.ts'
import { serve } from './server.ts'

const { owner } = await openOrganization(await serve())
const small = Buffer.from('0123456789'.repeat(20))
const large = Buffer.from('0123456789abcdef'.repeat(40_000))

/** Without the client's own unpacking. */
async function plainGet(path: string, headers: Record<string, string>) {
  const call = request(`${owner.url}${path}`, { headers: { authorization: `Bearer ${owner.key}`, ...headers } }).end()
  const [response] = await once(call, 'response')
  return { status: response.statusCode, headers: response.headers, bytes: await buffer(response) }
}

describe.each([
  ['small', small],
  ['large', large],
])('the bytes of a %s asset', (_size, bytes) => {
  let path: string
  let asset: Shown
  beforeAll(async () => {
    asset = await owner.upload(bytes)
    path = `/v1/assets/${asset.id}/content`
  })
  const sizeBytes = bytes.length

  test.each([
    ['bytes=0-9', 0, 9],
    ['bytes=100-119', 100, 119],
    ['bytes=-5', sizeBytes - 5, sizeBytes - 1],
    [`bytes=${sizeBytes - 3}-`, sizeBytes - 3, sizeBytes - 1],
    [`bytes=10-${sizeBytes + 1000}`, 10, sizeBytes - 1],
    ['bytes=-99999999', 0, sizeBytes - 1],
  ])('are given in part for %s', async (range, start, end) => {
    const response = await owner.send(path, { headers: { range } })
    expect(response.status).toBe(206)
    expect(response.headers.get('content-range')).toBe(`bytes ${start}-${end}/${sizeBytes}`)
    expect(Buffer.from(await response.bytes()).equals(bytes.subarray(start, end + 1))).toBe(true)
    expect(response.headers.get('repr-digest')).toBe(digestField(bytes))
  })

  test.each([`bytes=${sizeBytes}-`, 'bytes=-0'])('are refused for %s, which lies outside', async (range) => {
    const answer = await owner.get(path, { range })
    expectProblem(answer, 416, 'range.notSatisfiable')
    expect(answer.headers.get('content-range')).toBe(`bytes */${sizeBytes}`)
  })

  test.each(['bytes=0-1,4-5', 'bytes=5-2', 'lines=1-2'])('are given whole for %s', async (range) => {
    const response = await owner.send(path, { headers: { range } })
    expect([response.status, (await response.bytes()).length]).toEqual([200, sizeBytes])
  })

  test('carry their hash, and the headers alone are the same', async () => {
    const [whole, head] = [await owner.send(path), await owner.send(path, { method: 'HEAD' })]
    await whole.bytes()
    expect(whole.headers.get('etag')).toBe(`"${asset.sha256}"`)
    expect(whole.headers.get('repr-digest')).toBe(digestField(bytes))
    expect(head.status).toBe(200)
    expect(head.headers.get('content-length')).toBe(String(sizeBytes))
    for (const header of ['etag', 'repr-digest', 'content-type', 'content-disposition']) {
      expect(head.headers.get(header)).toBe(whole.headers.get(header))
    }
  })

  test('are not sent again to one who has them', async () => {
    const etag = `"${asset.sha256}"`
    expect((await owner.send(path, { headers: { 'if-none-match': etag } })).status).toBe(304)
    expect((await owner.send(path, { headers: { 'if-none-match': `"x", W/${etag}` } })).status).toBe(304)
    expect((await owner.get(path, { 'if-none-match': '"x"' })).status).toBe(200)
    expectProblem(await owner.get(path, { 'if-match': '"x"' }), 412, 'precondition.failed')
  })

  test('are continued only when they are still the same', async () => {
    const headers = { range: 'bytes=0-9' }
    expect((await owner.get(path, { ...headers, 'if-range': `"${asset.sha256}"` })).status).toBe(206)
    expect((await owner.get(path, { ...headers, 'if-range': '"another"' })).status).toBe(200)
  })
})

describe('compression', () => {
  test("is of the way only: hash and ETag are the original's, and ranges are not offered", async () => {
    const asset = await owner.upload(large)
    const answer = await plainGet(`/v1/assets/${asset.id}/content`, { 'accept-encoding': 'gzip' })
    expect(answer.headers['content-encoding']).toBe('gzip')
    expect(answer.headers['accept-ranges']).toBe('none')
    expect(answer.headers['vary']).toMatch(/accept-encoding/i)
    expect(answer.headers['etag']).toContain(asset.sha256)
    expect(answer.headers['repr-digest']).toBe(digestField(large))
    expect(gunzipSync(answer.bytes).equals(large)).toBe(true)
    expect(answer.bytes.length).toBeLessThan(large.length / 2)
  })

  test('is not forced on one who does not take it', async () => {
    const { id } = await owner.upload(large)
    const answer = await plainGet(`/v1/assets/${id}/content`, { 'accept-encoding': 'gzip;q=0' })
    expect(answer.headers['content-encoding']).toBeUndefined()
    expect(answer.bytes.equals(large)).toBe(true)
  })
})

describe('a browser', () => {
  test('is given the exact name, whatever script it is in', async () => {
    const { id } = await owner.upload('name', { name: 'Übersicht "Q1" 报告.txt' })
    const disposition = (await owner.get(`/v1/assets/${id}/content`)).headers.get('content-disposition') as string
    expect(disposition).toMatch(/^attachment; filename="[\x20-\x7e]+"; filename\*=UTF-8''/)
    expect(decodeURIComponent(disposition.split("UTF-8''")[1] as string)).toBe('Übersicht "Q1" 报告.txt')
    const inline = await owner.get(`/v1/assets/${id}/content?disposition=inline`)
    expect(inline.headers.get('content-disposition')).toMatch(/^inline;/)
  })

  test.each([
    ['page.html', 'text/html', '<!doctype html><html><body><script>alert(1)</script></body></html>', 'seo_report'],
    [
      'logo.svg',
      'image/svg+xml',
      '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
      'project_logo',
    ],
  ])('runs nothing that %s holds, even inline', async (name, mediaType, content, assetType) => {
    const query = new URLSearchParams({ name, assetType })
    const { body } = await owner.raw(`/v1/assets?${query}`, content, { 'content-type': mediaType })
    const { headers, status } = await owner.get(`/v1/assets/${body.id}/content?disposition=inline`)
    expect(status).toBe(200)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('content-security-policy')).toMatch(/sandbox(?!.*allow-scripts)/)
    const inert =
      headers.get('content-disposition')?.startsWith('attachment') || headers.get('content-type') !== 'text/html'
    expect(inert).toBe(true)
  })

  test('reads a public asset without a credential, and no other', async () => {
    const shown = await owner.upload('for all', { visibility: 'public' })
    const hidden = await owner.upload('for us')
    const answer = await answerOf(await fetch(shown.publicUrl))
    expect(answer).toMatchObject({ status: 200, body: 'for all' })
    expect(answer.headers.get('cache-control')).toMatch(/^public/)
    for (const id of [hidden.id, 'ast_01jd8e2x5kf6g9h0a1b2c3d4e5']) {
      expectProblem(await answerOf(await fetch(`${owner.url}/v1/assets/${id}/content`)), 401, 'credential.missing')
    }
    expectProblem(await answerOf(await fetch(`${owner.url}/v1/assets/${shown.id}`)), 401, 'credential.missing')
  })
})

describe('the download count', () => {
  test('counts ranges of one client once; HEAD and 304 never', async () => {
    const { id, sha256 } = await owner.upload(large)
    const path = `/v1/assets/${id}/content`
    await owner.send(path, { method: 'HEAD' })
    await owner.send(path, { headers: { 'if-none-match': `"${sha256}"` } })
    const other = await owner.upload('a later one')
    await owner.get(`/v1/assets/${other.id}/content`)
    await countOf(other.id)
    expect((await owner.get(`/v1/assets/${id}`)).body).toMatchObject({ downloadCount: 0, lastAccessedAt: null })
    for (const range of ['bytes=0-9', 'bytes=10-19', 'bytes=20-29']) await owner.get(path, { range })
    const again = await owner.upload('the last one')
    await owner.get(`/v1/assets/${again.id}/content`)
    await countOf(again.id)
    expect(await countOf(id)).toBe(1)
    expect((await owner.get(`/v1/assets/${id}`)).body.lastAccessedAt).toEqual(expect.any(String))
  })
})

/** Counts are written in order, so a later asset's count shows that an earlier one's is complete. */
async function countOf(assetId: string): Promise<number> {
  return poll(async () => ((await owner.get(`/v1/assets/${assetId}`)).body.downloadCount as number) || undefined)
}
