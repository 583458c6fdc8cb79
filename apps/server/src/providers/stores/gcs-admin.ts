import { isDeepStrictEqual } from 'node:util'
import type { z } from 'zod'
import {
  type Contact,
  isInsecure,
  STAGING_PREFIX,
  type StoreAdmin,
  UNFINISHED_DAYS,
  type WantedStore,
} from './admin.ts'
import type { Diagnosis } from './advice.ts'
import { type BucketSetting, cannot, findingsOf, planOf, type Reading, RIGHT, wrong } from './bucket-settings.ts'
import { diagnoseNetwork } from './diagnosis.ts'
import {
  closeGcsClient,
  createGcsClient,
  type GcsClient,
  type gcsSettings,
  objectPath,
  send,
  sendForJson,
} from './gcs-client.ts'
import { accessDocuments, bindRoles } from './gcs-policies.ts'
import { StoreError } from './port.ts'

/** "Buckets" resource of the JSON API, as far as it is read here. */
interface Bucket {
  location?: string
  iamConfiguration?: { publicAccessPrevention?: string; uniformBucketLevelAccess?: { enabled?: boolean } }
  encryption?: { defaultKmsKeyName?: string }
  versioning?: { enabled?: boolean }
  objectRetention?: { mode?: string }
  cors?: CorsEntry[]
  lifecycle?: { rule?: LifecycleRule[] }
}

interface CorsEntry {
  origin?: string[]
  method?: string[]
  responseHeader?: string[]
  maxAgeSeconds?: number
}

interface LifecycleRule {
  action: { type: string; storageClass?: string }
  condition: Record<string, unknown>
}

const ABORT_RULE: LifecycleRule = {
  action: { type: 'AbortIncompleteMultipartUpload' },
  condition: { age: UNFINISHED_DAYS },
}
const STAGING_RULE: LifecycleRule = {
  action: { type: 'Delete' },
  condition: { age: UNFINISHED_DAYS, matchesPrefix: [STAGING_PREFIX] },
}

/** Sets up and judges a bucket of Google Cloud Storage, with the store's own credentials. */
export function openGcsAdmin(settings: z.output<typeof gcsSettings>): StoreAdmin {
  const client = createGcsClient(settings)
  const rowsOf = (wanted: WantedStore) => {
    const all = { ...wanted, objectLock: wanted.objectLock || settings.objectLock }
    return [existence(client, settings.projectId, all), bucketRows(client, all)] as const
  }
  return {
    place: `gs://${settings.bucket}`,
    plan: (wanted) => planOf(...rowsOf(wanted)),
    posture: (wanted) => findingsOf(...rowsOf(wanted)),
    policies: (needs) => accessDocuments(settings.bucket, needs),
    createRoles: (needs, trusted) => {
      const own = settings.credentials?.client_email
      const members = trusted.length > 0 ? trusted : own ? [`serviceAccount:${own}`] : []
      return bindRoles(client, needs, members)
    },
    contact: () => contact(client),
    diagnose: async (error) => diagnose(error),
    refusesWrongChecksum: (key) => refusesWrongChecksum(client, key),
    excessRights: async () => ({ known: false, reason: 'the policy troubleshooter of the cloud tells it' }),
    close: async () => closeGcsClient(client),
  }
}

const bucketPath = ({ bucket }: GcsClient) => `/storage/v1/b/${encodeURIComponent(bucket)}`

function getBucket(client: GcsClient): Promise<Bucket> {
  return sendForJson<Bucket>(client, { method: 'GET', path: bucketPath(client), what: 'the bucket’s settings' })
}

async function patch(client: GcsClient, json: object): Promise<void> {
  await send(client, { method: 'PATCH', path: bucketPath(client), json, what: 'a change of the bucket’s settings' })
}

/** Told by a message: that objects are gone and that their bucket is must never look alike to the store. */
function isMissing(error: unknown): boolean {
  if (!(error instanceof StoreError)) return false
  return /bucket does not exist|^404 /i.test(String((error.cause as Error | undefined)?.message))
}

function existence(client: GcsClient, projectId: string | undefined, wanted: WantedStore): BucketSetting {
  const location = (wanted.region ?? 'US').toUpperCase()
  const json = { name: client.bucket, location, iamConfiguration: { uniformBucketLevelAccess: { enabled: true } } }
  return {
    title: `the bucket ${client.bucket} is there, in ${location}`,
    why: 'Everything lies in it. Where it lies decides whose law applies and how long the way is.',
    setting: `buckets.insert ${JSON.stringify(json)}`,
    read: async () => {
      try {
        const { location: actual = '' } = await getBucket(client)
        if (wanted.region === undefined || actual.toUpperCase() === location) return RIGHT
        return cannot(`it lies in ${actual}`, `set the region to ${actual.toLowerCase()}; a bucket cannot be moved`)
      } catch (error) {
        if (isMissing(error)) return wrong('there is no such bucket')
        throw error
      }
    },
    write: async () => {
      const project = projectId ?? (await client.storage.authClient.getProjectId())
      const query = { project, ...(wanted.objectLock && { enableObjectRetention: true }) }
      await send(client, { method: 'POST', path: '/storage/v1/b', query, json, what: 'a new bucket' })
    },
  }
}

function bucketRows(client: GcsClient, wanted: WantedStore): BucketSetting[] {
  const { kmsKey, objectLock, origins } = wanted
  return [
    patched(client, {
      title: 'public access is prevented',
      why: 'Files are given out by the service and by signed URLs; nothing may become public by a slip in a policy.',
      json: { iamConfiguration: { publicAccessPrevention: 'enforced' } },
      judge: ({ iamConfiguration }) => iamConfiguration?.publicAccessPrevention === 'enforced',
    }),
    patched(client, {
      title: 'access is the bucket’s alone, without access lists of objects',
      why: 'Rights then stand in one policy, where they can be read in one place.',
      json: { iamConfiguration: { uniformBucketLevelAccess: { enabled: true } } },
      judge: ({ iamConfiguration }) => iamConfiguration?.uniformBucketLevelAccess?.enabled === true,
    }),
    ...(kmsKey ? [encryption(client, kmsKey)] : []),
    tlsOnly(client),
    ...(wanted.versioning ? [versioning(client)] : []),
    ...(objectLock ? [objectRetention(client)] : []),
    ...(origins.length > 0 ? [cors(client, origins)] : []),
    lifecycleRow(client, ABORT_RULE, {
      title: `unfinished multipart uploads end after ${UNFINISHED_DAYS} days`,
      why: 'Their parts cost and are in no list of objects. The service ends its own much sooner.',
    }),
    lifecycleRow(client, STAGING_RULE, {
      title: `staged bytes go after ${UNFINISHED_DAYS} days`,
      why: 'Seven days after the longest presigned URL nobody can come back for them.',
    }),
  ]
}

interface Patched {
  title: string
  why: string
  json: object
  judge(bucket: Bucket): boolean
}

function patched(client: GcsClient, { title, why, json, judge }: Patched): BucketSetting {
  return {
    title,
    why,
    setting: `buckets.patch ${JSON.stringify(json)}`,
    read: async () => (judge(await getBucket(client)) ? RIGHT : wrong('it is not so')),
    write: () => patch(client, json),
  }
}

function encryption(client: GcsClient, kmsKey: string): BucketSetting {
  return patched(client, {
    title: `what is written is encrypted by the key ${kmsKey}`,
    why: 'Who may use the key is then decided apart from who may read the bucket. Without one Google’s own key is used.',
    json: { encryption: { defaultKmsKeyName: kmsKey } },
    judge: (bucket) => bucket.encryption?.defaultKmsKeyName === kmsKey,
  })
}

function versioning(client: GcsClient): BucketSetting {
  return patched(client, {
    title: 'versioning is on',
    why: 'What is overwritten or deleted behind our back can be brought back.',
    json: { versioning: { enabled: true } },
    judge: (bucket) => bucket.versioning?.enabled === true,
  })
}

/** Cloud Storage has no such setting for a bucket, only a constraint for a whole organization. */
function tlsOnly({ endpoint }: GcsClient): BucketSetting {
  const constraint = 'constraints/storage.secureHttpTransport'
  const reading = (): Reading => {
    if (isInsecure(endpoint)) return cannot('the endpoint is http', 'use an https endpoint')
    return cannot(`a bucket has no such setting; enforce ${constraint} for the organization`)
  }
  return {
    title: 'requests without TLS are refused',
    why: 'Signed URLs and bytes can then not be read on the way, whoever made the request.',
    setting: `gcloud resource-manager org-policies enable-enforce ${constraint}`,
    read: async () => reading(),
    write: async () => {},
  }
}

function objectRetention(client: GcsClient): BucketSetting {
  return {
    title: 'objects can be retained',
    why: 'Retention is then kept by the store itself, also against whoever has the service’s credentials.',
    setting: 'buckets.insert?enableObjectRetention=true',
    read: async () => {
      const isOn = (await getBucket(client)).objectRetention?.mode === 'Enabled'
      return isOn
        ? RIGHT
        : cannot('the bucket was made without it', 'make a new bucket with --object-lock and move there')
    },
    write: async () => {},
  }
}

function corsEntry(origins: readonly string[]): CorsEntry {
  return {
    origin: [...origins],
    method: ['GET', 'HEAD', 'PUT', 'POST'],
    responseHeader: [
      'ETag',
      'Content-Type',
      'Content-Length',
      'Content-Range',
      'Content-Disposition',
      'x-goog-content-length-range',
      'x-goog-if-generation-match',
      'x-goog-hash',
    ],
    maxAgeSeconds: 3600,
  }
}

/** Entries have no names: ours is known by the headers that it lists. */
function cors(client: GcsClient, origins: readonly string[]): BucketSetting {
  const ours = corsEntry(origins)
  const isOurs = (entry: CorsEntry) => isDeepStrictEqual(entry.responseHeader, ours.responseHeader)
  return {
    title: `pages of ${origins.join(', ')} may upload and read`,
    why: 'A browser sends presigned requests to another origin only where that one allows it, and shows a page no header that is not named, ETag included.',
    setting: `buckets.patch ${JSON.stringify({ cors: [ours] })}, beside the entries of others`,
    read: async () => {
      const live = (await getBucket(client)).cors ?? []
      return live.some((entry) => isDeepStrictEqual(entry, ours))
        ? RIGHT
        : wrong('the bucket’s CORS entries do not say so')
    },
    write: async () => {
      const others = ((await getBucket(client)).cors ?? []).filter((entry) => !isOurs(entry))
      await patch(client, { cors: [...others, ours] })
    },
  }
}

/** Rules have no names: ours is known by all of it but the days. */
function lifecycleRow(client: GcsClient, rule: LifecycleRule, words: { title: string; why: string }): BucketSetting {
  const ageless = ({ action, condition: { age, ...condition } }: LifecycleRule) => ({ action, condition })
  const read = async () => (await getBucket(client)).lifecycle?.rule ?? []
  return {
    ...words,
    setting: `buckets.patch ${JSON.stringify({ lifecycle: { rule: [rule] } })}, beside the rules of others`,
    read: async () => {
      const isThere = (await read()).some((each) => isDeepStrictEqual(each, rule))
      return isThere ? RIGHT : wrong('there is no such lifecycle rule')
    },
    write: async () => {
      const others = (await read()).filter((each) => !isDeepStrictEqual(ageless(each), ageless(rule)))
      await patch(client, { lifecycle: { rule: [...others, rule] } })
    },
  }
}

async function contact(client: GcsClient): Promise<Contact> {
  const query = { maxResults: 1 }
  await send(client, { method: 'GET', path: objectPath(client), query, what: 'a list' })
  // Reading the bucket is a right of its own.
  const bucket = await getBucket(client).catch(() => undefined)
  const region = bucket?.location?.toLowerCase()
  return {
    ...(region && { region }),
    versioning: bucket ? (bucket.versioning?.enabled ? 'on' : 'off') : 'unknown',
    insecure: [client.endpoint, client.publicEndpoint].filter(isInsecure),
  }
}

function diagnose(error: unknown): Diagnosis {
  if (isMissing(error)) return 'noBucket'
  const cause = error instanceof StoreError ? String((error.cause as Error | undefined)?.message) : ''
  return /^401 |invalid_grant|invalid_client/.test(cause) ? 'wrongKey' : diagnoseNetwork(error)
}

async function refusesWrongChecksum(client: GcsClient, name: string): Promise<boolean> {
  const path = `/upload${objectPath(client)}`
  const boundary = 'stowage'
  const metadata = JSON.stringify({ name, crc32c: 'AAAAAA==' })
  const parts = [
    `--${boundary}\r\ncontent-type: application/json\r\n\r\n${metadata}\r\n`,
    `--${boundary}\r\ncontent-type: application/octet-stream\r\n\r\nprobe\r\n--${boundary}--\r\n`,
  ]
  const headers = { 'content-type': `multipart/related; boundary=${boundary}` }
  const query = { uploadType: 'multipart' }
  try {
    await send(client, {
      method: 'POST',
      path,
      query,
      headers,
      body: parts.map((part) => Buffer.from(part)),
      what: 'a wrong checksum',
    })
  } catch (error) {
    if (error instanceof StoreError && ['corrupt', 'unsupported'].includes(error.kind)) return true
    throw error
  }
  return false
}
