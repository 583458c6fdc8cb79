import { describe, expect, test } from 'vitest'
import type { Principal } from '../domain/principal.ts'
import { createRateLimiter } from './rate-limiter.ts'

function keyWith(requestsPerMinute: number | null, keyId = 'key'): Principal {
  return {
    kind: 'apiKey',
    id: keyId,
    keyId,
    role: 'editor',
    rank: 2,
    scopes: null,
    tenantId: 't',
    organizationSlug: 'o',
    requestsPerMinute,
  }
}

function limiterAt(defaultPerMinute: number) {
  let now = 0
  return {
    limiter: createRateLimiter(defaultPerMinute, () => new Date(now)),
    pass: (seconds: number) => {
      now += seconds * 1000
    },
  }
}

const takes = (times: number, take: () => number) => Array.from({ length: times }, take)

describe('createRateLimiter', () => {
  test('gives a minute of requests at once, then says how long to wait', () => {
    const { limiter } = limiterAt(0)
    expect(takes(4, () => limiter.take(keyWith(3)))).toEqual([0, 0, 0, 20])
  })

  test('gives a request back for each share of a minute that passes', () => {
    const { limiter, pass } = limiterAt(0)
    takes(3, () => limiter.take(keyWith(3)))
    pass(20)
    expect(takes(2, () => limiter.take(keyWith(3)))).toEqual([0, 20])
  })

  test('never gathers more than a minute of requests', () => {
    const { limiter, pass } = limiterAt(0)
    limiter.take(keyWith(2))
    pass(3600)
    expect(takes(3, () => limiter.take(keyWith(2)))).toEqual([0, 0, 30])
  })

  test('counts each key by itself', () => {
    const { limiter } = limiterAt(0)
    limiter.take(keyWith(1, 'one'))
    expect(limiter.take(keyWith(1, 'other'))).toBe(0)
    expect(limiter.take(keyWith(1, 'one'))).toBe(60)
  })

  test('takes several at once or none, and takes back what was not used', () => {
    const { limiter } = limiterAt(0)
    expect(limiter.take(keyWith(3), 4)).toBeGreaterThan(0)
    expect(limiter.take(keyWith(3), 2)).toBe(0)
    expect(limiter.take(keyWith(3), 2)).toBeGreaterThan(0)
    limiter.giveBack(keyWith(3))
    expect(limiter.take(keyWith(3), 2)).toBe(0)
    for (let times = 0; times < 5; times++) limiter.giveBack(keyWith(3))
    expect(takes(4, () => limiter.take(keyWith(3)))).toEqual([0, 0, 0, 20])
  })

  test('takes the default for keys that name no rate, and no limit when there is none', () => {
    const limited = limiterAt(1).limiter
    expect(takes(2, () => limited.take(keyWith(null)))).toEqual([0, 60])
    const unlimited = limiterAt(0).limiter
    expect(takes(500, () => unlimited.take(keyWith(null))).every((wait) => wait === 0)).toBe(true)
  })

  test('does not limit those who have neither key nor member', () => {
    const { limiter } = limiterAt(1)
    const nobody = { ...keyWith(null), id: null, keyId: null }
    expect(takes(3, () => limiter.take(nobody))).toEqual([0, 0, 0])
  })
})
