import type { Readable } from 'node:stream'
import type { DataKeyWrapper } from './keyring.ts'

/**
 * The object store port: where the bytes of a copy lie.
 *
 * Glossary
 * - store key: the path of one copy's bytes inside a store. Made by a key layout from validated segments separated by
 *   `/`; never empty, never absolute, never with `.` or `..` segments, at most 1,024 bytes of UTF-8 and 255 a segment,
 *   no backslash and no control characters. Never used twice. Every operation refuses any other key with `badKey`.
 *   A key layout never makes a key that is another key's folder (`a` and `a/b`): a store keeps both, or refuses the
 *   second with `badKey`; it never harms the first.
 * - envelope: what a store must be handed back to read a copy again (for `encrypted`: the wrapped data key). Opaque to
 *   everybody else, kept in the copy's row, never beside the bytes.
 * - durable: survives a power cut. `put` resolves only when the bytes are durable.
 *
 * Every store and every decorator passes the one suite in conformance.ts.
 */
export interface ObjectStore extends StoreExtras {
  readonly capabilities: StoreCapabilities

  /**
   * Stores the bytes under a key that has never been used.
   *
   * MUST be atomic: a reader sees the whole object or none. MUST refuse an existing key with `exists`, also when two
   * writers race. MUST have the bytes on durable storage before it resolves. MUST stop reading and leave nothing
   * readable when `signal` aborts or when `body` fails, and reject with the reason given; what is left behind is found
   * by `abandon`. MUST destroy `body` when it rejects. MUST respect back-pressure, so that memory does not grow with
   * the size of the body.
   *
   * @throws StoreError `exists` | `badKey` | `badSize` | `denied` | `throttled` | `unavailable` | `full`
   */
  put(key: StoreKey, body: Readable, options?: PutOptions): Promise<PutReceipt>

  /**
   * Opens the bytes for reading, whole or by range.
   *
   * MUST reject before it resolves when the key is not there (`notFound`), never in the stream alone. A range is
   * inclusive at both ends; one that starts at or past the end is refused with `badRange`; one that ends past the end
   * is cut. MUST fail the stream, never end it early, when bytes are missing or not authentic (`corrupt`). Destroying
   * the stream, or aborting the signal, MUST free everything.
   *
   * @throws StoreError `notFound` | `badRange` | `denied` | `throttled` | `unavailable` | `corrupt`
   */
  get(key: StoreKey, options?: GetOptions): Promise<StoredObject>

  /**
   * Describes what lies under a key, or undefined.
   *
   * @throws StoreError `denied` | `throttled` | `unavailable`
   */
  head(key: StoreKey, options?: CallOptions): Promise<StoredInfo | undefined>

  /**
   * Removes the bytes under a key. Nothing there is success: the reaper deletes twice.
   *
   * MUST be durable before it resolves.
   *
   * @throws StoreError `denied` | `throttled` | `unavailable`
   */
  delete(key: StoreKey, options?: CallOptions): Promise<void>

  /**
   * Removes whatever an unfinished `put` left behind under a key: temporary files, open multipart uploads. Does not
   * touch a finished object. Nothing there is success.
   */
  abandon(key: StoreKey, options?: CallOptions): Promise<void>

  /**
   * One page of what is stored, unfinished remains included (`unfinished: true`), in a stable order.
   *
   * MUST show every object that is there from the first page to the last exactly once. `cursor` is the `nextCursor` of
   * the page before. `limit` is 1 to 1,000; any other is refused with `unsupported`.
   */
  list(options: ListOptions): Promise<ListPage>

  /** Frees connections and handles. The store is not used afterwards. */
  close(): Promise<void>
}

export type StoreKey = string

/**
 * What only some stores can do. `capabilities` says which: callers ask it and never assume. An operation that a store
 * does not have MUST reject with `unsupported`, as MUST an option that it cannot keep (a storage class it does not
 * know, a retention mode it has not).
 *
 * Presigned requests are made without asking the store. One that is used MUST be refused by the store itself when it
 * is late, or differs in anything that was stated: method, key, size, hash, type. None may carry the checksum of an
 * empty body, and none outlives `MAX_PRESIGN_SECONDS`.
 */
export interface StoreExtras {
  /**
   * Copies an object inside the store, of any size, without its bytes passing through us (`serverCopy`).
   *
   * MUST be atomic, refuse an existing target with `exists` and take all of one source, never a mix of two.
   *
   * @throws StoreError `notFound` | `exists` | `denied` | `throttled` | `unavailable`
   */
  copy(key: StoreKey, options: CopyOptions): Promise<PutReceipt>

  /** A request that reads one object (`presignedGet`). */
  presignGet(key: StoreKey, options: PresignGetOptions): Promise<SignedRequest>

  /** A request that stores one object of exactly this size, and of this hash if one is named (`presignedPut`). */
  presignPut(key: StoreKey, options: PresignPutOptions): Promise<SignedRequest>

  /**
   * A form that stores one object under a key that begins with `key` (`presignedPost`); the field `key` is filled in
   * as `key` followed by `content`. The file is the form's last field, `file`.
   */
  presignPost(key: StoreKey, options: PresignPostOptions): Promise<SignedForm>

  /**
   * Begins an object that is sent in parts, which its writers send by presigned requests (`presignedParts`).
   *
   * @returns the reference by which the other three know it; `abandon` ends it
   */
  startParts(key: StoreKey, options: StartPartsOptions): Promise<string>
  presignPart(key: StoreKey, options: PresignPartOptions): Promise<SignedRequest>
  /** The parts that have arrived whole, by number. */
  listParts(key: StoreKey, options: PartsOptions): Promise<StoredPart[]>
  /**
   * Joins the parts, which MUST be all that have been named and in order; atomic like `put`.
   *
   * @throws StoreError `badSize` when a part is missing, is another than named, or is too small; `notFound` when the
   *   reference is not open
   */
  completeParts(key: StoreKey, options: CompletePartsOptions): Promise<PutReceipt>

  /** Moves an object to another of `storageClasses`. */
  setStorageClass(key: StoreKey, options: StorageClassOptions): Promise<void>

  /** Puts a legal hold on an object or lifts it: while it is there the store itself refuses deletion (`objectLock`). */
  setHold(key: StoreKey, options: HoldOptions): Promise<void>

  /** Keeps an object from being deleted until a moment (`objectLock`). */
  setRetention(key: StoreKey, options: RetentionOptions): Promise<void>
}

/** The longest that a presigned request may live, in seconds: what S3, GCS and Azure all allow. */
export const MAX_PRESIGN_SECONDS = 604_800

/** The most parts of one object: what S3, GCS and Azure all allow. */
export const MAX_PARTS = 10_000

export interface StoreCapabilities {
  /** Where the bytes are on disks we own, so that our own encryption is on by default. */
  readonly ownDisk: boolean
  /** Whether `exists` also holds when two writers race; without it the key is only looked for before the write. */
  readonly conditionalCreate: boolean
  readonly presignedGet: boolean
  readonly presignedPut: boolean
  readonly presignedPost: boolean
  readonly presignedParts: boolean
  readonly serverCopy: boolean
  /** Besides the default one; empty for a store that has only that. */
  readonly storageClasses: readonly string[]
  readonly objectLock: boolean
  /** Whether metadata and media type lie beside the bytes, so that a bucket alone can be read. */
  readonly metadata: boolean
}

/** What every operation may be told. */
export interface CallOptions {
  signal?: AbortSignal
  /** Works with credentials that reach only keys beginning with this, and staged ones, where the store can narrow them. */
  within?: string
  /** The organization it is done for: needed by stores that keep organizations apart themselves, such as `database`. */
  tenantId?: string
  /** The request that this is done for; for logs alone. */
  requestId?: string
  /** Which try this is, counted from 1 by `retrying`; for logs alone. */
  attempt?: number
}

export interface PutOptions extends CallOptions {
  /** Exact size in bytes when it is known; undefined for a stream of unknown length. A body of another size fails. */
  sizeBytes?: number
  /** Authenticated with the bytes by `encrypted`; ignored by plain stores. The copy's id. */
  context?: string
  /** Wraps the copy's data key: its isolation scope's keys. Needed by `encrypted`, ignored by plain stores. */
  keys?: DataKeyWrapper
  /** Kept beside the bytes by stores with `metadata`, ignored by others. Names are lower case, values any text. */
  metadata?: Readonly<Record<string, string>>
  /** Media type, likewise. */
  contentType?: string
  storageClass?: string
  /** Is given each piece of the body that is written, which was made for this put alone; or not, by a store that cannot tell. */
  giveBack?: (piece: Buffer) => void
}

export interface CopyOptions extends CallOptions {
  to: StoreKey
  sizeBytes: number
  metadata?: Readonly<Record<string, string>>
  contentType?: string
  storageClass?: string
}

export interface PresignOptions extends CallOptions {
  expiresInSeconds: number
}

export interface PresignGetOptions extends PresignOptions {
  /** Sent back as `Content-Disposition`, `Content-Type` and `Cache-Control`. */
  contentDisposition?: string
  contentType?: string
  cacheControl?: string
}

export interface PresignPutOptions extends PresignOptions {
  sizeBytes: number
  /** SHA-256 in hexadecimal. */
  sha256?: string
  contentType?: string
}

export interface PresignPostOptions extends PresignOptions {
  minBytes: number
  maxBytes: number
  /** The only media type that is taken; any if there is none. */
  contentType?: string
}

export interface StartPartsOptions extends CallOptions {
  contentType?: string
}

export interface PartsOptions extends CallOptions {
  reference: string
}

export interface PresignPartOptions extends PresignOptions {
  reference: string
  /** 1 to 10,000. */
  number: number
  sizeBytes: number
}

export interface CompletePartsOptions extends PartsOptions {
  parts: readonly StoredPart[]
}

export interface StoredPart {
  number: number
  sizeBytes: number
  etag: string
}

export interface StorageClassOptions extends CallOptions {
  storageClass: string
}

export interface HoldOptions extends CallOptions {
  held: boolean
}

export interface RetentionOptions extends CallOptions {
  until: Date
  /** `governance` may be lifted by those with the right to; `compliance` by nobody. */
  mode: 'governance' | 'compliance'
}

/** A request to send as it is: `headers` are part of what was signed. */
export interface SignedRequest {
  method: 'GET' | 'PUT'
  url: string
  headers: Record<string, string>
  expiresAt: Date
}

export interface SignedForm {
  url: string
  fields: Record<string, string>
  expiresAt: Date
}

export interface PutReceipt {
  /** Bytes as stored, after encryption. */
  storedBytes: number
  envelope?: Buffer
}

export interface GetOptions extends CallOptions {
  range?: ByteRange
  envelope?: Buffer
  context?: string
  /** Those that `put` was given. */
  keys?: DataKeyWrapper
}

/** Inclusive at both ends, as in HTTP. `end` undefined reads to the end. */
export interface ByteRange {
  start: number
  end?: number
}

export interface StoredObject {
  body: Readable
  /** Size of the whole object in bytes, not of the range. For `encrypted`: of the plain text. */
  sizeBytes: number
  /**
   * Takes back a whole piece of `body` to read into it again, from a reader that has kept nothing of it. Whoever gives
   * nothing back leaves it to the garbage collector.
   */
  giveBack?: ((piece: Buffer) => void) | undefined
}

export interface StoredInfo {
  key: StoreKey
  /** Bytes as they lie in the store. */
  storedBytes: number
  modifiedAt: Date
  unfinished: boolean
  /** The rest by `head` alone, and only by stores that know it. */
  metadata?: Record<string, string>
  contentType?: string
  storageClass?: string
  held?: boolean
  retainUntil?: Date
}

export interface ListOptions extends CallOptions {
  prefix?: string
  cursor?: string
  limit?: number
}

export interface ListPage {
  items: StoredInfo[]
  nextCursor?: string
}

export type StoreErrorKind =
  | 'exists'
  | 'notFound'
  | 'badRange'
  | 'badKey'
  | 'badSize'
  | 'denied'
  /** There are none to show: nothing was asked of the store. */
  | 'noCredentials'
  | 'full'
  | 'throttled'
  | 'unavailable'
  | 'corrupt'
  | 'unsupported'

const RETRYABLE: ReadonlySet<StoreErrorKind> = new Set(['throttled', 'unavailable'])

/** The only error a store throws, apart from the abort reason and the body's own failure. */
export class StoreError extends Error {
  readonly kind: StoreErrorKind
  readonly retryable: boolean

  constructor(kind: StoreErrorKind, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'StoreError'
    this.kind = kind
    this.retryable = RETRYABLE.has(kind)
  }
}
