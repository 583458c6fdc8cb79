import type { Readable } from 'node:stream'

/**
 * Settles as `work` does, or rejects with the signal's reason.
 *
 * @param graceMs how long work that was aborted may still take to end by itself before its caller is let go
 */
export function untilAborted<T>(work: Promise<T>, signal?: AbortSignal, graceMs = 0): Promise<T> {
  if (!signal) return work
  return new Promise((resolve, reject) => {
    let grace: NodeJS.Timeout | undefined
    const stop = () => {
      grace = setTimeout(reject, graceMs, signal.reason)
    }
    const settle = () => {
      clearTimeout(grace)
      signal.removeEventListener('abort', stop)
    }
    work.then(
      (value) => {
        settle()
        resolve(value)
      },
      (error) => {
        settle()
        reject(signal.aborted ? signal.reason : error)
      },
    )
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
}

/** Destroys an open stream with the signal's reason when it aborts. */
export function destroyOnAbort(stream: Readable, signal?: AbortSignal): void {
  if (!signal) return
  const stop = () => stream.destroy(signal.reason)
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  stream.once('close', () => signal.removeEventListener('abort', stop))
}
