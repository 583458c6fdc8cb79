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
export interface ObjectStore {
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

/** What a store can do beyond the port's MUSTs; asked by callers, never assumed. */
export interface StoreCapabilities {
  /** Where the bytes are on disks we own, so that our own encryption is on by default. */
  readonly ownDisk: boolean
}

/** What every operation may be told. */
export interface CallOptions {
  signal?: AbortSignal
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
}

export interface StoredInfo {
  key: StoreKey
  /** Bytes as they lie in the store. */
  storedBytes: number
  modifiedAt: Date
  unfinished: boolean
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
