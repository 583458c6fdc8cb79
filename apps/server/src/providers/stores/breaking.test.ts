import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { beforeEach, describe, expect, test } from 'vitest'
import { type FaultPlan, faultyStore } from '../../../test/faulty-store.ts'
import { type BreakerState, type BreakingStore, breaking } from './breaking.ts'
import { describeObjectStore } from './conformance.ts'
import { createMemoryStore } from './memory.ts'
import { type ObjectStore, StoreError, type StoreErrorKind } from './port.ts'

const FAILURES = 3
const OPEN_MS = 10_000

describeObjectStore('breaking', async () => {
  const store = breaking(createMemoryStore(), { failures: FAILURES, openMs: OPEN_MS }, () => {})
  return { store, close: () => store.close() }
})

let plan: FaultPlan
let nowMs: number
let changes: BreakerState[]
let asked: number
let memory: ObjectStore
let store: BreakingStore

beforeEach(() => {
  plan = {}
  nowMs = 1_000_000
  changes = []
  asked = 0
  memory = createMemoryStore()
  store = over(faultyStore(memory, plan))
})

function over(inner: ObjectStore): BreakingStore {
  const counted: ObjectStore = {
    ...inner,
    head: (key, options) => {
      asked += 1
      return inner.head(key, options)
    },
  }
  return breaking(counted, { failures: FAILURES, openMs: OPEN_MS, now: () => nowMs }, (state) => changes.push(state))
}

const body = (bytes = 'content') => Readable.from([Buffer.from(bytes)], { objectMode: false })
const kindOf = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error) => error.kind as StoreErrorKind,
  )

async function fail(times: number, kind: StoreErrorKind = 'unavailable'): Promise<void> {
  plan.head = { at: 'before', effect: 'fail', kind, times }
  for (let time = 0; time < times; time++) expect(await kindOf(store.head('a'))).toBe(kind)
}

describe('a breaker', () => {
  test('opens after so many failures in a row, and not before', async () => {
    await fail(FAILURES - 1)
    expect(store.state()).toBe('closed')
    await fail(1)
    expect(store.state()).toBe('open')
    expect(changes).toEqual(['open'])
  })

  test('counts from the beginning after a success', async () => {
    await fail(FAILURES - 1)
    await store.head('a')
    await fail(FAILURES - 1)
    expect(changes).toEqual([])
  })

  test('passes every answer on as it is while it is closed', async () => {
    await store.put('a', body())
    expect((await buffer((await store.get('a')).body)).toString()).toBe('content')
    expect(await kindOf(store.get('b'))).toBe('notFound')
    expect(await kindOf(store.put('a', body()))).toBe('exists')
  })

  test('counts the failures of every operation', async () => {
    await store.put('a', body())
    const works = {
      put: () => store.put('b', body()),
      get: () => store.get('a'),
      head: () => store.head('a'),
      delete: () => store.delete('a'),
      abandon: () => store.abandon('a'),
      list: () => store.list({}),
    }
    for (const [verb, work] of Object.entries(works)) {
      store = over(faultyStore(memory, plan))
      plan[verb as keyof FaultPlan] = { at: 'before', effect: 'fail', times: FAILURES }
      for (let time = 0; time < FAILURES; time++) expect(await kindOf(work())).toBe('unavailable')
      expect([verb, store.state()]).toEqual([verb, 'open'])
    }
  })

  test('counts the failures of an operation that only some stores have', async () => {
    store = over({ ...memory, copy: () => Promise.reject(new StoreError('unavailable', 'away')) })
    for (let time = 0; time < FAILURES; time++) await kindOf(store.copy('a', { to: 'b', sizeBytes: 1 }))
    expect(store.state()).toBe('open')
  })
})

describe('an open breaker', () => {
  beforeEach(() => fail(FAILURES))

  test('refuses every operation at once, asks the store nothing and says when it will', async () => {
    asked = 0
    nowMs += 2500
    const sent = body()
    const refused = { name: 'StoreError', kind: 'unavailable', message: expect.stringContaining('again in 8 s') }
    await expect(store.put('a', sent)).rejects.toMatchObject(refused)
    await expect(store.get('a')).rejects.toMatchObject(refused)
    await expect(store.head('a')).rejects.toMatchObject(refused)
    await expect(store.delete('a')).rejects.toMatchObject(refused)
    await expect(store.abandon('a')).rejects.toMatchObject(refused)
    await expect(store.list({})).rejects.toMatchObject(refused)
    await expect(store.presignGet('a', { expiresInSeconds: 1 })).rejects.toMatchObject(refused)
    expect(sent.destroyed).toBe(true)
    expect(asked).toBe(0)
    expect((await memory.list({})).items).toEqual([])
  })

  test('survives a body that fails as it is refused', async () => {
    const sent = new Readable({ read() {} })
    const putting = store.put('a', sent)
    sent.destroy(new Error('the sender went away'))
    await expect(putting).rejects.toMatchObject({ kind: 'unavailable' })
  })

  test('lets one operation through when its time is over, and all when that one succeeds', async () => {
    nowMs += OPEN_MS - 1
    expect(await kindOf(store.head('a'))).toBe('unavailable')
    expect(store.state()).toBe('open')
    nowMs += 1
    expect(store.state()).toBe('halfOpen')
    expect(changes).toEqual(['open'])
    const probe = store.head('a')
    expect(store.state()).toBe('halfOpen')
    await expect(store.head('a')).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('10 s'),
    })
    expect(await probe).toBeUndefined()
    expect(changes).toEqual(['open', 'halfOpen', 'closed'])
    await store.head('a')
  })

  test('stays open as long again when that one fails', async () => {
    nowMs += OPEN_MS
    await fail(1)
    expect(changes).toEqual(['open', 'halfOpen', 'open'])
    nowMs += OPEN_MS - 1
    expect(await kindOf(store.head('a'))).toBe('unavailable')
    nowMs += 1
    await store.head('a')
    expect(store.state()).toBe('closed')
  })

  test('counts to the same number again after it has closed', async () => {
    nowMs += OPEN_MS
    await store.head('a')
    await fail(FAILURES - 1)
    expect(store.state()).toBe('closed')
  })

  test('lets another one through when the first says nothing about the store', async () => {
    nowMs += OPEN_MS
    expect(await kindOf(store.head(''))).toBe('badKey')
    expect(store.state()).toBe('halfOpen')
    await store.head('a')
    expect(store.state()).toBe('closed')
  })

  test('lets another one through beside a first that takes as long as it was open', async () => {
    nowMs += OPEN_MS
    plan.head = { at: 'before', effect: 'hang', times: 1 }
    const abort = new AbortController()
    const slow = store.head('a', { signal: abort.signal })
    nowMs += OPEN_MS - 1
    expect(await kindOf(store.head('a'))).toBe('unavailable')
    nowMs += 1
    await store.head('a')
    expect(store.state()).toBe('closed')
    abort.abort(new Error('enough'))
    await expect(slow).rejects.toThrow('enough')
  })

  test('is not held open by failures of what began before it opened', async () => {
    const late = Promise.withResolvers<never>()
    store = over({ ...memory, list: () => late.promise, head: () => Promise.reject(new StoreError('unavailable', '')) })
    changes = []
    const begunBefore = store.list({})
    for (let time = 0; time < FAILURES; time++) await kindOf(store.head('a'))
    nowMs += OPEN_MS - 1
    late.reject(new StoreError('unavailable', 'at last'))
    await kindOf(begunBefore)
    nowMs += 1
    void kindOf(store.list({}))
    expect(changes).toEqual(['open', 'halfOpen'])
  })
})

describe('what is neither a failure nor a success', () => {
  const kinds: StoreErrorKind[] = [
    'badKey',
    'badSize',
    'badRange',
    'denied',
    'full',
    'throttled',
    'corrupt',
    'unsupported',
  ]
  test.each(kinds)('is %s: it does not open a breaker, nor does it keep one from opening', async (kind) => {
    await fail(FAILURES, kind)
    expect(store.state()).toBe('closed')
    await fail(FAILURES - 1)
    await fail(1, kind)
    await fail(1)
    expect(store.state()).toBe('open')
  })

  test.each(['notFound', 'exists'] as const)('is not %s, which only a store that is there can say', async (kind) => {
    await fail(FAILURES - 1)
    await fail(1, kind)
    await fail(FAILURES - 1)
    expect(store.state()).toBe('closed')
  })

  test('is an abort, whatever the store then throws', async () => {
    plan.head = { at: 'before', effect: 'fail' }
    for (let time = 0; time < FAILURES; time++) {
      expect(await kindOf(store.head('a', { signal: AbortSignal.abort() }))).toBe('unavailable')
    }
    expect(store.state()).toBe('closed')
  })

  test('is the failure of the body of a put, though it be that of another store', async () => {
    for (let time = 0; time < FAILURES; time++) {
      const sent = new Readable({
        read() {
          this.destroy(new StoreError('unavailable', 'the other store is away'))
        },
      })
      expect(await kindOf(store.put('a', sent))).toBe('unavailable')
    }
    expect(store.state()).toBe('closed')
  })

  test('is a request that is signed without asking the store', async () => {
    const signed = { method: 'GET' as const, url: 'http://store/a', headers: {}, expiresAt: new Date() }
    const inner = faultyStore({ ...memory, presignGet: async () => signed }, plan)
    store = over(inner)
    await fail(FAILURES - 1)
    await store.presignGet('a', { expiresInSeconds: 1 })
    await fail(1)
    expect(store.state()).toBe('open')
  })
})

describe('the stream of a read', () => {
  beforeEach(() => memory.put('a', Readable.from([Buffer.alloc(600_000)], { objectMode: false })))

  test('counts as a failure when it fails, though it was opened', async () => {
    plan.get = { at: { bytes: 300_000 }, effect: 'fail', times: FAILURES }
    for (let time = 0; time < FAILURES; time++) {
      expect(store.state()).toBe('closed')
      const { body: read } = await store.get('a')
      await expect(buffer(read)).rejects.toMatchObject({ kind: 'unavailable' })
    }
    expect(store.state()).toBe('open')
  })

  test('is a success at its end, and not before', async () => {
    await fail(FAILURES)
    nowMs += OPEN_MS
    const { body: read } = await store.get('a')
    expect(store.state()).toBe('halfOpen')
    await buffer(read)
    expect(store.state()).toBe('closed')
  })

  test('is neither when its reader leaves', async () => {
    await fail(FAILURES - 1)
    const { body: read } = await store.get('a')
    read.destroy()
    await fail(1)
    expect(store.state()).toBe('open')
  })
})
