import type { Answer, Call } from './exchange.ts'
import { type GcsObject, GcsRefusal } from './state.ts'

/**
 * The bytes of an object, whole or by one range (RFC 9110 section 14.2): 206 with `Content-Range`, cut at the end; 416
 * where the range begins at or past the end, so every range of an empty object is refused.
 *
 * @param overrides response headers that the request asks for
 */
export function media(
  object: GcsObject,
  { headers }: Pick<Call, 'headers'>,
  overrides: Record<string, string>,
): Answer {
  const { bytes } = object
  const told = { ...describe(object), ...overrides }
  const range = headers.range && /^bytes=(\d*)-(\d*)$/.exec(headers.range)
  if (!range || (!range[1] && !range[2])) return { status: 200, headers: told, body: bytes }
  const start = range[1] ? Number(range[1]) : Math.max(0, bytes.length - Number(range[2]))
  const end = range[1] && range[2] ? Math.min(Number(range[2]), bytes.length - 1) : bytes.length - 1
  if (start > end) throw new GcsRefusal(416, 'requestedRangeNotSatisfiable', 'Request range not satisfiable')
  const contentRange = `bytes ${start}-${end}/${bytes.length}`
  return { status: 206, headers: { ...told, 'content-range': contentRange }, body: bytes.subarray(start, end + 1) }
}

/** XML API reference, "HTTP headers": what describes an object in the answer to a read. */
function describe(object: GcsObject): Record<string, string> {
  const { fields, bytes, md5, crc32c } = object
  const told: Record<string, string | undefined> = {
    'accept-ranges': 'bytes',
    'content-type': fields.contentType,
    'content-disposition': fields.contentDisposition,
    'content-language': fields.contentLanguage,
    'content-encoding': fields.contentEncoding,
    'cache-control': fields.cacheControl ?? 'private, max-age=0',
    etag: md5 ? `"${Buffer.from(md5, 'base64').toString('hex')}"` : `"-${object.generation}"`,
    'last-modified': object.updatedAt.toUTCString(),
    'x-goog-generation': String(object.generation),
    'x-goog-metageneration': String(object.metageneration),
    'x-goog-hash': md5 ? `crc32c=${crc32c},md5=${md5}` : `crc32c=${crc32c}`,
    'x-goog-storage-class': fields.storageClass,
    'x-goog-stored-content-length': String(bytes.length),
    'x-goog-stored-content-encoding': fields.contentEncoding ?? 'identity',
  }
  for (const [name, value] of Object.entries(fields.metadata ?? {})) {
    told[`x-goog-meta-${name}`] = encodeURIComponent(value).replaceAll('%20', ' ').trim()
  }
  return Object.fromEntries(Object.entries(told).filter((entry): entry is [string, string] => entry[1] !== undefined))
}
