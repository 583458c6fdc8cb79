import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { beforeEach, describe, expect, test } from 'vitest'
import { type FaultPlan, faultyStore } from '../../../test/faulty-store.ts'
import { describeObjectStore } from './conformance.ts'
import { createMemoryStore } from './memory.ts'
import { type ObjectStore, StoreError } from './port.ts'
import { type RetryPolicy, retrying } from './retrying.ts'

const policy: RetryPolicy = { attempts: 4, totalMs: 10_000, baseMs: 100, maxDelayMs: 1000 }

describeObjectStore('retrying', async () => {
  const store = retrying(createMemoryStore(), policy)
  return { store, close: () => store.close() }
})

describe('retrying', () => {
  let plan: FaultPlan
  let delays: number[]
  let elapsedMs: number
  let store: ObjectStore
  const open = (changes: Partial<RetryPolicy> = {}) => {
    return retrying(faultyStore(createMemoryStore(), plan), {
      ...policy,
      sleep: async (ms) => {
        delays.push(ms)
        elapsedMs += ms
      },
      now: () => elapsedMs,
      random: () => 0.5,
      ...changes,
    })
  }
  beforeEach(() => {
    plan = {}
    delays = []
    elapsedMs = 0
    store = open()
  })
  const body = () => Readable.from([Buffer.from('one'), Buffer.from('two')], { objectMode: false })

  test('tries again after a random part of a delay that doubles', async () => {
    plan.head = { at: 'before', effect: 'fail', times: 3 }
    expect(await store.head('a')).toBeUndefined()
    expect(delays).toEqual([50, 100, 200])
  })

  test.each(['head', 'delete', 'abandon', 'list', 'get', 'put'] as const)('tries %s again', async (verb) => {
    if (verb !== 'put') await store.put('a', body())
    plan[verb] = { at: 'before', effect: 'fail', kind: 'throttled', times: 2 }
    const work = {
      head: () => store.head('a'),
      delete: () => store.delete('a'),
      abandon: () => store.abandon('a'),
      list: () => store.list({}),
      get: () => store.get('a'),
      put: () => store.put('a', body()),
    }[verb]
    await work()
    expect(delays).toHaveLength(2)
  })

  test('gives up after its attempts, with the last error', async () => {
    plan.head = { at: 'before', effect: 'fail' }
    await expect(store.head('a')).rejects.toMatchObject({ kind: 'unavailable' })
    expect(delays).toHaveLength(3)
  })

  test('gives up when its time would be over', async () => {
    store = open({ attempts: 100, totalMs: 1000 })
    plan.head = { at: 'before', effect: 'fail' }
    await expect(store.head('a')).rejects.toMatchObject({ kind: 'unavailable' })
    expect(delays).toEqual([50, 100, 200, 400])
  })

  test('waits no longer than the longest delay', async () => {
    store = open({ attempts: 8, maxDelayMs: 300 })
    plan.head = { at: 'before', effect: 'fail', times: 7 }
    await store.head('a')
    expect(delays).toEqual([50, 100, 150, 150, 150, 150, 150])
  })

  test.each(['notFound', 'denied', 'full', 'corrupt'] as const)('does not try again after %s', async (kind) => {
    plan.delete = { at: 'before', effect: 'fail', kind }
    await expect(store.delete('a')).rejects.toMatchObject({ kind })
    expect(delays).toEqual([])
  })

  test('does not repeat a put of which a byte was read', async () => {
    plan.put = { at: { bytes: 1 }, effect: 'fail', times: 1 }
    await expect(store.put('a', body())).rejects.toMatchObject({ kind: 'unavailable' })
    expect(delays).toEqual([])
  })

  test('does not repeat a put whose acknowledgement was lost', async () => {
    plan.put = { at: 'after', effect: 'fail', times: 1 }
    await expect(store.put('a', body())).rejects.toMatchObject({ kind: 'unavailable' })
    expect(delays).toEqual([])
  })

  test('stores the whole body when an attempt failed before its first byte', async () => {
    plan.put = { at: 'before', effect: 'fail', times: 2 }
    await store.put('a', body())
    expect((await buffer((await store.get('a')).body)).toString()).toBe('onetwo')
  })

  test('destroys the body of a put that it gives up', async () => {
    plan.put = { at: 'before', effect: 'fail' }
    const unread = body()
    await expect(store.put('a', unread)).rejects.toMatchObject({ kind: 'unavailable' })
    expect(unread.destroyed).toBe(true)
  })

  test('opens a stream again that fails before its first byte, and passes on a later failure', async () => {
    const inner = createMemoryStore()
    await inner.put('a', body())
    let opened = 0
    const flaky: ObjectStore = {
      ...inner,
      get: async (key, options) => {
        const stored = await inner.get(key, options)
        if (++opened > 2) return stored
        const failing = new Readable({ read: () => failing.destroy(new StoreError('unavailable', 'reset')) })
        return { ...stored, body: failing }
      },
    }
    const retried = retrying(flaky, { ...policy, sleep: async (ms) => delays.push(ms) })
    expect((await buffer((await retried.get('a')).body)).toString()).toBe('onetwo')
    expect(delays).toHaveLength(2)
    plan.get = { at: { bytes: 4 }, effect: 'fail' }
    await store.put('a', body())
    const { body: broken } = await store.get('a')
    await expect(buffer(broken)).rejects.toMatchObject({ kind: 'unavailable' })
  })

  test('waits no longer than the signal', async () => {
    store = open({ sleep: () => new Promise(() => {}) })
    plan.head = { at: 'before', effect: 'fail' }
    const reason = new Error('enough')
    const abort = new AbortController()
    const waiting = store.head('a', { signal: abort.signal })
    setTimeout(() => abort.abort(reason), 10)
    await expect(waiting).rejects.toBe(reason)
  })

  test('sleeps by the clock unless it is told how', async () => {
    store = retrying(faultyStore(createMemoryStore(), plan), { ...policy, baseMs: 1 })
    plan.head = { at: 'before', effect: 'fail', times: 3 }
    expect(await store.head('a')).toBeUndefined()
  })
})
