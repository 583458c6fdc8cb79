import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { send } from '../../src/providers/stores/conformance-presigned.ts'
import { addressOf } from '../real-services.ts'
import { newText } from '../service.ts'
import { openStoreSettings } from '../store-settings.ts'
import { startTestService } from '../test-service.ts'

const MIB = 1024 * 1024
const UPLOAD_SECONDS = 60
const LEFT_SECONDS = 3

describe.skipIf(!addressOf('s3'))('a request that is signed near the end of an upload', () => {
  test('ends with it, whatever was asked for: the store refuses it afterwards', { timeout: 30_000 }, async () => {
    let aheadMs = 0
    const store = await openStoreSettings('s3')
    const service = await startTestService({
      settings: store.settings,
      clock: () => new Date(Date.now() + aheadMs),
    })
    const { call } = service
    const body = { name: 'a.txt', sizeBytes: 9 * MIB, strategy: 'multipart', expiresInSeconds: UPLOAD_SECONDS }
    const { json: upload } = await call('/v1/uploads', { body })
    aheadMs = (UPLOAD_SECONDS - LEFT_SECONDS) * 1000
    const asked = { numbers: [1, 2], expiresInSeconds: 3600 }
    const { json } = await call(`/v1/uploads/${upload.id}/parts`, { body: asked })
    const [first, second] = json.items
    expect((await send(second, newText(MIB))).status).toBe(200)
    await wait((LEFT_SECONDS + 1) * 1000)
    expect((await send(first, newText(8 * MIB))).status).toBe(403)
    expect((await send(second, newText(MIB))).status).toBe(403)
    expect(await call(`/v1/uploads/${upload.id}/complete`, { method: 'POST' })).toMatchObject({
      status: 410,
      json: { code: 'upload.expired' },
    })
    await service.stop()
    await store.close()
  })
})
