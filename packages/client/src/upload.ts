import { getOperation, type Input, type Output } from '@stowage/contract'
import { uploadRequestTransport } from './browser-upload.ts'
import { type Connection, type Exchange, send } from './connection.ts'
import { bodyUnreadable } from './error.ts'
import { type CallInput, type CallOptions, exchangeOf, readJson } from './operations.ts'
import { counted, type OnProgress } from './progress.ts'

/** Bodies up to this size are hashed before they are sent, so that the service can refuse what arrives otherwise. */
const HASHED_UP_TO_BYTES = 64 * 1024 * 1024

/** A stream can be sent only once, so a lost connection is not made good. */
export type UploadBody = Blob | Uint8Array | string | ReadableStream<Uint8Array>

export interface TransferOptions extends CallOptions {
  /** Default: the type that the body carries. It is a hint: the service looks at name and bytes itself. */
  mediaType?: string
  onProgress?: OnProgress
}
/** A new asset, or with `assetId` a new version of one. A `File` brings its name. */
export type UploadInput = ((CallInput<'assets.create'> & { assetId?: undefined }) | CallInput<'versions.create'>) &
  TransferOptions
export type TextInput = Input<'assets.create'> & CallOptions
export type Uploaded = Output<'assets.create'>

export async function uploadBytes(connection: Connection, body: UploadBody, input: UploadInput): Promise<Uploaded> {
  const { mediaType, onProgress, signal, idempotencyKey, ifMatch, ...given } = input
  const row = getOperation(given.assetId === undefined ? 'assets.create' : 'versions.create')
  const source = await sourceOf(connection, body)
  const fields = { name: nameOf(body), ...withoutNulls(given) }
  const exchange = exchangeOf(row, fields, { signal, idempotencyKey, ifMatch })
  const headers = {
    ...exchange.headers,
    'Content-Type': contentType(mediaType || (source instanceof Blob ? source.type : '')),
    ...(given.sha256 === undefined ? await digestHeader(source) : {}),
  }
  const carrying = { ...exchange, headers, ...bodyOf(connection, source, onProgress) }
  return send(connection, carrying, readJson) as Promise<Uploaded>
}

/** Saves a text that a program made, as JSON. */
export async function saveGeneratedText(connection: Connection, content: string, input: TextInput): Promise<Uploaded> {
  const { signal, idempotencyKey, ifMatch, ...fields } = input
  const exchange = exchangeOf(getOperation('assets.create'), {}, { signal, idempotencyKey, ifMatch })
  const headers = { ...exchange.headers, 'Content-Type': 'application/json' }
  const json = JSON.stringify({ ...fields, content })
  return send(connection, { ...exchange, headers, body: () => json }, readJson) as Promise<Uploaded>
}

type Source = Blob | ReadableStream<Uint8Array>

async function sourceOf(connection: Connection, body: UploadBody): Promise<Source> {
  if (body instanceof Blob) return body
  if (!(body instanceof ReadableStream)) return new Blob([body as string | Uint8Array<ArrayBuffer>])
  // Browsers send no streams over HTTP/1.1; a large blob they keep on disk.
  return connection.uploadRequestClass ? new Response(body).blob() : body
}

function bodyOf(
  connection: Connection,
  source: Source,
  onProgress: OnProgress | undefined,
): Pick<Exchange, 'body' | 'bodySizeBytes' | 'once' | 'transport'> {
  if (!(source instanceof Blob)) {
    return { once: true, body: () => (onProgress ? counted(source, undefined, onProgress) : source) }
  }
  if (!onProgress) return { body: () => source }
  if (connection.uploadRequestClass) {
    return { transport: uploadRequestTransport(connection.uploadRequestClass, source, onProgress) }
  }
  return { bodySizeBytes: source.size, body: () => counted(source.stream(), source.size, onProgress) }
}

/** These types say how a request is built: a file of such a type must not be taken for one. */
const REQUEST_TYPES = /^(application\/json|multipart\/form-data)\b/i

function contentType(mediaType: string): string {
  return mediaType === '' || REQUEST_TYPES.test(mediaType) ? 'application/octet-stream' : mediaType
}

function nameOf(body: UploadBody): string | undefined {
  return body instanceof File ? body.name : undefined
}

/** In a query null has no way to be said; a new asset has none of these fields anyway. */
function withoutNulls(fields: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([_field, value]) => value !== null && value !== undefined))
}

/** RFC 9530 section 3. Browsers hash only on pages that came over HTTPS. */
async function digestHeader(source: Source): Promise<Record<string, string>> {
  if (!(source instanceof Blob) || source.size > HASHED_UP_TO_BYTES || !crypto.subtle) return {}
  const bytes = await source.arrayBuffer().catch((cause) => {
    throw bodyUnreadable(cause)
  })
  const digest = await crypto.subtle.digest('SHA-256', bytes)
  return { 'Repr-Digest': `sha-256=:${btoa(String.fromCharCode(...new Uint8Array(digest)))}:` }
}
