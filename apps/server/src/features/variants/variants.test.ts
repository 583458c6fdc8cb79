import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CLEAN, look, runEverything } from '../../../test/at-rest.ts'
import { isThorough } from '../../../test/effort.ts'
import { askOwner } from '../../../test/scanned-service.ts'
import type { Answer, Ask } from '../../../test/service.ts'
import { startTestService, type TestService } from '../../../test/test-service.ts'
import { toUuid } from '../../domain/id.ts'
import { runJobs } from '../../doors/worker/run-jobs.ts'

let service: TestService
beforeAll(async () => {
  service = await startTestService({ settings: { STOWAGE_EXTRACT: 'on' } })
})
afterAll(() => service?.stop())

const GPS = {
  IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '37/1 58/1 0/1', GPSLongitudeRef: 'E', GPSLongitude: '23/1 43/1 0/1' },
}

/** A photo that lies on its side, red at what is to be its top, and knows where it was taken. */
async function photo({ width = 900, height = 600 } = {}): Promise<Buffer> {
  const red = await sharp({ create: { width: width / 3, height, channels: 3, background: '#f00' } })
    .png()
    .toBuffer()
  return sharp({ create: { width, height, channels: 3, background: '#00f' } })
    .composite([{ input: red, left: 0, top: 0 }])
    .withExif(GPS)
    .withMetadata({ orientation: 6 })
    .jpeg()
    .toBuffer()
}

async function upload(bytes: Buffer, fields = 'name=photo.jpg', headers: Record<string, string> = {}): Promise<string> {
  const { status, json } = await service.call(`/v1/assets?${fields}`, {
    body: bytes,
    headers: { 'content-type': 'application/octet-stream', ...headers },
  })
  expect([status, json.code]).toEqual([201, undefined])
  return json.id
}

/** Asks while the pipeline is at work. */
async function ask(path: string, options: Ask = {}): Promise<Answer> {
  let over = false
  const answer = service.call(path, options).finally(() => {
    over = true
  })
  while (!over) {
    await runJobs(service.app.worker)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return answer
}

const variantsOf = async (id: string) => (await service.call(`/v1/assets/${id}/variants`)).json.items
const find = async (id: string, name: string, suffix: string | null = null) =>
  (await variantsOf(id)).find(
    (each: { name: string; suffix: string | null }) => each.name === name && each.suffix === suffix,
  )

async function topIsRed(bytes: Buffer): Promise<boolean> {
  const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true })
  const at = Math.floor(info.width / 2) * info.channels
  return (data[at] as number) > 200 && (data[at + 2] as number) < 60
}

async function usage() {
  await runEverything(service)
  return (await service.call('/v1/usage')).json
}

describe('a picture of an image', () => {
  test('is made when the image arrives, upright, small, and without what it says of itself', async () => {
    const id = await upload(await photo())
    await runEverything(service)
    expect(await find(id, 'thumbnail')).toMatchObject({
      state: 'made',
      mediaType: 'image/jpeg',
      width: 213,
      height: 320,
    })
    const { status, headers, bytes } = await service.call(`/v1/assets/${id}/variants/thumbnail`)
    expect([status, headers.get('content-type'), headers.get('cache-control')]).toEqual([
      200,
      'image/jpeg',
      'private, no-cache',
    ])
    expect(headers.get('content-disposition')).toContain('photo-thumbnail.jpg')
    expect(await topIsRed(bytes)).toBe(true)
    const { exif, orientation } = await sharp(bytes).metadata()
    expect([exif, orientation]).toEqual([undefined, undefined])
    expect(bytes.includes('GPS')).toBe(false)
  })

  test('is made once for a hundred who ask for it at the same time', async () => {
    const id = await upload(await photo(), 'name=crowd.jpg&assetType=export_file')
    await runEverything(service)
    const answers = Promise.all(Array.from({ length: 100 }, () => service.call(`/v1/assets/${id}/variants/preview`)))
    const [all] = await Promise.all([answers, ask(`/v1/assets/${id}/variants/preview`)])
    expect(new Set(all.map(({ status, headers }) => `${status} ${headers.get('etag')}`)).size).toBe(1)
    expect(all[0]?.headers.get('content-type')).toBe('image/webp')
    const steps = await askOwner<{ attempts: number }>(
      service,
      `select attempts from stowage.step where asset_id = $1 and name = 'variants'`,
      [toUuid(id)],
    )
    expect(steps).toEqual([{ attempts: 1 }])
    expect(await find(id, 'preview', '1')).toMatchObject({ state: 'made', width: 600, height: 900 })
  })

  test.skipIf(!isThorough)('comes in the best format that its reader takes', async () => {
    const id = await upload(await photo())
    const path = `/v1/assets/${id}/variants/optimised`
    const avif = await ask(path, { headers: { accept: 'image/avif,image/webp,*/*' } })
    const webp = await ask(path, { headers: { accept: 'image/*' } })
    expect([avif, webp].map(({ headers }) => headers.get('content-type'))).toEqual(['image/avif', 'image/webp'])
    expect(webp.headers.get('vary')).toContain('accept')
  })

  test.skipIf(!isThorough)('has the size that the organization has named, made anew when that changes', async () => {
    const [organization] = (await service.call('/v1/organizations')).json.items
    const name = async (width: number) => {
      const body = { imageSizes: { card: { width, height: 100, fit: 'cover', format: 'png' } } }
      expect((await service.call(`/v1/organizations/${organization.id}`, { method: 'PATCH', body })).status).toBe(200)
    }
    const id = await upload(await photo())
    await name(50)
    expect((await sharp((await ask(`/v1/assets/${id}/variants/card`)).bytes).metadata()).width).toBe(50)
    await name(80)
    const retried = await service.call(`/v1/assets/${id}/steps/variants/retry`, { method: 'POST', body: {} })
    expect(retried.status).toBe(202)
    await runEverything(service)
    expect(await find(id, 'card')).toMatchObject({ width: 80, height: 100 })
    const refused = { imageSizes: { thumbnail: { width: 1, height: 1 } } }
    expect(
      (await service.call(`/v1/organizations/${organization.id}`, { method: 'PATCH', body: refused })).status,
    ).toBe(400)
    expect(await look(service)).toMatchObject(CLEAN)
  })

  test('that cannot be made says why, now and later', async () => {
    const whole = await sharp(await photo())
      .png()
      .toBuffer()
    const id = await upload(whole.subarray(0, whole.length * 0.6), 'name=torn.png')
    await runEverything(service)
    const { state, reason } = await find(id, 'thumbnail')
    expect([state, reason]).toEqual(['failed', expect.stringContaining('corrupt')])
    const { status, json } = await service.call(`/v1/assets/${id}/variants/thumbnail`)
    expect([status, json.code, json.reason]).toEqual([404, 'variant.notMade', reason])
  })

  test.skipIf(!isThorough)('is none where there can be none', async () => {
    const id = await upload(Buffer.from([0, 1, 2, 3, 254, 255, 0, 9]), 'name=data.bin&assetType=backup_file')
    for (const name of ['poster', 'hologram']) {
      const { status, json } = await ask(`/v1/assets/${id}/variants/${name}`)
      expect([name, status, json.code]).toEqual([name, 404, 'variant.notFound'])
    }
    expect((await ask(`/v1/assets/${id}/variants/thumbnail`)).json).toMatchObject({
      code: 'variant.notMade',
      reason: 'nothing here draws application/octet-stream',
    })
  })

  test.skipIf(!isThorough)('is the same for a version that is made current again, and is not drawn again', async () => {
    const id = await upload(await photo())
    await runEverything(service)
    const body = await photo({ width: 300, height: 300 })
    const headers = { 'content-type': 'image/jpeg' }
    expect((await service.call(`/v1/assets/${id}/versions`, { body, headers })).status).toBe(201)
    await runEverything(service)
    expect(await find(id, 'thumbnail')).toMatchObject({ version: 2, width: 300 })
    await service.call(`/v1/assets/${id}/versions/1/make-current`, { method: 'POST', body: {} })
    expect(await find(id, 'thumbnail')).toMatchObject({ version: 3, width: 213 })
    expect((await service.call(`/v1/assets/${id}/variants/thumbnail?version=2`)).status).toBe(200)
    await service.call(`/v1/assets/${id}/versions/prune`, { method: 'POST', body: { keepLast: 1 } })
    await runEverything(service)
    expect((await service.call(`/v1/assets/${id}/variants/thumbnail`)).status).toBe(200)
    expect(await look(service)).toMatchObject(CLEAN)
  })
})

describe('a variant of a private image', () => {
  test('is refused by every address that a stranger may know', async () => {
    const id = await upload(await photo(), 'name=private.jpg&visibility=private')
    const other = await upload(await photo(), 'name=other.jpg')
    await runEverything(service)
    const sign = async (assetId: string, body: object) =>
      new URL((await service.call(`/v1/assets/${assetId}/signed-urls`, { body: { ...body } })).json.url)
    const own = await sign(id, { variant: 'thumbnail' })
    const others = await sign(other, { variant: 'thumbnail' })
    const whole = await sign(other, {})
    const path = `/v1/assets/${id}/variants/thumbnail`
    const addresses = [
      path,
      `${path}?version=1`,
      `${path}${others.search}`,
      `${path}${whole.search}`,
      `/v1/assets/${id}/variants/preview${own.search}`,
      `/v1/assets/${id}/content${own.search}`,
      `/v1/assets/${id}/versions/1/content`,
    ]
    for (const address of addresses) {
      const { status, bytes } = await service.call(address, { secret: '' })
      expect([address, [401, 403, 404].includes(status), bytes.includes('JFIF')]).toEqual([address, true, false])
    }
    const allowed = await service.call(`${own.pathname}${own.search}`, { secret: '' })
    expect([allowed.status, allowed.headers.get('content-type')]).toEqual([200, 'image/jpeg'])
    await service.call(`/v1/assets/${id}/signed-urls`, { method: 'DELETE' })
    expect((await service.call(`${own.pathname}${own.search}`, { secret: '' })).json.code).toBe('signedUrl.revoked')
  })

  test.skipIf(!isThorough)(
    'is anybody’s once the image is public, for good under the address of its version',
    async () => {
      const id = await upload(await photo(), 'name=public.jpg&visibility=public')
      await runEverything(service)
      const path = `/v1/assets/${id}/variants/thumbnail`
      expect((await service.call(path, { secret: '' })).headers.get('cache-control')).toBe('public, max-age=60')
      const pinned = await service.call(`${path}?version=1`, { secret: '' })
      expect(pinned.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
      expect((await service.call(`/v1/assets/${id}`)).json.downloadCount).toBe(0)
    },
  )

  test('cannot be had of what is harmful, though it was made before', async () => {
    const id = await upload(await photo({ width: 600, height: 402 }))
    await runEverything(service)
    const path = `/v1/assets/${id}/variants/thumbnail`
    expect((await service.call(path)).status).toBe(200)
    await askOwner(
      service,
      `update stowage.object set scan = 'infected', finding = 'Test' where sha256 = (select sha256 from stowage.asset where id = $1)`,
      [toUuid(id)],
    )
    expect((await service.call(path)).json).toMatchObject({ code: 'asset.notReadable', scanStatus: 'infected' })
    expect((await ask(`/v1/assets/${id}/variants/preview`)).json.code).toBe('asset.notReadable')
  })
})

describe('a file that a caller derives', () => {
  const attach = (id: string, name: string, bytes: Buffer, type = 'application/json') =>
    service.call(`/v1/assets/${id}/variants/${name}`, { method: 'PUT', body: bytes, headers: { 'content-type': type } })

  test('lies beside its source until it is replaced or removed, and counts towards the quota', async () => {
    const before = await usage()
    const id = await upload(Buffer.from('the source, as text'), 'name=source.txt')
    const first = await attach(id, 'sidecar', Buffer.from('{"made":"by hand"}'))
    expect(first.json).toMatchObject({ name: 'sidecar', state: 'made', attached: true, mediaType: 'application/json' })
    expect((await attach(id, 'clip?suffix=a', Buffer.from('one clip'), 'text/plain')).status).toBe(200)
    expect((await attach(id, 'clip?suffix=b', Buffer.from('another clip'), 'text/plain')).status).toBe(200)
    const { headers, bytes } = await service.call(`/v1/assets/${id}/variants/clip?suffix=b`)
    expect([headers.get('content-type'), bytes.toString()]).toEqual(['text/plain; charset=utf-8', 'another clip'])
    expect((await attach(id, 'sidecar', Buffer.from('{"made":"again"}'))).status).toBe(200)
    expect((await service.call(`/v1/assets/${id}/variants/sidecar`)).json).toEqual({ made: 'again' })
    expect((await usage()).bytes - before.bytes).toBe(19 + 8 + 12 + 16)
    await service.call(`/v1/assets/${id}/variants/clip?suffix=a`, { method: 'DELETE' })
    expect((await service.call(`/v1/assets/${id}/variants/clip?suffix=a`)).json.code).toBe('variant.notFound')
    expect((await usage()).bytes - before.bytes).toBe(19 + 12 + 16)
    await service.call(`/v1/assets/${id}?purge=true`, { method: 'DELETE' })
    expect(await usage()).toMatchObject({ bytes: before.bytes, storedBytes: before.storedBytes })
    expect(await look(service)).toMatchObject(CLEAN)
  })

  test('has a name of its own, a type that is true, and a size', async () => {
    const id = await upload(Buffer.from('the source'), 'name=source.txt')
    const codes = [
      await attach(id, 'thumbnail', Buffer.from('{}')),
      await attach(id, 'sidecar', Buffer.alloc(0)),
      await attach(id, 'sidecar', Buffer.from('%PDF-1.7\n%%EOF'), 'image/png'),
      await attach(id, 'sidecar', Buffer.alloc(33 * 1024 * 1024, 'a'), 'text/plain'),
      await attach(id, 'Not-A-Name', Buffer.from('{}')),
      await attach(`${id.slice(0, -1)}${id.endsWith('0') ? '1' : '0'}`, 'sidecar', Buffer.from('{}')),
    ].map(({ json }) => json.code)
    expect(codes).toEqual([
      'variant.nameReserved',
      'upload.empty',
      'upload.typeMismatch',
      'upload.tooLarge',
      'request.invalid',
      'asset.notFound',
    ])
    expect((await variantsOf(id)).filter(({ attached }: { attached: boolean }) => attached)).toEqual([])
  })

  test.skipIf(!isThorough)('says nothing of a file with the same bytes that somebody sends', async () => {
    const id = await upload(await photo({ width: 660, height: 444 }))
    const { bytes } = await ask(`/v1/assets/${id}/variants/thumbnail`)
    const twin = await upload(bytes, 'name=twin')
    const [object] = await askOwner<{ derived: boolean }>(
      service,
      'select derived from stowage.object where sha256 = (select sha256 from stowage.asset where id = $1)',
      [toUuid(twin)],
    )
    expect(object).toEqual({ derived: false })
    await service.call(`/v1/assets/${id}?purge=true`, { method: 'DELETE' })
    await runEverything(service)
    expect((await service.call(`/v1/assets/${twin}/content`)).bytes.equals(bytes)).toBe(true)
  })
})

test('variants do not stand in the way of files that a new scanner has not seen', async () => {
  const fresh = await startTestService()
  try {
    const headers = { 'content-type': 'text/plain' }
    const made = await fresh.call('/v1/assets?name=source.txt', { body: Buffer.from('the only source'), headers })
    const attached = await fresh.call(`/v1/assets/${made.json.id}/variants/note`, {
      method: 'PUT',
      body: Buffer.from('a note'),
      headers,
    })
    // As five pictures are that were drawn of it.
    await askOwner(
      fresh,
      `insert into stowage.object (tenant_id, sha256, size_bytes, scan, derived)
        select tenant_id, sha256(n::text::bytea), 1, 'not_scanned', true from stowage.asset, generate_series(1, 5) n`,
    )
    const stale = async (limit: number) =>
      askOwner<{ asset_id: string }>(fresh, `select asset_id from api.stale_verdicts('ClamAV 2', ${limit})`)
    expect(await stale(1)).toEqual([{ asset_id: toUuid(made.json.id) }])
    const knowing = (sha256: string) =>
      askOwner(fresh, `update stowage.object set signatures = 'ClamAV 2' where sha256 = '\\x${sha256}'`)
    await knowing(made.json.sha256)
    expect(await stale(1)).toEqual([{ asset_id: toUuid(made.json.id) }])
    await knowing(attached.json.sha256)
    expect(await stale(10)).toEqual([])
  } finally {
    await fresh.stop()
  }
})

test('bytes that a variant needs are not released with a file that has the same', async () => {
  const bytes = Buffer.from('needed by a variant as well')
  const file = await upload(bytes, 'name=file.txt')
  const id = await upload(Buffer.from('one more source'), 'name=source.txt')
  const headers = { 'content-type': 'text/plain' }
  await service.call(`/v1/assets/${id}/variants/note`, { method: 'PUT', body: bytes, headers })
  await service.call(`/v1/assets/${file}?purge=true`, { method: 'DELETE' })
  await runEverything(service)
  expect((await service.call(`/v1/assets/${id}/variants/note`)).bytes.equals(bytes)).toBe(true)
  expect(await look(service)).toMatchObject(CLEAN)
})

test('nothing is left of an asset that was purged: no byte, picture, text, finding or step', async () => {
  const before = await usage()
  const id = await upload(await photo({ width: 1800, height: 1202 }))
  for (const name of ['preview', 'optimised']) await ask(`/v1/assets/${id}/variants/${name}`)
  await runEverything(service)
  await service.call(`/v1/assets/${id}?purge=true`, { method: 'DELETE' })
  expect(await usage()).toMatchObject({ bytes: before.bytes, storedBytes: before.storedBytes })
  const tables = [
    'version',
    'variant',
    'step',
    'version_facts',
    'version_text',
    'version_finding',
    'version_rows',
    'copy',
  ]
  for (const table of tables) {
    const rows = await askOwner(service, `select 1 from stowage.${table} where asset_id = $1`, [toUuid(id)])
    expect([table, rows]).toEqual([table, []])
  }
  expect(await look(service)).toMatchObject(CLEAN)
})
