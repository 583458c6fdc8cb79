import { Readable } from 'node:stream'
import {
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  ListObjectsV2Command,
} from '@aws-sdk/client-s3'
import { destroyOnAbort } from './abort.ts'
import { checkRange, spanOf } from './byte-range.ts'
import {
  type ByteRange,
  type CallOptions,
  type GetOptions,
  type StoredInfo,
  type StoredObject,
  StoreError,
  type StoreKey,
} from './port.ts'
import type { S3Clients, S3Place } from './s3-client.ts'
import { asked, isKind, storeErrorOf } from './s3-errors.ts'
import { readMetadata } from './s3-metadata.ts'
import { segmentsOf } from './store-key.ts'

export async function getObject(place: S3Place, key: StoreKey, options: GetOptions = {}): Promise<StoredObject> {
  segmentsOf(key)
  const { range, signal } = options
  if (range) checkRange(range)
  const clients = await place.clientsFor(options)
  const request = { ...place.at, Key: key, ...(range ? { Range: `bytes=${range.start}-${range.end ?? ''}` } : {}) }
  const output = await asked(signal, (told) => clients.read.send(new GetObjectCommand(request), told)).catch(
    async (error) => {
      throw (await isMissing(place, clients, key, options, error)) ? notFound(error) : error
    },
  )
  const source = output.Body as Readable
  try {
    const { sizeBytes, length } = sizesOf(output, range)
    const body = watched(source, length, place.settings.idleTimeoutMs)
    destroyOnAbort(body, signal)
    return { body, sizeBytes }
  } catch (error) {
    source.destroy()
    throw error
  }
}

/** The size of the whole object, and how many bytes of it follow. */
function sizesOf({ ContentRange, ContentLength = 0 }: GetObjectCommandOutput, range?: ByteRange) {
  const total = /^bytes \d+-\d+\/(\d+)$/.exec(ContentRange ?? '')?.[1]
  const sizeBytes = total === undefined ? ContentLength : Number(total)
  const { length } = spanOf(range, sizeBytes)
  if (length !== ContentLength) throw new StoreError('unsupported', 'The server answered with another range than asked')
  return { sizeBytes, length }
}

/**
 * The bytes of an answer, `length` of them. Fails when the server is silent for `idleMs` while somebody wants to read;
 * a reader that does not is waited for.
 */
function watched(source: Readable, length: number, idleMs: number): Readable {
  let missing = length
  let timer: NodeJS.Timeout | undefined
  const body = new Readable({
    read() {
      timer ??= setTimeout(() => body.destroy(silent(idleMs)), idleMs)
      source.resume()
    },
    destroy(error, done) {
      clearTimeout(timer)
      source.destroy()
      done(error)
    },
  })
  source.on('data', (chunk: Buffer) => {
    missing -= chunk.length
    if (body.push(chunk)) return void timer?.refresh()
    source.pause()
    clearTimeout(timer)
    timer = undefined
  })
  source.on('end', () => {
    if (missing === 0) return body.push(null)
    body.destroy(new StoreError('corrupt', `The object ended ${missing} bytes short`))
  })
  source.on('error', (error) => body.destroy(storeErrorOf(error)))
  source.on('close', () => {
    if (missing !== 0) body.destroy(new StoreError('unavailable', 'The server closed the connection'))
  })
  source.pause()
  return body
}

function silent(idleMs: number): StoreError {
  return new StoreError('unavailable', `The server sent nothing for ${idleMs} ms`)
}

export async function headObject(
  place: S3Place,
  key: StoreKey,
  options: CallOptions = {},
): Promise<StoredInfo | undefined> {
  segmentsOf(key)
  const output = await findHead(place, await place.clientsFor(options), key, options)
  return output && infoOf(key, output)
}

export async function findHead(
  place: S3Place,
  clients: S3Clients,
  key: StoreKey,
  options: CallOptions,
): Promise<HeadObjectCommandOutput | undefined> {
  try {
    const request = { ...place.at, Key: key }
    return await asked(options.signal, (told) => clients.send.send(new HeadObjectCommand(request), told))
  } catch (error) {
    if (await isMissing(place, clients, key, options, error)) return undefined
    throw error
  }
}

/** @throws StoreError `notFound` */
export async function getHead(
  place: S3Place,
  clients: S3Clients,
  key: StoreKey,
  options: CallOptions,
): Promise<HeadObjectCommandOutput> {
  const found = await findHead(place, clients, key, options)
  if (!found) throw notFound()
  return found
}

/**
 * Looks for a key before it is written, where the server does not do so itself.
 *
 * @throws StoreError `exists`
 */
export async function refuseTaken(
  place: S3Place,
  clients: S3Clients,
  key: StoreKey,
  options: CallOptions,
): Promise<void> {
  if (place.settings.conditionalCreate || !(await findHead(place, clients, key, options))) return
  throw new StoreError('exists', 'The store key is already taken')
}

function notFound(cause?: unknown): StoreError {
  return new StoreError('notFound', 'Nothing is stored under the store key', { cause })
}

/**
 * Whether a failure means that nothing lies under a key. To those who may list a prefix alone, S3 answers 403 also
 * where nothing is (GetObject, "Permissions"): then the list tells.
 */
async function isMissing(
  place: S3Place,
  clients: S3Clients,
  key: StoreKey,
  { signal }: CallOptions,
  error: unknown,
): Promise<boolean> {
  if (isKind(error, 'notFound')) return true
  if (!isKind(error, 'denied') || clients === place.own) return false
  const request = { ...place.at, Prefix: key, MaxKeys: 1 }
  const listing = asked(signal, (told) => clients.send.send(new ListObjectsV2Command(request), told))
  const { Contents = [] } = await listing.catch(() => ({ Contents: [{ Key: key }] }))
  return Contents[0]?.Key !== key
}

function infoOf(key: StoreKey, output: HeadObjectCommandOutput): StoredInfo {
  return {
    key,
    storedBytes: output.ContentLength ?? 0,
    modifiedAt: output.LastModified ?? new Date(0),
    unfinished: false,
    metadata: readMetadata(output.Metadata ?? {}),
    contentType: output.ContentType,
    storageClass: output.StorageClass ?? 'STANDARD',
    held: output.ObjectLockLegalHoldStatus === 'ON',
    retainUntil: output.ObjectLockRetainUntilDate,
  }
}
