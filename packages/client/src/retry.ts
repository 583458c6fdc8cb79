import type { StowageError } from './error.ts'

/** When to ask again, and for how long. */
export interface RetryPolicy {
  /** Attempts in all, the first one included; 1 switches retries off. */
  attempts: number
  /** The most that one call may spend waiting between its attempts. */
  budgetMs: number
  firstDelayMs: number
  longestDelayMs: number
}

export const defaultRetryPolicy: RetryPolicy = {
  attempts: 5,
  budgetMs: 60_000,
  firstDelayMs: 250,
  longestDelayMs: 8_000,
}

/** What is known of a failed attempt. */
export interface FailedAttempt {
  error: StowageError
  /** Attempts made so far. */
  attempts: number
  waitedMs: number
  retryAfterMs: number | undefined
  /** The service may be asked again although the outcome of this attempt is unknown. */
  repeatable: boolean
}

/** How long to wait before the next attempt; undefined when there should be none. */
export function nextDelayMs(policy: RetryPolicy, failed: FailedAttempt, random: () => number): number | undefined {
  return isWorthRepeating(failed) ? delayMs(policy, failed, random) : undefined
}

/** The same for a failure that is known to be worth another attempt. */
export function delayMs(
  policy: RetryPolicy,
  failed: Pick<FailedAttempt, 'attempts' | 'waitedMs' | 'retryAfterMs'>,
  random: () => number,
): number | undefined {
  if (failed.attempts >= policy.attempts) return undefined
  const spreadMs = random() * Math.min(policy.longestDelayMs, policy.firstDelayMs * 2 ** (failed.attempts - 1))
  // RFC 9110 section 10.2.3: not before the time the server names. The spread keeps callers from coming back together.
  const nextMs = (failed.retryAfterMs ?? 0) + spreadMs
  return failed.waitedMs + nextMs > policy.budgetMs ? undefined : nextMs
}

/** A 429 says that nothing was done; after the others a change may or may not have been made. */
function isWorthRepeating({ error, repeatable }: FailedAttempt): boolean {
  if (error.status === 429) return true
  if (!repeatable) return false
  return error.code === 'client.unreachable' || error.code === 'idempotency.inFlight' || isPassing(error.status)
}

function isPassing(status: number): boolean {
  return status === 502 || status === 503 || status === 504
}

/** Reads Retry-After, which browsers may hide; then the problem says it too (RFC 9110 section 10.2.3). */
export function retryAfterMs(header: string | null, error: StowageError, nowMs: number): number | undefined {
  if (header !== null) {
    const seconds = Number(header)
    if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000)
    const date = Date.parse(header)
    if (!Number.isNaN(date)) return Math.max(0, date - nowMs)
  }
  const { retryAfterSeconds } = error.members
  return typeof retryAfterSeconds === 'number' ? retryAfterSeconds * 1000 : undefined
}

/** @throws the signal's reason when it aborts first */
export function pause(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const stop = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, delayMs)
    signal?.addEventListener('abort', stop, { once: true })
  })
}
