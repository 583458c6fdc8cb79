import { randomBytes, randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { type Api, apiOf, created, expectProblem, newKey, openOrganization, type Shown, sha256Of } from './api.ts'
import { poll } from './poll.ts'
import { serve } from './server.ts'

const MIB = 1024 * 1024
const served = await serve()
const { platform, owner, id: organizationId } = await openOrganization(served)

function textOf(sizeBytes: number): Buffer {
  return Buffer.from(randomBytes(sizeBytes).toString('base64url').slice(0, sizeBytes))
}

interface Signed {
  method?: string
  url: string
  headers?: Record<string, string>
}

function put({ url, headers = {} }: Signed, bytes: Buffer): Promise<Response> {
  return fetch(url, { method: 'PUT', headers, body: bytes })
}

function postForm({ url, fields }: { url: string; fields: Record<string, string> }, bytes: Buffer): Promise<Response> {
  const form = new FormData()
  for (const [name, value] of Object.entries(fields)) form.append(name, value)
  form.append('file', new File([bytes], 'a.txt', { type: 'text/plain' }))
  return fetch(url, { method: 'POST', body: form })
}

async function begin(bytes: Buffer, fields: object = {}, api: Api = owner): Promise<Shown> {
  return created(await api.post('/v1/uploads', { name: 'a.txt', sizeBytes: bytes.length, ...fields }))
}

async function ended(id: string): Promise<Shown> {
  return poll(async () => {
    const { body } = await owner.get(`/v1/uploads/${id}`)
    return (body.state === 'done' || body.state === 'failed') && body
  })
}

async function complete(id: string): Promise<Shown> {
  const answer = await owner.post(`/v1/uploads/${id}/complete`)
  expect(answer).toMatchObject({ status: 202 })
  return ended(id)
}

async function contentOf(assetId: string): Promise<Buffer> {
  const response = await owner.send(`/v1/assets/${assetId}/content`, { redirect: 'follow' })
  return Buffer.from(await response.arrayBuffer())
}

async function sendParts(upload: Shown, bytes: Buffer, numbers: number[]): Promise<void> {
  const { body } = await owner.post(`/v1/uploads/${upload.id}/parts`, { numbers })
  for (const part of body.items) {
    const from = (part.number - 1) * upload.partBytes
    const response = await put(part, bytes.subarray(from, from + part.sizeBytes))
    expect(response.ok).toBe(true)
  }
}

describe('a single-put upload', () => {
  test('becomes an asset once its bytes were sent and it was completed', async () => {
    const bytes = textOf(200_000)
    const upload = await begin(bytes, { tags: ['one'], mediaType: 'text/plain' })
    expect(upload).toMatchObject({ strategy: 'single-put', state: 'open', assetId: null, request: { method: 'PUT' } })
    expect((await put(upload.request, bytes)).ok).toBe(true)
    const done = await complete(upload.id)
    expect(done).toMatchObject({ state: 'done', problem: null })
    const { body } = await owner.get(`/v1/assets/${done.assetId}`)
    expect(body).toMatchObject({ name: 'a.txt', tags: ['one'], sizeBytes: 200_000, sha256: sha256Of(bytes) })
    expect(sha256Of(await contentOf(done.assetId))).toBe(sha256Of(bytes))
  })

  test('keeps a small file too', async () => {
    const upload = await begin(Buffer.from('tiny'))
    await put(upload.request, Buffer.from('tiny'))
    const { assetId } = await complete(upload.id)
    expect((await contentOf(assetId)).toString()).toBe('tiny')
  })

  test('makes a new version of an asset', async () => {
    const asset = await owner.upload('first')
    const bytes = textOf(150_000)
    const upload = await begin(bytes, { assetId: asset.id, name: undefined })
    await put(upload.request, bytes)
    expect(await complete(upload.id)).toMatchObject({ state: 'done', assetId: asset.id })
    expect((await owner.get(`/v1/assets/${asset.id}`)).body).toMatchObject({ version: 2, sha256: sha256Of(bytes) })
  })

  test('for a new version may not say what is said of an asset', async () => {
    const asset = await owner.upload('first')
    const body = { assetId: asset.id, sizeBytes: 4, visibility: 'private', tags: ['a'] }
    const refused = await owner.post('/v1/uploads', body)
    expectProblem(refused, 400, 'request.invalid')
    expect(refused.body.errors.map(({ field }: { field: string }) => field)).toEqual(['visibility', 'tags'])
  })

  test('is not completed before anything was sent', async () => {
    const upload = await begin(textOf(1000))
    expectProblem(await owner.post(`/v1/uploads/${upload.id}/complete`), 409, 'upload.incomplete')
  })

  test('takes no other size than the one that was announced', async () => {
    for (const sizeBytes of [999, 1001]) {
      const upload = await begin(textOf(1000))
      const sent = await put(upload.request, textOf(sizeBytes))
      const answer = await owner.post(`/v1/uploads/${upload.id}/complete`)
      // A store whose signatures name no size takes the bytes, and the service does not.
      if (sent.ok) expectProblem(answer, 400, 'upload.wrongSize')
      else expectProblem(answer, 409, 'upload.incomplete')
    }
  })

  test('fails, and keeps nothing, when its bytes are not those described', async () => {
    const upload = await begin(textOf(1000), { sha256: sha256Of('others') })
    const sent = await put(upload.request, textOf(1000))
    if (sent.status >= 400) return // the store itself has looked
    expect(await complete(upload.id)).toMatchObject({
      state: 'failed',
      assetId: null,
      problem: { code: 'upload.digestMismatch', status: 422 },
    })
  })

  test('fails when its content is not of a kind that is taken', async () => {
    const bytes = Buffer.concat([Buffer.from('7f454c46020101000000000000000000', 'hex'), Buffer.alloc(150_000)])
    const upload = await begin(bytes, { name: 'a.txt' })
    await put(upload.request, bytes)
    expect(await complete(upload.id)).toMatchObject({ state: 'failed', problem: { status: 415 } })
  })

  test('stays what was checked, although its URL still works', async () => {
    const bytes = textOf(200_000)
    const upload = await begin(bytes)
    await put(upload.request, bytes)
    const { assetId } = await complete(upload.id)
    await put(upload.request, textOf(200_000))
    expect(sha256Of(await contentOf(assetId))).toBe(sha256Of(bytes))
    expect(await ended(upload.id)).toMatchObject({ state: 'done', assetId })
  })

  test('is completed once, however often that is asked', async () => {
    const bytes = textOf(1000)
    const upload = await begin(bytes)
    await put(upload.request, bytes)
    const { assetId } = await complete(upload.id)
    expect(await complete(upload.id)).toMatchObject({ state: 'done', assetId })
  })
})

describe('a post-policy upload', () => {
  test('becomes an asset, of any size up to the one announced', async () => {
    const bytes = textOf(150_000)
    const upload = await begin(bytes, { sizeBytes: 200_000, strategy: 'post-policy' })
    expect([200, 201, 204]).toContain((await postForm(upload.form, bytes)).status)
    const { assetId } = await complete(upload.id)
    expect(sha256Of(await contentOf(assetId))).toBe(sha256Of(bytes))
  })

  test.each([
    ['a byte too many', 1001],
    ['nothing', 0],
  ])('refuses %s', async (_, sizeBytes) => {
    const upload = await begin(textOf(1000), { strategy: 'post-policy' })
    expect((await postForm(upload.form, textOf(sizeBytes))).status).toBeGreaterThanOrEqual(400)
    expectProblem(await owner.post(`/v1/uploads/${upload.id}/complete`), 409, 'upload.incomplete')
  })
})

describe('a multipart upload', () => {
  const bytes = textOf(17 * MIB)

  test('is put together from parts that came in any order, and twice', async () => {
    const upload = await begin(bytes)
    expect(upload).toMatchObject({ strategy: 'multipart', partBytes: 8 * MIB, partCount: 3 })
    await sendParts(upload, bytes, [3, 1])
    expectProblem(await owner.post(`/v1/uploads/${upload.id}/complete`), 409, 'upload.incomplete')
    const { body } = await owner.get(`/v1/uploads/${upload.id}/parts`)
    expect(body.items.map((part: Shown) => [part.number, part.sizeBytes])).toEqual([
      [1, 8 * MIB],
      [3, MIB],
    ])
    await sendParts(upload, bytes, [2, 1])
    const { assetId } = await complete(upload.id)
    expect(sha256Of(await contentOf(assetId))).toBe(sha256Of(bytes))
  })

  test('signs no part that there is not', async () => {
    const upload = await begin(bytes)
    expectProblem(await owner.post(`/v1/uploads/${upload.id}/parts`, { numbers: [4] }), 400, 'request.invalid')
  })

  test('refuses a part of another upload', async () => {
    const [one, other] = [await begin(bytes), await begin(bytes)]
    const { body } = await owner.post(`/v1/uploads/${one.id}/parts`, { numbers: [1] })
    const url = body.items[0].url.replace(one.id, other.id)
    const response = await put({ ...body.items[0], url }, bytes.subarray(0, 8 * MIB))
    expect(response.status).toBeGreaterThanOrEqual(400)
    expect((await owner.get(`/v1/uploads/${other.id}/parts`)).body.items).toEqual([])
  })

  test('is forgotten when it is cancelled, and gives back what it had reserved', async () => {
    const before = (await owner.get('/v1/usage')).body
    const upload = await begin(bytes)
    expect((await owner.remove(`/v1/uploads/${upload.id}`)).status).toBe(204)
    expectProblem(await owner.get(`/v1/uploads/${upload.id}`), 404, 'upload.notFound')
    expect((await owner.get('/v1/usage')).body.bytes).toBe(before.bytes)
  })
})

describe('every staged upload', () => {
  test('is its maker’s and the admins’, and nobody else’s', async () => {
    const editor = apiOf(served.url, (await newKey(platform, { role: 'editor' })).secret)
    const another = apiOf(served.url, (await newKey(platform, { role: 'editor' })).secret)
    const { owner: stranger } = await openOrganization(served)
    const upload = await begin(textOf(10), {}, editor)
    expect((await owner.get(`/v1/uploads/${upload.id}`)).status).toBe(200)
    for (const api of [another, stranger]) {
      expectProblem(await api.get(`/v1/uploads/${upload.id}`), 404, 'upload.notFound')
      expectProblem(await api.post(`/v1/uploads/${upload.id}/complete`), 404, 'upload.notFound')
      expectProblem(await api.remove(`/v1/uploads/${upload.id}`), 404, 'upload.notFound')
    }
  })

  test('is not begun by a viewer, nor finished with rights that its maker has lost', async () => {
    const viewer = apiOf(served.url, (await newKey(platform, { role: 'viewer' })).secret)
    expectProblem(await viewer.post('/v1/uploads', { name: 'a.txt', sizeBytes: 1 }), 403, 'access.forbidden')
    const key = await newKey(platform, { role: 'editor' })
    const upload = await begin(textOf(10), {}, apiOf(served.url, key.secret))
    await put(upload.request, textOf(10))
    await owner.remove(`/v1/api-keys/${key.id}`)
    expect(await complete(upload.id)).toMatchObject({ state: 'failed', problem: { code: 'credential.invalid' } })
  })

  test('is finished with the role that the member who began it has now', async () => {
    const members = `/v1/organizations/${organizationId}/members`
    const member = created(await owner.post(members, { externalId: randomUUID(), role: 'editor' }))
    const upload = await begin(textOf(10), {}, apiOf(served.url, owner.key, { 'Stowage-User': member.id }))
    await put(upload.request, textOf(10))
    expect((await owner.patch(`${members}/${member.id}`, { role: 'viewer' })).status).toBe(200)
    expect(await complete(upload.id)).toMatchObject({ state: 'failed', problem: { code: 'access.forbidden' } })
  })

  test('is refused when it would not fit the quota, and counted while it runs', async () => {
    const { owner: small } = await openOrganization(served, { quotaBytes: 1000 })
    created(await small.post('/v1/uploads', { name: 'a.txt', sizeBytes: 800 }))
    expectProblem(await small.post('/v1/uploads', { name: 'b.txt', sizeBytes: 300 }), 413, 'quota.exceeded')
  })

  test('is refused when it is larger than files may be', async () => {
    const sizeBytes = 5_000_000_000
    expectProblem(await owner.post('/v1/uploads', { name: 'a.txt', sizeBytes }), 413, 'upload.tooLarge')
  })

  test('shows its asset to its maker, who may otherwise read nothing', async () => {
    const key = await newKey(platform, { role: 'editor', scopes: ['assets.create'] })
    const maker = apiOf(served.url, key.secret)
    const upload = await begin(textOf(10), {}, maker)
    await put(upload.request, textOf(10))
    const { assetId } = await complete(upload.id)
    expectProblem(await maker.get(`/v1/assets/${assetId}`), 403, 'access.outOfScope')
    expect((await maker.get(`/v1/uploads/${upload.id}`)).body.asset).toMatchObject({ id: assetId, sizeBytes: 10 })
  })

  test('is not refused early for what a machine with Excel says of CSV', async () => {
    const fields = { name: 'a.csv', sizeBytes: 10, mediaType: 'application/vnd.ms-excel' }
    created(await owner.post('/v1/uploads', fields))
  })

  test('is refused early when its declared type is not taken', async () => {
    const fields = { name: 'a.exe', sizeBytes: 10, mediaType: 'application/x-msdownload' }
    expectProblem(await owner.post('/v1/uploads', fields), 415, 'upload.typeNotAllowed')
  })

  test('answers a repeated Idempotency-Key with the same upload', async () => {
    const headers = { 'idempotency-key': sha256Of(randomBytes(8)) }
    const ask = () => owner.post('/v1/uploads', { name: 'a.txt', sizeBytes: 10 }, headers)
    expect(created(await ask()).id).toBe(created(await ask()).id)
  })
})
