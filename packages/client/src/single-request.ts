import { getOperation } from '@stowage/contract'
import { uploadRequestTransport } from './browser-upload.ts'
import { type Connection, type Exchange, send } from './connection.ts'
import { exchangeOf, readJson } from './operations.ts'
import type { OnProgress } from './progress.ts'
import { countedPiece, type FileSource, isStream, readPiece } from './source.ts'
import type { Transfer, Uploaded } from './transfer.ts'

/** Bodies up to this size are hashed before they are sent, so that the service can refuse what arrives otherwise. */
const HASHED_UP_TO_BYTES = 64 * 1024 * 1024

type Source = FileSource | ReadableStream<Uint8Array>

/** Sends a file as the body of one request. @throws StowageError */
export async function sendWhole(
  connection: Connection,
  source: Source,
  { fields, mediaType, options, onProgress }: Transfer,
): Promise<Uploaded> {
  const row = getOperation(fields['assetId'] === undefined ? 'assets.create' : 'versions.create')
  const exchange = exchangeOf(row, fields, options)
  const headers = {
    ...exchange.headers,
    'Content-Type': contentType(mediaType),
    ...(fields['sha256'] === undefined ? await digestHeader(source) : {}),
  }
  const carrying = { ...exchange, headers, ...bodyOf(connection, source, onProgress) }
  return send(connection, carrying, readJson) as Promise<Uploaded>
}

function bodyOf(
  connection: Connection,
  source: Source,
  onProgress: OnProgress | undefined,
): Pick<Exchange, 'body' | 'bodySizeBytes' | 'once' | 'transport'> {
  if (isStream(source)) {
    const unsized = { size: 0, stream: () => source }
    return { once: true, body: () => countedPiece(unsized, onProgress && unknownTotal(onProgress)) }
  }
  if (source instanceof Blob) {
    if (!onProgress) return { body: () => source }
    if (connection.uploadRequestClass) {
      return { transport: uploadRequestTransport(connection.uploadRequestClass, source, onProgress) }
    }
  }
  return { bodySizeBytes: source.size, body: () => countedPiece(source, onProgress) }
}

function unknownTotal(onProgress: OnProgress): OnProgress {
  return ({ transferredBytes }) => onProgress({ transferredBytes, totalBytes: undefined })
}

/** These types say how a request is built: a file of such a type must not be taken for one. */
const REQUEST_TYPES = /^(application\/json|multipart\/form-data)\b/i

function contentType(mediaType: string): string {
  return mediaType === '' || REQUEST_TYPES.test(mediaType) ? 'application/octet-stream' : mediaType
}

/** RFC 9530 section 3. Browsers hash only on pages that came over HTTPS. */
async function digestHeader(source: Source): Promise<Record<string, string>> {
  if (isStream(source) || source.size > HASHED_UP_TO_BYTES || !crypto.subtle) return {}
  const digest = await crypto.subtle.digest('SHA-256', await readPiece(source))
  return { 'Repr-Digest': `sha-256=:${btoa(String.fromCharCode(...new Uint8Array(digest)))}:` }
}
