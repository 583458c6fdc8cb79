import { Readable } from 'node:stream'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { newText, openService, uploadText } from '../../../test/service.ts'
import { startTestService, type TestService } from '../../../test/test-service.ts'
import { jobs } from '../../doors/worker/jobs.ts'
import { withClient } from '../../platform/database/client.ts'
import { createMemoryStore } from '../../providers/stores/memory.ts'
import { type ObjectStore, StoreError } from '../../providers/stores/port.ts'

const SIZE = 200_000
const first = createMemoryStore()
const second = createMemoryStore()
let service: TestService
/** What happens when the second store is about to be written. */
let beforeWrite: () => Promise<unknown>

beforeAll(async () => {
  service = await startTestService({
    settings: { STOWAGE_STORE: 'memory', STOWAGE_SECOND_STORE: 'local', STOWAGE_FALLBACK_STORE: 'none' },
  })
  const put: ObjectStore['put'] = async (key, body, options) => {
    await beforeWrite()
    return second.put(key, body, options)
  }
  service.app.stores.set('memory', first)
  service.app.stores.set('local', { ...second, put })
})
afterAll(() => service?.stop())

beforeEach(() => {
  beforeWrite = async () => {}
})

const asOwner = (text: string) => withClient(service.database.owner, (client) => client.query(text))

async function upload(): Promise<{ id: string; key: string }> {
  const { json } = await uploadText(service.call, newText(SIZE))
  const { copies } = (await service.call(`/v1/assets/${json.id}`)).json
  return { id: json.id, key: copies[0].key }
}

const purge = (id: string) => service.call(`/v1/assets/${id}?purge=true`, { method: 'DELETE' })

async function replicate(): Promise<void> {
  await asOwner('update stowage.copy set wanted_at = now() where wanted_in is not null')
  await jobs.replicate(service.app.worker)
}

async function liveStores(key: string): Promise<string[]> {
  const { rows } = await asOwner(`select store_id from stowage.copy where state = 'live' and sha256 =
    (select sha256 from stowage.copy where key = '${key}') order by store_id`)
  return rows.map(({ store_id }) => store_id)
}

describe('a copy that is wanted in a second store', () => {
  test('is carried nowhere when its bytes are not what they were', async () => {
    const { id, key } = await upload()
    await first.delete(key)
    await first.put(key, Readable.from([newText(SIZE)]))
    await replicate()
    expect(await liveStores(key)).toEqual(['memory'])
    expect(service.errors.join('')).toContain('is not what it was')
    await purge(id)
  })

  test('gets none there, and does not come back, when it was released on the way', async () => {
    const { id, key } = await upload()
    beforeWrite = () => purge(id)
    await replicate()
    expect(await liveStores(key)).toEqual([])
  })
  test('waits under an exact key for the write that failed there to be cleared away', async () => {
    const exact = await openService(service.foundation, service.adminKey, {
      ...service.config,
      port: 0,
      layout: 'dated',
    })
    for (const [name, store] of service.app.stores) exact.app.stores.set(name, store)
    const { json } = await uploadText(exact.call, newText(SIZE))
    const { key } = (await service.call(`/v1/assets/${json.id}`)).json.copies[0]
    const attempt = async () => {
      await asOwner('update stowage.copy set wanted_at = now() where wanted_in is not null')
      await jobs.replicate(exact.app.worker)
      const { rows } = await asOwner(
        `select state from stowage.copy where key = '${key}' and store_id = 'local' order by state`,
      )
      return rows.map(({ state }) => state)
    }
    beforeWrite = () => Promise.reject(new StoreError('unavailable', 'for now'))
    expect(await attempt()).toEqual(['writing'])
    beforeWrite = async () => {}
    expect(await attempt()).toEqual(['writing'])
    await asOwner(`update stowage.copy set due_at = now(), writable_until = now() where state = 'writing'`)
    await jobs.reap(exact.app.worker)
    expect(await attempt()).toEqual(['gone', 'live'])
    await exact.stop()
  })
})
