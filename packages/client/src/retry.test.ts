import { describe, expect, test } from 'vitest'
import { StowageError } from './error.ts'
import { type FailedAttempt, nextDelayMs, pause, type RetryPolicy, retryAfterMs } from './retry.ts'

const policy: RetryPolicy = { attempts: 4, budgetMs: 10_000, firstDelayMs: 100, longestDelayMs: 300 }

function failed(status: number, code = 'any', known: Partial<FailedAttempt> = {}): FailedAttempt {
  const error = new StowageError({ code, status, title: '', detail: '', members: {}, requestId: undefined })
  return { error, attempts: 1, waitedMs: 0, retryAfterMs: undefined, repeatable: true, ...known }
}

describe('the delay before the next attempt', () => {
  test('doubles up to the longest, spread down to nothing', () => {
    const at = (attempts: number, random: number) =>
      nextDelayMs(policy, failed(0, 'client.unreachable', { attempts }), () => random)
    expect([1, 2, 3].map((attempts) => at(attempts, 1))).toEqual([100, 200, 300])
    expect(at(1, 0)).toBe(0)
    expect(at(4, 1)).toBeUndefined()
  })

  test('is never shorter than the service asks', () => {
    expect(nextDelayMs(policy, failed(503, 'any', { retryAfterMs: 2000 }), () => 0)).toBe(2000)
  })

  test('is not taken where all delays together would go beyond the budget', () => {
    expect(nextDelayMs(policy, failed(503, 'any', { retryAfterMs: 2000, waitedMs: 8500 }), () => 0)).toBeUndefined()
  })

  test.each([400, 401, 403, 404, 409, 412, 413, 422, 500, 507])('does not exist after a %i', (status) => {
    expect(nextDelayMs(policy, failed(status), () => 0)).toBeUndefined()
  })

  test.each([502, 503, 504])('exists after a %i only where the call may be repeated', (status) => {
    expect(nextDelayMs(policy, failed(status), () => 0)).toBe(0)
    expect(nextDelayMs(policy, failed(status, 'any', { repeatable: false }), () => 0)).toBeUndefined()
  })
})

describe('Retry-After', () => {
  const { error } = failed(503)
  test('is read as seconds or as a date', () => {
    expect(retryAfterMs('3', error, 0)).toBe(3000)
    expect(retryAfterMs('Thu, 01 Jan 1970 00:00:10 GMT', error, 4000)).toBe(6000)
    expect(retryAfterMs('soon', error, 0)).toBeUndefined()
  })

  test('is taken from the problem where the header is hidden', () => {
    const members = { retryAfterSeconds: 2 }
    const told = new StowageError({ code: 'c', status: 503, title: '', detail: '', members, requestId: undefined })
    expect(retryAfterMs(null, told, 0)).toBe(2000)
  })
})

describe('a pause', () => {
  test('ends with the reason of the signal', async () => {
    const control = new AbortController()
    const paused = pause(60_000, control.signal)
    control.abort('enough')
    await expect(paused).rejects.toBe('enough')
  })
})
