import {
  type CompletedPart,
  CopyObjectCommand,
  type CopyObjectCommandInput,
  type HeadObjectCommandOutput,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3'
import {
  type CallOptions,
  type CopyOptions,
  type PutReceipt,
  type StorageClassOptions,
  StoreError,
  type StoreKey,
} from './port.ts'
import type { S3Clients, S3Place } from './s3-client.ts'
import { asked, isKind } from './s3-errors.ts'
import { lockAs, locksOf } from './s3-locks.ts'
import { readMetadata } from './s3-metadata.ts'
import { copyRanges, MAX_COPY_BYTES, type PartRange } from './s3-part-sizes.ts'
import { findHead, getHead, refuseTaken } from './s3-read.ts'
import { describing, joinParts, openUpload } from './s3-upload.ts'
import { deleteVersion } from './s3-versions.ts'
import { segmentsOf } from './store-key.ts'

/** By what an object is copied: whole up to a size, else in parts. */
interface CopySizes {
  wholeBytes: number
  partBytes: number
}

const SIZES: CopySizes = { wholeBytes: MAX_COPY_BYTES, partBytes: 512 * 1024 ** 2 }
const IN_FLIGHT = 4

interface Copying {
  place: S3Place
  clients: S3Clients
  from: StoreKey
  to: StoreKey
  source: HeadObjectCommandOutput
  options: CallOptions
  described: ReturnType<typeof describing>
  /** An object that is copied onto itself. */
  mayReplace: boolean
  sizes: CopySizes
}

export async function copyObject(
  place: S3Place,
  from: StoreKey,
  options: CopyOptions,
  sizes = SIZES,
): Promise<PutReceipt> {
  segmentsOf(from)
  const { to, metadata, contentType, storageClass } = options
  segmentsOf(to)
  const clients = await place.clientsFor(options)
  const source = await getHead(place, clients, from, options)
  await refuseTaken(place, clients, to, options)
  const described = describing(place, {
    metadata: metadata ?? readMetadata(source.Metadata ?? {}),
    contentType: contentType ?? source.ContentType,
    storageClass,
  })
  return copyFrom({ place, clients, from, to, source, options, described, mayReplace: false, sizes })
}

/**
 * Copies an object onto itself. Holds and retention go with it; in a bucket with versions the one before goes, or stays
 * until its own lock ends.
 */
export async function setStorageClass(place: S3Place, key: StoreKey, options: StorageClassOptions): Promise<void> {
  segmentsOf(key)
  const { storageClass } = options
  const clients = await place.clientsFor(options)
  const source = await getHead(place, clients, key, options)
  const metadata = readMetadata(source.Metadata ?? {})
  const locks = locksOf(source)
  const described = { ...describing(place, { metadata, contentType: source.ContentType, storageClass }), ...locks }
  if ((source.StorageClass ?? 'STANDARD') === storageClass) return
  await copyFrom({ place, clients, from: key, to: key, source, options, described, mayReplace: true, sizes: SIZES })
  await lockAs(place, clients, key, options, locks)
  const { VersionId } = source
  if (!VersionId || VersionId === 'null') return
  await deleteVersion(place, clients, key, options, VersionId).catch((error) => {
    if (!isKind(error, 'denied')) throw error
  })
}

async function copyFrom(copying: Copying): Promise<PutReceipt> {
  const { source, sizes } = copying
  const storedBytes = source.ContentLength ?? 0
  if (storedBytes > sizes.wholeBytes) await copyInParts(copying, storedBytes)
  else await copyWhole(copying)
  return { storedBytes }
}

/** What both ways of copying say of the source: where it lies, and that it is still the one that was looked at. */
function sourceOf({ place, from, source }: Copying) {
  const owner = place.settings.expectedBucketOwner
  return {
    CopySource: [place.settings.bucket, ...from.split('/')].map(encodeURIComponent).join('/'),
    CopySourceIfMatch: source.ETag,
    ...(owner ? { ExpectedSourceBucketOwner: owner } : {}),
  }
}

async function copyWhole(copying: Copying): Promise<void> {
  const { place, clients, to, options, described, mayReplace } = copying
  const request: CopyObjectCommandInput = {
    ...place.at,
    ...sourceOf(copying),
    ...described,
    Key: to,
    MetadataDirective: 'REPLACE',
    ...(mayReplace ? {} : { IfNoneMatch: '*' }),
  }
  const sent = asked(options.signal, (told) => clients.send.send(new CopyObjectCommand(request), told))
  await sent.catch(async (error) => {
    const isTaken = !mayReplace && isKind(error, 'exists') && (await findHead(place, clients, to, options))
    throw isTaken ? error : orChanged(error)
  })
}

/** A precondition that was not met and was not the target's was the source's. */
function orChanged(error: unknown): unknown {
  if (!isKind(error, 'exists')) return error
  return new StoreError('unavailable', 'The source was replaced while it was copied', { cause: error })
}

async function copyInParts(copying: Copying, sizeBytes: number): Promise<void> {
  const { place, clients, to, options, described, mayReplace, sizes } = copying
  const uploadId = await openUpload(place, clients, to, described, options)
  const stop = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal
  const copied: CompletedPart[] = []
  const ranges = copyRanges(sizeBytes, sizes.partBytes).values()
  const copyRange = async ({ number, start, end }: PartRange) => {
    const range = { PartNumber: number, CopySourceRange: `bytes=${start}-${end}` }
    const request = { ...place.at, ...sourceOf(copying), ...range, Key: to, UploadId: uploadId }
    const { CopyPartResult } = await asked(signal, (told) =>
      clients.send.send(new UploadPartCopyCommand(request), told),
    )
    const { LastModified: _, ...receipt } = CopyPartResult ?? {}
    copied.push({ ...receipt, PartNumber: number })
  }
  const work = async () => {
    for (const range of ranges) await copyRange(range)
  }
  try {
    await Promise.all(Array.from({ length: IN_FLIGHT }, work))
  } catch (error) {
    stop.abort(error)
    throw orChanged(error)
  }
  await joinParts(place, clients, to, uploadId, copied, options, mayReplace)
}
