import { randomBytes } from 'node:crypto'

const STAMP_EVERY_BYTES = 4096
const STAMP_BYTES = 32

/** Text, so that no check of the content has a reason to refuse it; longer than any body that is sent at once. */
const material = Buffer.from(randomBytes(9 * 1024 * 1024).toString('base64'))

/** A body that was never sent before: random text with a fresh stamp in each of its blocks. */
export function freshBody(sizeBytes: number): Buffer {
  const body = Buffer.allocUnsafe(sizeBytes)
  material.copy(body, 0, Math.floor(Math.random() * (material.length - sizeBytes)))
  const stamp = randomBytes(STAMP_BYTES / 2).toString('hex')
  for (let at = 0; at + STAMP_BYTES <= sizeBytes; at += STAMP_EVERY_BYTES) body.write(stamp, at, 'latin1')
  return body
}
