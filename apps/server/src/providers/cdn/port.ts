/**
 * The CDN port: how readers reach bytes through a content delivery network, and how the network is told to forget them.
 *
 * A CDN pulls: it asks its origin for what it does not have. The origin is either the bucket (a path is `/` and a store
 * key) or the service (a path is the address of an immutable version). The port knows paths alone and never an origin.
 *
 * Glossary
 * - path: absolute, plain text, not percent-encoded: `/reports/Q1 é.pdf`. The provider encodes it, segment by segment
 *   (RFC 3986 section 2.1). No empty, `.` or `..` segments, no backslash, no control characters, at most 1,024 bytes,
 *   and no `*`, which several networks read as a wildcard. Any other path is refused with `badRequest`.
 * - tag: a name that the origin gave a response, so that many can be purged at once. Lower-case letters, digits and
 *   `.`, `_`, `-`, `:`, at most 128 characters.
 * - edge: the network's own check of a signed URL. We sign, it verifies, and nothing asks us in between: a signed URL
 *   cannot be revoked before it expires, and a purge does not end it.
 * - purge: a request to forget. It names paths without a query; a response that varies by its query is reached by its
 *   tag, or the network's cache key leaves the query out. The parameters that carry a signature MUST be left out of the
 *   cache key in any case, or every reader gets a copy of their own that no purge finds.
 *
 * Every provider passes the suite in conformance.ts.
 */
export interface Cdn {
  readonly capabilities: CdnCapabilities

  /** The address of a path that anyone may read: the base URL, then the path encoded. MUST be the same every time. */
  publicUrl(path: string): string

  /**
   * The address of a path that may be read until a moment, and by one client alone if `clientIp` is given.
   *
   * MUST be refused by the edge when it is late or when path, query, expiry or client differ from what was signed. MUST
   * NOT live longer than asked: fractions of a second are cut off. MUST refuse what it cannot sign (no key, an address
   * of a kind that the network does not check), never leave it out.
   *
   * @throws CdnError `badRequest`
   */
  signUrl(request: CdnSignRequest): string

  /**
   * Asks the network to forget paths and tags. Resolves when the network took the request, before every edge has
   * followed it.
   *
   * MUST be idempotent: the same may be asked twice, at once or years apart, and the second time MUST purge again unless
   * `reference` says that it is a retry. Nothing cached is success. MUST send any number of paths and tags in as many
   * requests as the network needs; when one fails the rest may not have been sent, and the caller asks for all of it
   * again. MUST try again by itself what is worth a few seconds, and reject with the signal's reason when it aborts.
   *
   * @throws CdnError
   */
  purge(request: CdnPurgeRequest): Promise<void>
}

export interface CdnCapabilities {
  /** Whether `signUrl` works. */
  readonly signed: boolean
  /** Which clients a signed URL may be bound to: none, one address (IPv4 or IPv6), or an IPv4 address or range. */
  readonly clientAddress: 'none' | 'address' | 'ipv4Range'
  /** Whether `purge` takes paths. */
  readonly purge: boolean
  /** Whether `purge` takes tags. */
  readonly tags: boolean
}

export interface CdnSignRequest {
  path: string
  /** At most `MAX_CDN_URL_SECONDS` ahead. */
  expiresAt: Date
  /** The only address, or range such as `192.0.2.0/24` where the network knows ranges, that may use the URL. */
  clientIp?: string
  /** What else stands in the address and is signed. Names are letters, digits, `-` and `_`. */
  query?: Readonly<Record<string, string>>
}

export interface CdnPurgeRequest {
  paths?: readonly string[]
  tags?: readonly string[]
  /** Names this purge, so that a retry of it after a crash is known as one where the network can tell. */
  reference?: string
  signal?: AbortSignal
}

/** The longest that a signed URL may live, in seconds: seven days, like every other signed URL of the service. */
export const MAX_CDN_URL_SECONDS = 604_800

/**
 * `denied`: the network refuses our credentials. `throttled`: too much at once. `unavailable`: the network does not
 * answer, or answers that it cannot now. `badRequest`: what was asked can never work as it is.
 */
export type CdnErrorKind = 'denied' | 'throttled' | 'unavailable' | 'badRequest'

const RETRYABLE: ReadonlySet<CdnErrorKind> = new Set(['throttled', 'unavailable'])

/** The only error a CDN throws, apart from the abort reason. Its message holds no secret. */
export class CdnError extends Error {
  readonly kind: CdnErrorKind
  readonly retryable: boolean

  constructor(kind: CdnErrorKind, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'CdnError'
    this.kind = kind
    this.retryable = RETRYABLE.has(kind)
  }
}
