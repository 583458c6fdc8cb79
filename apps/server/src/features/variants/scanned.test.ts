import sharp from 'sharp'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { CLEAN, look, runEverything } from '../../../test/at-rest.ts'
import { EICAR } from '../../../test/eicar.ts'
import { useOwnScanner } from '../../../test/own-scanner.ts'
import { addressOf } from '../../../test/real-services.ts'
import { later, runSteps } from '../../../test/scanned-service.ts'
import { startTestService, type TestService } from '../../../test/test-service.ts'

let service: TestService

const attach = (id: string, bytes: Buffer) =>
  service.call(`/v1/assets/${id}/variants/sidecar`, {
    method: 'PUT',
    body: bytes,
    headers: { 'content-type': 'text/plain' },
  })

async function upload(bytes: Buffer, name: string): Promise<string> {
  const headers = { 'content-type': 'application/octet-stream' }
  const { status, json } = await service.call(`/v1/assets?name=${name}`, { body: bytes, headers })
  expect(status).toBe(201)
  return json.id
}

describe.skipIf(!addressOf('clamd'))('a variant and the scanner', () => {
  const scanner = useOwnScanner()
  beforeEach(async () => {
    const settings = { STOWAGE_EXTRACT: 'on', STOWAGE_CLAMD: scanner.proxy.address, STOWAGE_SCAN_WAIT_SECONDS: '3' }
    service = await startTestService({ settings })
  })
  afterEach(async () => {
    vi.restoreAllMocks()
    await service?.stop()
  })

  test('that is harmful is not attached, and nothing of it is kept', async () => {
    const id = await upload(Buffer.from('the source'), 'source.txt')
    const { status, json } = await attach(id, Buffer.from(EICAR))
    expect([status, json.code]).toEqual([422, 'upload.scanFound'])
    const large = Buffer.concat([Buffer.alloc(300_000, 'a'), Buffer.from(`\n${EICAR}\n`)])
    expect((await attach(id, large)).json.code).toBe('upload.scanFound')
    expect((await service.call(`/v1/assets/${id}/variants/sidecar`)).json.code).toBe('variant.notFound')
    await runEverything(service)
    expect(await look(service)).toMatchObject(CLEAN)
  })

  test('that was clean when it was attached is out of reach once the scanner knows more', async () => {
    const words = 'a note that nobody minded until today'
    const id = await upload(Buffer.from('the source'), 'source.txt')
    expect((await attach(id, Buffer.from(words))).status).toBe(200)
    const path = `/v1/assets/${id}/variants/sidecar`
    expect((await service.call(path)).bytes.toString()).toBe(words)
    await scanner.clamd.learn('Found-Later', words)
    await scanner.proxy.become({ version: 'ClamAV 1.4.6/27674/Sat Nov 21 10:00:00 2026' })
    later()
    // The source first, what is attached to it with the next look.
    for (let time = 0; time < 2; time += 1) await runEverything(service)
    expect((await service.call(path)).json).toMatchObject({ code: 'asset.notReadable', scanStatus: 'infected' })
    expect((await service.call(`/v1/assets/${id}/content`)).status).toBe(200)
    const held = (await service.call('/v1/quarantine?state=held')).json.items
    expect(held).toMatchObject([{ finding: expect.stringMatching(/^Found-Later/), assetIds: [id], name: 'source.txt' }])
    const act = async (what: string) =>
      (await service.call(`/v1/quarantine/${held[0].id}/${what}`, { method: 'POST', body: { reason: 'looked at' } }))
        .status
    expect(await act('release')).toBe(200)
    expect((await service.call(path)).bytes.toString()).toBe(words)
    expect(await act('revoke')).toBe(200)
    await runEverything(service)
    expect((await service.call(path)).status).toBe(403)
    await service.call(`/v1/quarantine/${held[0].id}`, { method: 'DELETE' })
    expect((await service.call(path)).json.code).toBe('variant.notFound')
    await runEverything(service)
    expect(await look(service)).toMatchObject(CLEAN)
  })

  test('is attached only when there was a verdict', async () => {
    const id = await upload(Buffer.from('the source'), 'source.txt')
    await scanner.proxy.become({ away: true })
    const { status, json } = await attach(id, Buffer.from('harmless'))
    expect([status, json.code]).toEqual([503, 'variant.notScanned'])
    await scanner.proxy.become({})
  })

  test('of a file without a verdict is made when there is one, and not before', async () => {
    const image = await sharp({ create: { width: 40, height: 30, channels: 3, background: '#123' } })
      .png()
      .toBuffer()
    await scanner.proxy.become({ away: true })
    const id = await upload(image, 'image.png')
    const path = `/v1/assets/${id}/variants/thumbnail`
    expect((await service.call(path)).json).toMatchObject({ code: 'asset.notReadable', scanStatus: 'pending' })
    await service.call(`/v1/assets/${id}/steps/variants/retry`, { method: 'POST', body: {} })
    await runSteps(service)
    expect((await service.call(`/v1/assets/${id}/variants`)).json.items[0]).toMatchObject({ state: 'possible' })
    await scanner.proxy.become({})
    await runSteps(service)
    expect((await service.call(path)).status).toBe(200)
  })
})
