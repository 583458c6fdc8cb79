import { afterEach, describe, expect, test } from 'vitest'
import { runEverything } from '../../../test/at-rest.ts'
import { addressOf } from '../../../test/real-services.ts'
import { newText, uploadText } from '../../../test/service.ts'
import { openStoreSettings } from '../../../test/store-settings.ts'
import { startTestService, type TestService } from '../../../test/test-service.ts'
import { jobs } from '../../doors/worker/jobs.ts'
import type { StoredInfo } from '../../providers/stores/port.ts'

const LARGE_BYTES = 200_000
const NAME = 'Ετήσια αναφορά 2026.txt'

let close: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const each of close.reverse()) await each()
  close = []
})

async function startOn(kind: string, settings: Record<string, string>): Promise<TestService> {
  const place = await openStoreSettings(kind)
  close.push(place.close)
  const service = await startTestService({ settings: { ...place.settings, ...settings } })
  close.push(service.stop)
  return service
}

async function copyIn({ call, app }: TestService, assetId: string, storeId: string): Promise<StoredInfo | undefined> {
  const { copies } = (await call(`/v1/assets/${assetId}`)).json
  const { key } = copies.find(
    (each: { store: string; state: string }) => each.store === storeId && each.state === 'live',
  )
  return app.stores.get(storeId)?.head(key)
}

describe.each(['gcs', 's3', 'azure'] as const)('a bucket of %s', (kind) => {
  const absent = kind !== 'gcs' && !addressOf(kind)

  test.skipIf(absent)('says of each version what it is and whose, under a layout of exact keys', async () => {
    const service = await startOn(kind, { STOWAGE_LAYOUT: 'dated' })
    const { json } = await uploadText(service.call, newText(LARGE_BYTES), { name: NAME })
    const said = { name: NAME, type: 'document_upload', owner: 'system', asset: json.id, version: '1' }
    expect(await copyIn(service, json.id, 'tested')).toMatchObject({ contentType: 'text/plain', metadata: said })
  })

  test.skipIf(absent)('says so of what was sent to it directly', async () => {
    const service = await startOn(kind, { STOWAGE_LAYOUT: 'dated' })
    const bytes = newText(LARGE_BYTES)
    const body = { name: NAME, sizeBytes: bytes.length, strategy: 'single-put' }
    const { json: upload } = await service.call('/v1/uploads', { body })
    const { method, url, headers } = upload.request
    expect((await fetch(url, { method, headers, body: bytes })).ok).toBe(true)
    await service.call(`/v1/uploads/${upload.id}/complete`, { method: 'POST' })
    await jobs.staged(service.app.worker)
    const { assetId } = (await service.call(`/v1/uploads/${upload.id}`)).json
    expect(await copyIn(service, assetId, 'tested')).toMatchObject({ metadata: { name: NAME, asset: assetId } })
  })

  test.skipIf(absent)('says so of a second copy', async () => {
    const service = await startOn(kind, {
      STOWAGE_LAYOUT: 'dated',
      STOWAGE_STORE: 'local',
      STOWAGE_SECOND_STORE: 'tested',
    })
    const { json } = await uploadText(service.call, newText(LARGE_BYTES), { name: NAME })
    await runEverything(service)
    expect(await copyIn(service, json.id, 'tested')).toMatchObject({
      contentType: 'text/plain',
      metadata: { name: NAME, asset: json.id },
    })
  })

  test.skipIf(absent)('says nothing of bytes that several may share', async () => {
    const service = await startOn(kind, { STOWAGE_LAYOUT: 'default' })
    const { json } = await uploadText(service.call, newText(LARGE_BYTES), { name: NAME })
    const stored = await copyIn(service, json.id, 'tested')
    expect(JSON.stringify(stored)).not.toContain(json.id)
    expect(stored?.metadata ?? {}).toEqual({})
  })
})
