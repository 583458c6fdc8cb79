import { setTimeout as wait } from 'node:timers/promises'
import type { FastifyRequest } from 'fastify'

/** How much of a body that is not wanted is read all the same. */
const MOST_BYTES = 16 * 1024 * 1024
const WITHIN_MS = 2000

/**
 * Reads the body of a request that is refused before it was looked at, if it is not long: a connection that closes
 * while its other end still sends takes the answer with it.
 */
export async function drain({ raw }: FastifyRequest): Promise<void> {
  const announced = Number(raw.headers['content-length'] ?? Number.NaN)
  if (raw.readableDidRead || raw.complete || raw.destroyed || !(announced <= MOST_BYTES)) return
  const ended = new Promise((settle) => {
    raw.once('end', settle).once('close', settle).once('error', settle)
  })
  raw.resume()
  await Promise.race([ended, wait(WITHIN_MS, undefined, { ref: false })])
}
