import {
  AbortMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  type MultipartUpload,
} from '@aws-sdk/client-s3'
import { limitOf } from './paging.ts'
import {
  type CallOptions,
  type ListOptions,
  type ListPage,
  type StoredInfo,
  StoreError,
  type StoreKey,
} from './port.ts'
import { checkWithin, type S3Clients, type S3Place } from './s3-client.ts'
import { asked } from './s3-errors.ts'
import { decodeKey, orGone } from './s3-versions.ts'
import { segmentsOf } from './store-key.ts'

/** How far a list has come: the last finished and the last unfinished object that it has shown, `null` at the end. */
interface Position {
  finished?: string | null
  open?: { key: string; id: string } | null
}

interface Found {
  info: StoredInfo
  after: Position
}

/**
 * Merges two lists that S3 has: that of objects and that of open multipart uploads. How many bytes of an unfinished one
 * have arrived is not known without asking for each, and told as 0.
 */
export async function listAll(place: S3Place, options: ListOptions): Promise<ListPage> {
  const limit = limitOf(options)
  checkWithin(place, options.prefix ?? '', options)
  const position = readCursor(options.cursor)
  const clients = await place.clientsFor(options)
  const [finished, open] = await Promise.all([
    position.finished === null ? noPage : listFinished(place, clients, options, limit, position.finished),
    position.open === null ? noPage : listOpen(place, options, limit, position.open),
  ])
  const found = [...open.found, ...finished.found].sort((a, b) => compare(a.info.key, b.info.key))
  const page = found.slice(0, limit)
  const left = found.slice(limit)
  const next: Position = Object.assign({}, position, ...page.map(({ after }) => after))
  if (!finished.hasMore && !left.some(({ info }) => !info.unfinished)) next.finished = null
  if (!open.hasMore && !left.some(({ info }) => info.unfinished)) next.open = null
  const items = page.map(({ info }) => info)
  return next.finished === null && next.open === null ? { items } : { items, nextCursor: writeCursor(next) }
}

const noPage = { found: [] as Found[], hasMore: false }

async function listFinished(
  place: S3Place,
  clients: S3Clients,
  { prefix, signal }: ListOptions,
  limit: number,
  after?: string,
) {
  const request = { ...place.at, Prefix: prefix, MaxKeys: limit, StartAfter: after, EncodingType: 'url' as const }
  const { Contents = [], IsTruncated } = await asked(signal, (told) =>
    clients.send.send(new ListObjectsV2Command(request), told),
  )
  const found = Contents.map(({ Key = '', Size = 0, LastModified = new Date(0), StorageClass = 'STANDARD' }): Found => {
    const key = decodeKey(Key)
    const info = { key, storedBytes: Size, modifiedAt: LastModified, unfinished: false, storageClass: StorageClass }
    return { info, after: { finished: key } }
  })
  return { found, hasMore: IsTruncated === true }
}

async function listOpen(
  place: S3Place,
  { prefix, signal }: ListOptions,
  limit: number,
  after?: { key: string; id: string },
) {
  const { uploads, hasMore } = await uploadsPage(place, signal, prefix, limit, after)
  const found = uploads.map(({ Key = '', UploadId = '', Initiated = new Date(0) }): Found => {
    const info = { key: Key, storedBytes: 0, modifiedAt: Initiated, unfinished: true }
    return { info, after: { open: { key: Key, id: UploadId } } }
  })
  return { found, hasMore }
}

/** Asked with our own credentials: S3 does not limit it to a prefix, so a session has no right to it. */
async function uploadsPage(
  { at, own }: S3Place,
  signal?: AbortSignal,
  prefix?: string,
  limit = 1000,
  after?: { key: string; id: string },
): Promise<{ uploads: MultipartUpload[]; hasMore: boolean }> {
  const markers = { KeyMarker: after?.key, UploadIdMarker: after?.id }
  const request = { ...at, ...markers, Prefix: prefix, MaxUploads: limit, EncodingType: 'url' as const }
  const { Uploads = [], IsTruncated } = await asked(signal, (told) =>
    own.send.send(new ListMultipartUploadsCommand(request), told),
  )
  return { uploads: Uploads.map((upload) => ({ ...upload, Key: decodeKey(upload.Key ?? '') })), hasMore: !!IsTruncated }
}

/** Ends every open multipart upload of exactly this key. */
export async function abandonUploads(place: S3Place, key: StoreKey, options: CallOptions = {}): Promise<void> {
  segmentsOf(key)
  checkWithin(place, key, options)
  const { signal } = options
  const clients = await place.clientsFor(options)
  for (;;) {
    const { uploads, hasMore } = await uploadsPage(place, signal, key)
    const ours = uploads.filter(({ Key }) => Key === key)
    for (const { UploadId } of ours) {
      const request = { ...place.at, Key: key, UploadId }
      await asked(signal, (told) => clients.send.send(new AbortMultipartUploadCommand(request), told)).catch(orGone)
    }
    // Keys are in order and this one comes first of those that begin with it.
    if (!hasMore || ours.length < uploads.length) return
  }
}

function readCursor(cursor?: string): Position {
  if (cursor === undefined) return {}
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString())
  } catch (error) {
    throw new StoreError('unsupported', 'The cursor is not one of this list', { cause: error })
  }
}

function writeCursor(position: Position): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url')
}

/** S3 orders keys by their bytes of UTF-8. */
function compare(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
