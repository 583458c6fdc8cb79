import { finished, type Readable } from 'node:stream'
import { aroundExtras, type ExtraVerb } from './extras.ts'
import {
  type GetOptions,
  type ObjectStore,
  type PutOptions,
  type PutReceipt,
  type StoredObject,
  StoreError,
  type StoreErrorKind,
  type StoreKey,
} from './port.ts'

/** `closed`: operations pass. `open`: none do. `halfOpen`: one is let through, or has been, to see. */
export type BreakerState = 'closed' | 'open' | 'halfOpen'

export interface BreakerPolicy {
  /** How many operations in a row must end with `unavailable` to open it. */
  failures: number
  /** How long nothing is tried then, in milliseconds. */
  openMs: number
  /** Milliseconds of a clock that never goes back. */
  now?: () => number
}

export interface BreakingStore extends ObjectStore {
  state(): BreakerState
}

/**
 * A store that is left alone for a while once it has failed several times in a row: until then every operation fails
 * at once with `unavailable`, which says when it is tried again. Then one operation is let through as a probe; if the
 * store answers it, all are, and if it fails, none are for as long again. A probe that takes longer than `openMs`,
 * such as a long upload, holds nobody: another one is let through beside it.
 *
 * A failure is `unavailable`, of an operation or of a read's stream. A success is what only a store that is there can
 * say: a result, for a read the end of its stream, or `notFound` and `exists`. Nothing else says anything about the
 * store: what the caller caused, a refusal, and requests that are signed without asking it. What began before the
 * breaker last opened, half opened or closed is no news either.
 *
 * @param onChange told each new state; `halfOpen` when the probe begins, where `state` says so once one may begin
 */
export function breaking(
  inner: ObjectStore,
  policy: BreakerPolicy,
  onChange: (state: BreakerState) => void,
): BreakingStore {
  const breaker = createBreaker(policy, onChange)
  const call = <T>(signal: AbortSignal | undefined, work: () => Promise<T>) => guarded(breaker, signal, work)
  return {
    ...aroundExtras(inner, (verb, _key, options, work) =>
      guarded(breaker, options.signal, () => work(options), SIGNED_HERE.has(verb) ? 'neither' : 'success'),
    ),
    capabilities: inner.capabilities,
    state: breaker.state,
    put: (key, body, options) => put(inner, breaker, key, body, options),
    get: (key, options) => get(inner, breaker, key, options),
    head: (key, options) => call(options?.signal, () => inner.head(key, options)),
    delete: (key, options) => call(options?.signal, () => inner.delete(key, options)),
    abandon: (key, options) => call(options?.signal, () => inner.abandon(key, options)),
    list: (options) => call(options.signal, () => inner.list(options)),
    close: () => inner.close(),
  }
}

const SIGNED_HERE: ReadonlySet<ExtraVerb> = new Set(['presignGet', 'presignPut', 'presignPost', 'presignPart'])
const ANSWERS: ReadonlySet<StoreErrorKind> = new Set(['notFound', 'exists'])

type Outcome = 'success' | 'failure' | 'neither'

/** Says once how an operation that was let through has ended. */
type Finish = (outcome: Outcome) => void

interface Breaker {
  /** @throws StoreError `unavailable` while nothing is let through */
  begin(): Finish
  state(): BreakerState
}

function createBreaker(
  { failures, openMs, now = monotonicNow }: BreakerPolicy,
  onChange: (state: BreakerState) => void,
): Breaker {
  let state: BreakerState = 'closed'
  let period = 0
  let failed = 0
  /** Until when nothing is let through: while it is open, or while a probe is under way. */
  let waitUntil = 0

  function become(next: BreakerState): void {
    state = next
    period += 1
    failed = 0
    onChange(next)
  }

  function finish(outcome: Outcome): void {
    if (outcome === 'success') {
      failed = 0
      if (state === 'halfOpen') become('closed')
    } else if (outcome === 'failure') {
      failed += 1
      if (state === 'closed' && failed < failures) return
      waitUntil = now() + openMs
      become('open')
    } else if (state === 'halfOpen') {
      waitUntil = 0
    }
  }

  return {
    state: () => (state === 'open' && now() >= waitUntil ? 'halfOpen' : state),
    begin() {
      if (state !== 'closed') {
        const waitMs = waitUntil - now()
        if (waitMs > 0) throw resting(state, waitMs)
        if (state === 'open') become('halfOpen')
        waitUntil = now() + openMs
      }
      const begunIn = period
      return (outcome) => {
        if (begunIn === period) finish(outcome)
      }
    },
  }
}

function resting(state: BreakerState, waitMs: number): StoreError {
  const why = state === 'open' ? 'The store has failed several times in a row' : 'The store is being tried'
  return new StoreError('unavailable', `${why}; it is tried again in ${Math.ceil(waitMs / 1000)} s`)
}

function monotonicNow(): number {
  return performance.now()
}

function failureOf(error: unknown, signal: AbortSignal | undefined): Outcome {
  if (signal?.aborted || !(error instanceof StoreError)) return 'neither'
  if (error.kind === 'unavailable') return 'failure'
  return ANSWERS.has(error.kind) ? 'success' : 'neither'
}

async function guarded<T>(
  breaker: Breaker,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
  whenDone: Outcome = 'success',
): Promise<T> {
  const finish = breaker.begin()
  try {
    const result = await work()
    finish(whenDone)
    return result
  } catch (error) {
    finish(failureOf(error, signal))
    throw error
  }
}

async function put(
  inner: ObjectStore,
  breaker: Breaker,
  key: StoreKey,
  body: Readable,
  options?: PutOptions,
): Promise<PutReceipt> {
  body.on('error', ignore) // it may fail before anything reads it
  try {
    const finish = breaker.begin()
    try {
      const receipt = await inner.put(key, body, options)
      finish('success')
      return receipt
    } catch (error) {
      // A body may itself come from a store, and fail with that one's error.
      finish(error === body.errored ? 'neither' : failureOf(error, options?.signal))
      throw error
    }
  } catch (error) {
    body.destroy()
    throw error
  }
}

async function get(inner: ObjectStore, breaker: Breaker, key: StoreKey, options?: GetOptions): Promise<StoredObject> {
  const finish = breaker.begin()
  try {
    const stored = await inner.get(key, options)
    finished(stored.body, (error) => finish(error ? failureOf(error, options?.signal) : 'success'))
    return stored
  } catch (error) {
    finish(failureOf(error, options?.signal))
    throw error
  }
}

function ignore(): void {}
