import { StoreError, type StoreErrorKind } from './port.ts'

const KINDS: Readonly<Record<number, StoreErrorKind>> = {
  400: 'unsupported',
  401: 'denied',
  403: 'denied',
  404: 'notFound',
  405: 'denied',
  408: 'unavailable',
  409: 'unavailable',
  410: 'notFound',
  412: 'exists',
  416: 'badRange',
  429: 'throttled',
}

/** "HTTP status and error codes": a 403 that speaks of the rate, not of rights. */
const RATE_REASONS = /rateLimitExceeded|userRateLimitExceeded|quotaExceeded/

/** XML API codes of parts that are not what was named, or too small. */
const PART_CODES = /^(InvalidPart|InvalidPartOrder|EntityTooSmall|MalformedCompleteMultipartUploadRequest)$/

/** What the library says when it has no key that it could sign with. */
const UNUSABLE_KEY = /default credentials|private[ _]key|client_email|DECODER|PEM/i

interface Refusal {
  reason: string
  message: string
}

/** The one place where an answer of the service that is no success becomes a StoreError. */
export function refusedBy(status: number, body: string, what: string): StoreError {
  const { reason, message } = readRefusal(body)
  const cause = new Error(`${status} ${reason}: ${message}`)
  return new StoreError(kindOf(status, { reason, message }), `Cloud Storage refused ${what}: ${message}`, { cause })
}

function kindOf(status: number, { reason, message }: Refusal): StoreErrorKind {
  if (status === 403 && RATE_REASONS.test(reason)) return 'throttled'
  // A bucket that is not there must never look as if its objects were gone.
  if (status === 404 && (reason === 'NoSuchBucket' || /bucket does not exist/i.test(message))) return 'denied'
  if (status === 400 && PART_CODES.test(reason)) return 'badSize'
  if (status === 400 && /crc32c|md5/i.test(message)) return 'corrupt'
  return KINDS[status] ?? 'unavailable'
}

function readRefusal(body: string): Refusal {
  const code = /<Code>([^<]*)<\/Code>/.exec(body)?.[1]
  if (code !== undefined) return { reason: code, message: /<Message>([^<]*)<\/Message>/.exec(body)?.[1] ?? code }
  try {
    const { error } = JSON.parse(body) as { error?: { message?: string; errors?: { reason?: string }[] } }
    const reason = error?.errors?.[0]?.reason ?? 'unknown'
    return { reason, message: error?.message ?? reason }
  } catch {
    return { reason: 'unknown', message: 'no reason given' }
  }
}

/**
 * A request that came to no answer: no connection, no token, a broken stream. Its cause is told by code and message
 * alone, since the library's own error holds the whole request.
 */
export function failedOnTheWay(error: unknown, what: string): StoreError {
  if (error instanceof StoreError) return error
  const { message = String(error), code, response } = error as Partial<Error> & FailedRequest
  const cause = new Error([response?.status, code, message].filter((part) => part !== undefined).join(' '))
  const refused = response?.status !== undefined && response.status >= 400 && response.status < 404
  const keyless = code === 'ENOENT' || UNUSABLE_KEY.test(message)
  const kind = keyless ? 'noCredentials' : refused ? 'denied' : 'unavailable'
  return new StoreError(kind, `Cloud Storage was not reached for ${what}`, { cause })
}

interface FailedRequest {
  code?: string | number
  response?: { status?: number }
}

/** Nothing moved for so long that the service is taken to be gone. */
export function silent(idleMs: number): StoreError {
  const cause = new DOMException(`nothing moved for ${idleMs} ms`, 'TimeoutError')
  return new StoreError('unavailable', `Cloud Storage was silent for ${idleMs} ms`, { cause })
}

export function isSilence(error: StoreError): boolean {
  return error.cause instanceof DOMException && error.cause.name === 'TimeoutError'
}
