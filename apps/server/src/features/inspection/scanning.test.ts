import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runEverything } from '../../../test/at-rest.ts'
import { EICAR } from '../../../test/eicar.ts'
import { addressOf } from '../../../test/real-services.ts'
import { newText, uploadText } from '../../../test/service.ts'
import { startTestService, type TestService } from '../../../test/test-service.ts'
import { runJobs } from '../../doors/worker/run-jobs.ts'

const LARGE_BYTES = 6 * 1024 * 1024

let service: TestService

/** Not the same bytes twice, for a verdict belongs to the bytes. */
function infected(sizeBytes = 200): Buffer {
  const text = newText(sizeBytes)
  return Buffer.concat([text, Buffer.from(`\n${EICAR}\n${randomBytes(8).toString('hex')}\n`)])
}

const shown = async (id: string) => (await service.call(`/v1/assets/${id}`)).json
const content = (id: string) => service.call(`/v1/assets/${id}/content`)
const held = async () => (await service.call('/v1/quarantine?state=held')).json.items
const entryOf = async (id: string) =>
  (await service.call('/v1/quarantine')).json.items.find((entry: { assetIds: string[] }) => entry.assetIds.includes(id))

describe.skipIf(!addressOf('clamd'))('a service with a scanner', () => {
  beforeAll(async () => {
    service = await startTestService({ settings: { STOWAGE_CLAMD: addressOf('clamd') as string } })
  })
  afterAll(() => service?.stop())

  test.each([
    ['small', 500],
    ['large', LARGE_BYTES],
  ])('answers a clean %s file as clean, and it can be read at once', async (_, sizeBytes) => {
    const { json } = await uploadText(service.call, newText(sizeBytes))
    expect(json.scan).toMatchObject({ status: 'clean' })
    expect((await content(json.id)).status).toBe(200)
  })

  test.each([
    ['small', 500],
    ['large', LARGE_BYTES],
  ])(
    'keeps an infected %s file, unreadable from the first moment on, and moves it out of reach',
    async (_, sizeBytes) => {
      const { status, json } = await uploadText(service.call, infected(sizeBytes))
      expect({ status, scan: json.scan.status }).toEqual({ status: 201, scan: 'infected' })
      expect(await content(json.id)).toMatchObject({ status: 403 })
      await runEverything(service)
      await runEverything(service)
      const asset = await shown(json.id)
      expect(asset).toMatchObject({ state: 'quarantined', scan: { status: 'infected' } })
      const live = asset.copies.filter(({ state }: { state: string }) => state === 'live')
      expect(live.map(({ key }: { key: string }) => key)).toEqual([expect.stringMatching(/^quarantine\/default\/cpy_/)])
      expect(asset.copies.filter(({ state }: { state: string }) => state !== 'gone')).toHaveLength(1)
      expect(await content(json.id)).toMatchObject({ status: 403, json: { code: 'asset.quarantined' } })
      expect(await entryOf(json.id)).toMatchObject({ state: 'held', finding: expect.stringContaining('Eicar') })
    },
  )

  test('gives an infected file by no signed URL, made before or after', async () => {
    const { json } = await uploadText(service.call, infected())
    const sign = () => service.call(`/v1/assets/${json.id}/signed-urls`, { body: {} })
    const { url } = (await sign()).json
    expect((await fetch(url)).status).toBe(403)
    await runEverything(service)
    expect((await fetch(url)).status).toBe(403)
    expect((await sign()).status).toBe(403)
  })

  test('gives a false positive back as it was, and believes the finding of these bytes no more', async () => {
    const bytes = infected()
    const { json } = await uploadText(service.call, bytes)
    await runEverything(service)
    const { id } = await entryOf(json.id)
    const body = { reason: 'our own test file' }
    const released = await service.call(`/v1/quarantine/${id}/release`, { body })
    expect(released).toMatchObject({ status: 200, json: { state: 'released', reason: body.reason } })
    expect((await content(json.id)).bytes).toEqual(bytes)
    await runEverything(service)
    const asset = await shown(json.id)
    expect(asset).toMatchObject({ state: 'active', scan: { status: 'clean' } })
    const live = asset.copies.filter(({ state }: { state: string }) => state === 'live')
    expect(live.map(({ key }: { key: string }) => key)).toEqual([expect.not.stringContaining('quarantine')])
    expect((await content(json.id)).bytes).toEqual(bytes)
    const again = await uploadText(service.call, bytes)
    await runJobs(service.app.worker)
    expect((await content(again.json.id)).status).toBe(200)
    expect((await shown(again.json.id)).scan.status).toBe('clean')
  })

  test('takes a release back', async () => {
    const { json } = await uploadText(service.call, infected())
    await runEverything(service)
    const { id } = await entryOf(json.id)
    await service.call(`/v1/quarantine/${id}/release`, { body: { reason: 'by mistake' } })
    const revoked = await service.call(`/v1/quarantine/${id}/revoke`, { body: { reason: 'it was none' } })
    expect(revoked).toMatchObject({ status: 200, json: { state: 'held' } })
    expect((await content(json.id)).status).toBe(403)
    await runEverything(service)
    expect(await shown(json.id)).toMatchObject({ state: 'quarantined', scan: { status: 'infected' } })
    expect(await entryOf(json.id)).toMatchObject({ state: 'held', reason: 'it was none' })
  })

  test('purges what is in quarantine, and an earlier version with other bytes is current again', async () => {
    const first = newText(300)
    const { json } = await uploadText(service.call, first)
    await uploadText(service.call, infected(), { assetId: json.id })
    const alone = await uploadText(service.call, infected())
    await runEverything(service)
    expect((await content(json.id)).status).toBe(403)
    for (const { id } of await held())
      expect((await service.call(`/v1/quarantine/${id}`, { method: 'DELETE' })).status).toBe(204)
    await runEverything(service)
    expect((await content(json.id)).bytes).toEqual(first)
    expect(await shown(json.id)).toMatchObject({ state: 'active', version: 1, scan: { status: 'clean' } })
    expect((await service.call(`/v1/assets/${alone.json.id}`)).status).toBe(404)
    expect(await held()).toEqual([])
  })

  test('reports a period', async () => {
    const { json } = await service.call('/v1/security-report')
    expect(json.found).toBe(json.held + json.released + json.purged)
    expect(json.found).toBeGreaterThan(0)
    expect(json.findings[0].finding).toContain('Eicar')
  })

  test('reports it as a sheet and as a page, in which no name is a formula or markup', async () => {
    const name = '=HYPERLINK("x") <b>.txt'
    const { json } = await uploadText(service.call, infected(), { name })
    await runEverything(service)
    expect((await entryOf(json.id)).name).toBe(name)
    const sheet = await service.call('/v1/security-report.csv')
    expect(sheet.headers.get('content-type')).toContain('text/csv')
    expect(sheet.bytes.toString()).toContain(`"'=HYPERLINK(""x"") <b>.txt"`)
    const page = (await service.call('/v1/security-report.html')).bytes.toString()
    expect(page).toContain('Eicar')
    expect(page).not.toContain('<b>')
  })

  test('tells nobody but admins of the quarantine', async () => {
    const { json: key } = await service.call('/v1/api-keys', { body: { name: 'k', role: 'editor' } })
    for (const path of ['/v1/quarantine', '/v1/security-report', '/v1/security-report.html'])
      expect((await service.call(path, { secret: key.secret })).status).toBe(403)
  })
})
