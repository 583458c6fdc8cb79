/**
 * Says five times in a lease that its holder lives, for as long as the holder does. A beat that fails is made up for by
 * the next: a lease outlasts several.
 *
 * @param say extends the lease; what it throws is ignored
 * @returns stops beating
 */
export function beat(leaseSeconds: number, say: () => Promise<unknown>): () => void {
  const timer = setInterval(() => void say().catch(() => undefined), (leaseSeconds * 1000) / 5)
  return () => clearInterval(timer)
}
