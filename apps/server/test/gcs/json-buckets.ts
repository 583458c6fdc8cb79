import { type Answer, type Call, json, parseJson } from './exchange.ts'
import { bucketOf, type Gcs, type GcsBucket, GcsRefusal } from './state.ts'

/** JSON API reference, `Buckets`: insert, list. */
export function bucketsCall(gcs: Gcs, { method, body, query }: Call): Answer {
  if (method === 'GET') {
    const items = [...gcs.buckets.values()].filter(({ name }) => name.startsWith(query.get('prefix') ?? ''))
    return json({ kind: 'storage#buckets', items: items.map(bucketResource) })
  }
  if (method !== 'POST') throw new GcsRefusal(405, 'methodNotAllowed', 'Method Not Allowed')
  const { name, ...settings } = parseJson<{ name: string }>(body)
  if (!/^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$/.test(name)) throw new GcsRefusal(400, 'invalid', 'Invalid bucket name.')
  if (gcs.buckets.has(name)) throw new GcsRefusal(409, 'conflict', 'Your previous request to create it succeeded.')
  const locked = query.get('enableObjectRetention') === 'true' ? { objectRetention: { mode: 'Enabled' } } : {}
  return json(bucketResource(addBucket(gcs, name, { ...settings, ...locked })))
}

export function addBucket(gcs: Gcs, name: string, settings: Record<string, unknown> = {}): GcsBucket {
  const now = new Date()
  const bucket: GcsBucket = {
    name,
    settings: { location: 'US', storageClass: 'STANDARD', iamConfiguration: DEFAULT_IAM, ...settings },
    createdAt: now,
    updatedAt: now,
    metageneration: 1,
    live: new Map(),
    noncurrent: [],
    sessions: new Map(),
    uploads: new Map(),
  }
  gcs.buckets.set(name, bucket)
  return bucket
}

const DEFAULT_IAM = { publicAccessPrevention: 'inherited', uniformBucketLevelAccess: { enabled: false } }

/** JSON API reference, `Buckets`: get, patch, update, delete. */
export function bucketCall(gcs: Gcs, name: string, { method, body, query }: Call): Answer {
  const bucket = bucketOf(gcs, name)
  const asked = query.get('ifMetagenerationMatch')
  if (asked !== null && asked !== String(bucket.metageneration)) {
    throw new GcsRefusal(412, 'conditionNotMet', 'At least one of the pre-conditions you specified did not hold.')
  }
  if (method === 'GET') return json(bucketResource(bucket))
  if (method === 'PATCH' || method === 'PUT') {
    bucket.settings = merge(bucket.settings, parseJson<Record<string, unknown>>(body))
    bucket.metageneration++
    bucket.updatedAt = new Date()
    return json(bucketResource(bucket))
  }
  if (method !== 'DELETE') throw new GcsRefusal(405, 'methodNotAllowed', 'Method Not Allowed')
  const empty = bucket.live.size + bucket.noncurrent.length + bucket.uploads.size === 0
  if (!empty) throw new GcsRefusal(409, 'conflict', 'The bucket you tried to delete is not empty.')
  gcs.buckets.delete(name)
  return { status: 204 }
}

/** "Performance tips", patch semantics: what is named is replaced, objects are merged, null removes. */
export function merge<T extends object>(old: T, patch: object): T {
  const merged = { ...old } as Record<string, unknown>
  for (const [name, value] of Object.entries(patch)) {
    const before = merged[name]
    if (value === null) delete merged[name]
    else if (isRecord(value) && isRecord(before)) merged[name] = merge(before, value)
    else merged[name] = isRecord(value) ? merge({}, value) : value
  }
  return merged as T
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function bucketResource(bucket: GcsBucket): object {
  return {
    kind: 'storage#bucket',
    id: bucket.name,
    name: bucket.name,
    projectNumber: '1',
    metageneration: String(bucket.metageneration),
    timeCreated: bucket.createdAt.toISOString(),
    updated: bucket.updatedAt.toISOString(),
    etag: `CA${bucket.metageneration}`,
    ...bucket.settings,
  }
}
