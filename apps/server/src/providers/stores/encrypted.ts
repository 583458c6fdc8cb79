import { randomBytes } from 'node:crypto'
import { pipeline, type Readable } from 'node:stream'
import { release } from '../../domain/release.ts'
import { untilAborted } from './abort.ts'
import { checkRange, type Span, spanOf } from './byte-range.ts'
import { NO_CAPABILITIES, noExtras } from './extras.ts'
import type { DataKeyWrapper } from './keyring.ts'
import {
  type ByteRange,
  type GetOptions,
  type ObjectStore,
  type PutOptions,
  type PutReceipt,
  type StoredObject,
  StoreError,
  type StoreKey,
} from './port.ts'
import {
  CHUNK_BYTES,
  checkHeader,
  chunkOpener,
  chunkSealer,
  DATA_KEY_BYTES,
  HEADER,
  SEALED_CHUNK_BYTES,
  sealedChunkBytes,
  sealedSizeOf,
  shapeOf,
} from './sealed-format.ts'
import { openingStream, sealingStream } from './sealed-streams.ts'

/**
 * A store whose bytes are encrypted and authenticated by us before they reach the store inside.
 *
 * Every object has a data key of its own, which `options.keys` wraps into the envelope that `put` hands out and `get`
 * wants back. The bytes are bound to `options.context`, the copy's id: two objects that are swapped, chunks that are
 * cut off, moved or changed, and a foreign envelope are all `corrupt`. `put` and `get` need `keys` and `context`, else
 * they throw `unsupported`. Ranges read only the chunks they touch. The size that comes with a range follows from the
 * stored size and is authenticated only by a read that reaches the end; a range past the end is refused only after the
 * end was authenticated.
 *
 * Nobody but us reads or writes such bytes, and none are copied under another context: what the store inside can do
 * directly is `unsupported` here. Metadata stays away too, for it would lie in the clear beside them.
 */
export function encrypted(inner: ObjectStore): ObjectStore {
  const { ownDisk, conditionalCreate, storageClasses, objectLock } = inner.capabilities
  return {
    ...noExtras,
    capabilities: { ...NO_CAPABILITIES, ownDisk, conditionalCreate, storageClasses, objectLock },
    setStorageClass: (key, options) => inner.setStorageClass(key, options),
    setHold: (key, options) => inner.setHold(key, options),
    setRetention: (key, options) => inner.setRetention(key, options),
    put: (key, body, { metadata: _clear, contentType: _type, ...options } = {}) => put(inner, key, body, options),
    get: (key, options) => get(inner, key, options),
    head: (key, options) => inner.head(key, options),
    delete: (key, options) => inner.delete(key, options),
    abandon: (key, options) => inner.abandon(key, options),
    list: (options) => inner.list(options),
    close: () => inner.close(),
  }
}

/** Seals bytes that are in memory, in the format of `encrypted`, whose pieces are given in their order, for good. */
export async function sealBuffer(
  plain: Buffer,
  keys: DataKeyWrapper,
  context: string,
): Promise<{ sealed: Buffer[]; envelope: Buffer }> {
  const dataKey = randomBytes(DATA_KEY_BYTES)
  const envelope = await keys.wrap(dataKey, context)
  return { sealed: sealWith({ dataKey, context }, plain), envelope }
}

/** Seals bytes under a data key, which must be new: a second object under the same key would betray both. */
export function sealWith(secret: { dataKey: Buffer; context: string }, plain: Buffer): Buffer[] {
  const seal = chunkSealer(secret)
  const { lastIndex } = shapeOf(sealedSizeOf(plain.length))
  const parts: Buffer[] = [Buffer.from(HEADER)]
  for (let index = 0; index <= lastIndex; index++) {
    const chunk = plain.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES)
    parts.push(...seal(index, index === lastIndex, chunk))
  }
  return parts
}

/**
 * Opens what `sealBuffer` or an encrypted store has sealed, whole or by range.
 *
 * @throws StoreError `corrupt` | `badRange` | `unavailable`
 */
export async function openBuffer(
  sealed: Buffer,
  envelope: Buffer,
  keys: DataKeyWrapper,
  context: string,
  range?: ByteRange,
): Promise<Buffer> {
  const shape = shapeOf(sealed.length)
  checkHeader(sealed.subarray(0, HEADER.length))
  const { start, length } = spanOf(range, shape.plainBytes)
  const open = chunkOpener({ dataKey: await unwrap(keys, envelope, context), context })
  const first = Math.floor(start / CHUNK_BYTES)
  const last = Math.floor((start + Math.max(length, 1) - 1) / CHUNK_BYTES)
  const chunks: Buffer[] = []
  for (let index = first; index <= last; index++) {
    const offset = HEADER.length + index * SEALED_CHUNK_BYTES
    const chunk = sealed.subarray(offset, offset + sealedChunkBytes(shape, index))
    chunks.push(open(index, index === shape.lastIndex, chunk))
  }
  const offset = start - first * CHUNK_BYTES
  return Buffer.concat(chunks).subarray(offset, offset + length)
}

async function put(
  inner: ObjectStore,
  key: StoreKey,
  body: Readable,
  { sizeBytes, keys, ...told }: PutOptions = {},
): Promise<PutReceipt> {
  const { context, signal } = told
  body.on('error', ignore) // it may fail before anything reads it
  try {
    if (!keys || context === undefined) throw needsKeys()
    signal?.throwIfAborted()
    const dataKey = randomBytes(DATA_KEY_BYTES)
    const envelope = await untilAborted(Promise.resolve(keys.wrap(dataKey, context)), signal)
    const sealing = sealingStream(chunkSealer({ dataKey, context }), sizeBytes)
    pipeline(body, sealing, ignore)
    const sealedBytes = sizeBytes === undefined ? undefined : sealedSizeOf(sizeBytes)
    const { storedBytes } = await inner.put(key, sealing, { ...told, sizeBytes: sealedBytes, giveBack: release })
    return { storedBytes, envelope }
  } catch (error) {
    body.destroy()
    throw error
  }
}

async function get(inner: ObjectStore, key: StoreKey, options: GetOptions = {}): Promise<StoredObject> {
  try {
    return await getSpan(inner, key, options)
  } catch (error) {
    if (options.range && error instanceof StoreError && error.kind === 'badRange') await checkEnd(inner, key, options)
    throw error
  }
}

async function getSpan(
  inner: ObjectStore,
  key: StoreKey,
  { range, envelope, keys, ...told }: GetOptions,
): Promise<StoredObject> {
  const { context, signal } = told
  if (range) checkRange(range)
  const stored = await inner.get(key, { ...told, range: range && sealedRangeOf(range) })
  stored.body.on('error', ignore) // it may fail while its key is unwrapped
  try {
    if (!envelope || !keys || context === undefined) throw needsKeys()
    const shape = shapeOf(stored.sizeBytes)
    const span: Span = spanOf(range, shape.plainBytes)
    const dataKey = await untilAborted(unwrap(keys, envelope, context), signal)
    const opening = openingStream(chunkOpener({ dataKey, context }), shape, span, stored.giveBack)
    pipeline(stored.body, opening, ignore)
    return { body: opening, sizeBytes: shape.plainBytes }
  } catch (error) {
    stored.body.destroy()
    throw error
  }
}

/** Reads the last chunk, so that an object that was cut short is not taken for one that never was longer. */
async function checkEnd(inner: ObjectStore, key: StoreKey, options: GetOptions): Promise<void> {
  if (options.range) checkRange(options.range)
  const info = await inner.head(key, options)
  if (!info) throw new StoreError('notFound', 'Nothing is stored under the store key')
  const { plainBytes } = shapeOf(info.storedBytes)
  const range = plainBytes > 0 ? { start: plainBytes - 1 } : undefined
  const { body } = await getSpan(inner, key, { ...options, range })
  for await (const _ of body);
}

/** Where the chunks that a range touches lie in the store; the header goes with the first. */
function sealedRangeOf({ start, end = Number.POSITIVE_INFINITY }: ByteRange): ByteRange {
  const first = Math.floor(start / CHUNK_BYTES)
  const sealedEnd = HEADER.length + (Math.floor(end / CHUNK_BYTES) + 1) * SEALED_CHUNK_BYTES - 1
  return {
    start: first === 0 ? 0 : HEADER.length + first * SEALED_CHUNK_BYTES,
    end: Number.isSafeInteger(sealedEnd) ? sealedEnd : undefined,
  }
}

async function unwrap(keys: DataKeyWrapper, envelope: Buffer, context: string): Promise<Buffer> {
  const dataKey = await keys.unwrap(envelope, context)
  if (dataKey.length !== DATA_KEY_BYTES) throw new StoreError('corrupt', 'The envelope holds no data key')
  return dataKey
}

function needsKeys(): StoreError {
  return new StoreError(
    'unsupported',
    'An encrypted store needs the keys, the context and, to read, the envelope of a copy',
  )
}

function ignore(): void {}
