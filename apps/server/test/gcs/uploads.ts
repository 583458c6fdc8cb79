import { createHash, randomUUID } from 'node:crypto'
import { crc32cOf } from './crc32c.ts'
import { type Answer, type Call, json, parseJson } from './exchange.ts'
import { objectResource, pickFields } from './json-objects.ts'
import { multipartBody } from './multipart-bodies.ts'
import {
  bucketOf,
  type Gcs,
  type GcsBucket,
  GcsRefusal,
  type ObjectFields,
  preconditionsIn,
  type ResumableSession,
  storeObject,
} from './state.ts'

/** A whole number of these is in each piece of a resumable upload but the last ("Resumable uploads"). */
const QUANTUM = 256 * 1024

interface Described extends ObjectFields {
  name?: string
  crc32c?: string
  md5Hash?: string
}

/** JSON API reference, `Objects: insert`: media, multipart and resumable uploads. */
export function insertObject(gcs: Gcs, bucketName: string, call: Call): Answer {
  const bucket = bucketOf(gcs, bucketName)
  const kind = call.query.get('uploadType')
  if (kind === 'media') return insertMedia(gcs, bucket, call)
  if (kind === 'multipart') return insertMultipart(gcs, bucket, call)
  if (kind === 'resumable') return startSession(bucket, call)
  throw new GcsRefusal(400, 'invalid', 'Invalid uploadType.')
}

function insertMedia(gcs: Gcs, bucket: GcsBucket, { query, body, headers }: Call): Answer {
  const name = query.get('name') ?? ''
  checkHashes(body, hashesIn(headers['x-goog-hash']))
  const fields = { contentType: headers['content-type'] ?? 'application/octet-stream' }
  return json(
    objectResource(storeObject(gcs, bucket, { name, bytes: body, fields, preconditions: preconditionsIn(query) })),
  )
}

function insertMultipart(gcs: Gcs, bucket: GcsBucket, { query, body, headers }: Call): Answer {
  const [description, content] = multipartBody(headers['content-type'], body)
  if (!description || !content) throw new GcsRefusal(400, 'badContent', 'A multipart upload has two parts.')
  const told = parseJson<Described>(description.bytes)
  checkHashes(content.bytes, told)
  const contentType = told.contentType ?? content.headers['content-type']
  const object = storeObject(gcs, bucket, {
    name: query.get('name') ?? told.name ?? '',
    bytes: Buffer.from(content.bytes),
    fields: { ...pickFields(told), contentType },
    preconditions: preconditionsIn(query),
  })
  return json(objectResource(object))
}

/** "Resumable uploads": the session's address is in `Location`, and is all that is needed to go on. */
function startSession(bucket: GcsBucket, { query, body, headers, origin }: Call): Answer {
  const told = parseJson<Described>(body)
  const id = randomUUID()
  const contentType = told.contentType ?? headers['x-upload-content-type']?.toString()
  bucket.sessions.set(id, {
    name: query.get('name') ?? told.name ?? '',
    fields: { ...pickFields(told), ...(contentType ? { contentType } : {}) },
    query,
    received: [],
    receivedBytes: 0,
  })
  const path = `/upload/storage/v1/b/${bucket.name}/o?uploadType=resumable&upload_id=${id}`
  return { status: 200, headers: { location: origin + path } }
}

/** "Performing resumable uploads": `PUT` with `Content-Range`, 308 until the last; `DELETE` ends it (499). */
export function sessionCall(gcs: Gcs, bucketName: string, id: string, call: Call): Answer {
  const bucket = bucketOf(gcs, bucketName)
  const session = bucket.sessions.get(id)
  if (!session) throw new GcsRefusal(404, 'notFound', 'No such upload.')
  if (call.method === 'DELETE') {
    bucket.sessions.delete(id)
    return { status: 499 }
  }
  if (call.method !== 'PUT') throw new GcsRefusal(405, 'methodNotAllowed', 'Method Not Allowed')
  if (session.finished) return json(objectResource(session.finished))
  const total = takeRange(session, call)
  if (total === undefined || total > session.receivedBytes) return incomplete(session)
  const bytes = Buffer.concat(session.received)
  checkHashes(bytes, hashesIn(call.headers['x-goog-hash']))
  const { name, fields } = session
  session.finished = storeObject(gcs, bucket, { name, bytes, fields, preconditions: preconditionsIn(session.query) })
  session.received = []
  return json(objectResource(session.finished))
}

/** @returns the size of the whole object, once it is known */
function takeRange(session: ResumableSession, { headers, body }: Call): number | undefined {
  const range = headers['content-range']
  if (!range) {
    keep(session, body, 0)
    return session.receivedBytes
  }
  const parts = /^bytes (?:(\d+)-(\d+|\*)|\*)\/(?:(\d+)|\*)$/.exec(range)
  if (!parts) throw new GcsRefusal(400, 'invalid', 'Invalid Content-Range.')
  const [, start, end, size] = parts
  const total = size === undefined ? undefined : Number(size)
  if (start === undefined) return total
  if (end === '*') {
    // All that is left, whose end is the end of the request.
    keep(session, body, Number(start))
    return session.receivedBytes
  }
  const length = Number(end) - Number(start) + 1
  if (body.length !== length) throw new GcsRefusal(400, 'invalid', 'The body is not of the length of its range.')
  if (total === undefined && length % QUANTUM !== 0) {
    throw new GcsRefusal(400, 'invalid', 'The number of bytes must be a multiple of 262144 bytes.')
  }
  keep(session, body, Number(start))
  return total
}

function keep(session: ResumableSession, body: Buffer, start: number): void {
  if (start > session.receivedBytes) throw new GcsRefusal(503, 'backendError', 'Bytes before these are missing.')
  const fresh = body.subarray(session.receivedBytes - start)
  session.received.push(Buffer.from(fresh))
  session.receivedBytes += fresh.length
}

function incomplete({ receivedBytes }: ResumableSession): Answer {
  return { status: 308, headers: receivedBytes > 0 ? { range: `bytes=0-${receivedBytes - 1}` } : {} }
}

/** "Data validation": what is stated and differs is refused, and nothing is stored. */
export function checkHashes(bytes: Buffer, { crc32c, md5Hash }: { crc32c?: string; md5Hash?: string }): void {
  if (crc32c !== undefined && crc32cOf(bytes) !== crc32c) {
    const message = `Provided CRC32C "${crc32c}" doesn't match calculated CRC32C "${crc32cOf(bytes)}".`
    throw new GcsRefusal(400, 'invalid', message)
  }
  if (md5Hash !== undefined && createHash('md5').update(bytes).digest('base64') !== md5Hash) {
    throw new GcsRefusal(400, 'invalid', `Provided MD5 hash "${md5Hash}" doesn't match calculated MD5 hash.`)
  }
}

/** `x-goog-hash: crc32c=…,md5=…`, in one header or in several. */
export function hashesIn(header: string | string[] | undefined): { crc32c?: string; md5Hash?: string } {
  const pairs = String(header ?? '')
    .split(',')
    .map((pair) => pair.trim())
  const hashOf = (name: string) => pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1)
  return { crc32c: hashOf('crc32c'), md5Hash: hashOf('md5') }
}
