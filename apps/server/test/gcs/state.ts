import { createHash } from 'node:crypto'
import { crc32cOf } from './crc32c.ts'

/** What a caller may set on an object (JSON API reference, `Objects` resource, writable properties). */
export interface ObjectFields {
  contentType?: string
  contentEncoding?: string
  contentDisposition?: string
  contentLanguage?: string
  cacheControl?: string
  storageClass?: string
  metadata?: Record<string, string>
  temporaryHold?: boolean
  eventBasedHold?: boolean
  retention?: { mode: string; retainUntilTime: string }
}

/** One generation of an object. */
export interface GcsObject {
  bucket: string
  name: string
  generation: number
  metageneration: number
  bytes: Buffer
  md5?: string
  crc32c: string
  componentCount?: number
  createdAt: Date
  updatedAt: Date
  deletedAt?: Date
  fields: ObjectFields
}

export interface ResumableSession {
  name: string
  fields: ObjectFields
  query: URLSearchParams
  received: Buffer[]
  receivedBytes: number
  finished?: GcsObject
}

export interface MultipartUpload {
  name: string
  fields: ObjectFields
  startedAt: Date
  parts: Map<number, { bytes: Buffer; etag: string; modifiedAt: Date }>
}

export interface GcsBucket {
  name: string
  /** The bucket's own writable properties, kept as they were sent. */
  settings: Record<string, unknown>
  createdAt: Date
  updatedAt: Date
  metageneration: number
  live: Map<string, GcsObject>
  noncurrent: GcsObject[]
  sessions: Map<string, ResumableSession>
  uploads: Map<string, MultipartUpload>
}

export interface Gcs {
  buckets: Map<string, GcsBucket>
  generations: number
}

/** A refusal as the API words it: HTTP status, reason (JSON) or code (XML), message. */
export class GcsRefusal extends Error {
  readonly status: number
  readonly reason: string

  constructor(status: number, reason: string, message: string) {
    super(message)
    this.status = status
    this.reason = reason
  }
}

/** JSON API reference, `Objects: insert`, optional query parameters; the XML API has them as `x-goog-if-…` headers. */
export interface Preconditions {
  ifGenerationMatch?: string | null
  ifGenerationNotMatch?: string | null
  ifMetagenerationMatch?: string | null
  ifMetagenerationNotMatch?: string | null
}

const STORAGE_CLASSES = ['STANDARD', 'NEARLINE', 'COLDLINE', 'ARCHIVE']

export function createGcs(): Gcs {
  return { buckets: new Map(), generations: Date.now() * 1000 }
}

export function bucketOf(gcs: Gcs, name: string): GcsBucket {
  const bucket = gcs.buckets.get(name)
  if (!bucket) throw new GcsRefusal(404, 'notFound', 'The specified bucket does not exist.')
  return bucket
}

export function objectOf(bucket: GcsBucket, name: string, generation?: string | null): GcsObject {
  const live = bucket.live.get(name)
  if (!generation) {
    if (live) return live
    throw noSuchObject(bucket.name, name)
  }
  const versions = live ? [live, ...bucket.noncurrent] : bucket.noncurrent
  const found = versions.find((object) => object.name === name && object.generation === Number(generation))
  if (!found) throw noSuchObject(bucket.name, name)
  return found
}

function noSuchObject(bucket: string, name: string): GcsRefusal {
  return new GcsRefusal(404, 'notFound', `No such object: ${bucket}/${name}`)
}

export function preconditionsIn(query: URLSearchParams): Preconditions {
  return {
    ifGenerationMatch: query.get('ifGenerationMatch'),
    ifGenerationNotMatch: query.get('ifGenerationNotMatch'),
    ifMetagenerationMatch: query.get('ifMetagenerationMatch'),
    ifMetagenerationNotMatch: query.get('ifMetagenerationNotMatch'),
  }
}

/** "Request preconditions": a generation of 0 matches where no live version is; what does not match is 412. */
export function checkPreconditions(live: GcsObject | undefined, asked: Preconditions): void {
  const generation = String(live?.generation ?? 0)
  const metageneration = String(live?.metageneration ?? 0)
  const kept =
    (asked.ifGenerationMatch ?? generation) === generation &&
    (asked.ifMetagenerationMatch ?? metageneration) === metageneration &&
    asked.ifGenerationNotMatch !== generation &&
    asked.ifMetagenerationNotMatch !== metageneration
  if (!kept) {
    throw new GcsRefusal(412, 'conditionNotMet', 'At least one of the pre-conditions you specified did not hold.')
  }
}

export interface NewObject {
  name: string
  bytes: Buffer
  fields: ObjectFields
  preconditions?: Preconditions
  /** Of a composite or multipart object, which has no MD5 ("Hashes and ETags"). */
  componentCount?: number
}

/** Makes the live version of a name, replacing the one that is there. */
export function storeObject(gcs: Gcs, bucket: GcsBucket, object: NewObject): GcsObject {
  const { name, bytes, fields, componentCount } = object
  checkName(name)
  checkFields(bucket, fields)
  checkPreconditions(bucket.live.get(name), object.preconditions ?? {})
  retire(bucket, name)
  const now = new Date()
  const stored: GcsObject = {
    bucket: bucket.name,
    name,
    generation: ++gcs.generations,
    metageneration: 1,
    bytes,
    crc32c: crc32cOf(bytes),
    md5: componentCount ? undefined : createHash('md5').update(bytes).digest('base64'),
    componentCount,
    createdAt: now,
    updatedAt: now,
    fields: { ...fields, storageClass: fields.storageClass ?? String(bucket.settings['storageClass'] ?? 'STANDARD') },
  }
  bucket.live.set(name, stored)
  return stored
}

export function removeObject(bucket: GcsBucket, object: GcsObject): void {
  checkMayGo(object)
  if (bucket.live.get(object.name) === object) retire(bucket, object.name)
  else bucket.noncurrent = bucket.noncurrent.filter((other) => other !== object)
}

/** "Object naming": 1 to 1,024 bytes of UTF-8, no line breaks, neither `.` nor `..`. */
function checkName(name: string): void {
  const allowed = name !== '' && Buffer.byteLength(name) <= 1024 && !/[\r\n]/.test(name) && !/^\.{1,2}$/.test(name)
  if (!allowed) throw new GcsRefusal(400, 'invalid', 'Invalid argument: object name.')
}

export function checkFields(bucket: GcsBucket, { storageClass, retention }: ObjectFields): void {
  if (storageClass !== undefined && !STORAGE_CLASSES.includes(storageClass)) {
    throw new GcsRefusal(400, 'invalid', `Invalid argument: storage class ${storageClass}.`)
  }
  if (retention && !bucket.settings['objectRetention']) {
    throw new GcsRefusal(400, 'invalid', 'Object retention is not enabled for this bucket.')
  }
}

function retire(bucket: GcsBucket, name: string): void {
  const live = bucket.live.get(name)
  if (!live) return
  checkMayGo(live)
  bucket.live.delete(name)
  const versioning = bucket.settings['versioning'] as { enabled?: boolean } | undefined
  if (versioning?.enabled) bucket.noncurrent.push({ ...live, deletedAt: new Date() })
}

/** "Object holds" and "Object Retention Lock": neither deleted nor replaced while they are there. */
function checkMayGo({ bucket, name, fields }: GcsObject): void {
  const { temporaryHold, eventBasedHold, retention } = fields
  if (temporaryHold || eventBasedHold) {
    const message = `Object '${bucket}/${name}' is under active hold and cannot be deleted, overwritten or archived.`
    throw new GcsRefusal(403, 'objectUnderActiveHold', message)
  }
  if (retention && Date.parse(retention.retainUntilTime) > Date.now()) {
    const message = `Object '${bucket}/${name}' is subject to an object's retention policy and cannot be deleted.`
    throw new GcsRefusal(403, 'retentionPolicyNotMet', message)
  }
}
