import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { type FaultPlan, faultyStore } from '../../../test/faulty-store.ts'
import { describeObjectStore } from './conformance.ts'
import { measured, type StoreObservation } from './measured.ts'
import { createMemoryStore } from './memory.ts'
import type { ObjectStore } from './port.ts'
import { retrying } from './retrying.ts'

describeObjectStore('measured', async () => {
  const store = measured(createMemoryStore(), { store: 'memory', observe: () => {} })
  return { store, close: () => store.close() }
})

describe('measured', () => {
  let plan: FaultPlan
  let seen: StoreObservation[]
  let store: ObjectStore
  beforeEach(() => {
    plan = {}
    seen = []
    let clock = 0
    store = measured(faultyStore(createMemoryStore(), plan), {
      store: 'main',
      observe: (observation) => seen.push(observation),
      now: () => (clock += 5),
    })
  })
  const put = (size: number, signal?: AbortSignal) => {
    return store.put('a', Readable.from([Buffer.alloc(size)], { objectMode: false }), { signal })
  }

  test('tells of each operation once', async () => {
    await put(100)
    await store.head('a')
    await store.list({ prefix: 'x' })
    await store.abandon('a')
    await store.delete('a')
    const rest = { store: 'main', durationMs: 5, attempt: 1, requestId: undefined, outcome: 'ok' }
    expect(seen).toEqual([
      { verb: 'put', key: 'a', bytes: 100, ...rest },
      { verb: 'head', key: 'a', bytes: 0, ...rest },
      { verb: 'list', key: 'x', bytes: 0, ...rest },
      { verb: 'abandon', key: 'a', bytes: 0, ...rest },
      { verb: 'delete', key: 'a', bytes: 0, ...rest },
    ])
  })

  test('tells for which request an operation was, and which try it was', async () => {
    plan.head = { at: 'before', effect: 'fail' }
    const watched = retrying(store, { attempts: 2, totalMs: 1000, baseMs: 1, maxDelayMs: 1 })
    await expect(watched.head('a', { requestId: 'req_1' })).rejects.toThrow()
    expect(seen).toMatchObject([
      { attempt: 1, requestId: 'req_1', outcome: 'unavailable' },
      { attempt: 2, requestId: 'req_1', outcome: 'unavailable' },
    ])
  })

  test('tells of a read when its stream has ended, and not before', async () => {
    await put(1000)
    seen = []
    const { body } = await store.get('a', { range: { start: 0, end: 99 } })
    await new Promise(setImmediate)
    expect(seen).toEqual([])
    await buffer(body)
    await vi.waitFor(() => expect(seen).toMatchObject([{ verb: 'get', bytes: 100, outcome: 'ok' }]))
  })

  test('tells of a read that its reader stopped', async () => {
    await put(5_000_000)
    seen = []
    const { body } = await store.get('a')
    for await (const _ of body) break
    await vi.waitFor(() => expect(seen).toMatchObject([{ verb: 'get', outcome: 'aborted' }]))
    expect(seen[0]!.bytes).toBeLessThan(5_000_000)
  })

  test('tells of a read that failed in the middle', async () => {
    await put(500_000)
    seen = []
    plan.get = { at: { bytes: 300_000 }, effect: 'fail' }
    const { body } = await store.get('a')
    await expect(buffer(body)).rejects.toMatchObject({ kind: 'unavailable' })
    await vi.waitFor(() => expect(seen).toMatchObject([{ bytes: 300_000, outcome: 'unavailable' }]))
  })

  test('tells by which kind of error an operation failed', async () => {
    await expect(store.get('a')).rejects.toThrow()
    plan.put = { at: 'after', effect: 'fail', kind: 'full' }
    await expect(put(1)).rejects.toThrow()
    plan.delete = { at: 'before', effect: 'fail', kind: 'denied' }
    await expect(store.delete('a')).rejects.toThrow()
    expect(seen).toMatchObject([{ outcome: 'notFound' }, { outcome: 'full' }, { outcome: 'denied' }])
  })

  test('tells an abort and a body that failed from errors of the store', async () => {
    await expect(put(1, AbortSignal.abort())).rejects.toThrow()
    const failing = new Readable({ read() {} })
    const putting = store.put('b', failing)
    failing.destroy(new Error('gone'))
    await expect(putting).rejects.toThrow('gone')
    expect(seen).toMatchObject([{ outcome: 'aborted' }, { outcome: 'failed' }])
  })
})
