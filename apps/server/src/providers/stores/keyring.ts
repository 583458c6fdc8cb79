import { unwrapKey, wrapKey } from '../keys/key-wrap.ts'
import { StoreError } from './port.ts'

/**
 * Wraps the data keys of the copies of one isolation scope. Its caller holds the scope's keys and hands one to
 * `encrypted` with every call; the hierarchy above (master keys wrap scope keys) is not known here.
 */
export interface DataKeyWrapper {
  /** Wraps a data key under a context; the result is the copy's envelope. */
  wrap(dataKey: Buffer, context: string): Promise<Buffer> | Buffer

  /**
   * Gives back the data key of an envelope.
   *
   * @throws StoreError `corrupt` for an envelope that was changed, or is of another context or scope; `unavailable` when
   *   the keys cannot be reached
   */
  unwrap(envelope: Buffer, context: string): Promise<Buffer> | Buffer
}

export interface ScopeKeys {
  currentId: string
  /** Keys of 32 bytes by their ids, the current one among them. */
  keys: ReadonlyMap<string, Buffer>
}

const ENVELOPE_VERSION = 1
const MAX_ID_BYTES = 255

/**
 * A wrapper over keys in memory. Envelope: version (1 byte), length of the key id (1 byte), key id, then the data key
 * under AES-256-GCM (nonce 12 bytes, key 32 bytes, tag 16 bytes) bound to all that comes before it and to the context.
 */
export function createDataKeyWrapper({ currentId, keys }: ScopeKeys): DataKeyWrapper {
  return {
    wrap(dataKey, context) {
      const key = keys.get(currentId)
      if (!key) throw new StoreError('unavailable', `The wrapping key ${currentId} is not there`)
      const head = envelopeHead(currentId)
      return Buffer.concat([head, wrapKey(key, dataKey, bind(head, context))])
    },
    unwrap(envelope, context) {
      if (envelope[0] !== ENVELOPE_VERSION) throw new StoreError('corrupt', 'The envelope is of no known version')
      const head = envelope.subarray(0, 2 + (envelope[1] ?? 0))
      const key = keys.get(head.toString('utf8', 2))
      if (!key) throw new StoreError('corrupt', 'The envelope is of a key that is not there')
      const dataKey = unwrapKey(key, envelope.subarray(head.length), bind(head, context))
      if (!dataKey) throw new StoreError('corrupt', 'The envelope is not the one of this copy')
      return dataKey
    },
  }
}

function envelopeHead(id: string): Buffer {
  const bytes = Buffer.from(id)
  if (bytes.length > MAX_ID_BYTES) throw new RangeError(`A key id has at most ${MAX_ID_BYTES} bytes`)
  return Buffer.concat([Buffer.from([ENVELOPE_VERSION, bytes.length]), bytes])
}

function bind(head: Buffer, context: string): Buffer {
  return Buffer.concat([Buffer.from('stowage data key\0'), head, Buffer.from(context)])
}
