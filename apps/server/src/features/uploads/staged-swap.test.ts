import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addressOf } from '../../../test/real-services.ts'
import { newText } from '../../../test/service.ts'
import { openStoreSettings } from '../../../test/store-settings.ts'
import { startTestService, type TestService } from '../../../test/test-service.ts'
import { jobs } from '../../doors/worker/jobs.ts'
import type { ObjectStore } from '../../providers/stores/port.ts'

const SIZE = 200_000
/** The beginning of a program, and as much behind it as the file that was announced. */
const program = Buffer.concat([Buffer.from('7f454c46020101000000000000000000', 'hex'), Buffer.alloc(SIZE - 16)])

let service: TestService

/** Only a store that copies by itself reads what was staged twice: once to look at it, once to copy it. */
describe.skipIf(!addressOf('s3'))('a staged object', () => {
  beforeAll(async () => {
    const { settings } = await openStoreSettings('s3')
    service = await startTestService({ settings })
  })
  afterAll(() => service.stop())

  const post = async ({ url, fields }: { url: string; fields: Record<string, string> }, bytes: Buffer) => {
    const form = new FormData()
    for (const [name, value] of Object.entries(fields)) form.append(name, value)
    form.append('file', new File([bytes], 'a.txt'))
    expect((await fetch(url, { method: 'POST', body: form })).ok).toBe(true)
  }

  test('that is another one by the time it is copied is not kept under the type of the first', async () => {
    const body = { name: 'a.txt', sizeBytes: SIZE, strategy: 'post-policy' }
    const { json: upload } = await service.call('/v1/uploads', { body })
    await post(upload.form, newText(SIZE))
    const store = service.app.stores.get('tested') as ObjectStore
    const { copy } = store
    store.copy = async (key, options) => {
      store.copy = copy
      await post(upload.form, program)
      return copy(key, options)
    }
    await service.call(`/v1/uploads/${upload.id}/complete`, { method: 'POST' })
    await jobs.staged(service.app.worker)
    const state = async () => (await service.call(`/v1/uploads/${upload.id}`)).json
    expect(await state()).toMatchObject({ state: 'completing', assetId: null })
    await makeDue()
    await jobs.staged(service.app.worker)
    expect(await state()).toMatchObject({ state: 'failed', assetId: null, problem: { status: 415 } })
  })

  test('that is another one as soon as it was copied is known by what was copied', async () => {
    const [one, another] = [newText(SIZE), newText(SIZE)]
    const body = { name: 'a.txt', sizeBytes: SIZE, strategy: 'post-policy' }
    const { json: upload } = await service.call('/v1/uploads', { body })
    await post(upload.form, one)
    const store = service.app.stores.get('tested') as ObjectStore
    const { copy } = store
    store.copy = async (key, options) => {
      store.copy = copy
      const receipt = await copy(key, options)
      await post(upload.form, another)
      return receipt
    }
    await service.call(`/v1/uploads/${upload.id}/complete`, { method: 'POST' })
    await jobs.staged(service.app.worker)
    await makeDue()
    await jobs.staged(service.app.worker)
    const { json } = await service.call(`/v1/uploads/${upload.id}`)
    expect(json).toMatchObject({ state: 'done', asset: { sha256: createHash('sha256').update(one).digest('hex') } })
    expect((await service.call(`/v1/assets/${json.assetId}/content`)).bytes.equals(one)).toBe(true)
  })

  test('is removed with all that was sent beside it when its upload is cancelled', async () => {
    const body = { name: 'a.txt', sizeBytes: SIZE, strategy: 'post-policy' }
    const { json: upload } = await service.call('/v1/uploads', { body })
    const prefix = upload.form.fields.key.slice(0, upload.form.fields.key.lastIndexOf('/') + 1)
    for (const name of ['content', 'beside']) {
      await post({ ...upload.form, fields: { ...upload.form.fields, key: `${prefix}${name}` } }, newText(SIZE))
    }
    const store = service.app.stores.get('tested') as ObjectStore
    expect((await store.list({ prefix })).items).toHaveLength(2)
    await service.call(`/v1/uploads/${upload.id}`, { method: 'DELETE' })
    await jobs.reap(service.app.worker)
    expect((await store.list({ prefix })).items).toEqual([])
  })
})

async function makeDue(): Promise<void> {
  const { platform, pools } = service.app
  const { rows } = await pools.sweep.query('select api.all_tenants() as id')
  await platform.inTenant(rows[0].id, (db) =>
    db
      .updateTable('staged_upload')
      .set({ due_at: new Date(0) })
      .execute(),
  )
}
