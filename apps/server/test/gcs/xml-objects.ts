import type { IncomingHttpHeaders } from 'node:http'
import type { Answer, Call } from './exchange.ts'
import { media } from './media.ts'
import {
  bucketOf,
  checkPreconditions,
  type Gcs,
  GcsRefusal,
  type ObjectFields,
  objectOf,
  type Preconditions,
  removeObject,
  storeObject,
} from './state.ts'
import { checkHashes, hashesIn } from './uploads.ts'

/** XML API reference: GET, HEAD, PUT and DELETE Object. */
export function xmlObjectCall(gcs: Gcs, bucketName: string, name: string, call: Call): Answer {
  const { method, query, headers, body } = call
  const bucket = bucketOf(gcs, bucketName)
  if (method === 'PUT') {
    checkLength(headers, body.length)
    checkHashes(body, { ...hashesIn(headers['x-goog-hash']), ...contentMd5(headers) })
    const fields = fieldsIn(headers)
    const stored = storeObject(gcs, bucket, { name, bytes: body, fields, preconditions: preconditionsOf(headers) })
    const { generation, crc32c, md5 } = stored
    const hash = { 'x-goog-generation': String(generation), 'x-goog-hash': `crc32c=${crc32c},md5=${md5}` }
    return { status: 200, headers: { ...hash, etag: `"${Buffer.from(md5!, 'base64').toString('hex')}"` } }
  }
  const object = objectOf(bucket, name, query.get('generation'))
  checkPreconditions(object, preconditionsOf(headers))
  if (method === 'GET' || method === 'HEAD') return media(object, call, overridesIn(query))
  if (method !== 'DELETE') throw new GcsRefusal(405, 'MethodNotAllowed', 'Method Not Allowed')
  removeObject(bucket, object)
  return { status: 204 }
}

function preconditionsOf(headers: IncomingHttpHeaders): Preconditions {
  return {
    ifGenerationMatch: headers['x-goog-if-generation-match']?.toString(),
    ifMetagenerationMatch: headers['x-goog-if-metageneration-match']?.toString(),
  }
}

/** "HTTP headers", `x-goog-content-length-range: MIN,MAX`: a body outside it is refused. */
function checkLength(headers: IncomingHttpHeaders, sizeBytes: number): void {
  const range = headers['x-goog-content-length-range']
  if (range === undefined) return
  const [min = Number.NaN, max = Number.NaN] = String(range).split(',').map(Number)
  if (sizeBytes >= min && sizeBytes <= max) return
  throw new GcsRefusal(400, sizeBytes < min ? 'EntityTooSmall' : 'EntityTooLarge', 'Size')
}

function contentMd5(headers: IncomingHttpHeaders): { md5Hash?: string } {
  const told = headers['content-md5']
  return told === undefined ? {} : { md5Hash: String(told) }
}

export function fieldsIn(headers: IncomingHttpHeaders): ObjectFields {
  const metadata = Object.entries(headers).filter(([name]) => name.startsWith('x-goog-meta-'))
  return {
    contentType: headers['content-type'] ?? 'application/octet-stream',
    contentDisposition: headers['content-disposition'],
    contentEncoding: headers['content-encoding'],
    contentLanguage: headers['content-language'],
    cacheControl: headers['cache-control'],
    storageClass: headers['x-goog-storage-class']?.toString(),
    metadata: Object.fromEntries(metadata.map(([name, value]) => [name.slice('x-goog-meta-'.length), String(value)])),
  }
}

/** "Query string parameters", `response-content-disposition` and `response-content-type`; there are no others. */
function overridesIn(query: URLSearchParams): Record<string, string> {
  const overrides: Record<string, string> = {}
  for (const header of ['content-disposition', 'content-type']) {
    const value = query.get(`response-${header}`)
    if (value !== null) overrides[header] = value
  }
  return overrides
}
