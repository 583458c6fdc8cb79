import type { BlockBlobClient } from '@azure/storage-blob'
import type { AzureConnection } from './azure-client.ts'
import { asking, askingIfThere } from './azure-errors.ts'
import { blobNameOf, blockIdOf, blockNumberOf, newWriter } from './azure-names.ts'
import { commit, uploadOptionsOf, whoseObject } from './azure-put.ts'
import { requirePartNumber } from './part-number.ts'
import {
  type CompletePartsOptions,
  type PartsOptions,
  type PresignPartOptions,
  type PutReceipt,
  type SignedRequest,
  type StartPartsOptions,
  type StoredPart,
  StoreError,
  type StoreExtras,
  type StoreKey,
} from './port.ts'

/** The largest block: https://learn.microsoft.com/rest/api/storageservices/put-block */
const MAX_PART_BYTES = 4000 * 1024 * 1024
/** The block whose presence says that a reference is open. It is never committed. */
const MARKER = 0

type Parts = Pick<StoreExtras, 'startParts' | 'presignPart' | 'listParts' | 'completeParts'>

/**
 * Parts are blocks of the blob. The service knows them by id alone, so a part's ETag is its block id: it cannot tell a part
 * from another of its size that was sent under the same number.
 */
export function azureParts({ container, signPublic }: AzureConnection): Parts {
  const blobOf = (key: StoreKey) => container.getBlockBlobClient(blobNameOf(key))
  return {
    startParts: async (key, options) => startParts(blobOf(key), options),
    presignPart: async (key, options) => {
      const blobName = blobNameOf(key)
      const { expiresInSeconds, signal } = options
      signal?.throwIfAborted()
      const blockId = partBlockId(options)
      const { url, expiresAt } = await signPublic(blobName, { permission: 'w', expiresInSeconds, signal })
      const request: SignedRequest = {
        method: 'PUT',
        url: `${url}&comp=block&blockid=${encodeURIComponent(blockId)}`,
        headers: {},
        expiresAt,
      }
      return request
    },
    listParts: async (key, options) => {
      const blob = blobOf(key)
      options.signal?.throwIfAborted()
      return (await arrivedParts(blob, options)) ?? []
    },
    completeParts: async (key, options) => completeParts(blobOf(key), options),
  }
}

/** A reference names the writer of the blocks and carries what the finished object must be told. */
interface Reference {
  writer: string
  contentType?: string
}

function referenceOf({ writer, contentType }: Reference): string {
  return contentType ? `${writer}.${Buffer.from(contentType).toString('base64url')}` : writer
}

function parseReference(reference: string): Reference {
  const [, writer, type] = /^([0-9a-f]{32})(?:\.([\w-]+))?$/.exec(reference) ?? []
  if (!writer) throw notOpen()
  return { writer, contentType: type && Buffer.from(type, 'base64url').toString() }
}

function notOpen(): StoreError {
  return new StoreError('notFound', 'The object in parts is not open')
}

async function startParts(blob: BlockBlobClient, { contentType, signal }: StartPartsOptions): Promise<string> {
  signal?.throwIfAborted()
  uploadOptionsOf({ contentType })
  const writer = newWriter()
  const id = blockIdOf(writer, MARKER)
  await asking(signal, () => blob.stageBlock(id, '.', 1, { abortSignal: signal }))
  return referenceOf({ writer, contentType })
}

function partBlockId({ reference, number, sizeBytes }: PresignPartOptions): string {
  const { writer } = parseReference(reference)
  requirePartNumber(number)
  if (sizeBytes > MAX_PART_BYTES) throw new StoreError('unsupported', `A part has at most ${MAX_PART_BYTES} bytes`)
  return blockIdOf(writer, number)
}

/**
 * @returns undefined where an object was stored under the key meanwhile, for which the service has dropped the parts
 * @throws StoreError `notFound` when the reference is not open
 */
async function arrivedParts(blob: BlockBlobClient, options: PartsOptions): Promise<StoredPart[] | undefined> {
  const { signal: abortSignal, reference } = options
  const { writer } = parseReference(reference)
  const blocks = await askingIfThere(abortSignal, () => blob.getBlockList('uncommitted', { abortSignal }))
  const found = (blocks?.uncommittedBlocks ?? []).flatMap(({ name, size }) => {
    const number = blockNumberOf(writer, name)
    return number === undefined ? [] : [{ number, sizeBytes: size, etag: name }]
  })
  if (found.some(({ number }) => number === MARKER)) {
    return found.filter(({ number }) => number !== MARKER).sort((a, b) => a.number - b.number)
  }
  const owner = await whoseObject(blob, (id) => blockNumberOf(writer, id) !== undefined, abortSignal)
  if (owner === 'other') return undefined
  throw notOpen()
}

async function completeParts(blob: BlockBlobClient, options: CompletePartsOptions): Promise<PutReceipt> {
  const { parts, reference, signal } = options
  signal?.throwIfAborted()
  const { contentType } = parseReference(reference)
  const arrived = await arrivedParts(blob, options)
  if (!arrived) throw new StoreError('exists', 'The store key is already taken')
  checkParts(parts, new Map(arrived.map((part) => [part.number, part])))
  await commit(
    blob,
    parts.map(({ etag }) => etag),
    uploadOptionsOf({ contentType }),
    signal,
  )
  return { storedBytes: parts.reduce((bytes, part) => bytes + part.sizeBytes, 0) }
}

function checkParts(parts: readonly StoredPart[], arrived: ReadonlyMap<number, StoredPart>): void {
  if (parts.length === 0) throw new StoreError('badSize', 'No parts were named')
  let last = 0
  for (const { number, sizeBytes, etag } of parts) {
    const found = arrived.get(number)
    if (number <= last) throw new StoreError('badSize', `Part ${number} is out of order`)
    if (found?.sizeBytes !== sizeBytes || found.etag !== etag) {
      throw new StoreError('badSize', `Part ${number} is missing or is another than named`)
    }
    last = number
  }
}
