import { createHmac, timingSafeEqual } from 'node:crypto'

/** Messages signed as Standard Webhooks says (specification 1.0.0, "Signature scheme"). */
export interface SignedMessage {
  /** `webhook-id`. */
  id: string | undefined
  /** `webhook-timestamp`: seconds since 1970. */
  timestamp: string | undefined
  /** `webhook-signature`: one or more, separated by spaces. */
  signature: string | undefined
  body: Buffer
}

export type WebhookRefusal = 'missing' | 'tooOld' | 'wrong'

/** How far the sender's clock and the way here may be off, in either direction. */
export const WEBHOOK_TOLERANCE_SECONDS = 300

const SECRET = /^whsec_([A-Za-z0-9+/]+={0,2})$/
const LEAST_KEY_BYTES = 24
const MOST_KEY_BYTES = 64

/** The key in a secret `whsec_…`: 24 to 64 bytes in base64. Undefined when it is not one. */
export function webhookKey(secret: string): Buffer | undefined {
  const text = SECRET.exec(secret)?.[1]
  const key = text === undefined ? undefined : Buffer.from(text, 'base64')
  return key && key.length >= LEAST_KEY_BYTES && key.length <= MOST_KEY_BYTES ? key : undefined
}

/** The value of `webhook-signature`: "The content to sign is the id, timestamp and payload, separated by a full-stop". */
export function webhookSignature(key: Buffer, id: string, timestamp: string, body: Buffer): string {
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64')}`
}

/** Why a message is not to be believed, or undefined. */
export function webhookRefusal(key: Buffer, message: SignedMessage, now: Date): WebhookRefusal | undefined {
  const { id, timestamp, signature, body } = message
  if (!id || !timestamp || !signature) return 'missing'
  const expected = Buffer.from(webhookSignature(key, id, timestamp, body))
  // A sender that changes its key signs with both: "any of them" makes the message valid.
  if (!signature.split(' ').some((each) => isSame(Buffer.from(each), expected))) return 'wrong'
  if (!/^\d{1,12}$/.test(timestamp)) return 'wrong'
  const driftSeconds = Math.abs(now.getTime() / 1000 - Number(timestamp))
  return driftSeconds > WEBHOOK_TOLERANCE_SECONDS ? 'tooOld' : undefined
}

function isSame(given: Buffer, expected: Buffer): boolean {
  return given.length === expected.length && timingSafeEqual(given, expected)
}
