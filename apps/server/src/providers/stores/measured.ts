import { finished, pipeline, type Readable, Transform } from 'node:stream'
import { aroundExtras, type ExtraVerb } from './extras.ts'
import {
  type CallOptions,
  type ObjectStore,
  type PutOptions,
  type PutReceipt,
  StoreError,
  type StoreErrorKind,
} from './port.ts'

export type StoreVerb = 'put' | 'get' | 'head' | 'delete' | 'abandon' | 'list' | ExtraVerb

/** What one operation on a store came to. */
export interface StoreObservation {
  store: string
  verb: StoreVerb
  /** The key, or the prefix of a list. */
  key: string
  /** Bytes of the body that went through. */
  bytes: number
  durationMs: number
  /** Which try of the operation this was. */
  attempt: number
  /** Of the request that it was for, if any. */
  requestId: string | undefined
  /** `failed`: by the body that a put was given. `aborted`: by the signal, or by a reader that stopped early. */
  outcome: 'ok' | 'aborted' | 'failed' | StoreErrorKind
}

export interface Measuring {
  /** The store's name in what is observed. */
  store: string
  observe: (observation: StoreObservation) => void
  /** Milliseconds of a clock that never goes back. */
  now?: () => number
}

/**
 * A store that tells of each operation once: when it is over, and for a get when its stream ends, fails or is
 * destroyed.
 */
export function measured(inner: ObjectStore, measuring: Measuring): ObjectStore {
  const call = <T>(verb: StoreVerb, key: string, options: CallOptions | undefined, work: () => Promise<T>) => {
    return observed(begin(measuring, verb, key, options), options?.signal, work)
  }
  return {
    ...aroundExtras(inner, (verb, key, options, work) => call(verb, key, options, () => work(options))),
    capabilities: inner.capabilities,
    put: (key, body, options) => put(inner, begin(measuring, 'put', key, options), key, body, options),
    get: async (key, options) => {
      const finish = begin(measuring, 'get', key, options)
      const stored = await inner.get(key, options).catch((error) => {
        finish(0, outcomeOf(error, options?.signal))
        throw error
      })
      const counting = countingStream()
      pipeline(stored.body, counting.stream, () => {})
      finished(counting.stream, (error) => {
        finish(counting.bytes(), error ? outcomeOf(error, options?.signal, 'aborted') : 'ok')
      })
      return { ...stored, body: counting.stream }
    },
    head: (key, options) => call('head', key, options, () => inner.head(key, options)),
    delete: (key, options) => call('delete', key, options, () => inner.delete(key, options)),
    abandon: (key, options) => call('abandon', key, options, () => inner.abandon(key, options)),
    list: (options) => call('list', options.prefix ?? '', options, () => inner.list(options)),
    close: () => inner.close(),
  }
}

type Finish = (bytes: number, outcome: StoreObservation['outcome']) => void

function begin(
  { store, observe, now = () => performance.now() }: Measuring,
  verb: StoreVerb,
  key: string,
  { attempt = 1, requestId }: CallOptions = {},
): Finish {
  const startedAt = now()
  return (bytes, outcome) =>
    observe({ store, verb, key, bytes, durationMs: now() - startedAt, attempt, requestId, outcome })
}

async function observed<T>(finish: Finish, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  try {
    const result = await work()
    finish(0, 'ok')
    return result
  } catch (error) {
    finish(0, outcomeOf(error, signal))
    throw error
  }
}

async function put(
  inner: ObjectStore,
  finish: Finish,
  key: string,
  body: Readable,
  options?: PutOptions,
): Promise<PutReceipt> {
  const counting = countingStream()
  pipeline(body, counting.stream, () => {}) // the store inside reports it, and destroys both when it fails
  try {
    const receipt = await inner.put(key, counting.stream, options)
    finish(counting.bytes(), 'ok')
    return receipt
  } catch (error) {
    finish(counting.bytes(), outcomeOf(error, options?.signal))
    throw error
  }
}

function countingStream(): { stream: Transform; bytes: () => number } {
  let bytes = 0
  const stream = new Transform({
    objectMode: true,
    highWaterMark: 4,
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length
      done(null, chunk)
    },
  })
  return { stream, bytes: () => bytes }
}

/**
 * @param foreign what an error is that did not come from the store: of the body's sender in a put, of the reader in a
 * get
 */
function outcomeOf(
  error: unknown,
  signal: AbortSignal | undefined,
  foreign: 'failed' | 'aborted' = 'failed',
): StoreObservation['outcome'] {
  if (signal?.aborted) return 'aborted'
  return error instanceof StoreError ? error.kind : foreign
}
