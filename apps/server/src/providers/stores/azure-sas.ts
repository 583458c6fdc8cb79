import {
  BlobSASPermissions,
  type BlobSASSignatureValues,
  ContainerClient,
  generateBlobSASQueryParameters,
  SASProtocol,
  type StorageSharedKeyCredential,
  type UserDelegationKey,
} from '@azure/storage-blob'
import { asking } from './azure-errors.ts'
import { MAX_PRESIGN_SECONDS, StoreError } from './port.ts'

/** What a key of the signed-in identity is asked for, beyond one request; how far our clock may be ahead. */
const KEY_SECONDS = 86_400
const SKEW_SECONDS = 60

export interface SigningOptions {
  container: string
  account: string
  /** The container's address, as those who use the requests reach it. */
  url: string
  /** The account's key; without one, requests are signed with keys that `fetchKey` gets for the signed-in identity. */
  key?: StorageSharedKeyCredential
  fetchKey: (startsOn: Date, expiresOn: Date, signal?: AbortSignal) => Promise<UserDelegationKey>
  now?: () => number
}

export interface Grant {
  /** Read; create what is not there; write. */
  permission: 'r' | 'c' | 'w'
  expiresInSeconds: number
  signal?: AbortSignal
  /** Sent back with the bytes. */
  headers?: Pick<BlobSASSignatureValues, 'cacheControl' | 'contentDisposition' | 'contentType'>
}

/**
 * Makes the URL of one blob with a shared access signature: a service one, or a user delegation one without an account key.
 * It may end sooner than asked, by the fraction of a second, and with a delegation key also by what keeps it in 7 days.
 *
 * @throws StoreError `unsupported` when it would live too long | `denied` | `throttled` | `unavailable`
 */
export type Signer = (blobName: string, grant: Grant) => Promise<{ url: string; expiresAt: Date }>

export function createSigner(options: SigningOptions): Signer {
  const { container, account, key, now = Date.now } = options
  const delegated = key ? undefined : cachedKeys(options.fetchKey, now)
  const blobs = new ContainerClient(options.url)
  const protocol = options.url.startsWith('https:') ? SASProtocol.Https : SASProtocol.HttpsAndHttp
  return async (blobName, { permission, expiresInSeconds, signal, headers }) => {
    signal?.throwIfAborted()
    checkLife(expiresInSeconds)
    const wanted = wholeSeconds(now() + expiresInSeconds * 1000)
    const values = { containerName: container, blobName, protocol, permissions: BlobSASPermissions.parse(permission) }
    const { url } = blobs.getBlobClient(blobName)
    if (key) {
      const sas = generateBlobSASQueryParameters({ ...headers, ...values, expiresOn: wanted }, key)
      return { url: `${url}?${sas}`, expiresAt: wanted }
    }
    const delegation = await delegated!(wanted, signal)
    const expiresOn = new Date(Math.min(wanted.getTime(), delegation.signedExpiresOn.getTime()))
    const sas = generateBlobSASQueryParameters({ ...headers, ...values, expiresOn }, delegation, account)
    return { url: `${url}?${sas}`, expiresAt: expiresOn }
  }
}

function checkLife(seconds: number): void {
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= MAX_PRESIGN_SECONDS) return
  throw new StoreError('unsupported', `A presigned request lives 1 to ${MAX_PRESIGN_SECONDS} seconds, not ${seconds}`)
}

function wholeSeconds(ms: number): Date {
  return new Date(Math.floor(ms / 1000) * 1000)
}

/** Keys are kept as long as they outlive what is signed with them. */
function cachedKeys(
  fetchKey: SigningOptions['fetchKey'],
  now: () => number,
): (until: Date, signal?: AbortSignal) => Promise<UserDelegationKey> {
  let kept: UserDelegationKey | undefined
  return async (until, signal) => {
    const start = wholeSeconds(now() - SKEW_SECONDS * 1000)
    const latest = start.getTime() + MAX_PRESIGN_SECONDS * 1000
    const needed = Math.min(until.getTime(), latest)
    if (kept && kept.signedExpiresOn.getTime() >= needed) return kept
    const end = new Date(Math.min(latest, until.getTime() + KEY_SECONDS * 1000))
    kept = await asking(signal, () => fetchKey(start, end, signal))
    return kept
  }
}
