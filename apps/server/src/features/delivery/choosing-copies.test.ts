import { Readable } from 'node:stream'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { newText, openService, type Service, uploadText } from '../../../test/service.ts'
import { startTestService, type TestService } from '../../../test/test-service.ts'
import { jobs } from '../../doors/worker/jobs.ts'
import { withClient } from '../../platform/database/client.ts'
import { createMemoryStore } from '../../providers/stores/memory.ts'
import type { ObjectStore } from '../../providers/stores/port.ts'

const SIZE = 200_000
/** Bytes are shared, but by one user's assets alone. */
const BY_USER = JSON.stringify({
  name: 'by_user',
  templates: { original: 'users/{user}/{id}' },
  isolation: { scope: 'user', prefix: 'users/{user}/' },
  keys: 'perObject',
})

let base: TestService
const opened: Service[] = []
const stores = { memory: createMemoryStore(), local: createMemoryStore() }
/** Where bytes were read from. */
let reads: { store: string; key: string }[]

beforeAll(async () => {
  base = await startTestService()
})
afterAll(async () => {
  for (const service of opened) await service.stop()
  await base?.stop()
})
beforeEach(() => {
  reads = []
})

/** A service with the same bytes and rows as the others, of which it is seen where it reads. */
async function open(settings: { layout?: string; secondStore?: string }): Promise<Service> {
  const config = { ...base.config, port: 0, store: 'memory', fallbackStore: 'none', ...settings }
  const service = await openService(base.foundation, base.adminKey, config)
  for (const [name, inner] of Object.entries(stores)) {
    const get: ObjectStore['get'] = (key, options) => {
      reads.push({ store: name, key })
      return inner.get(key, options)
    }
    service.app.stores.set(name, { ...inner, get })
  }
  opened.push(service)
  return service
}

async function upload(service: Service, bytes: Buffer, secret?: string): Promise<{ id: string; ownerId: string }> {
  const answer = await uploadText(service.call, bytes, secret === undefined ? {} : { secret })
  expect(answer.status).toBe(201)
  reads = []
  return answer.json
}

async function expectWhole(service: Service, id: string, bytes: Buffer): Promise<void> {
  const answer = await service.call(`/v1/assets/${id}/content`)
  expect(answer.status).toBe(200)
  expect(answer.bytes.equals(bytes)).toBe(true)
}

const asOwner = (text: string) => withClient(base.database.owner, (client) => client.query(text))

describe('a version under a layout that keeps users apart', () => {
  test("has a copy in its owner's scope, is read from there alone, and outlives the other's", async () => {
    const service = await open({ layout: BY_USER })
    const secrets = await Promise.all(
      ['one', 'other'].map(
        async (name) => (await service.call('/v1/api-keys', { body: { name, role: 'editor' } })).json,
      ),
    )
    const bytes = newText(SIZE)
    const [one, other] = [
      await upload(service, bytes, secrets[0].secret),
      await upload(service, bytes, secrets[1].secret),
    ]
    for (const asset of [one, other]) {
      reads = []
      await expectWhole(service, asset.id, bytes)
      expect(reads.map(({ key }) => key)).toEqual([expect.stringContaining(`users/${asset.ownerId}/`)])
      await stores.memory.delete(reads[0]?.key as string)
      expect((await service.call(`/v1/assets/${asset.id}/content`)).status).toBeGreaterThanOrEqual(400)
      for (const { key } of reads) expect(key).toContain(`users/${asset.ownerId}/`)
      await stores.memory.put(reads[0]?.key as string, Readable.from([bytes]))
    }
    await service.call(`/v1/assets/${one.id}?purge=true`, { method: 'DELETE' })
    await jobs.reap(service.app.worker)
    const { rows } = await asOwner(`select key, state from stowage.copy where scope like 'user/%' order by created_at`)
    expect(rows.map(({ state }) => state)).toEqual(['gone', 'live'])
    await expectWhole(service, other.id, bytes)
  })
})

describe('of several live copies', () => {
  test('readers take the one whose placement ranks first, another one once that rank is changed, and none that is released', async () => {
    const service = await open({ secondStore: 'local' })
    const bytes = newText(SIZE)
    const { id } = await upload(service, bytes)
    await asOwner('update stowage.copy set wanted_at = now() where wanted_in is not null')
    await jobs.replicate(service.app.worker)
    reads = []
    await expectWhole(service, id, bytes)
    expect(reads.map(({ store }) => store)).toEqual(['memory'])
    await asOwner('update stowage.placement set rank = -rank')
    reads = []
    await expectWhole(service, id, bytes)
    expect(reads.map(({ store }) => store)).toEqual(['local'])
    await asOwner(`update stowage.copy set state = 'releasing', due_at = now() where store_id = 'local'`)
    reads = []
    await expectWhole(service, id, bytes)
    expect(reads.map(({ store }) => store)).toEqual(['memory'])
    await asOwner('update stowage.placement set rank = -rank')
  })

  test('a version under a per-version layout is read from its own, however the shared one ranks', async () => {
    const exact = await open({ layout: 'dated' })
    const shared = await open({ layout: 'default' })
    const bytes = newText(SIZE)
    const { id } = await upload(exact, bytes)
    await upload(shared, bytes)
    await asOwner(`update stowage.placement set rank = case layout when 'default' then -1 else rank end`)
    await expectWhole(exact, id, bytes)
    expect(reads.map(({ key }) => key)).toEqual([expect.stringContaining(id)])
  })
})
