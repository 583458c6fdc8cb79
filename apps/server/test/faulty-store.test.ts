import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { describeObjectStore } from '../src/providers/stores/conformance.ts'
import { createMemoryStore } from '../src/providers/stores/memory.ts'
import { type FaultPlan, faultyStore } from './faulty-store.ts'

describeObjectStore('a faulty store without faults', async () => {
  const store = faultyStore(createMemoryStore(), {})
  return { store, close: () => store.close() }
})

describe('a faulty store', () => {
  const body = () => Readable.from([Buffer.alloc(100), Buffer.alloc(100)], { objectMode: false })

  test('fails before, in the middle and after, and works again when the plan says so', async () => {
    const plan: FaultPlan = { put: { at: 'before', effect: 'fail', kind: 'full' } }
    const store = faultyStore(createMemoryStore(), plan)
    await expect(store.put('a', body())).rejects.toMatchObject({ kind: 'full' })
    expect((await store.list({})).items).toEqual([])
    plan.put = { at: { bytes: 150 }, effect: 'fail' }
    await expect(store.put('a', body())).rejects.toMatchObject({ kind: 'unavailable' })
    expect((await store.list({})).items).toMatchObject([{ storedBytes: 150, unfinished: true }])
    plan.put = { at: 'after', effect: 'fail', times: 1 }
    await expect(store.put('a', body())).rejects.toMatchObject({ kind: 'unavailable' })
    expect(await store.head('a')).toMatchObject({ storedBytes: 200 })
    await store.put('b', body())
  })

  test('ends bytes early, in either direction', async () => {
    const plan: FaultPlan = { put: { at: { bytes: 50 }, effect: 'short', times: 1 } }
    const store = faultyStore(createMemoryStore(), plan)
    expect(await store.put('a', body(), { sizeBytes: 200 })).toMatchObject({ storedBytes: 50 })
    plan.get = { at: { bytes: 20 }, effect: 'short' }
    expect(await buffer((await store.get('a')).body)).toHaveLength(20)
  })

  test.each(['before', 'after', { bytes: 10 }] as const)('hangs %s until the signal aborts', async (at) => {
    const store = faultyStore(createMemoryStore(), { put: { at, effect: 'hang' } })
    const abort = new AbortController()
    const putting = store.put('a', body(), { signal: abort.signal })
    setTimeout(() => abort.abort(new Error('enough')), 10)
    await expect(putting).rejects.toThrow('enough')
  })
})
