import { untilAborted } from './abort.ts'
import { type GcsClient, watchFor, xmlPath } from './gcs-client.ts'
import { failedOnTheWay } from './gcs-errors.ts'
import { requirePartNumber } from './part-number.ts'
import {
  type CallOptions,
  MAX_PRESIGN_SECONDS,
  type PresignGetOptions,
  type PresignOptions,
  type PresignPartOptions,
  type PresignPostOptions,
  type PresignPutOptions,
  type SignedForm,
  type SignedRequest,
  StoreError,
  type StoreKey,
} from './port.ts'

const ALGORITHM = 'GOOG4-RSA-SHA256'
const ANY_TYPE = 'application/octet-stream'

interface Signing {
  action: 'read' | 'write'
  /** Signed and to be sent. */
  headers?: Record<string, string>
  /** Signed, and sent by every client on its own. */
  ownHeaders?: Record<string, string>
  query?: Record<string, string>
}

/**
 * Cloud Storage overrides the disposition and the media type of an answer, and nothing else ("Query string
 * parameters"); a cache rule is refused with `unsupported`.
 */
export function presignGet(client: GcsClient, key: StoreKey, options: PresignGetOptions): Promise<SignedRequest> {
  const { contentDisposition, contentType, cacheControl } = options
  if (cacheControl !== undefined) {
    return Promise.reject(new StoreError('unsupported', 'Cloud Storage does not override Cache-Control'))
  }
  const query: Record<string, string> = {}
  if (contentDisposition !== undefined) query['response-content-disposition'] = contentDisposition
  if (contentType !== undefined) query['response-content-type'] = contentType
  return sign(client, key, { action: 'read', query }, options)
}

/**
 * Bound to the size (`x-goog-content-length-range`), to a key that is free (`x-goog-if-generation-match: 0`) and to the
 * hash: a signed `x-goog-content-sha256` stands for the payload in what is signed ("Canonical requests", payload), and
 * the service refuses other bytes.
 */
export function presignPut(client: GcsClient, key: StoreKey, options: PresignPutOptions): Promise<SignedRequest> {
  const { sizeBytes, sha256, contentType } = options
  const headers = {
    'x-goog-content-length-range': `${sizeBytes},${sizeBytes}`,
    'x-goog-if-generation-match': '0',
    ...(contentType === undefined ? {} : { 'content-type': contentType }),
    ...(sha256 === undefined ? {} : { 'x-goog-content-sha256': sha256 }),
  }
  return sign(client, key, { action: 'write', headers }, options)
}

/** XML API, "Upload part". Its size is bound by signing `content-length`, which every client sends by itself. */
export async function presignPart(
  client: GcsClient,
  key: StoreKey,
  options: PresignPartOptions,
): Promise<SignedRequest> {
  const { reference, number, sizeBytes } = options
  requirePartNumber(number)
  const query = { partNumber: String(number), uploadId: reference }
  return sign(client, key, { action: 'write', ownHeaders: { 'content-length': String(sizeBytes) }, query }, options)
}

/** "V4 signing process". The life is counted from the second that has begun, so it is never longer than asked for. */
async function sign(
  client: GcsClient,
  key: StoreKey,
  { action, headers = {}, ownHeaders = {}, query }: Signing,
  options: PresignOptions,
): Promise<SignedRequest> {
  const { from, expiresAt } = lifeOf(options)
  const file = client.storage.bucket(client.bucket).file(key)
  const signing = file.getSignedUrl({
    version: 'v4',
    action,
    accessibleAt: from,
    expires: expiresAt,
    extensionHeaders: { ...headers, ...ownHeaders },
    queryParams: query,
    host: new URL(client.publicEndpoint),
  })
  const [url] = await inTime(client, options, signing)
  return { method: action === 'read' ? 'GET' : 'PUT', url, headers, expiresAt }
}

/**
 * XML API, "POST Object", with a policy document. The SDK's own maker of forms binds the key to one name; this one
 * takes every key with the same beginning.
 *
 * A form has no condition on what lies under its key ("POST Object", form fields): an object there is replaced.
 */
export async function presignPost(client: GcsClient, key: StoreKey, options: PresignPostOptions): Promise<SignedForm> {
  const { minBytes, maxBytes, contentType } = options
  const { from, expiresAt } = lifeOf(options)
  const { authClient } = client.storage
  const { client_email: email } = await inTime(client, options, authClient.getCredentials())
  const date = compact(from)
  const signed = {
    'x-goog-date': date,
    'x-goog-credential': `${email}/${date.slice(0, 8)}/auto/storage/goog4_request`,
    'x-goog-algorithm': ALGORITHM,
  }
  const conditions = [
    { bucket: client.bucket },
    ['starts-with', '$key', key],
    ['content-length-range', minBytes, maxBytes],
    contentType === undefined ? ['starts-with', '$Content-Type', ''] : ['eq', '$Content-Type', contentType],
    ...Object.entries(signed).map(([name, value]) => ({ [name]: value })),
  ]
  const expiration = expiresAt.toISOString().replace(/\.\d+Z$/, 'Z')
  const policy = Buffer.from(escapeBeyondAscii(JSON.stringify({ conditions, expiration }))).toString('base64')
  const signature = await inTime(client, options, authClient.sign(policy))
  const fields = {
    key: `${key}content`,
    'Content-Type': contentType ?? ANY_TYPE,
    ...signed,
    policy,
    'x-goog-signature': Buffer.from(signature, 'base64').toString('hex'),
  }
  return { url: `${client.publicEndpoint}${xmlPath(client, '')}`, fields, expiresAt }
}

function lifeOf({ expiresInSeconds }: PresignOptions): { from: Date; expiresAt: Date } {
  const possible =
    Number.isInteger(expiresInSeconds) && expiresInSeconds >= 1 && expiresInSeconds <= MAX_PRESIGN_SECONDS
  if (!possible) {
    const message = `A presigned request lives 1 to ${MAX_PRESIGN_SECONDS} seconds, not ${expiresInSeconds}`
    throw new StoreError('unsupported', message)
  }
  const from = new Date(Math.floor(Date.now() / 1000) * 1000)
  return { from, expiresAt: new Date(from.getTime() + expiresInSeconds * 1000) }
}

function compact(date: Date): string {
  return date.toISOString().replace(/[-:]|\.\d+/g, '')
}

/** "Policy document": what is not ASCII is written as Unicode escapes. */
function escapeBeyondAscii(text: string): string {
  return text.replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Without a key of its own, an account signs through IAM, which is a request like any other. */
async function inTime<T>(client: GcsClient, { signal }: CallOptions, signing: Promise<T>): Promise<T> {
  const watch = watchFor(client.idleMs, signal)
  try {
    return await untilAborted(signing, watch.signal)
  } catch (error) {
    watch.signal.throwIfAborted()
    throw failedOnTheWay(error, 'a signature')
  } finally {
    watch.stop()
  }
}
