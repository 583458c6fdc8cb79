import type { Readable as Body } from 'node:stream'
import { Readable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import { untilAborted } from './abort.ts'
import { aroundExtras } from './extras.ts'
import {
  type GetOptions,
  type ObjectStore,
  type PutOptions,
  type PutReceipt,
  type StoredObject,
  StoreError,
  type StoreKey,
} from './port.ts'

export interface RetryPolicy {
  /** How often one operation is tried, the first time included. */
  attempts: number
  /** No attempt begins later than this many milliseconds after the first. */
  totalMs: number
  /** Before attempt n + 1 lies a random part of `baseMs` × 2^(n-1), and of `maxDelayMs` at most. */
  baseMs: number
  maxDelayMs: number
  sleep?: (ms: number, signal?: AbortSignal) => Promise<unknown>
  /** Milliseconds of a clock that never goes back. */
  now?: () => number
  /** 0 to 1. */
  random?: () => number
}

/**
 * A store that tries again when the store inside fails with a retryable StoreError, and throws its last error in the
 * end.
 *
 * A put is tried again only while no byte of its body has been read, a get until its first byte is there.
 */
export function retrying(inner: ObjectStore, policy: RetryPolicy): ObjectStore {
  return {
    ...aroundExtras(inner, (_verb, _key, options, work) =>
      retry(policy, options.signal, (attempt) => work({ ...options, attempt })),
    ),
    capabilities: inner.capabilities,
    put: (key, body, options) => put(inner, policy, key, body, options),
    get: (key, options) => retry(policy, options?.signal, (attempt) => getStarted(inner, key, { ...options, attempt })),
    head: (key, options) => retry(policy, options?.signal, (attempt) => inner.head(key, { ...options, attempt })),
    delete: (key, options) => retry(policy, options?.signal, (attempt) => inner.delete(key, { ...options, attempt })),
    abandon: (key, options) => retry(policy, options?.signal, (attempt) => inner.abandon(key, { ...options, attempt })),
    list: (options) => retry(policy, options.signal, (attempt) => inner.list({ ...options, attempt })),
    close: () => inner.close(),
  }
}

async function retry<T>(
  policy: RetryPolicy,
  signal: AbortSignal | undefined,
  work: (attempt: number) => Promise<T>,
  mayRepeat = () => true,
): Promise<T> {
  const {
    attempts,
    totalMs,
    baseMs,
    maxDelayMs,
    sleep = defaultSleep,
    now = monotonicNow,
    random = Math.random,
  } = policy
  const startedAt = now()
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt)
    } catch (error) {
      signal?.throwIfAborted()
      const repeats = error instanceof StoreError && error.retryable && attempt < attempts && mayRepeat()
      const delayMs = random() * Math.min(maxDelayMs, baseMs * 2 ** (attempt - 1))
      if (!repeats || now() - startedAt + delayMs > totalMs) throw error
      await untilAborted(sleep(delayMs, signal), signal)
    }
  }
}

function defaultSleep(ms: number, signal?: AbortSignal): Promise<unknown> {
  return wait(ms, undefined, { signal })
}

function monotonicNow(): number {
  return performance.now()
}

async function put(
  inner: ObjectStore,
  policy: RetryPolicy,
  key: StoreKey,
  body: Body,
  options?: PutOptions,
): Promise<PutReceipt> {
  body.on('error', ignore) // it may fail before anything reads it
  const source = unreadUntilAsked(body)
  try {
    return await retry(
      policy,
      options?.signal,
      (attempt) => inner.put(key, source.open(), { ...options, attempt }),
      () => !source.wasRead(),
    )
  } catch (error) {
    body.destroy()
    throw error
  }
}

/** Streams over one body, of which those that were destroyed before anything was read leave it as it was. */
function unreadUntilAsked(body: Body): { open(): Readable; wasRead(): boolean } {
  let chunks: AsyncIterator<Buffer> | undefined
  const open = () =>
    new Readable({
      objectMode: true,
      highWaterMark: 4,
      read() {
        chunks ??= body[Symbol.asyncIterator]()
        chunks.next().then(
          ({ done, value }) => this.push(done ? null : value),
          (error) => this.destroy(error),
        )
      },
      destroy(error, done) {
        if (chunks) body.destroy()
        done(error)
      },
    })
  return { open, wasRead: () => chunks !== undefined }
}

async function getStarted(inner: ObjectStore, key: StoreKey, options?: GetOptions): Promise<StoredObject> {
  const stored = await inner.get(key, options)
  await firstByte(stored.body)
  return stored
}

function firstByte(body: Body): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      body.off('readable', ready).off('error', failed).off('close', closed)
      act()
    }
    const ready = () => settle(resolve)
    const failed = (error: Error) => settle(() => reject(error))
    const closed = () => settle(() => reject(body.errored ?? new StoreError('unavailable', 'The stream was closed')))
    body.on('readable', ready).on('error', failed).on('close', closed)
    if (body.destroyed) closed()
  })
}

function ignore(): void {}
