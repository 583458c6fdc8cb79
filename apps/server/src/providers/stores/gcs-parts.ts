import { type GcsClient, send, xmlPath } from './gcs-client.ts'
import { findResource } from './gcs-objects.ts'
import {
  type CallOptions,
  type CompletePartsOptions,
  type PartsOptions,
  type PutReceipt,
  type StartPartsOptions,
  type StoredInfo,
  type StoredPart,
  StoreError,
  type StoreKey,
} from './port.ts'

/** "Complete a multipart upload": it can take several minutes. */
const COMPLETE_MS = 300_000

const PARTS = 'an upload in parts'

/** XML API, "Initiate a multipart upload". */
export async function startParts(client: GcsClient, key: StoreKey, options: StartPartsOptions): Promise<string> {
  const { text } = await send(client, {
    method: 'POST',
    path: xmlPath(client, key),
    query: { uploads: '' },
    headers: { 'content-type': options.contentType ?? 'application/octet-stream' },
    body: [],
    what: PARTS,
    signal: options.signal,
  })
  const reference = textOf(text, 'UploadId')
  if (!reference) throw new StoreError('unavailable', 'Cloud Storage gave an upload no id')
  return reference
}

/** XML API, "List parts", all pages. */
export async function listParts(client: GcsClient, key: StoreKey, options: PartsOptions): Promise<StoredPart[]> {
  const parts: StoredPart[] = []
  for (let after: string | undefined = '0'; after !== undefined; ) {
    const { text } = await send(client, {
      method: 'GET',
      path: xmlPath(client, key),
      query: { uploadId: options.reference, 'part-number-marker': after },
      what: PARTS,
      signal: options.signal,
    })
    for (const part of elementsOf(text, 'Part')) {
      parts.push({
        number: Number(textOf(part, 'PartNumber')),
        sizeBytes: Number(textOf(part, 'Size')),
        etag: textOf(part, 'ETag'),
      })
    }
    after = textOf(text, 'IsTruncated') === 'true' ? textOf(text, 'NextPartNumberMarker') : undefined
  }
  return parts
}

/**
 * XML API, "Complete a multipart upload", which knows no precondition and replaces what lies under its name: so the key
 * is looked for just before, and two that complete under one key at the same moment are not kept apart.
 */
export async function completeParts(
  client: GcsClient,
  key: StoreKey,
  options: CompletePartsOptions,
): Promise<PutReceipt> {
  const { reference, parts, signal } = options
  checkNamed(parts, await listParts(client, key, options))
  if (await findResource(client, key, options)) throw new StoreError('exists', `${key} is already stored`)
  const named = parts.map(({ number, etag }) => {
    return `<Part><PartNumber>${number}</PartNumber><ETag>${escapeXml(etag)}</ETag></Part>`
  })
  const body = `<CompleteMultipartUpload>${named.join('')}</CompleteMultipartUpload>`
  await send(client, {
    method: 'POST',
    path: xmlPath(client, key),
    query: { uploadId: reference },
    headers: { 'content-type': 'application/xml' },
    body: [Buffer.from(body)],
    idleMs: Math.max(client.idleMs, COMPLETE_MS),
    what: PARTS,
    signal,
  })
  return { storedBytes: parts.reduce((bytes, part) => bytes + part.sizeBytes, 0) }
}

function checkNamed(named: readonly StoredPart[], arrived: readonly StoredPart[]): void {
  if (named.length === 0) throw new StoreError('badSize', 'No parts were named')
  let before = 0
  for (const { number, sizeBytes, etag } of named) {
    const part = arrived.find((candidate) => candidate.number === number)
    if (number <= before || part?.etag !== etag || part.sizeBytes !== sizeBytes) {
      throw new StoreError('badSize', `Part ${number} is missing, out of order, or another than was named`)
    }
    before = number
  }
}

/** XML API, "Abort a multipart upload", for every one that is open under a key. */
export async function abandonParts(client: GcsClient, key: StoreKey, { signal }: CallOptions = {}): Promise<void> {
  let place: UploadPlace | undefined = {}
  while (place) {
    const page: UploadPage = await listUploads(client, { prefix: key, limit: 1000, place, signal })
    for (const { reference, info } of page.uploads) {
      if (info.key !== key) continue
      const query = { uploadId: reference }
      const path = xmlPath(client, key)
      await send(client, { method: 'DELETE', path, query, accepts: [404], what: PARTS, signal })
    }
    place = page.next
  }
}

export interface UploadPlace {
  key?: string
  reference?: string
}

export interface UploadPage {
  uploads: { reference: string; info: StoredInfo }[]
  next?: UploadPlace
}

/** XML API, "List multipart uploads". How much of one has arrived is not told, so it counts as nothing. */
export async function listUploads(
  client: GcsClient,
  asked: { prefix: string; limit: number; place: UploadPlace; signal?: AbortSignal },
): Promise<UploadPage> {
  const { prefix, limit, place, signal } = asked
  const { text } = await send(client, {
    method: 'GET',
    path: `/${client.bucket}`,
    query: {
      uploads: '',
      'encoding-type': 'url',
      prefix: prefix === '' ? undefined : prefix,
      'max-uploads': limit,
      'key-marker': place.key,
      'upload-id-marker': place.reference,
    },
    what: 'a list',
    signal,
  })
  const uploads = elementsOf(text, 'Upload').map((upload) => {
    const info = { key: keyOf(upload, 'Key'), storedBytes: 0, modifiedAt: new Date(textOf(upload, 'Initiated')) }
    return { reference: textOf(upload, 'UploadId'), info: { ...info, unfinished: true } }
  })
  if (textOf(text, 'IsTruncated') !== 'true') return { uploads }
  return { uploads, next: { key: keyOf(text, 'NextKeyMarker'), reference: textOf(text, 'NextUploadIdMarker') } }
}

function elementsOf(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}>(.*?)</${name}>`, 'gs'))].map((match) => match[1]!)
}

function textOf(xml: string, name: string): string {
  return unescapeXml(elementsOf(xml, name)[0] ?? '')
}

function keyOf(xml: string, name: string): string {
  return decodeURIComponent(textOf(xml, name).replaceAll('+', '%20'))
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' }

function unescapeXml(text: string): string {
  return text.replace(/&(?:#x([\da-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, name) => {
    if (name) return ENTITIES[name] ?? whole
    return String.fromCodePoint(hex ? Number.parseInt(hex, 16) : Number(decimal))
  })
}

function escapeXml(text: string): string {
  return text.replace(/[<>&'"]/g, (mark) => `&#${mark.charCodeAt(0)};`)
}
