import type { Principal } from '../domain/principal.ts'

export interface RateLimiter {
  /** Takes so many requests of a key's allowance, all or none; answers the seconds to wait for the next one, or 0. */
  take(principal: Principal, requests?: number): number
  /** One was not made after all. */
  giveBack(principal: Principal): void
}

const MAX_BUCKETS = 100_000

/**
 * A token bucket per key, in this process: with several nodes each gives the whole rate. A bucket holds one minute's
 * allowance, so that a burst is possible and the mean is kept.
 *
 * @param defaultPerMinute for keys that name no rate; 0 for no limit
 */
export function createRateLimiter(defaultPerMinute: number, clock: () => Date): RateLimiter {
  const buckets = new Map<string, { tokens: number; at: number }>()
  const rateOf = (principal: Principal) => ({
    perMinute: principal.requestsPerMinute ?? defaultPerMinute,
    key: principal.keyId ?? principal.id,
  })
  return {
    take(principal, requests = 1) {
      const { perMinute, key } = rateOf(principal)
      if (perMinute === 0 || key === null) return 0
      const at = clock().getTime()
      const bucket = buckets.get(key) ?? { tokens: perMinute, at }
      bucket.tokens = Math.min(perMinute, bucket.tokens + ((at - bucket.at) / 60_000) * perMinute)
      bucket.at = at
      if (buckets.size >= MAX_BUCKETS && !buckets.has(key)) buckets.delete(buckets.keys().next().value as string)
      buckets.set(key, bucket)
      if (bucket.tokens < requests) return Math.max(1, Math.ceil(((1 - bucket.tokens) / perMinute) * 60))
      bucket.tokens -= requests
      return 0
    },
    giveBack(principal) {
      const { perMinute, key } = rateOf(principal)
      const bucket = key === null ? undefined : buckets.get(key)
      if (bucket) bucket.tokens = Math.min(perMinute, bucket.tokens + 1)
    },
  }
}
