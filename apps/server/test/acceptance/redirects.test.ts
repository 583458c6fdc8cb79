import { describe, expect, test } from 'vitest'
import { addressOf } from '../real-services.ts'
import { openStoreSettings } from '../store-settings.ts'
import { answerOf, created, expectProblem, openOrganization } from './api.ts'
import { poll } from './poll.ts'
import { serve } from './server.ts'

const endpoint = addressOf('s3')
const name = 'Übersicht "Q1" 报告.txt'

// A server that was started elsewhere has settings of its own.
const foreign = process.env['STOWAGE_TEST_URL'] !== undefined

describe.skipIf(!endpoint || foreign)('with redirects, a store that signs', async () => {
  if (!endpoint || foreign) return
  const { settings } = await openStoreSettings('s3')
  const served = await serve({ ...settings, STOWAGE_REDIRECTS: 'on', STOWAGE_SMALL_OBJECT_BYTES: '0' })
  const { owner } = await openOrganization(served)

  const at = (id: string, query = '') => `/v1/assets/${id}/content${query}`
  const target = async (path: string, headers: Record<string, string> = {}) => {
    const answer = await owner.get(path, headers)
    expect(answer.status).toBe(302)
    return answer.headers.get('location') as string
  }
  const sign = async (id: string, terms: object = {}) =>
    created(await owner.post(`/v1/assets/${id}/signed-urls`, terms))
  const open = (url: string, request?: RequestInit) => fetch(url, { redirect: 'manual', ...request })

  test('gives the bytes itself, for a minute, under their name and type', async () => {
    const { id } = await owner.upload('from the store', { name })
    const answer = await owner.get(at(id))
    expect(answer).toMatchObject({ status: 302, body: '' })
    expect(answer.headers.get('cache-control')).toBe('private, no-store')
    const url = new URL(answer.headers.get('location') as string)
    expect(url.origin).toBe(endpoint)
    expect(url.searchParams.get('X-Amz-Expires')).toBe('60')
    const direct = await open(url.href)
    expect(await direct.text()).toBe('from the store')
    const streamed = (await owner.get(at(id, '?redirect=false'))).headers
    for (const header of ['content-disposition', 'content-type', 'cache-control']) {
      expect(direct.headers.get(header)).toBe(streamed.get(header))
    }
    expect(decodeURIComponent(direct.headers.get('content-disposition')?.split("UTF-8''")[1] as string)).toBe(name)
    const shown = await open(await target(at(id, '?disposition=inline')))
    expect(shown.headers.get('content-disposition')).toMatch(/^inline/)
  })

  test('gives active content as an attachment, even when it is asked for inline', async () => {
    const query = new URLSearchParams({ name: 'page.html', assetType: 'seo_report' })
    const page = '<!doctype html><html><body><script>alert(1)</script></body></html>'
    const { id } = created(await owner.raw(`/v1/assets?${query}`, page, { 'content-type': 'text/html' }))
    const direct = await open(await target(at(id, '?disposition=inline')))
    expect(direct.headers.get('content-disposition')).toMatch(/^attachment/)
  })

  test('gives a range, which the client asks for again', async () => {
    const { id } = await owner.upload('0123456789')
    const range = { range: 'bytes=2-4' }
    const part = await open(await target(at(id), range), { headers: range })
    expect([part.status, await part.text()]).toEqual([206, '234'])
  })

  test('is not asked what only the service can answer', async () => {
    const { id, sha256 } = await owner.upload('conditions')
    const etag = `"${sha256}"`
    expect((await owner.send(at(id), { method: 'HEAD' })).headers.get('etag')).toBe(etag)
    expect((await owner.send(at(id), { headers: { 'if-none-match': etag } })).status).toBe(304)
    expectProblem(await owner.get(at(id), { 'if-match': '"x"' }), 412, 'precondition.failed')
    expect((await owner.get(at(id), { 'if-match': etag })).status).toBe(200)
    expect((await owner.get(at(id), { range: 'bytes=0-1', 'if-range': etag })).status).toBe(206)
    expect((await owner.get(at(id), { 'if-none-match': '"x"' })).status).toBe(302)
    expectProblem(await owner.get(at(id, '?redirect=maybe')), 400, 'request.invalid')
  })

  test('is counted once for each redirect, and for nothing else', async () => {
    const { id } = await owner.upload('counted')
    await owner.send(at(id), { method: 'HEAD' })
    await open(await target(at(id)))
    await poll(async () => (await owner.get(`/v1/assets/${id}`)).body.downloadCount === 1)
  })

  test('gives public assets and signed URLs likewise, but nothing that is limited', async () => {
    const shown = await owner.upload('for all', { visibility: 'public' })
    expect(await (await fetch(shown.publicUrl)).text()).toBe('for all')
    expect((await open(shown.publicUrl)).status).toBe(302)
    const { id } = await owner.upload('by link', { name })
    const { url } = await sign(id)
    expect((await open(url)).status).toBe(302)
    expect(await (await fetch(url)).text()).toBe('by link')
    const { items } = (await owner.get(`/v1/audit-events?action=assets.create&subject=${id}`)).body
    for (const limit of [{ maxDownloads: 1 }, { ip: items[0].ip }]) {
      const limited = await sign(id, limit)
      expect(await answerOf(await open(limited.url))).toMatchObject({ status: 200, body: 'by link' })
    }
  })

  test('signs for no longer than the link that led to it', async () => {
    const { id } = await owner.upload('short')
    const { url } = await sign(id, { expiresInSeconds: 20 })
    const seconds = Number(
      new URL((await open(url)).headers.get('location') as string).searchParams.get('X-Amz-Expires'),
    )
    expect(seconds).toBeGreaterThan(0)
    expect(seconds).toBeLessThanOrEqual(20)
  })

  describe('and a direct URL', () => {
    test('is the store’s own, lives as long as asked, and is said to be irrevocable', async () => {
      const { id } = await owner.upload('direct', { name })
      const { url, expiresAt, revocable } = await sign(id, { direct: true, expiresInSeconds: 604_800 })
      expect(revocable).toBe(false)
      expect(new URL(url).origin).toBe(endpoint)
      expect(Date.parse(expiresAt) - Date.now()).toBeGreaterThan(600_000_000)
      await owner.remove(`/v1/assets/${id}/signed-urls`)
      const direct = await open(url)
      expect(await direct.text()).toBe('direct')
      expect(decodeURIComponent(direct.headers.get('content-disposition')?.split("UTF-8''")[1] as string)).toBe(name)
      expect((await sign(id)).revocable).toBe(true)
    })

    test('is refused by the store when it is changed or late', async () => {
      const [one, two] = [await owner.upload('one'), await owner.upload('another')]
      const { url } = await sign(one.id, { direct: true, expiresInSeconds: 1 })
      const { url: other } = await sign(two.id, { direct: true })
      const moved = new URL(url)
      moved.pathname = new URL(other).pathname
      expect((await open(moved.href)).status).toBe(403)
      expect((await open(other.replace('X-Amz-Expires=3600', 'X-Amz-Expires=7200'))).status).toBe(403)
      await poll(async () => (await open(url)).status === 403)
    })

    test('gives the version it was asked for', async () => {
      const { id } = await owner.upload('first')
      created(await owner.raw(`/v1/assets/${id}/versions`, 'second'))
      expect(await (await open((await sign(id, { direct: true, version: 1 })).url)).text()).toBe('first')
      const none = await owner.post(`/v1/assets/${id}/signed-urls`, { direct: true, version: 9 })
      expectProblem(none, 404, 'version.notFound')
    })

    test('is not made for one address or a number of downloads', async () => {
      const { id } = await owner.upload('limited')
      for (const limit of [{ ip: '203.0.113.9' }, { maxDownloads: 1 }]) {
        const answer = await owner.post(`/v1/assets/${id}/signed-urls`, { direct: true, ...limit })
        expectProblem(answer, 409, 'signedUrl.notDirect')
        expect(answer.body.reason).toBe('limited')
      }
    })

    test('is not made without a CDN where the CDN is asked for', async () => {
      const { id } = await owner.upload('no network')
      expectProblem(await owner.post(`/v1/assets/${id}/signed-urls`, { cdn: true }), 409, 'signedUrl.notByCdn')
    })
  })
})

describe.skipIf(foreign)('with redirects, a store that signs nothing', async () => {
  const served = await serve({ STOWAGE_STORE: 'local', STOWAGE_REDIRECTS: 'on', STOWAGE_SMALL_OBJECT_BYTES: '100' })
  const { owner } = await openOrganization(served)

  test('sends the bytes, encrypted ones and those in the database too', async () => {
    for (const content of ['small', 'large '.repeat(1000)]) {
      const { id } = await owner.upload(content)
      expect(await owner.get(`/v1/assets/${id}/content`)).toMatchObject({ status: 200, body: content })
      const answer = await owner.post(`/v1/assets/${id}/signed-urls`, { direct: true })
      expectProblem(answer, 409, 'signedUrl.notDirect')
      expect(['store', 'encrypted']).toContain(answer.body.reason)
    }
  })
})
