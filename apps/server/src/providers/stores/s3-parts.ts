import { ListPartsCommand } from '@aws-sdk/client-s3'
import { badSize } from './body.ts'
import {
  type CompletePartsOptions,
  type PartsOptions,
  type PutReceipt,
  type StartPartsOptions,
  type StoredPart,
  StoreError,
  type StoreKey,
} from './port.ts'
import type { S3Clients, S3Place } from './s3-client.ts'
import { asked } from './s3-errors.ts'
import { refuseTaken } from './s3-read.ts'
import { describing, joinParts, openUpload } from './s3-upload.ts'
import { segmentsOf } from './store-key.ts'

export async function startParts(place: S3Place, key: StoreKey, options: StartPartsOptions): Promise<string> {
  segmentsOf(key)
  return openUpload(place, await place.clientsFor(options), key, describing(place, options), options)
}

export async function listParts(place: S3Place, key: StoreKey, options: PartsOptions): Promise<StoredPart[]> {
  segmentsOf(key)
  return partsThere(place, await place.clientsFor(options), key, options)
}

async function partsThere(
  place: S3Place,
  clients: S3Clients,
  key: StoreKey,
  { reference, signal }: PartsOptions,
): Promise<StoredPart[]> {
  const found: StoredPart[] = []
  let marker: string | undefined
  do {
    const request = { ...place.at, Key: key, UploadId: reference, PartNumberMarker: marker }
    const page = await asked(signal, (told) => clients.send.send(new ListPartsCommand(request), told))
    for (const { PartNumber = 0, Size = 0, ETag = '' } of page.Parts ?? []) {
      found.push({ number: PartNumber, sizeBytes: Size, etag: ETag })
    }
    marker = page.IsTruncated ? page.NextPartNumberMarker : undefined
  } while (marker !== undefined)
  return found.sort((a, b) => a.number - b.number)
}

export async function completeParts(place: S3Place, key: StoreKey, options: CompletePartsOptions): Promise<PutReceipt> {
  segmentsOf(key)
  const { parts, reference } = options
  const clients = await place.clientsFor(options)
  checkParts(parts, await partsThere(place, clients, key, options))
  await refuseTaken(place, clients, key, options)
  const named = parts.map(({ number, etag }) => ({ PartNumber: number, ETag: etag }))
  await joinParts(place, clients, key, reference, named, options)
  return { storedBytes: parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) }
}

/** @throws StoreError `badSize` unless all that were named are there, as they were named and in order */
function checkParts(named: readonly StoredPart[], there: readonly StoredPart[]): void {
  if (named.length === 0) throw badSize(0, 'no parts')
  const arrived = new Map(there.map((part) => [part.number, part]))
  let last = 0
  for (const { number, sizeBytes, etag } of named) {
    const part = arrived.get(number)
    if (!part) throw new StoreError('badSize', `Part ${number} has not arrived`)
    if (number <= last) throw new StoreError('badSize', `Part ${number} is named out of order`)
    if (part.sizeBytes !== sizeBytes || bare(part.etag) !== bare(etag)) {
      throw new StoreError('badSize', `Part ${number} is another than named`)
    }
    last = number
  }
}

function bare(etag: string): string {
  return etag.replaceAll('"', '')
}
