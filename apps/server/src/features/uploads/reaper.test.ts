import { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type FaultPlan, faultyStore } from '../../../test/faulty-store.ts'
import { newText, openService, type Service, uploadText } from '../../../test/service.ts'
import { startTestService, type TestService } from '../../../test/test-service.ts'
import { jobs } from '../../doors/worker/jobs.ts'
import { withClient } from '../../platform/database/client.ts'
import { createMemoryStore } from '../../providers/stores/memory.ts'
import type { CallOptions, ObjectStore } from '../../providers/stores/port.ts'

interface Copy {
  id: string
  key: string
  state: string
  writable: boolean
  waits: boolean
  due: Date
  now: Date
}

const plan: FaultPlan = {}
let service: TestService
let store: ObjectStore
/** What was done to the bytes, and in which state everybody else saw the copy then. */
let done: string[]
/** What happens when an upload has written its bytes and has not been told so yet. */
let whenWritten: () => Promise<void>

beforeAll(async () => {
  service = await startTestService({ settings: { STOWAGE_STORE: 'memory', STOWAGE_FALLBACK_STORE: 'none' } })
  store = faultyStore(createMemoryStore(), plan)
  const noting = (verb: 'abandon' | 'delete') => async (key: string, options?: CallOptions) => {
    done.push(`${verb} while ${(await newest()).state}`)
    await store[verb](key, options)
  }
  const put: ObjectStore['put'] = async (key, body, options) => {
    const receipt = await store.put(key, body, options)
    await whenWritten()
    return receipt
  }
  service.app.stores.set('memory', { ...store, put, abandon: noting('abandon'), delete: noting('delete') })
})
afterAll(() => service?.stop())

beforeEach(() => {
  done = []
  whenWritten = async () => {}
})

async function newest(): Promise<Copy> {
  const { rows } = await withClient(service.database.owner, (client) =>
    client.query<Copy>(`select id, key, state, coalesce(writable_until > now(), false) as writable, due_at = writable_until as waits,
        due_at as due, now()
      from stowage.copy order by created_at desc limit 1`),
  )
  return rows[0] as Copy
}

async function change(id: string, assignments: string): Promise<void> {
  await withClient(service.database.owner, (client) =>
    client.query(`update stowage.copy set ${assignments} where id = $1`, [id]),
  )
}

/** An upload of which the store lost the answer: its bytes are there and its copy was never finished. */
async function leaveUnfinished(): Promise<Copy> {
  plan.put = { at: 'after', effect: 'fail' }
  expect((await uploadText(service.call, newText(200_000))).status).toBe(503)
  delete plan.put
  return newest()
}

const reap = () => jobs.reap(service.app.worker)

async function openDelayed(): Promise<Service> {
  const config = { ...service.config, port: 0, releaseDelaySeconds: 86_400 }
  const delayed = await openService(service.foundation, service.adminKey, config)
  delayed.app.stores.set('memory', service.app.stores.get('memory') as ObjectStore)
  return delayed
}

function attach({ call }: Service, assetId: string) {
  const headers = { 'content-type': 'text/plain' }
  return call(`/v1/assets/${assetId}/variants/note`, { method: 'PUT', body: newText(200_000), headers })
}

async function stateOf(id: string): Promise<string | undefined> {
  const text = 'select state from stowage.copy where id = $1'
  const { rows } = await withClient(service.database.owner, (client) => client.query<{ state: string }>(text, [id]))
  return rows[0]?.state
}

describe('the reaper', () => {
  test('says that a copy is being removed before it touches its bytes, unfinished ones first, and last that it is gone', async () => {
    const { id, key } = await leaveUnfinished()
    expect(await store.head(key)).toBeDefined()
    await change(id, 'due_at = now(), writable_until = now()')
    await reap()
    expect(done).toEqual(['abandon while releasing', 'delete while releasing'])
    expect(await store.head(key)).toBeUndefined()
    expect(await newest()).toMatchObject({ id, state: 'gone' })
  })

  test('does not say that a copy is gone while its bytes cannot be removed', async () => {
    const { id, key } = await leaveUnfinished()
    await change(id, 'due_at = now(), writable_until = now()')
    plan.delete = { at: 'before', effect: 'fail', times: 1 }
    await reap()
    expect(await newest()).toMatchObject({ id, state: 'releasing' })
    await reap()
    expect(await store.head(key)).toBeUndefined()
    expect(await newest()).toMatchObject({ id, state: 'gone' })
  })

  test('removes again what was written after it came, once nobody may write it any more', async () => {
    const { id, key, writable } = await leaveUnfinished()
    expect(writable).toBe(true)
    await change(id, 'due_at = now()')
    await reap()
    expect(await newest()).toMatchObject({ id, state: 'releasing', waits: true })
    await store.put(key, Readable.from([Buffer.from('late')]))
    await reap()
    expect(done).toHaveLength(2)
    await change(id, 'due_at = now(), writable_until = now()')
    await reap()
    expect(done).toHaveLength(4)
    expect(await store.head(key)).toBeUndefined()
    expect(await newest()).toMatchObject({ id, state: 'gone' })
  })
  test('makes the commit of an upload fail whose copy it has taken', async () => {
    whenWritten = async () => {
      await change((await newest()).id, 'due_at = now()')
      await reap()
    }
    const answer = await uploadText(service.call, newText(200_000), { name: 'taken.txt' })
    expect(answer.json.code).toBe('upload.lost')
    expect(await newest()).toMatchObject({ state: 'releasing' })
    expect((await service.call('/v1/assets?name=taken.txt')).json.items).toEqual([])
  })
  test('leaves an upload alone that lasts longer than its lease, as long as that gives signs of life', async () => {
    const config = { ...service.config, port: 0, uploadLeaseSeconds: 2 }
    const brief = await openService(service.foundation, service.adminKey, config)
    brief.app.stores.set('memory', service.app.stores.get('memory') as ObjectStore)
    whenWritten = async () => {
      const { due } = await newest()
      while ((await newest()).now <= due) await pause(50)
      await reap()
    }
    expect((await uploadText(brief.call, newText(200_000))).status).toBe(201)
    expect(done).toEqual([])
    await brief.stop()
  })
  test('leaves a variant alone that is being written, and makes its commit fail once it has taken its bytes', async () => {
    const { json } = await uploadText(service.call, newText(100))
    whenWritten = async () => {
      await reap()
      const { id, writable, due, now } = await newest()
      expect({ writable, isDue: due <= now, done }).toEqual({ writable: true, isDue: false, done: [] })
      await change(id, 'due_at = now()')
      await reap()
    }
    const answer = await attach(service, json.id)
    expect(answer.json.code).toBe('upload.lost')
    expect(await newest()).toMatchObject({ state: 'releasing' })
    expect((await service.call(`/v1/assets/${json.id}/variants/note`)).json.code).toBe('variant.notFound')
  })
  test('keeps what was purged for as long as a backup that knows it may be restored', async () => {
    const delayed = await openDelayed()
    const { json } = await uploadText(delayed.call, newText(200_000))
    const { id, key } = await newest()
    await delayed.call(`/v1/assets/${json.id}?purge=true`, { method: 'DELETE' })
    await reap()
    expect(await newest()).toMatchObject({ id, state: 'releasing' })
    expect(await store.head(key)).toBeDefined()
    await change(id, `due_at = due_at - interval '1 day'`)
    await reap()
    expect(await store.head(key)).toBeUndefined()
    await delayed.stop()
  })
  test('keeps the bytes of a variant as long that was replaced, removed, or purged with its file', async () => {
    const delayed = await openDelayed()
    const { json } = await uploadText(delayed.call, newText(100))
    const path = `/v1/assets/${json.id}`
    const after = {
      replaced: () => attach(delayed, json.id),
      removed: () => delayed.call(`${path}/variants/note`, { method: 'DELETE' }),
      purged: () => delayed.call(`${path}?purge=true`, { method: 'DELETE' }),
    }
    for (const [what, change] of Object.entries(after)) {
      if (what !== 'removed') await attach(delayed, json.id)
      const { id, key } = await newest()
      await change()
      await reap()
      expect([what, await stateOf(id), await store.head(key)]).toMatchObject([
        what,
        'releasing',
        { storedBytes: 200_000 },
      ])
    }
    await delayed.stop()
  })
})
