import { getOperation } from '@stowage/contract'
import { type Connection, send } from './connection.ts'
import { unexpectedAnswer } from './error.ts'
import { exchangeOf } from './operations.ts'
import { counted, type OnProgress } from './progress.ts'

/** Which of an asset's variants. */
export interface VariantName {
  name: string
  /** Tells several of a name apart. */
  suffix?: string
}

export interface DownloadOptions {
  /** Default: the current version. */
  version?: number
  /** A variant instead of the asset itself; one that can be made is made when it is first asked for. */
  variant?: VariantName
  /** Bytes from `start` to `end`, both included; without `end` to the last one. */
  range?: { start: number; end?: number }
  /** ETag: send the range only if the content is still this one, else all of it. */
  ifRange?: string
  signal?: AbortSignal
  onProgress?: OnProgress
}

/** Bytes on their way and what the service says of them. Nothing is verified here: hash them and compare. */
export interface Download {
  stream: ReadableStream<Uint8Array>
  /** Where the stream begins in the content: 0 unless a range was asked for and given. */
  start: number
  /** Of the whole content, also when a range is sent. */
  sizeBytes: number
  name: string | undefined
  mediaType: string
  /** Of the whole content, in hexadecimal; undefined where another party, such as a CDN, sends the bytes. */
  sha256: string | undefined
  etag: string | undefined
}

/** @throws StowageError */
export async function downloadBytes(
  connection: Connection,
  assetId: string,
  options: DownloadOptions,
): Promise<Download> {
  const { version, variant, range, ifRange, signal, onProgress } = options
  const operation = getOperation(variant ? 'variants.content' : 'assets.content')
  const exchange = exchangeOf(operation, { assetId, version, ...variant }, { signal })
  // Coded bytes have other positions and another length than those that were stored.
  const headers: Record<string, string> = { ...exchange.headers, 'Accept-Encoding': 'identity' }
  if (range) headers['Range'] = `bytes=${range.start}-${range.end ?? ''}`
  if (range && ifRange !== undefined) headers['If-Range'] = ifRange
  return describe(await send(connection, { ...exchange, headers }, async (response) => response), onProgress)
}

function describe(response: Response, onProgress: OnProgress | undefined): Download {
  const { headers } = response
  const part = response.status === 206 ? contentRange(response) : undefined
  const sizeBytes = part?.sizeBytes ?? Number(headers.get('content-length') ?? Number.NaN)
  if (!response.body || Number.isNaN(sizeBytes)) throw unexpectedAnswer(response)
  const start = part?.start ?? 0
  return {
    stream: onProgress ? counted(response.body, sizeBytes, onProgress, start) : response.body,
    start,
    sizeBytes,
    name: fileName(headers.get('content-disposition') ?? ''),
    mediaType: headers.get('content-type') ?? 'application/octet-stream',
    sha256: sha256Of(headers.get('repr-digest') ?? ''),
    etag: headers.get('etag') ?? undefined,
  }
}

// RFC 9110 section 14.4.
function contentRange(response: Response): { start: number; sizeBytes: number } {
  const match = /^bytes (\d+)-\d+\/(\d+)$/.exec(response.headers.get('content-range') ?? '')
  if (!match) throw unexpectedAnswer(response)
  return { start: Number(match[1]), sizeBytes: Number(match[2]) }
}

/** RFC 6266 section 4.3: `filename*` wins over `filename`. */
function fileName(disposition: string): string | undefined {
  const extended = /;\s*filename\*=UTF-8''([^;\s]+)/i.exec(disposition)?.[1]
  if (extended !== undefined && isPercentEncoded(extended)) return decodeURIComponent(extended)
  return /;\s*filename="((?:[^"\\]|\\.)*)"/i.exec(disposition)?.[1]?.replaceAll(/\\(.)/g, '$1')
}

function isPercentEncoded(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

// RFC 9530 section 3. The 32 bytes of a SHA-256 are 43 characters of base64 and one to fill up.
function sha256Of(digests: string): string | undefined {
  const base64 = /(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):/.exec(digests)?.[1]
  if (base64 === undefined) return undefined
  return Array.from(atob(base64), (byte) => byte.charCodeAt(0).toString(16).padStart(2, '0')).join('')
}
