import { Readable } from 'node:stream'
import type { BlobItem, BlockBlobClient } from '@azure/storage-blob'
import { destroyOnAbort } from './abort.ts'
import { type AzureConnection, type AzureSettings, azureSettings, connect } from './azure-client.ts'
import { asking, askingIfThere, storeErrorOf } from './azure-errors.ts'
import { azureExtras } from './azure-extras.ts'
import { blobNameOf, metadataFromAzure, namePrefixOf, storeKeyOf } from './azure-names.ts'
import { ABANDONED_TYPE, BLOCK_BYTES, putBody, STORAGE_CLASSES } from './azure-put.ts'
import { checkRange, spanOf } from './byte-range.ts'
import { NO_CAPABILITIES } from './extras.ts'
import { limitOf } from './paging.ts'
import {
  type CallOptions,
  type GetOptions,
  type ListOptions,
  type ListPage,
  type ObjectStore,
  type StoredInfo,
  type StoredObject,
  StoreError,
  type StoreKey,
} from './port.ts'

export { type AzureSettings, azureSettings }

/** The service copies up to this many bytes in one step. */
const COPY_BYTES = 256 * 1024 * 1024

/**
 * Opens a store in a container of Azure Blob Storage, which must be there and have no hierarchical namespace. A key is a
 * blob name (save dots at the ends of segments, see azure-names.ts).
 *
 * Large bodies go as blocks, which no reader sees before they are committed. What an unfinished `put` leaves is shown by
 * `list` with size 0 and, for the service does not tell its age, as of now; the service itself drops it after a week.
 *
 * A shared access signature binds the key, the verb and the time, but neither size, hash nor type: the caller checks these
 * afterwards. A presigned PUT creates and never replaces. A presigned part needs the right to write, by which its holder
 * might also store or replace the whole blob until the time is over, and it cannot be recalled by `abandon`: parts belong
 * under a key that only their sender can spoil, from which the finished object is copied.
 *
 * @param sizes for tests: of blocks, and of what is copied in one step
 * @throws ZodError for settings that do not fit
 */
export function openAzureStore(
  settings: AzureSettings,
  { blockBytes = BLOCK_BYTES, copyBytes = COPY_BYTES }: { blockBytes?: number; copyBytes?: number } = {},
): ObjectStore {
  const checked = azureSettings.parse(settings)
  const connection = connect(checked)
  const blobOf = (key: StoreKey) => connection.container.getBlockBlobClient(blobNameOf(key))
  return {
    ...azureExtras(connection, { copyBytes, immutability: checked.immutability }),
    capabilities: {
      ...NO_CAPABILITIES,
      presignedGet: true,
      presignedPut: true,
      presignedParts: true,
      serverCopy: true,
      storageClasses: STORAGE_CLASSES,
      objectLock: checked.immutability,
      metadata: true,
    },
    put: (key, body, options = {}) => putBody(() => blobOf(key), body, options, blockBytes),
    get: async (key, options) => get(blobOf(key), options),
    head: async (key, options) => head(key, blobOf(key), options),
    delete: async (key, options) => {
      const blob = blobOf(key)
      if (checked.immutability) await removeVersions(connection, blob, options)
      else await remove(blob, options)
    },
    abandon: async (key, options) => abandon(blobOf(key), options),
    list: (options) => list(connection, options),
    close: async () => connection.close(),
  }
}

// ---- get, head

async function get(blob: BlockBlobClient, { range, signal }: GetOptions = {}): Promise<StoredObject> {
  if (range) checkRange(range)
  const { start, end } = range ?? { start: 0 }
  const count = end === undefined || end >= Number.MAX_SAFE_INTEGER ? undefined : end - start + 1
  const answer = await asking(signal, () => blob.download(start, count, { abortSignal: signal, maxRetryRequests: 0 }))
  const source = answer.readableStreamBody as Readable
  try {
    if (answer.contentType === ABANDONED_TYPE) throw new StoreError('notFound', 'Nothing is stored under the store key')
    const sizeBytes = Number(answer.contentRange?.split('/')[1] ?? answer.contentLength)
    spanOf(range, sizeBytes)
    const body = withStoreErrors(source, signal)
    destroyOnAbort(body, signal)
    return { body, sizeBytes }
  } catch (error) {
    source.on('error', () => {}).destroy()
    throw error
  }
}

/** The same bytes, in a stream that fails with a StoreError. */
function withStoreErrors(source: Readable, signal?: AbortSignal): Readable {
  const body = new Readable({
    read: () => void source.resume(),
    destroy(error, done) {
      source.destroy()
      done(error)
    },
  })
  source.on('data', (chunk) => {
    if (!body.push(chunk)) source.pause()
  })
  source.on('end', () => body.push(null))
  source.on('error', (error) => body.destroy(signal?.aborted ? signal.reason : streamError(error)))
  source.pause()
  return body
}

function streamError(error: Error): Error {
  const known = storeErrorOf(error)
  if (known instanceof StoreError) return known
  return new StoreError('unavailable', 'The connection ended before the object did', { cause: error })
}

async function head(
  key: StoreKey,
  blob: BlockBlobClient,
  { signal }: CallOptions = {},
): Promise<StoredInfo | undefined> {
  const found = await propertiesOf(blob, signal)
  if (!found || found.contentType === ABANDONED_TYPE) return undefined
  return {
    key,
    storedBytes: found.contentLength!,
    modifiedAt: found.lastModified!,
    unfinished: false,
    metadata: metadataFromAzure(found.metadata ?? {}),
    contentType: found.contentType,
    storageClass: STORAGE_CLASSES.find((name) => name === found.accessTier),
    held: found.legalHold,
    retainUntil: found.immutabilityPolicyExpiresOn,
  }
}

function propertiesOf(blob: BlockBlobClient, abortSignal?: AbortSignal) {
  return askingIfThere(abortSignal, () => blob.getProperties({ abortSignal }))
}

// ---- delete, abandon

async function remove(blob: BlockBlobClient, { signal }: CallOptions = {}): Promise<void> {
  await askingIfThere(signal, () => blob.delete({ deleteSnapshots: 'include', abortSignal: signal }))
}

/** Removes a blob of a container that keeps versions, where deletion alone makes the current one an older one. */
async function removeVersions(
  { container }: AzureConnection,
  blob: BlockBlobClient,
  options: CallOptions = {},
): Promise<void> {
  const { signal } = options
  const found = await propertiesOf(blob, signal)
  const retained = (found?.immutabilityPolicyExpiresOn?.getTime() ?? 0) > Date.now()
  if (found?.legalHold || retained) {
    throw new StoreError('denied', 'The object is under a legal hold or a retention period')
  }
  await remove(blob, options)
  const listing = container.listBlobsFlat({ prefix: blob.name, includeVersions: true, abortSignal: signal })
  for (;;) {
    const { value: found, done } = await asking(signal, () => listing.next())
    if (done) return
    const { name, versionId } = found
    if (name !== blob.name || !versionId) continue
    await askingIfThere(signal, () => blob.withVersion(versionId).delete({ abortSignal: signal }))
  }
}

/**
 * Blocks that were never committed are only dropped by something that takes their place: an empty placeholder, made for a
 * moment, which readers take for nothing and `list` for unfinished.
 */
async function abandon(blob: BlockBlobClient, { signal: abortSignal }: CallOptions = {}): Promise<void> {
  const found = await propertiesOf(blob, abortSignal)
  let placeholder = found?.contentType === ABANDONED_TYPE ? found.etag : undefined
  if (found && !placeholder) return
  if (!placeholder) {
    const blocks = await askingIfThere(abortSignal, () => blob.getBlockList('uncommitted', { abortSignal }))
    if (!blocks?.uncommittedBlocks?.length) return
    placeholder = await putPlaceholder(blob, abortSignal)
  }
  const conditions = { ifMatch: placeholder }
  await unlessExists(asking(abortSignal, () => blob.delete({ conditions, abortSignal })))
}

/** @returns its ETag; one that matches nothing where another has been quicker */
async function putPlaceholder(blob: BlockBlobClient, abortSignal?: AbortSignal): Promise<string> {
  const conditions = { ifNoneMatch: '*' }
  const blobHTTPHeaders = { blobContentType: ABANDONED_TYPE }
  const made = asking(abortSignal, () => blob.commitBlockList([], { conditions, blobHTTPHeaders, abortSignal }))
  return (await unlessExists(made))?.etag ?? '"none"'
}

async function unlessExists<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (error instanceof StoreError && (error.kind === 'exists' || error.kind === 'notFound')) return undefined
    throw error
  }
}

// ---- list

async function list({ container }: AzureConnection, options: ListOptions): Promise<ListPage> {
  const { prefix = '', signal } = options
  const limit = limitOf(options)
  const listing = container.listBlobsFlat({
    prefix: namePrefixOf(prefix),
    includeUncommitedBlobs: true,
    abortSignal: signal,
  })
  const items: StoredInfo[] = []
  let cursor = options.cursor
  do {
    const pages = listing.byPage({ continuationToken: cursor, maxPageSize: limit - items.length })
    const page = await asking(signal, async () => (await pages.next()).value)
    const infos: StoredInfo[] = (page?.segment.blobItems ?? []).map(infoOf)
    items.push(...infos.filter((info) => info.key.startsWith(prefix)))
    cursor = page?.continuationToken || undefined
  } while (cursor && items.length < limit)
  return { items, nextCursor: cursor }
}

function infoOf({ name, properties }: BlobItem): StoredInfo {
  // What was never committed has no media type: every finished blob has one.
  const uncommitted = !properties.contentType && !properties.contentLength
  return {
    key: storeKeyOf(name),
    storedBytes: properties.contentLength ?? 0,
    modifiedAt: properties.lastModified ?? new Date(),
    unfinished: uncommitted || properties.contentType === ABANDONED_TYPE,
  }
}
