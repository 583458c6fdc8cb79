/**
 * The key management port: master keys, which wrap the keys of isolation scopes, which wrap the data keys of copies.
 *
 * Glossary
 * - master key: a 256-bit key that never leaves its provider (a key file, the environment, a KMS).
 * - wrapping: authenticated encryption of one key by another, bound to a context.
 * - rotation: a new master key becomes current, and every scope key is wrapped again; data keys stay as they are. Older
 *   master keys stay readable until nothing is wrapped by them.
 *
 * Every provider passes the suite in conformance.ts.
 */
export interface MasterKeys {
  /** The id of the key that `wrap` uses. */
  readonly currentId: string

  /**
   * Wraps a key with the current master key.
   *
   * MUST authenticate the key and the context. MUST give another result every time.
   *
   * @throws KeyError `unavailable`
   */
  wrap(key: Buffer, context: string): Promise<WrappedKey>

  /**
   * Gives back a key that `wrap` wrapped, also when another master key has become current since.
   *
   * MUST refuse what was wrapped under another context or by another master key, or was changed (`corrupt`), and a
   * master key that is not there (`unknownKey`).
   *
   * @throws KeyError `unknownKey` | `corrupt` | `unavailable`
   */
  unwrap(masterId: string, wrapped: Buffer, context: string): Promise<Buffer>
}

export interface WrappedKey {
  masterId: string
  wrapped: Buffer
}

export type KeyErrorKind = 'unknownKey' | 'corrupt' | 'unavailable' | 'badKeyMaterial' | 'unsafePermissions'

/** The only error that master keys give. */
export class KeyError extends Error {
  readonly kind: KeyErrorKind

  constructor(kind: KeyErrorKind, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'KeyError'
    this.kind = kind
  }
}
