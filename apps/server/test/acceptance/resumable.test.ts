import { randomBytes } from 'node:crypto'
import { Upload } from 'tus-js-client'
import { describe, expect, test } from 'vitest'
import { apiOf, created, expectProblem, newKey, openOrganization, sha256Of } from './api.ts'
import { serve } from './server.ts'
import { append, begin, complete, contentOf, metadataOf, OFFSET_TYPE, offsetOf, RESUMABLE, tus } from './tus.ts'

const served = await serve()
const { owner, platform } = await openOrganization(served)
const MIB = 1024 * 1024

describe('the capabilities of resumable uploads', () => {
  test('are told without a credential', async () => {
    for (const path of [RESUMABLE, `${RESUMABLE}/upl_01jd8e2x5kf6g9h0a1b2c3d4e5`]) {
      const { status, headers } = await fetch(served.url + path, { method: 'OPTIONS' })
      expect(status).toBe(204)
      expect(headers.get('tus-resumable')).toBe('1.0.0')
      expect(headers.get('tus-version')).toBe('1.0.0')
      expect(headers.get('tus-extension')?.split(',').sort()).toEqual([
        'checksum',
        'creation',
        'creation-defer-length',
        'creation-with-upload',
        'expiration',
        'termination',
      ])
      expect(Number(headers.get('tus-max-size'))).toBeGreaterThan(MIB)
      expect(headers.get('tus-checksum-algorithm')?.split(',')).toContain('sha1')
    }
  })

  test('do not include another version of the protocol', async () => {
    for (const version of [{ 'tus-resumable': '0.2.2' }, undefined]) {
      const headers = { 'upload-length': '5', ...version }
      const answer = await owner.post(RESUMABLE, undefined, headers)
      expectProblem(answer, 412, 'tus.versionUnsupported')
      expect(answer.headers.get('tus-version')).toBe('1.0.0')
    }
  })
})

describe('a resumable upload', () => {
  test('takes its bytes in several requests and becomes an asset with the last', async () => {
    const bytes = randomBytes(300_000)
    const answer = await tus(owner, 'POST', RESUMABLE, {
      'upload-length': String(bytes.length),
      'upload-metadata': metadataOf({ filename: 'a.bin', assetType: 'backup_file' }),
    })
    const upload = created(answer)
    expect(upload).toMatchObject({ strategy: 'resumable', state: 'open', sizeBytes: bytes.length, receivedBytes: 0 })
    expect(answer.headers.get('location')).toBe(`${served.url}${RESUMABLE}/${upload.id}`)
    expect(Date.parse(answer.headers.get('upload-expires') ?? '')).toBeGreaterThan(Date.now())
    const path = `${RESUMABLE}/${upload.id}`
    const first = await append(owner, path, 0, bytes.subarray(0, 100_000))
    expect(first).toMatchObject({ status: 204, body: '' })
    expect(first.headers.get('upload-offset')).toBe('100000')
    expect(first.headers.get('upload-expires')).toBe(answer.headers.get('upload-expires'))
    const between = await tus(owner, 'HEAD', path)
    expect(between.status).toBe(200)
    expect(between.headers.get('upload-offset')).toBe('100000')
    expect(between.headers.get('upload-length')).toBe('300000')
    expect(between.headers.get('cache-control')).toBe('no-store')
    expect(between.headers.get('tus-resumable')).toBe('1.0.0')
    await append(owner, path, 100_000, bytes.subarray(100_000, 200_000))
    const last = await append(owner, path, 200_000, bytes.subarray(200_000))
    expect(last.status).toBe(204)
    expect(last.headers.get('upload-offset')).toBe('300000')
    const assetId = last.headers.get('stowage-asset') as string
    expect((await owner.get(`/v1/assets/${assetId}`)).body).toMatchObject({ name: 'a.bin', sha256: sha256Of(bytes) })
    expect((await contentOf(owner, assetId)).equals(bytes)).toBe(true)
    const after = await tus(owner, 'HEAD', path)
    expect(after).toMatchObject({ status: 200 })
    expect(after.headers.get('upload-offset')).toBe('300000')
    expect(after.headers.get('stowage-asset')).toBe(assetId)
  })

  test('takes its fields from Upload-Metadata and tells it again', async () => {
    const name = 'Ετήσια έκθεση 📊 2026.txt'
    const metadata = metadataOf({
      filename: name,
      filetype: 'text/plain',
      tags: '["έκθεση","q4"]',
      metadata: '{"τμήμα":"Πωλήσεις"}',
      visibility: 'private',
    })
    const answer = await tus(owner, 'POST', RESUMABLE, { 'upload-length': '5', 'upload-metadata': metadata })
    const path = `${RESUMABLE}/${created(answer).id}`
    expect((await tus(owner, 'HEAD', path)).headers.get('upload-metadata')).toBe(metadata)
    const assetId = await complete(owner, path, Buffer.from('Γεx'))
    expect((await owner.get(`/v1/assets/${assetId}`)).body).toMatchObject({
      name,
      mediaType: 'text/plain',
      tags: ['έκθεση', 'q4'],
      metadata: { τμήμα: 'Πωλήσεις' },
      visibility: 'private',
    })
  })

  test.each([
    ['a field that is not known', metadataOf({ filename: 'a.txt', relativePath: 'x' })],
    ['a size', metadataOf({ sizeBytes: '5' })],
    ['a value that is not base64', 'filename a.txt'],
    ['a value that is not UTF-8', `filename ${Buffer.from([0xff, 0xfe]).toString('base64')}`],
    ['two names', metadataOf({ filename: 'a.txt', name: 'b.txt' })],
    ['three words', 'filename YQ== YQ=='],
  ])('is refused with Upload-Metadata that holds %s', async (_what, metadata) => {
    const answer = await tus(owner, 'POST', RESUMABLE, { 'upload-length': '5', 'upload-metadata': metadata })
    expectProblem(answer, 400, 'request.invalid')
    expect(answer.headers.get('tus-resumable')).toBe('1.0.0')
  })

  test('is refused without a size, with two, with an unreadable one, and of no bytes', async () => {
    const ask = (headers: Record<string, string>) => tus(owner, 'POST', RESUMABLE, headers)
    expectProblem(await ask({}), 400, 'request.invalid')
    expectProblem(await ask({ 'upload-length': '5', 'upload-defer-length': '1' }), 400, 'request.invalid')
    expectProblem(await ask({ 'upload-defer-length': '2' }), 400, 'request.invalid')
    for (const length of ['-1', '1.5', 'x', '99999999999999999'])
      expectProblem(await ask({ 'upload-length': length }), 400, 'request.invalid')
    expectProblem(await ask({ 'upload-length': '5', 'upload-concat': 'partial' }), 400, 'request.invalid')
    expectProblem(await ask({ 'upload-length': '0' }), 422, 'upload.empty')
  })

  test('may say its size later, once', async () => {
    const bytes = randomBytes(50_000)
    const path = await begin(owner, undefined)
    expect((await tus(owner, 'HEAD', path)).headers.get('upload-defer-length')).toBe('1')
    expect((await append(owner, path, 0, bytes.subarray(0, 20_000))).status).toBe(204)
    const short = await append(owner, path, 20_000, bytes.subarray(20_000, 20_001), { 'upload-length': '19999' })
    expectProblem(short, 400, 'upload.wrongSize')
    const said = await append(owner, path, 20_000, bytes.subarray(20_000, 30_000), { 'upload-length': '50000' })
    expect(said.status).toBe(204)
    const other = await append(owner, path, 30_000, bytes.subarray(30_000), { 'upload-length': '60000' })
    expectProblem(other, 400, 'upload.wrongSize')
    expect((await tus(owner, 'HEAD', path)).headers.get('upload-length')).toBe('50000')
    const assetId = await complete(owner, path, bytes)
    expect((await contentOf(owner, assetId)).equals(bytes)).toBe(true)
  })

  test('ends when its size turns out to be what has arrived', async () => {
    const bytes = randomBytes(1000)
    const path = await begin(owner, undefined)
    await append(owner, path, 0, bytes)
    const answer = await append(owner, path, 1000, Buffer.alloc(0), { 'upload-length': '1000' })
    expect(answer.status).toBe(204)
    expect((await contentOf(owner, answer.headers.get('stowage-asset') as string)).equals(bytes)).toBe(true)
  })

  test('may bring bytes with the request that begins it', async () => {
    const bytes = randomBytes(40_000)
    const headers = {
      'upload-length': '40000',
      'upload-metadata': metadataOf({ filename: 'a.bin', assetType: 'backup_file' }),
      'content-type': OFFSET_TYPE,
    }
    const whole = await tus(owner, 'POST', RESUMABLE, headers, bytes)
    expect(created(whole)).toMatchObject({ state: 'done', receivedBytes: 40_000 })
    expect(whole.headers.get('upload-offset')).toBe('40000')
    expect((await contentOf(owner, whole.headers.get('stowage-asset') as string)).equals(bytes)).toBe(true)
    const some = await tus(owner, 'POST', RESUMABLE, headers, bytes.subarray(0, 10_000))
    expect(created(some)).toMatchObject({ state: 'open', receivedBytes: 10_000 })
    expect(some.headers.get('upload-offset')).toBe('10000')
    const assetId = await complete(owner, new URL(some.headers.get('location') as string).pathname, bytes)
    expect((await contentOf(owner, assetId)).equals(bytes)).toBe(true)
  })

  test('takes POST with X-HTTP-Method-Override for what that names', async () => {
    const path = await begin(owner, 5)
    const sent = { 'content-type': OFFSET_TYPE, 'upload-offset': '0', 'x-http-method-override': 'PATCH' }
    expect((await tus(owner, 'POST', path, sent, Buffer.from('abc'))).status).toBe(204)
    expect((await tus(owner, 'POST', path, { 'x-http-method-override': 'HEAD' })).headers.get('upload-offset')).toBe(
      '3',
    )
    expect((await tus(owner, 'POST', path, { 'x-http-method-override': 'DELETE' })).status).toBe(204)
    expectProblem(await tus(owner, 'POST', path), 405, 'route.methodNotAllowed')
    expect((await tus(owner, 'HEAD', path)).status).toBe(404)
  })

  test('makes a new version of the asset that it names', async () => {
    const asset = await owner.upload('the first')
    const bytes = Buffer.from('the second')
    const answer = await tus(owner, 'POST', RESUMABLE, {
      'upload-length': String(bytes.length),
      'upload-metadata': metadataOf({ assetId: asset.id }),
    })
    const path = `${RESUMABLE}/${created(answer).id}`
    const last = await append(owner, path, 0, bytes)
    expect(last.headers.get('stowage-asset')).toBe(asset.id)
    expect((await owner.get(`/v1/assets/${asset.id}`)).body).toMatchObject({ version: 2, sha256: sha256Of(bytes) })
  })

  test('can be given up, and gives back what it had reserved', async () => {
    const { owner: small } = await openOrganization(served, { quotaBytes: 100_000 })
    const path = await begin(small, 80_000)
    await append(small, path, 0, randomBytes(1000))
    const over = await tus(small, 'POST', RESUMABLE, { 'upload-length': '80000' })
    expectProblem(over, 413, 'quota.exceeded')
    expect((await tus(small, 'DELETE', path)).status).toBe(204)
    expect((await tus(small, 'HEAD', path)).status).toBe(404)
    expectProblem(await append(small, path, 1000, randomBytes(10)), 404, 'upload.notFound')
    expect(await begin(small, 80_000)).toMatch(/upl_/)
  })

  test('of a size that was not said counts what has arrived against the quota', async () => {
    const { owner: small } = await openOrganization(served, { quotaBytes: 50_000 })
    const path = await begin(small, undefined)
    expect((await append(small, path, 0, randomBytes(40_000))).status).toBe(204)
    expectProblem(await append(small, path, 40_000, randomBytes(20_000)), 413, 'quota.exceeded')
    expectProblem(await tus(small, 'POST', RESUMABLE, { 'upload-length': '20000' }), 413, 'quota.exceeded')
    expect(await offsetOf(small, path)).toBe(40_000)
  })

  test('tells with its last request why the file is refused, and again to who asks', async () => {
    const path = await begin(owner, 12, { filename: 'picture.png', filetype: 'image/png', assetType: 'user_avatar' })
    const last = await append(owner, path, 0, Buffer.from('not an image'))
    expectProblem(last, 415, 'upload.typeMismatch')
    expect((await tus(owner, 'HEAD', path)).status).toBe(415)
    expectProblem(await append(owner, path, 12, Buffer.alloc(0)), 415, 'upload.typeMismatch')
    expect((await owner.get(`/v1/uploads/${path.split('/').at(-1)}`)).body).toMatchObject({ state: 'failed' })
  })

  test('is refused to a viewer, without a credential, and as not found to another organization', async () => {
    const path = await begin(owner, 5)
    const viewer = apiOf(served.url, (await newKey(platform, { role: 'viewer' })).secret)
    expectProblem(await tus(viewer, 'POST', RESUMABLE, { 'upload-length': '5' }), 403, 'access.forbidden')
    expectProblem(await append(viewer, path, 0, Buffer.from('abc')), 403, 'access.forbidden')
    const { owner: stranger } = await openOrganization(served)
    expectProblem(await append(stranger, path, 0, Buffer.from('abc')), 404, 'upload.notFound')
    expect((await tus(stranger, 'HEAD', path)).status).toBe(404)
    expectProblem(await tus(stranger, 'DELETE', path), 404, 'upload.notFound')
    const editor = apiOf(served.url, (await newKey(platform, { role: 'editor' })).secret)
    expectProblem(await append(editor, path, 0, Buffer.from('abc')), 404, 'upload.notFound')
    for (const [method, where] of [
      ['POST', RESUMABLE],
      ['PATCH', path],
      ['DELETE', path],
      ['HEAD', path],
    ] as const) {
      const headers = { 'tus-resumable': '1.0.0', 'upload-length': '5', 'upload-offset': '0' }
      expect((await fetch(served.url + where, { method, headers })).status).toBe(401)
    }
    expect(await offsetOf(owner, path)).toBe(0)
  })

  test('is not found by the address of an upload of another kind', async () => {
    const upload = created(await owner.post('/v1/uploads', { name: 'a.txt', sizeBytes: 5 }))
    expect((await tus(owner, 'HEAD', `${RESUMABLE}/${upload.id}`)).status).toBe(404)
    expectProblem(await append(owner, `${RESUMABLE}/${upload.id}`, 0, Buffer.from('abcde')), 404, 'upload.notFound')
    expectProblem(await append(owner, `${RESUMABLE}/nothing`, 0, Buffer.from('abcde')), 400, 'request.invalid')
  })
})

describe('the tus client', () => {
  test('sends a file in pieces, pauses and resumes', async () => {
    const bytes = randomBytes(20 * MIB)
    const ask = {
      endpoint: served.url + RESUMABLE,
      chunkSize: 5 * MIB,
      retryDelays: [50, 200, 500],
      headers: { authorization: `Bearer ${owner.key}` },
      metadata: { filename: 'μεγάλο 🎞.bin', assetType: 'backup_file' },
    }
    const paused = await new Promise<string>((settle, fail) => {
      const upload: Upload = new Upload(bytes, {
        ...ask,
        onError: fail,
        onChunkComplete: () => void upload.abort().then(() => settle(upload.url as string), fail),
      })
      upload.start()
    })
    const assetId = await new Promise<string | undefined>((settle, fail) => {
      new Upload(bytes, {
        ...ask,
        uploadUrl: paused,
        onError: fail,
        onSuccess: ({ lastResponse }) => settle(lastResponse.getHeader('stowage-asset')),
      }).start()
    })
    expect((await owner.get(`/v1/assets/${assetId}`)).body).toMatchObject({
      name: 'μεγάλο 🎞.bin',
      sizeBytes: bytes.length,
      sha256: sha256Of(bytes),
    })
  })
})
