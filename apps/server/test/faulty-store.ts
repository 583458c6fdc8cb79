import { Readable } from 'node:stream'
import { type ObjectStore, StoreError, type StoreErrorKind } from '../src/providers/stores/port.ts'

/** One way in which an operation goes wrong. */
export interface Fault {
  /** Before anything is done; after a number of bytes; or when all is done and only the answer is missing. */
  at: 'before' | { bytes: number } | 'after'
  /** `hang` lasts until the signal aborts; `short` ends the bytes there as if that were all (with `bytes` only). */
  effect: 'fail' | 'hang' | 'short'
  /** What `fail` throws; `unavailable` unless said otherwise. */
  kind?: StoreErrorKind
  /** How often it happens; always unless said otherwise. */
  times?: number
}

/** What goes wrong, by operation. A test changes it while it runs. */
export type FaultPlan = Partial<Record<'put' | 'get' | 'head' | 'delete' | 'abandon' | 'list', Fault>>

/** A store that goes wrong as its plan says, and otherwise is the one inside. */
export function faultyStore(inner: ObjectStore, plan: FaultPlan): ObjectStore {
  const call = async <T>(
    verb: keyof FaultPlan,
    signal: AbortSignal | undefined,
    work: () => Promise<T>,
  ): Promise<T> => {
    const fault = takeFault(plan, verb)
    if (fault?.at === 'before') await strike(fault, signal)
    const result = await work()
    if (fault?.at === 'after') await strike(fault, signal)
    return result
  }
  return {
    ...inner,
    capabilities: inner.capabilities,
    put: async (key, body, options = {}) => {
      const fault = plan.put
      if (typeof fault?.at !== 'object') {
        return call('put', options.signal, () => inner.put(key, body, options)).catch((error) => {
          body.destroy()
          throw error
        })
      }
      takeFault(plan, 'put')
      const broken = brokenBody(body, fault, fault.at.bytes, options.signal)
      const sizeBytes = fault.effect === 'short' ? undefined : options.sizeBytes
      return inner.put(key, broken, { ...options, sizeBytes })
    },
    get: async (key, options = {}) => {
      const fault = plan.get
      if (fault === undefined || fault.at === 'before') {
        return call('get', options.signal, () => inner.get(key, options))
      }
      takeFault(plan, 'get')
      const stored = await inner.get(key, options)
      const bytes = fault.at === 'after' ? Number.POSITIVE_INFINITY : fault.at.bytes
      return { ...stored, body: brokenBody(stored.body, fault, bytes, options.signal) }
    },
    head: (key, options) => call('head', options?.signal, () => inner.head(key, options)),
    delete: (key, options) => call('delete', options?.signal, () => inner.delete(key, options)),
    abandon: (key, options) => call('abandon', options?.signal, () => inner.abandon(key, options)),
    list: (options) => call('list', options.signal, () => inner.list(options)),
    close: () => inner.close(),
  }
}

function takeFault(plan: FaultPlan, verb: keyof FaultPlan): Fault | undefined {
  const fault = plan[verb]
  if (fault?.times === undefined) return fault
  if (fault.times <= 1) delete plan[verb]
  else plan[verb] = { ...fault, times: fault.times - 1 }
  return fault
}

async function strike({ effect, kind = 'unavailable' }: Fault, signal?: AbortSignal): Promise<void> {
  if (effect === 'fail') throw new StoreError(kind, 'A fault that the test asked for')
  if (effect === 'hang') await untilAbort(signal)
}

function untilAbort(signal?: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal?.aborted) reject(signal.reason)
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

/** The first bytes of a stream, then the fault. */
function brokenBody(body: Readable, fault: Fault, bytes: number, signal?: AbortSignal): Readable {
  body.on('error', () => {}) // it may fail before anything reads it
  async function* chunks() {
    let left = bytes
    for await (const chunk of body) {
      yield chunk.subarray(0, left)
      left -= chunk.length
      if (left <= 0) break
    }
    await strike(fault, signal)
  }
  const broken = Readable.from(chunks(), { objectMode: false })
  broken.once('close', () => body.destroy())
  return broken
}
