import { describe, expect, test } from 'vitest'
import { answerOf, apiOf, created, expectProblem, newKey, openOrganization } from './api.ts'
import { openEdge } from './edge.ts'
import { poll } from './poll.ts'
import { serve } from './server.ts'

const edge = await openEdge()
const served = await serve({ STOWAGE_CDN: edge.settings, STOWAGE_REDIRECTS: 'on' })
const { owner, platform } = await openOrganization(served)
edge.origin = served.url

const read = async (url: string, request?: RequestInit) =>
  answerOf(await fetch(url, { redirect: 'manual', ...request }))

async function signByCdn(assetId: string, terms: object = {}): Promise<string> {
  const made = created(await owner.post(`/v1/assets/${assetId}/signed-urls`, { cdn: true, ...terms }))
  expect(made.revocable).toBe(true)
  return made.url
}

const forgotten = (assetId: string) => poll(async () => edge.forgotten.includes(assetId))

// Only a server that was started here has this CDN.
describe.skipIf(!served.own)('a public asset', () => {
  const publish = (content: string, more = {}) => owner.upload(content, { visibility: 'public', ...more })

  test('is read through the CDN, which asks the origin once', async () => {
    const { cdnUrl, publicUrl, url } = await publish('for all')
    expect(publicUrl).toBe(url)
    edge.asked = 0
    for (let times = 0; times < 3; times++) expect(await read(cdnUrl)).toMatchObject({ status: 200, body: 'for all' })
    expect(edge.asked).toBe(1)
  })

  test('says what a cache may keep: a version for ever, what is current for a minute, nothing else at all', async () => {
    const { id, organizationId } = await publish('cached')
    const path = `${owner.url}/v1/assets/${id}/content`
    const [version, current] = [await read(`${path}?version=1&redirect=false`), await read(`${path}?redirect=false`)]
    expect(version.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
    expect(current.headers.get('cache-control')).toBe('public, max-age=60')
    for (const { headers } of [version, current]) {
      expect(headers.get('cache-tag')).toBe(`${id},${organizationId}`)
      expect(headers.get('surrogate-key')).toBe(`${id} ${organizationId}`)
    }
    const refused = await read(`${path}?version=1`, { headers: { range: 'bytes=99-', 'if-range': `"x"` } })
    expect(refused.status).toBe(200)
    const outside = await read(`${path}?version=1&redirect=false`, { headers: { range: 'bytes=99-' } })
    expectProblem(outside, 416, 'range.notSatisfiable')
    expect(outside.headers.get('cache-control')).toBeNull()
  })

  test('sends readers of the service to the CDN, and the CDN nowhere', async () => {
    const { id, cdnUrl } = await publish('away', { name: 'Übersicht.txt' })
    const answer = await read(`${owner.url}/v1/assets/${id}/content`)
    expect(answer).toMatchObject({ status: 302, body: '' })
    expect(answer.headers.get('location')).toBe(cdnUrl)
    expect(answer.headers.get('cache-control')).toBe('private, no-store')
    const inline = (await read(`${owner.url}/v1/assets/${id}/content?disposition=inline`)).headers.get('location')
    const shown = (await read(inline as string)).headers.get('content-disposition')
    expect(shown).toBe(`inline; filename="Ubersicht.txt"; filename*=UTF-8''%C3%9Cbersicht.txt`)
    expect((await read(cdnUrl)).headers.get('content-disposition')).toMatch(/^attachment/)
  })

  test('has a new address with each version, and the earlier one stays', async () => {
    const { id, cdnUrl } = await publish('first')
    const later = created(await owner.raw(`/v1/assets/${id}/versions`, 'second'))
    expect(later.cdnUrl).not.toBe(cdnUrl)
    expect(await read(later.cdnUrl)).toMatchObject({ body: 'second' })
    expect(await read(cdnUrl)).toMatchObject({ body: 'first' })
  })

  test('is gone from the CDN when it is public no more', async () => {
    const { id, cdnUrl } = await publish('for a while')
    expect((await read(cdnUrl)).status).toBe(200)
    expect((await owner.patch(`/v1/assets/${id}`, { visibility: 'organization' })).body.cdnUrl).toBeNull()
    await forgotten(id)
    expectProblem(await read(cdnUrl), 401, 'credential.missing')
  })

  test('is not given to the CDN while it is not public, whoever asks', async () => {
    const { id } = await owner.upload('ours')
    const path = `/v1/assets/${id}/versions/1/content`
    expectProblem(await read(`${edge.url}${path}`), 401, 'credential.missing')
    expectProblem(await owner.get(path), 401, 'credential.missing')
  })
})

describe.skipIf(!served.own)("a CDN's signed URL", () => {
  test('reads a private asset in one version, under its name, and is kept for a minute at most', async () => {
    const { id } = await owner.upload('one', { visibility: 'private', name: '报告.txt' })
    const url = await signByCdn(id, { disposition: 'inline' })
    created(await owner.raw(`/v1/assets/${id}/versions`, 'two'))
    edge.asked = 0
    const answers = [await read(url), await read(url)]
    expect(answers).toMatchObject([{ body: 'one' }, { body: 'one' }])
    expect(edge.asked).toBe(1)
    expect(answers[0]?.headers.get('cache-control')).toBe('max-age=0, s-maxage=60')
    const disposition = answers[0]?.headers.get('content-disposition')
    expect(disposition).toMatch(/^inline; .*filename\*=UTF-8''%E6%8A%A5%E5%91%8A\.txt$/)
    expect(await read(await signByCdn(id, { version: 2 }))).toMatchObject({ body: 'two' })
  })

  test('is refused by the edge and by the origin when anything in it is changed', async () => {
    const [one, two] = [await owner.upload('one'), await owner.upload('two')]
    const url = await signByCdn(one.id)
    const [address = '', permit = ''] = url
      .replace(edge.url, served.url)
      .replace(/&?token=[^&]*/, '')
      .split('?')
    expect(await read(`${address}?${permit}`)).toMatchObject({ status: 200, body: 'one' })
    for (const changed of [
      url.replace(one.id, two.id),
      url.replace('attachment', 'inline'),
      `${url}0`,
      url.split('?')[0],
    ]) {
      expect((await read(changed as string)).status).toBe(403)
    }
    for (const elsewhere of [address.replace(one.id, two.id), address.replace('/0/', '/1/')]) {
      expectProblem(await read(`${elsewhere}?${permit}`), 403, 'signedUrl.tampered')
    }
    expectProblem(await read(address), 400, 'signedUrl.malformed')
    const inner = Buffer.from(permit.replace('permit=', ''), 'base64url').toString()
    expectProblem(await read(`${served.url}/v1/assets/${one.id}/content${inner}`), 403, 'signedUrl.tampered')
  })

  test('ends when its time is over', async () => {
    const { id } = await owner.upload('short')
    const url = await signByCdn(id, { expiresInSeconds: 1 })
    const origin = url.replace(edge.url, served.url)
    await poll(async () => (await read(url)).status === 403)
    expectProblem(await read(origin), 403, 'signedUrl.expired')
  })

  test('is revoked for good, also when a later one is used', async () => {
    const { id } = await owner.upload('revoked')
    const url = await signByCdn(id)
    expect((await read(url)).status).toBe(200)
    await owner.remove(`/v1/assets/${id}/signed-urls`)
    await forgotten(id)
    expectProblem(await read(url), 403, 'signedUrl.revoked')
    expect((await read(await signByCdn(id))).status).toBe(200)
    expectProblem(await read(url), 403, 'signedUrl.revoked')
  })

  test('ends with the right of its maker, once the edge asks again', async () => {
    const { id } = await owner.upload('kept')
    const maker = await newKey(platform, { role: 'owner' })
    const terms = { cdn: true }
    const { url } = created(await apiOf(owner.url, maker.secret).post(`/v1/assets/${id}/signed-urls`, terms))
    expect((await read(url)).status).toBe(200)
    await owner.remove(`/v1/api-keys/${maker.id}`)
    edge.age(60)
    expectProblem(await read(url), 403, 'signedUrl.revoked')
  })

  test('is not made for one address or a number of downloads, nor beside a direct one', async () => {
    const { id } = await owner.upload('limited')
    for (const limit of [{ ip: '203.0.113.9' }, { maxDownloads: 1 }]) {
      const answer = await owner.post(`/v1/assets/${id}/signed-urls`, { cdn: true, ...limit })
      expectProblem(answer, 409, 'signedUrl.notByCdn')
      expect(answer.body.reason).toBe('limited')
    }
    expectProblem(await owner.post(`/v1/assets/${id}/signed-urls`, { cdn: true, direct: true }), 400, 'request.invalid')
  })
})
