import { createHash, randomUUID } from 'node:crypto'
import { type Answer, type Call, escapeXml, xml } from './exchange.ts'
import { bucketOf, type Gcs, type GcsBucket, GcsRefusal, type MultipartUpload, storeObject } from './state.ts'
import { checkHashes, hashesIn } from './uploads.ts'
import { fieldsIn } from './xml-objects.ts'

const MIN_PART_BYTES = 5 * 1024 * 1024
const MAX_ITEMS = 1000
const NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'

/** XML API reference, "Multipart uploads": initiate, upload part, list parts, complete, abort. */
export function multipartCall(gcs: Gcs, bucketName: string, name: string, call: Call): Answer {
  const bucket = bucketOf(gcs, bucketName)
  const { method, query } = call
  if (query.has('uploads')) {
    if (method === 'POST') return initiate(bucket, name, call)
    throw new GcsRefusal(405, 'MethodNotAllowed', 'Method Not Allowed')
  }
  const id = query.get('uploadId') ?? ''
  const upload = bucket.uploads.get(id)
  if (!upload || upload.name !== name) {
    throw new GcsRefusal(404, 'NoSuchUpload', 'The requested upload was not found.')
  }
  if (method === 'PUT') return putPart(upload, call)
  if (method === 'GET') return listParts(bucket, upload, id, query)
  if (method === 'POST') return complete(gcs, bucket, id, upload, call.body)
  if (method !== 'DELETE') throw new GcsRefusal(405, 'MethodNotAllowed', 'Method Not Allowed')
  bucket.uploads.delete(id)
  return { status: 204 }
}

function initiate(bucket: GcsBucket, name: string, { headers }: Call): Answer {
  const id = randomUUID()
  bucket.uploads.set(id, { name, fields: fieldsIn(headers), startedAt: new Date(), parts: new Map() })
  const body = `<Bucket>${bucket.name}</Bucket><Key>${escapeXml(name)}</Key><UploadId>${id}</UploadId>`
  return xml(`<InitiateMultipartUploadResult ${NAMESPACE}>${body}</InitiateMultipartUploadResult>`)
}

function putPart(upload: MultipartUpload, { query, headers, body }: Call): Answer {
  const number = Number(query.get('partNumber'))
  if (!(Number.isInteger(number) && number >= 1 && number <= 10_000)) {
    throw new GcsRefusal(400, 'InvalidArgument', 'partNumber')
  }
  checkHashes(body, hashesIn(headers['x-goog-hash']))
  const etag = `"${createHash('md5').update(body).digest('hex')}"`
  upload.parts.set(number, { bytes: body, etag, modifiedAt: new Date() })
  return { status: 200, headers: { etag } }
}

function listParts(bucket: GcsBucket, upload: MultipartUpload, id: string, query: URLSearchParams): Answer {
  const after = Number(query.get('part-number-marker') ?? 0)
  const limit = Math.min(Number(query.get('max-parts') ?? MAX_ITEMS), MAX_ITEMS)
  const rest = [...upload.parts].filter(([number]) => number > after).sort(([a], [b]) => a - b)
  const page = rest.slice(0, limit)
  const parts = page.map(([number, { bytes, etag, modifiedAt }]) => {
    const times = `<LastModified>${modifiedAt.toISOString()}</LastModified>`
    const tag = `<ETag>${escapeXml(etag)}</ETag><Size>${bytes.length}</Size>`
    return `<Part><PartNumber>${number}</PartNumber>${times}${tag}</Part>`
  })
  const more = page.length < rest.length
  const next = more ? `<NextPartNumberMarker>${page.at(-1)![0]}</NextPartNumberMarker>` : ''
  const head = `<Bucket>${bucket.name}</Bucket><Key>${escapeXml(upload.name)}</Key><UploadId>${id}</UploadId>`
  const body = `${head}<IsTruncated>${more}</IsTruncated>${next}${parts.join('')}`
  return xml(`<ListPartsResult ${NAMESPACE}>${body}</ListPartsResult>`)
}

/** "Complete a multipart upload": ascending part numbers; what lies under the name is replaced. */
function complete(gcs: Gcs, bucket: GcsBucket, id: string, upload: MultipartUpload, body: Buffer): Answer {
  const named = [...body.toString().matchAll(/<Part>(.*?)<\/Part>/gs)].map(([, part = '']) => ({
    number: Number(/<PartNumber>(\d+)<\/PartNumber>/.exec(part)?.[1]),
    etag: (/<ETag>(.*?)<\/ETag>/s.exec(part)?.[1] ?? '').replaceAll(/&quot;|&#34;|"/g, ''),
  }))
  if (named.length === 0) throw new GcsRefusal(400, 'MalformedCompleteMultipartUploadRequest', 'No parts.')
  const pieces = named.map(({ number, etag }, index) => {
    if (index > 0 && number <= named[index - 1]!.number) throw new GcsRefusal(400, 'InvalidPartOrder', 'Order')
    const part = upload.parts.get(number)
    if (!part || part.etag !== `"${etag}"`) throw new GcsRefusal(400, 'InvalidPart', `Part ${number}`)
    const last = index === named.length - 1
    if (!last && part.bytes.length < MIN_PART_BYTES) throw new GcsRefusal(400, 'EntityTooSmall', `Part ${number}`)
    return part.bytes
  })
  const { name, fields } = upload
  const bytes = Buffer.concat(pieces)
  const object = storeObject(gcs, bucket, { name, bytes, fields, componentCount: pieces.length })
  bucket.uploads.delete(id)
  const told = `<Key>${escapeXml(name)}</Key><ETag>"-${object.generation}"</ETag>`
  return xml(`<CompleteMultipartUploadResult ${NAMESPACE}>${told}</CompleteMultipartUploadResult>`)
}

/** XML API reference, "List multipart uploads", with `encoding-type=url`. */
export function listUploads(gcs: Gcs, bucketName: string, { query }: Call): Answer {
  const bucket = bucketOf(gcs, bucketName)
  const prefix = query.get('prefix') ?? ''
  const after = query.get('key-marker') && `${query.get('key-marker')}\0${query.get('upload-id-marker') ?? '\uffff'}`
  const limit = Math.min(Number(query.get('max-uploads') ?? MAX_ITEMS), MAX_ITEMS)
  const matching = [...bucket.uploads]
    .filter(([, { name }]) => name.startsWith(prefix))
    .map(([id, upload]) => ({ id, upload, place: `${upload.name}\0${id}` }))
    .filter(({ place }) => !after || place > after)
    .sort((a, b) => (a.place < b.place ? -1 : 1))
  const page = matching.slice(0, limit)
  const write = query.get('encoding-type') === 'url' ? encodeURIComponent : escapeXml
  const items = page.map(({ id, upload }) => {
    const key = `<Key>${write(upload.name)}</Key><UploadId>${id}</UploadId>`
    return `<Upload>${key}<Initiated>${upload.startedAt.toISOString()}</Initiated></Upload>`
  })
  const last = page.length < matching.length ? page.at(-1) : undefined
  const next = last
    ? `<NextKeyMarker>${write(last.upload.name)}</NextKeyMarker><NextUploadIdMarker>${last.id}</NextUploadIdMarker>`
    : ''
  const body = `<Bucket>${bucketName}</Bucket>${next}<IsTruncated>${!!last}</IsTruncated>${items.join('')}`
  return xml(`<ListMultipartUploadsResult ${NAMESPACE}>${body}</ListMultipartUploadsResult>`)
}
