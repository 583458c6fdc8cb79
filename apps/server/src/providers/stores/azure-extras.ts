import type { BlockBlobClient } from '@azure/storage-blob'
import type { AzureConnection } from './azure-client.ts'
import { asking } from './azure-errors.ts'
import { blobNameOf, blockIdOf, metadataToAzure, newWriter } from './azure-names.ts'
import { azureParts } from './azure-parts.ts'
import { ABANDONED_TYPE, blockBytesFor, checkStorageClass, commit, someAtATime, uploadOptionsOf } from './azure-put.ts'
import type { Signer } from './azure-sas.ts'
import { noExtras } from './extras.ts'
import {
  type CopyOptions,
  type PresignGetOptions,
  type PresignPutOptions,
  type PutReceipt,
  type SignedRequest,
  StoreError,
  type StoreExtras,
  type StoreKey,
} from './port.ts'

const COPIES_IN_FLIGHT = 4
/** The service reads the source while we wait; a large copy is begun anew when its URL is over. */
const COPY_SECONDS = 86_400

/** What the service can do beyond storing bytes. */
export function azureExtras(
  connection: AzureConnection,
  { copyBytes, immutability }: { copyBytes: number; immutability: boolean },
): StoreExtras {
  const { container, signPublic } = connection
  const blobOf = (key: StoreKey) => container.getBlockBlobClient(blobNameOf(key))
  return {
    ...noExtras,
    ...azureParts(connection),
    copy: (key, options) => copy(connection, key, options, copyBytes),
    presignGet: async (key, options) => presignGet(signPublic, blobNameOf(key), options),
    presignPut: async (key, options) => presignPut(signPublic, blobNameOf(key), options),
    setStorageClass: async (key, { storageClass, signal }) => {
      const blob = blobOf(key)
      checkStorageClass(storageClass, ['Hot'])
      await asking(signal, () => blob.setAccessTier(storageClass, { abortSignal: signal }))
    },
    ...(immutability ? locks(blobOf) : {}),
  }
}

function locks(blobOf: (key: StoreKey) => BlockBlobClient): Pick<StoreExtras, 'setHold' | 'setRetention'> {
  return {
    setHold: async (key, { held, signal }) => {
      const blob = blobOf(key)
      await asking(signal, () => blob.setLegalHold(held, { abortSignal: signal }))
    },
    setRetention: async (key, { until, mode, signal }) => {
      const blob = blobOf(key)
      const policy = { expiriesOn: until, policyMode: mode === 'compliance' ? 'Locked' : 'Unlocked' } as const
      await asking(signal, () => blob.setImmutabilityPolicy(policy, { abortSignal: signal }))
    },
  }
}

// ---- presigned requests

async function presignGet(sign: Signer, name: string, options: PresignGetOptions): Promise<SignedRequest> {
  const { expiresInSeconds, signal, contentDisposition, contentType, cacheControl } = options
  const headers = { contentDisposition, contentType, cacheControl }
  const { url, expiresAt } = await sign(name, { permission: 'r', expiresInSeconds, signal, headers })
  return { method: 'GET', url, headers: {}, expiresAt }
}

async function presignPut(sign: Signer, name: string, options: PresignPutOptions): Promise<SignedRequest> {
  const { expiresInSeconds, signal, contentType } = options
  // The right to create alone: where a blob lies, the service refuses.
  const { url, expiresAt } = await sign(name, { permission: 'c', expiresInSeconds, signal })
  const headers = { 'x-ms-blob-type': 'BlockBlob', ...(contentType && { 'x-ms-blob-content-type': contentType }) }
  return { method: 'PUT', url, headers, expiresAt }
}

// ---- copy

async function copy(
  { container, signInternal }: AzureConnection,
  key: StoreKey,
  options: CopyOptions,
  copyBytes: number,
): Promise<PutReceipt> {
  const { to, sizeBytes, signal } = options
  const source = container.getBlockBlobClient(blobNameOf(key))
  const target = container.getBlockBlobClient(blobNameOf(to))
  const upload = uploadOptionsOf(options)
  const found = await asking(signal, () => source.getProperties({ abortSignal: signal }))
  if (found.contentType === ABANDONED_TYPE) throw new StoreError('notFound', 'Nothing is stored under the store key')
  if (found.contentLength !== sizeBytes) {
    throw new StoreError('badSize', `The source was to hold ${sizeBytes} bytes and holds ${found.contentLength}`)
  }
  const { url } = await signInternal(blobNameOf(key), { permission: 'r', expiresInSeconds: COPY_SECONDS, signal })
  const from = { url, etag: found.etag!, sizeBytes }
  if (sizeBytes <= copyBytes) {
    await copyAtOnce(from, target, options)
  } else {
    const blobHTTPHeaders = { blobContentType: options.contentType ?? found.contentType }
    const metadata = upload.metadata ?? found.metadata
    const ids = await copyBlocks(from, target, copyBytes, signal)
    // A block cannot be pinned to the source's ETag; one that is still the same after all of them pins them alike.
    const after = await asking(signal, () => source.getProperties({ abortSignal: signal }))
    if (after.etag !== from.etag) throw new StoreError('unavailable', 'The source changed while it was copied')
    await commit(target, ids, { ...upload, blobHTTPHeaders, metadata }, signal)
  }
  return { storedBytes: sizeBytes }
}

interface Source {
  url: string
  etag: string
  sizeBytes: number
}

async function copyAtOnce(from: Source, target: BlockBlobClient, options: CopyOptions): Promise<void> {
  const { metadata, contentType, storageClass, signal: abortSignal } = options
  await asking(abortSignal, () =>
    target.syncCopyFromURL(from.url, {
      abortSignal,
      conditions: { ifNoneMatch: '*' },
      sourceConditions: { ifMatch: from.etag },
      metadata: metadata && metadataToAzure(metadata),
      tier: storageClass,
    }),
  )
  // This copy takes the source's media type and can be told no other.
  if (contentType === undefined) return
  await asking(abortSignal, () => target.setHTTPHeaders({ blobContentType: contentType }, { abortSignal }))
}

/** Stages the source's ranges as blocks of the target, which is not there until they are committed. */
async function copyBlocks(from: Source, target: BlockBlobClient, copyBytes: number, signal?: AbortSignal) {
  const writer = newWriter()
  const blockBytes = blockBytesFor(from.sizeBytes, copyBytes)
  const ids = Array.from({ length: Math.ceil(from.sizeBytes / blockBytes) }, (_, index) => blockIdOf(writer, index + 1))
  const stage = async (id: string, abortSignal: AbortSignal) => {
    const offset = ids.indexOf(id) * blockBytes
    const count = Math.min(blockBytes, from.sizeBytes - offset)
    await asking(abortSignal, () => target.stageBlockFromURL(id, from.url, offset, count, { abortSignal }))
  }
  await someAtATime(COPIES_IN_FLIGHT, ids, stage, { signal })
  return ids
}
