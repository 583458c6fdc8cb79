import type { Readable } from 'node:stream'
import type { BlockBlobClient, BlockBlobUploadOptions } from '@azure/storage-blob'
import { asking, askingIfThere } from './azure-errors.ts'
import { blockIdOf, metadataToAzure, newWriter } from './azure-names.ts'
import { chunksOf } from './body.ts'
import { createByteQueue } from './byte-queue.ts'
import { type PutOptions, type PutReceipt, StoreError } from './port.ts'

export const BLOCK_BYTES = 8 * 1024 * 1024
/** https://learn.microsoft.com/rest/api/storageservices/scalability-targets-for-blob-storage */
const MAX_BLOCKS = 50_000
const BLOCKS_IN_FLIGHT = 3
/** Where the size is not known, blocks double after this many, which reaches 2.4 TiB. */
const BLOCKS_OF_ONE_SIZE = 10_000

/** A blob of this media type is an empty placeholder that `abandon` makes for a moment, and that nobody else sees. */
export const ABANDONED_TYPE = 'application/x-stowage-abandoned'

export const STORAGE_CLASSES = ['Cool', 'Cold', 'Archive'] as const

/** What is sent along with the bytes. */
export type Description = Pick<PutOptions, 'metadata' | 'contentType' | 'storageClass'>

/** @throws StoreError `unsupported` for a storage class, or a media type, that is not for callers */
export function uploadOptionsOf({ metadata, contentType, storageClass }: Description): BlockBlobUploadOptions {
  if (contentType === ABANDONED_TYPE) throw new StoreError('unsupported', `${ABANDONED_TYPE} is no media type`)
  if (storageClass !== undefined) checkStorageClass(storageClass)
  return {
    conditions: { ifNoneMatch: '*' },
    blobHTTPHeaders: { blobContentType: contentType },
    metadata: metadata && metadataToAzure(metadata),
    tier: storageClass,
  }
}

export function checkStorageClass(storageClass: string, more: readonly string[] = []): void {
  if ([...STORAGE_CLASSES, ...more].includes(storageClass)) return
  throw new StoreError('unsupported', `Azure has no storage class ${storageClass}`)
}

/** The size of blocks with which an object of this size stays within the number of blocks there may be. */
export function blockBytesFor(sizeBytes: number, atLeast: number): number {
  return Math.max(atLeast, Math.ceil(sizeBytes / MAX_BLOCKS))
}

/**
 * Sends a body in one request if it is small, else in blocks, of which a few are in memory at a time. What it leaves when
 * it fails are blocks that no reader sees.
 */
export async function putBody(
  open: () => BlockBlobClient,
  body: Readable,
  options: PutOptions,
  blockBytes: number,
): Promise<PutReceipt> {
  const { signal } = options
  const failed = new AbortController()
  const stopped = signal ? AbortSignal.any([signal, failed.signal]) : failed.signal
  const chunks = chunksOf(body, { ...options, signal: stopped })
  try {
    const client = open()
    const upload = uploadOptionsOf(options)
    signal?.throwIfAborted()
    const blocks = blocksOf(chunks, blockSizes(options.sizeBytes, blockBytes))
    const begun = [await blocks.next(), await blocks.next()].flatMap(({ value }) => value ?? [])
    if (begun.length === 2) return await putBlocks(client, joined(begun, blocks), upload, failed, signal)
    const bytes = begun[0] ?? Buffer.alloc(0)
    return await putAtOnce(client, bytes, upload, failed, signal)
  } catch (error) {
    body.destroy()
    throw error
  }
}

async function putAtOnce(
  client: BlockBlobClient,
  bytes: Buffer,
  upload: BlockBlobUploadOptions,
  failed: AbortController,
  signal?: AbortSignal,
): Promise<PutReceipt> {
  try {
    await asking(signal, () => client.upload(bytes, bytes.length, { ...upload, abortSignal: signal }))
    return { storedBytes: bytes.length }
  } catch (error) {
    if (!(error instanceof StoreError) || error.kind !== 'exists') throw error
    if ((await whoseObject(client, () => false, signal)) !== 'nobody') throw error
    // Only blocks lie there that nobody has committed, over which a commit is allowed.
    return putBlocks(client, bytes.length > 0 ? [bytes] : [], upload, failed, signal)
  }
}

function blockSizes(sizeBytes: number | undefined, blockBytes: number): (index: number) => number {
  if (sizeBytes === undefined) return (index) => blockBytes * 2 ** Math.floor(index / BLOCKS_OF_ONE_SIZE)
  const bytes = blockBytesFor(sizeBytes, blockBytes)
  return () => bytes
}

async function* blocksOf(chunks: AsyncIterable<Buffer>, sizeAt: (index: number) => number): AsyncGenerator<Buffer> {
  const queue = createByteQueue()
  let index = 0
  for await (const chunk of chunks) {
    queue.add(chunk)
    while (queue.bytes >= sizeAt(index)) yield queue.take(sizeAt(index++))
  }
  if (queue.bytes > 0) yield queue.take(queue.bytes)
}

async function putBlocks(
  client: BlockBlobClient,
  blocks: AsyncIterable<Buffer> | Iterable<Buffer>,
  upload: BlockBlobUploadOptions,
  failed: AbortController,
  signal?: AbortSignal,
): Promise<PutReceipt> {
  const writer = newWriter()
  const ids: string[] = []
  let storedBytes = 0
  const stage = async (block: Buffer, abortSignal: AbortSignal) => {
    const id = blockIdOf(writer, ids.length + 1)
    ids.push(id)
    storedBytes += block.length
    await asking(abortSignal, () => client.stageBlock(id, block, block.length, { abortSignal }))
  }
  await someAtATime(BLOCKS_IN_FLIGHT, blocks, stage, { failed, signal })
  await commit(client, ids, upload, signal)
  return { storedBytes }
}

async function* joined<T>(first: T[], rest: AsyncIterable<T>): AsyncGenerator<T> {
  while (first.length > 0) yield first.shift()!
  yield* rest
}

/**
 * Works on items as they come, on a few at a time. The first failure aborts `failed` and stops the rest, which have ended
 * when it is thrown.
 */
export async function someAtATime<T>(
  count: number,
  items: AsyncIterable<T> | Iterable<T>,
  work: (item: T, signal: AbortSignal) => Promise<void>,
  { failed = new AbortController(), signal }: { failed?: AbortController; signal?: AbortSignal },
): Promise<void> {
  const stopped = signal ? AbortSignal.any([signal, failed.signal]) : failed.signal
  const running = new Set<Promise<void>>()
  try {
    for await (const item of items) {
      stopped.throwIfAborted()
      const task = work(item, stopped)
        .catch((error) => failed.abort(error))
        .finally(() => running.delete(task))
      running.add(task)
      if (running.size >= count) await Promise.race(running)
    }
  } catch (error) {
    failed.abort(error)
  }
  await Promise.all(running)
  stopped.throwIfAborted()
}

/**
 * Makes an object of staged blocks.
 *
 * @throws StoreError `exists` also where the object that lies there has taken the place of the blocks
 */
export async function commit(
  client: BlockBlobClient,
  ids: string[],
  upload: BlockBlobUploadOptions,
  signal?: AbortSignal,
): Promise<void> {
  try {
    await asking(signal, () => client.commitBlockList(ids, { ...upload, abortSignal: signal }))
  } catch (error) {
    signal?.throwIfAborted()
    if (!(error instanceof StoreError) || error.kind !== 'unavailable') throw error
    const found = await whoseObject(client, (id) => id === ids[0], signal).catch(() => 'nobody')
    if (found === 'other') throw new StoreError('exists', 'The store key is already taken', { cause: error })
    if (found === 'nobody') throw error
    // Ours: only the answer was lost.
  }
}

/** Whether the object that lies there was made of one's own blocks. */
export async function whoseObject(
  client: BlockBlobClient,
  isMine: (blockId: string) => boolean,
  abortSignal?: AbortSignal,
): Promise<'nobody' | 'mine' | 'other'> {
  const properties = await askingIfThere(abortSignal, () => client.getProperties({ abortSignal }))
  if (!properties || properties.contentType === ABANDONED_TYPE) return 'nobody'
  const { committedBlocks = [] } = await asking(abortSignal, () => client.getBlockList('committed', { abortSignal }))
  return committedBlocks.some(({ name }) => isMine(name)) ? 'mine' : 'other'
}
