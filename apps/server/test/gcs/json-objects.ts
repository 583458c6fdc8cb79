import { type Answer, type Call, json, parseJson } from './exchange.ts'
import { merge } from './json-buckets.ts'
import { media } from './media.ts'
import {
  bucketOf,
  checkFields,
  checkPreconditions,
  type Gcs,
  type GcsBucket,
  type GcsObject,
  GcsRefusal,
  type ObjectFields,
  objectOf,
  preconditionsIn,
  removeObject,
  storeObject,
} from './state.ts'

const MAX_RESULTS = 1000
const MAX_COMPONENTS = 32

/** JSON API reference, `Objects: list`: names in the order of their UTF-8 bytes, by pages. */
export function listObjects(gcs: Gcs, bucketName: string, { query }: Call): Answer {
  const bucket = bucketOf(gcs, bucketName)
  const prefix = query.get('prefix') ?? ''
  const limit = Math.min(Number(query.get('maxResults') ?? MAX_RESULTS), MAX_RESULTS)
  if (!(limit >= 1)) throw new GcsRefusal(400, 'invalid', 'Invalid maxResults.')
  const after = readPageToken(query.get('pageToken'))
  const versions = query.get('versions') === 'true' ? bucket.noncurrent : []
  const matching = [...bucket.live.values(), ...versions]
    .filter(({ name }) => name.startsWith(prefix))
    .map((object) => ({ object, place: placeOf(object) }))
    .filter(({ place }) => !after || Buffer.compare(place, after) > 0)
    .sort((a, b) => Buffer.compare(a.place, b.place))
  const page = matching.slice(0, limit)
  const more = page.length < matching.length
  return json({
    kind: 'storage#objects',
    ...(page.length > 0 ? { items: page.map(({ object }) => objectResource(object)) } : {}),
    ...(more ? { nextPageToken: page.at(-1)!.place.toString('base64url') } : {}),
  })
}

function placeOf({ name, generation }: GcsObject): Buffer {
  return Buffer.from(`${name}\0${String(generation).padStart(20, '0')}`)
}

function readPageToken(token: string | null): Buffer | undefined {
  if (!token) return undefined
  if (!/^[\w-]+$/.test(token)) throw new GcsRefusal(400, 'invalid', 'Invalid pageToken.')
  return Buffer.from(token, 'base64url')
}

/** JSON API reference, `Objects`: get, patch, update, delete. */
export function objectCall(gcs: Gcs, bucketName: string, name: string, call: Call): Answer {
  const { method, query } = call
  const bucket = bucketOf(gcs, bucketName)
  const object = objectOf(bucket, name, query.get('generation'))
  checkPreconditions(object, preconditionsIn(query))
  if (method === 'GET') return query.get('alt') === 'media' ? media(object, call, {}) : json(objectResource(object))
  if (method === 'PATCH' || method === 'PUT') return json(objectResource(patchObject(bucket, object, call)))
  if (method !== 'DELETE') throw new GcsRefusal(405, 'methodNotAllowed', 'Method Not Allowed')
  removeObject(bucket, object)
  return { status: 204 }
}

function patchObject(bucket: GcsBucket, object: GcsObject, { body, query }: Call): GcsObject {
  const patch = parseJson<ObjectFields>(body)
  if ('storageClass' in patch) throw new GcsRefusal(400, 'invalid', 'The storage class is changed by a rewrite.')
  const fields = merge(object.fields, patch)
  checkFields(bucket, fields)
  checkRetentionChange(object, fields, query.get('overrideUnlockedRetention') === 'true')
  object.fields = fields
  object.metageneration++
  object.updatedAt = new Date()
  return object
}

/**
 * "Object Retention Lock": a locked retention is only ever extended; an unlocked one is shortened, locked or removed
 * with `overrideUnlockedRetention` alone.
 */
function checkRetentionChange(object: GcsObject, { retention }: ObjectFields, override: boolean): void {
  const old = object.fields.retention
  if (retention) {
    const known = ['Locked', 'Unlocked'].includes(retention.mode) && Date.parse(retention.retainUntilTime) > Date.now()
    if (!known) throw new GcsRefusal(400, 'invalid', 'Invalid retention.')
  }
  if (!old || Date.parse(old.retainUntilTime) <= Date.now()) return
  const longer = retention && Date.parse(retention.retainUntilTime) >= Date.parse(old.retainUntilTime)
  const allowed = longer && (retention.mode === old.mode || retention.mode === 'Locked')
  if (allowed && (retention.mode === old.mode || override)) return
  if (old.mode === 'Unlocked' && override) return
  const message = 'The retention of this object cannot be reduced or removed.'
  throw new GcsRefusal(403, 'objectRetentionLocked', message)
}

/** JSON API reference, `Objects: compose`. */
export function composeObject(gcs: Gcs, bucketName: string, name: string, { body, query }: Call): Answer {
  const bucket = bucketOf(gcs, bucketName)
  const { sourceObjects = [], destination = {} } = parseJson<{
    sourceObjects?: { name: string; generation?: string }[]
    destination?: ObjectFields
  }>(body)
  if (sourceObjects.length < 1 || sourceObjects.length > MAX_COMPONENTS) {
    throw new GcsRefusal(400, 'invalid', 'The number of source components provided must be 1 to 32.')
  }
  const sources = sourceObjects.map((source) => objectOf(bucket, source.name, source.generation))
  const composed = storeObject(gcs, bucket, {
    name,
    bytes: Buffer.concat(sources.map(({ bytes }) => bytes)),
    fields: pickFields(destination),
    preconditions: preconditionsIn(query),
    componentCount: sources.reduce((count, source) => count + (source.componentCount ?? 1), 0),
  })
  return json(objectResource(composed))
}

export interface Copying {
  from: { bucket: string; name: string }
  to: { bucket: string; name: string }
}

/** JSON API reference, `Objects: rewrite` and `Objects: copy`; here always done in one call. */
export function rewriteObject(gcs: Gcs, { from, to }: Copying, { body, query }: Call): GcsObject {
  const source = objectOf(bucketOf(gcs, from.bucket), from.name, query.get('sourceGeneration'))
  const { generation, metageneration } = source
  const asked = query.get('ifSourceGenerationMatch') ?? String(generation)
  const askedMeta = query.get('ifSourceMetagenerationMatch') ?? String(metageneration)
  if (asked !== String(generation) || askedMeta !== String(metageneration)) {
    throw new GcsRefusal(412, 'conditionNotMet', 'At least one of the pre-conditions you specified did not hold.')
  }
  const { temporaryHold: _hold, eventBasedHold: _event, retention: _retention, ...inherited } = source.fields
  const told = pickFields(parseJson<ObjectFields>(body))
  // Metadata that is sent replaces all of the source's; none keeps it.
  const fields = Object.keys(told).length > 0 ? told : { ...inherited, storageClass: undefined }
  return storeObject(gcs, bucketOf(gcs, to.bucket), {
    name: to.name,
    bytes: source.bytes,
    fields,
    preconditions: preconditionsIn(query),
    componentCount: source.componentCount,
  })
}

export function rewriteAnswer(object: GcsObject): Answer {
  const size = String(object.bytes.length)
  const resource = objectResource(object)
  return json({ kind: 'storage#rewriteResponse', totalBytesRewritten: size, objectSize: size, done: true, resource })
}

const FIELDS = [
  'contentType',
  'contentEncoding',
  'contentDisposition',
  'contentLanguage',
  'cacheControl',
  'storageClass',
  'metadata',
  'temporaryHold',
  'eventBasedHold',
  'retention',
] as const satisfies readonly (keyof ObjectFields)[]

export function pickFields(resource: ObjectFields): ObjectFields {
  return Object.fromEntries(FIELDS.flatMap((name) => (resource[name] == null ? [] : [[name, resource[name]]])))
}

/** JSON API reference, `Objects` resource. */
export function objectResource(object: GcsObject): object {
  const { bucket, name, generation, metageneration, fields, deletedAt } = object
  return {
    kind: 'storage#object',
    id: `${bucket}/${name}/${generation}`,
    bucket,
    name,
    generation: String(generation),
    metageneration: String(metageneration),
    size: String(object.bytes.length),
    ...(object.md5 ? { md5Hash: object.md5 } : {}),
    crc32c: object.crc32c,
    ...(object.componentCount ? { componentCount: object.componentCount } : {}),
    etag: Buffer.from(`${generation}/${metageneration}`).toString('base64'),
    timeCreated: object.createdAt.toISOString(),
    updated: object.updatedAt.toISOString(),
    ...(deletedAt ? { timeDeleted: deletedAt.toISOString() } : {}),
    ...fields,
  }
}
