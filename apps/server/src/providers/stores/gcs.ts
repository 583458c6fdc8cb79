import type { Readable } from 'node:stream'
import { noExtras } from './extras.ts'
import {
  closeGcsClient,
  createGcsClient,
  type GcsClient,
  type GcsSettings,
  gcsSettings,
  objectPath,
  send,
  sendForJson,
} from './gcs-client.ts'
import {
  findResource,
  fullInfo,
  getResource,
  listedInfo,
  type ObjectResource,
  undefinedIfMissing,
} from './gcs-objects.ts'
import { abandonParts, completeParts, listParts, listUploads, startParts, type UploadPlace } from './gcs-parts.ts'
import { presignGet, presignPart, presignPost, presignPut } from './gcs-presign.ts'
import { getObject } from './gcs-read.ts'
import { putObject } from './gcs-upload.ts'
import { limitOf } from './paging.ts'
import {
  type CallOptions,
  type CopyOptions,
  type HoldOptions,
  type ListOptions,
  type ListPage,
  type ObjectStore,
  type PutOptions,
  type PutReceipt,
  type RetentionOptions,
  type StorageClassOptions,
  type StoreCapabilities,
  type StoredInfo,
  StoreError,
  type StoreExtras,
  type StoreKey,
} from './port.ts'
import { segmentsOf } from './store-key.ts'

export { type GcsSettings, gcsSettings }

const DEFAULT_CLASS = 'STANDARD'

const CAPABILITIES: StoreCapabilities = {
  ownDisk: false,
  conditionalCreate: true,
  presignedGet: true,
  presignedPut: true,
  presignedPost: true,
  presignedParts: true,
  serverCopy: true,
  storageClasses: ['NEARLINE', 'COLDLINE', 'ARCHIVE'],
  objectLock: false,
  metadata: true,
}

/**
 * Opens a store in a bucket of Google Cloud Storage, which must be there. A key is the object's name.
 *
 * The account needs `storage.objects.*` and `storage.multipartUploads.*` on the bucket; presigning needs its key, or
 * `iam.serviceAccounts.signBlob`. Browsers that use presigned requests need the bucket's CORS to name the headers that
 * these come with, and to expose `ETag` for parts.
 *
 * A put that fails leaves a resumable session at most: those cannot be listed, hold nothing readable and end by
 * themselves within a week. So what `abandon` ends is what `startParts` began. Holds are changed in place; another
 * storage class means a new generation of the same bytes. Credentials are not narrowed by `within`.
 *
 * @throws ZodError for settings that do not fit
 */
export function openGcsStore(settings: GcsSettings): ObjectStore {
  const checked = gcsSettings.parse(settings)
  const client = createGcsClient(checked)
  const { setHold, setRetention } = noExtras
  return {
    ...extrasOf(client),
    ...(checked.objectLock ? {} : { setHold, setRetention }),
    capabilities: { ...CAPABILITIES, objectLock: checked.objectLock },
    put: (key, body, options = {}) => put(client, key, body, options),
    get: async (key, options = {}) => {
      checkCall(key, options)
      return getObject(client, key, options)
    },
    head: async (key, options = {}) => {
      checkCall(key, options)
      const found = await findResource(client, key, options)
      return found && fullInfo(found)
    },
    delete: async (key, options = {}) => {
      checkCall(key, options)
      await remove(client, key, options)
    },
    abandon: async (key, options = {}) => {
      checkCall(key, options)
      await abandonParts(client, key, options)
    },
    list: async (options) => list(client, options),
    close: async () => closeGcsClient(client),
  }
}

function extrasOf(client: GcsClient): StoreExtras {
  const checked =
    <O extends CallOptions, R>(work: (client: GcsClient, key: StoreKey, options: O) => Promise<R>) =>
    async (key: StoreKey, options: O) => {
      checkCall(key, options)
      return work(client, key, options)
    }
  return {
    copy: checked(copy),
    presignGet: checked(presignGet),
    presignPut: checked(presignPut),
    presignPost: async (key, options) => {
      // The beginning of a key may end with the mark between two segments.
      checkCall(key.replace(/\/$/, ''), options)
      return presignPost(client, key, options)
    },
    startParts: checked(startParts),
    presignPart: checked(presignPart),
    listParts: checked(listParts),
    completeParts: checked(completeParts),
    setStorageClass: checked(setStorageClass),
    setHold: checked(setHold),
    setRetention: checked(setRetention),
  }
}

function checkCall(key: StoreKey, { signal }: CallOptions): void {
  segmentsOf(key)
  signal?.throwIfAborted()
}

function checkClass(storageClass: string | undefined): void {
  if (storageClass === undefined || storageClass === DEFAULT_CLASS) return
  if (CAPABILITIES.storageClasses.includes(storageClass)) return
  throw new StoreError('unsupported', `Cloud Storage has no storage class ${storageClass}`)
}

async function put(client: GcsClient, key: StoreKey, body: Readable, options: PutOptions): Promise<PutReceipt> {
  body.on('error', ignore)
  try {
    checkCall(key, options)
    checkClass(options.storageClass)
  } catch (error) {
    body.destroy()
    throw error
  }
  return putObject(client, key, body, options)
}

async function remove(client: GcsClient, key: StoreKey, { signal }: CallOptions): Promise<void> {
  await send(client, { method: 'DELETE', path: objectPath(client, key), what: 'a deletion', signal }).catch(
    undefinedIfMissing,
  )
}

/** Where a list goes on: among the objects, then among the uploads in parts. */
interface Place {
  pageToken?: string
  uploads?: UploadPlace
}

async function list(client: GcsClient, options: ListOptions): Promise<ListPage> {
  options.signal?.throwIfAborted()
  const limit = limitOf(options)
  const items: StoredInfo[] = []
  let place: Place | undefined = readCursor(options.cursor)
  while (place && items.length < limit) {
    const asked = { prefix: options.prefix ?? '', limit: limit - items.length, signal: options.signal }
    if (place.uploads) {
      const page = await listUploads(client, { ...asked, place: place.uploads })
      items.push(...page.uploads.map(({ info }) => info))
      place = page.next && { uploads: page.next }
    } else {
      const page = await listObjects(client, asked, place.pageToken)
      items.push(...(page.items ?? []).map(listedInfo))
      place = page.nextPageToken ? { pageToken: page.nextPageToken } : { uploads: {} }
    }
  }
  // A full page that ends with the last object: whether uploads follow decides whether there is another page.
  if (place?.uploads && !place.uploads.key && items.length === limit) {
    const asked = { prefix: options.prefix ?? '', limit: 1, place: place.uploads, signal: options.signal }
    if ((await listUploads(client, asked)).uploads.length === 0) place = undefined
  }
  return place ? { items, nextCursor: writeCursor(place) } : { items }
}

/** JSON API reference, `Objects: list`: a page may hold fewer than were asked for. */
function listObjects(
  client: GcsClient,
  asked: { prefix: string; limit: number; signal?: AbortSignal },
  pageToken: string | undefined,
): Promise<{ items?: ObjectResource[]; nextPageToken?: string }> {
  const prefix = asked.prefix === '' ? undefined : asked.prefix
  const fields = 'items(name,size,updated),nextPageToken'
  const query = { prefix, maxResults: asked.limit, pageToken, fields }
  return sendForJson(client, { method: 'GET', path: objectPath(client), query, what: 'a list', signal: asked.signal })
}

function writeCursor(place: Place): string {
  return Buffer.from(JSON.stringify(place)).toString('base64url')
}

function readCursor(cursor: string | undefined): Place {
  if (cursor === undefined) return {}
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString()) as Place
  } catch (cause) {
    throw new StoreError('unsupported', 'That is no cursor of a list', { cause })
  }
}

async function copy(client: GcsClient, key: StoreKey, options: CopyOptions): Promise<PutReceipt> {
  segmentsOf(options.to)
  checkClass(options.storageClass)
  const source = await getResource(client, key, 'a copy', options)
  const { size } = await rewrite(client, source, { ...options, ifGenerationMatch: '0' })
  return { storedBytes: Number(size) }
}

async function setStorageClass(client: GcsClient, key: StoreKey, options: StorageClassOptions): Promise<void> {
  checkClass(options.storageClass)
  const source = await getResource(client, key, 'a change of storage class', options)
  if (source.storageClass === options.storageClass) return
  await rewrite(client, source, { ...options, to: key, ifGenerationMatch: source.generation })
}

interface Rewrite extends Partial<Omit<CopyOptions, 'to'>> {
  to: StoreKey
  ifGenerationMatch: string
}

/**
 * JSON API reference, `Objects: rewrite`, called until it is done: one generation of the source, whatever happens to
 * its name meanwhile. Metadata that is sent replaces all of the source's, so all of it is sent.
 */
async function rewrite(client: GcsClient, source: ObjectResource, options: Rewrite): Promise<ObjectResource> {
  const target = objectPath(client, options.to).slice('/storage/v1'.length)
  const told = {
    contentType: options.contentType ?? source.contentType,
    metadata: options.metadata ?? source.metadata ?? {},
    ...(options.storageClass ? { storageClass: options.storageClass } : {}),
  }
  for (let rewriteToken: string | undefined; ; ) {
    const answer: RewriteAnswer = await sendForJson<RewriteAnswer>(client, {
      method: 'POST',
      path: `${objectPath(client, source.name)}/rewriteTo${target}`,
      query: { sourceGeneration: source.generation, ifGenerationMatch: options.ifGenerationMatch, rewriteToken },
      json: told,
      what: 'a copy',
      signal: options.signal,
    })
    if (answer.resource) return answer.resource
    rewriteToken = answer.rewriteToken
  }
}

interface RewriteAnswer {
  rewriteToken?: string
  resource?: ObjectResource
}

async function setHold(client: GcsClient, key: StoreKey, { held, signal }: HoldOptions): Promise<void> {
  await patch(client, key, { temporaryHold: held }, { signal })
}

/** Object retention: `Unlocked` is lifted by those with the right to, `Locked` by nobody. */
async function setRetention(client: GcsClient, key: StoreKey, options: RetentionOptions): Promise<void> {
  const mode = options.mode === 'compliance' ? 'Locked' : 'Unlocked'
  const retention = { mode, retainUntilTime: options.until.toISOString() }
  await patch(client, key, { retention }, options)
}

/** JSON API reference, `Objects: patch`. */
async function patch(client: GcsClient, key: StoreKey, json: object, { signal }: CallOptions): Promise<void> {
  await send(client, { method: 'PATCH', path: objectPath(client, key), json, what: 'a change', signal })
}

function ignore(): void {}
