import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CLEAN, look, runEverything } from '../../../test/at-rest.ts'
import { askOwner } from '../../../test/scanned-service.ts'
import { startTestService, type TestService } from '../../../test/test-service.ts'
import { toUuid } from '../../domain/id.ts'

let service: TestService
beforeAll(async () => {
  service = await startTestService({ settings: { STOWAGE_EXTRACT: 'on', STOWAGE_LAYOUT: 'flat' } })
})
afterAll(() => service?.stop())

const image = (background: string) =>
  sharp({ create: { width: 640, height: 400, channels: 3, background } })
    .png()
    .toBuffer()

async function keysOf(id: string): Promise<string[]> {
  const text = `select key from stowage.copy where asset_id = $1 and state = 'live' order by key`
  const keys = await askOwner<{ key: string }>(service, text, [toUuid(id)])
  return keys.map(({ key }) => key.replaceAll(id, '{id}'))
}

async function makeThumbnailAgain(id: string): Promise<void> {
  const text = `update stowage.variant set recipe = 'of an older painter' where asset_id = $1 and name = 'thumbnail'`
  await askOwner(service, text, [toUuid(id)])
  await service.call(`/v1/assets/${id}/steps/variants/retry`, { method: 'POST', body: {} })
}

describe('under a layout of exact keys', () => {
  let id: string
  test('each variant lies where the layout says', async () => {
    const headers = { 'content-type': 'image/png' }
    id = (await service.call('/v1/assets?name=house.png', { body: await image('#345'), headers })).json.id
    await service.call(`/v1/assets/${id}/versions`, { body: await image('#543'), headers })
    await runEverything(service)
    const attach = (name: string, type: string, bytes: string) =>
      service.call(`/v1/assets/${id}/variants/${name}`, {
        method: 'PUT',
        body: Buffer.from(bytes),
        headers: { 'content-type': type },
      })
    expect((await attach('sidecar?version=1', 'application/json', '{}')).status).toBe(200)
    expect((await attach('animated?version=1&suffix=loop', 'text/plain', 'no film')).status).toBe(200)
    expect((await attach('clip?suffix=a', 'text/plain', 'a clip')).status).toBe(200)
    expect(await keysOf(id)).toEqual([
      'animated/{id}/1_loop.mp4',
      'derived.variant/{id}/clip-a.v2.txt',
      'meta/{id}.json',
      'thumbnails/{id}.jpg',
      'thumbnails/{id}.v2.jpg',
      'uploaded/{id}.png',
      'uploaded/{id}.v2.png',
    ])
  })

  test('one that is made again has its key back once the reaper has been', async () => {
    await makeThumbnailAgain(id)
    await runEverything(service)
    await askOwner(service, `update stowage.step set due_at = now() where state = 'waiting'`)
    await runEverything(service)
    expect((await service.call(`/v1/assets/${id}/variants/thumbnail`)).status).toBe(200)
    expect(await keysOf(id)).toContain('thumbnails/{id}.v2.jpg')
    expect(await look(service)).toMatchObject(CLEAN)
  })

  test('all of them go with their version', async () => {
    await service.call(`/v1/assets/${id}?purge=true`, { method: 'DELETE' })
    await runEverything(service)
    expect(await keysOf(id)).toEqual([])
    expect(await look(service)).toMatchObject(CLEAN)
  })
})
