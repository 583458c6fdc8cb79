import { createCipheriv, createDecipheriv, createSecretKey } from 'node:crypto'
import { StoreError } from './port.ts'

/**
 * The byte format of an encrypted object, described with test vectors in docs/reference/encrypted-format.md: a header,
 * then the plain text in chunks of 64 KiB, each under AES-256-GCM with its number and whether it is the last in its
 * nonce.
 */
export const HEADER = Buffer.from('STOWENC\x01', 'latin1')
export const CHUNK_BYTES = 64 * 1024
export const TAG_BYTES = 16
export const SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES
export const DATA_KEY_BYTES = 32

/** What the bytes are bound to: the key of this one object and the context, its copy's id. */
export interface Secret {
  dataKey: Buffer
  context: string
}

export type SealChunk = (index: number, final: boolean, plain: Buffer) => [sealed: Buffer, tag: Buffer]
export type OpenChunk = (index: number, final: boolean, sealed: Buffer) => Buffer

/**
 * How an object of a given size lies in its store. The last chunk alone is shorter; an empty object has one empty
 * chunk.
 */
export interface Shape {
  plainBytes: number
  lastIndex: number
}

export function chunkSealer({ dataKey, context }: Secret): SealChunk {
  const key = createSecretKey(dataKey)
  const associated = associatedData(context)
  return (index, final, plain) => {
    const cipher = createCipheriv('aes-256-gcm', key, nonceOf(index, final)).setAAD(associated)
    const sealed = cipher.update(plain)
    cipher.final()
    return [sealed, cipher.getAuthTag()]
  }
}

/**
 * Opens chunks, and gives no byte of one that is not authentic. The function it returns throws StoreError `corrupt`.
 */
export function chunkOpener({ dataKey, context }: Secret): OpenChunk {
  const key = createSecretKey(dataKey)
  const associated = associatedData(context)
  return (index, final, sealed) => {
    const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(index, final), { authTagLength: TAG_BYTES })
    decipher.setAAD(associated).setAuthTag(sealed.subarray(-TAG_BYTES))
    const plain = decipher.update(sealed.subarray(0, -TAG_BYTES))
    try {
      decipher.final()
    } catch (cause) {
      throw new StoreError('corrupt', `Chunk ${index} is not authentic`, { cause })
    }
    return plain
  }
}

export function sealedSizeOf(plainBytes: number): number {
  return HEADER.length + plainBytes + TAG_BYTES * Math.max(1, Math.ceil(plainBytes / CHUNK_BYTES))
}

/** @throws StoreError `corrupt` when no object has that size once it is sealed */
export function shapeOf(sealedBytes: number): Shape {
  const body = sealedBytes - HEADER.length
  const chunks = Math.max(1, Math.ceil(body / SEALED_CHUNK_BYTES))
  const plainBytes = body - TAG_BYTES * chunks
  if (plainBytes < 0 || sealedSizeOf(plainBytes) !== sealedBytes) {
    throw new StoreError('corrupt', `An encrypted object is never ${sealedBytes} bytes long`)
  }
  return { plainBytes, lastIndex: chunks - 1 }
}

export function sealedChunkBytes({ plainBytes, lastIndex }: Shape, index: number): number {
  return (index < lastIndex ? CHUNK_BYTES : plainBytes - lastIndex * CHUNK_BYTES) + TAG_BYTES
}

/** @throws StoreError `corrupt` */
export function checkHeader(header: Buffer): void {
  if (!header.equals(HEADER)) throw new StoreError('corrupt', 'The encrypted object has no header of a known version')
}

function associatedData(context: string): Buffer {
  return Buffer.concat([HEADER, Buffer.from(context)])
}

// The STREAM construction: a counter of 11 bytes, big-endian, and one byte that says whether the chunk is the last.
function nonceOf(index: number, final: boolean): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUIntBE(index, 5, 6)
  nonce[11] = final ? 1 : 0
  return nonce
}
