import type { Readable } from 'node:stream'
import {
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  type CreateMultipartUploadCommandInput,
  PutObjectCommand,
  type StorageClass,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { chunksOf } from './body.ts'
import { createByteQueue } from './byte-queue.ts'
import { type CallOptions, type PutOptions, type PutReceipt, StoreError, type StoreKey } from './port.ts'
import type { S3Clients, S3Place } from './s3-client.ts'
import { asked, isKind } from './s3-errors.ts'
import { writeMetadata } from './s3-metadata.ts'
import { partBytesOf } from './s3-part-sizes.ts'
import { refuseTaken } from './s3-read.ts'
import { segmentsOf } from './store-key.ts'

/** Of large parts fewer, so that what is in flight holds no more than this many of the smallest. */
const IN_FLIGHT = 3

type Described = Pick<PutOptions, 'metadata' | 'contentType' | 'storageClass'>

/**
 * The members of a request that makes an object.
 *
 * @throws StoreError `unsupported` for a storage class that is not configured
 */
export function describing({ settings }: S3Place, { metadata, contentType, storageClass }: Described) {
  checkClass(settings.storageClasses, storageClass)
  return {
    ...(metadata ? { Metadata: writeMetadata(metadata) } : {}),
    ...(contentType ? { ContentType: contentType } : {}),
    ...(storageClass ? { StorageClass: storageClass as StorageClass } : {}),
  }
}

function checkClass(known: readonly string[], storageClass?: string): void {
  if (!storageClass || storageClass === 'STANDARD' || known.includes(storageClass)) return
  throw new StoreError('unsupported', `The store has no storage class ${storageClass}`)
}

/** Sends a body that ends within one part as it is, any other in parts of which a few are in flight. */
export async function putObject(
  place: S3Place,
  key: StoreKey,
  body: Readable,
  options: PutOptions = {},
): Promise<PutReceipt> {
  const chunks = chunksOf(body, options)
  try {
    segmentsOf(key)
    const { signal, sizeBytes } = options
    signal?.throwIfAborted()
    const described = describing(place, options)
    const clients = await place.clientsFor(options)
    await refuseTaken(place, clients, key, options)
    const { partBytes } = place.settings
    const parts = partsOf(chunks, (number) => partBytesOf(number, partBytes, sizeBytes))
    const first = (await parts.next()).value as Part
    if (first.isLast) {
      const request = { ...place.at, ...described, Key: key, Body: first.bytes, IfNoneMatch: '*' }
      await asked(signal, (told) => clients.send.send(new PutObjectCommand(request), told))
      return { storedBytes: first.bytes.length }
    }
    return { storedBytes: await putParts({ place, clients, key, body, described, options }, first, parts) }
  } catch (error) {
    body.destroy()
    throw error
  }
}

interface Part {
  number: number
  bytes: Buffer
  isLast: boolean
}

async function* partsOf(chunks: AsyncIterable<Buffer>, bytesOf: (number: number) => number): AsyncGenerator<Part> {
  const queue = createByteQueue()
  let number = 1
  for await (const chunk of chunks) {
    queue.add(chunk)
    while (queue.bytes > bytesOf(number)) {
      yield { number, bytes: queue.take(bytesOf(number)), isLast: false }
      number++
    }
  }
  yield { number, bytes: queue.take(queue.bytes), isLast: true }
}

interface Upload {
  place: S3Place
  clients: S3Clients
  key: StoreKey
  body: Readable
  described: ReturnType<typeof describing>
  options: PutOptions
}

/** What it leaves behind when it fails is an open upload, which `abandon` finds. */
async function putParts(upload: Upload, first: Part, rest: AsyncIterable<Part>): Promise<number> {
  const { place, clients, key, body, described, options } = upload
  const checksum = place.settings.checksums === 'supported' ? { ChecksumAlgorithm: 'CRC32' as const } : {}
  const uploadId = await openUpload(place, clients, key, { ...described, ...checksum }, options)
  const stop = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal
  const sent: CompletedPart[] = []
  const sending = new Set<Promise<void>>()
  let storedBytes = 0
  const sendPart = async ({ number, bytes }: Part) => {
    const request = { ...place.at, Key: key, UploadId: uploadId, PartNumber: number, Body: bytes }
    const { $metadata: _, ...receipt } = await asked(signal, (told) =>
      clients.send.send(new UploadPartCommand(request), told),
    )
    sent.push({ ...receipt, PartNumber: number })
  }
  const fail = (error: unknown) => {
    stop.abort(error)
    body.destroy() // it may keep its reader waiting for long
  }
  const begin = (part: Part) => {
    storedBytes += part.bytes.length
    const task: Promise<void> = sendPart(part)
      .catch(fail)
      .finally(() => sending.delete(task))
    sending.add(task)
  }
  try {
    begin(first)
    for await (const part of rest) {
      while (sending.size >= inFlight(part, place)) await Promise.race(sending)
      signal.throwIfAborted()
      begin(part)
    }
    await Promise.all(sending)
    signal.throwIfAborted()
  } catch (error) {
    const reason = signal.aborted ? signal.reason : error
    stop.abort(reason)
    throw reason
  }
  await joinParts(place, clients, key, uploadId, sent, options).catch((error) => {
    if (!isKind(error, 'notFound')) throw error
    throw new StoreError('unavailable', 'The write was abandoned before it was finished', { cause: error })
  })
  return storedBytes
}

function inFlight({ bytes }: Part, { settings }: S3Place): number {
  return Math.max(1, Math.floor((IN_FLIGHT * settings.partBytes) / Math.max(bytes.length, settings.partBytes)))
}

export async function openUpload(
  place: S3Place,
  clients: S3Clients,
  key: StoreKey,
  described: Partial<CreateMultipartUploadCommandInput>,
  { signal }: CallOptions,
): Promise<string> {
  const request = { ...place.at, ...described, Key: key }
  const { UploadId } = await asked(signal, (told) => clients.send.send(new CreateMultipartUploadCommand(request), told))
  if (!UploadId) throw new StoreError('unavailable', 'The server opened no upload')
  return UploadId
}

/** Joins parts under a key where nothing lies, unless the server is one that does not look. */
export async function joinParts(
  place: S3Place,
  clients: S3Clients,
  key: StoreKey,
  uploadId: string,
  parts: CompletedPart[],
  { signal }: CallOptions,
  mayReplace = false,
): Promise<void> {
  const request = {
    ...place.at,
    Key: key,
    UploadId: uploadId,
    MultipartUpload: { Parts: parts.sort((a, b) => a.PartNumber! - b.PartNumber!) },
    ...(mayReplace ? {} : { IfNoneMatch: '*' }),
  }
  await asked(signal, (told) => clients.send.send(new CompleteMultipartUploadCommand(request), told))
}
