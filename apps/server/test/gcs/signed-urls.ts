import { createHash, verify } from 'node:crypto'
import type { Account } from './account.ts'
import type { Call } from './exchange.ts'
import { GcsRefusal } from './state.ts'

const ALGORITHM = 'GOOG4-RSA-SHA256'
const SEVEN_DAYS = 604_800
const CLOCK_SKEW_MS = 15 * 60_000

/**
 * Checks a V4 signature in the query ("Signed URLs", "V4 signing process", "Canonical requests"): the algorithm, the
 * account, the scope, the times, the signed headers and the signature over the canonical request.
 *
 * The libraries sign the host name without the port, which Google's own endpoint does not have; so the port is left
 * out here as well.
 *
 * @throws GcsRefusal 400 or 403
 */
export function checkSignedUrl(account: Account, call: Call): void {
  const { query } = call
  for (const name of new Set(query.keys())) {
    if (query.getAll(name).length > 1) throw new GcsRefusal(400, 'InvalidArgument', `${name} is there twice.`)
  }
  const date = need(query, 'X-Goog-Date')
  const scope = scopeOf(account, need(query, 'X-Goog-Credential'), date)
  if (need(query, 'X-Goog-Algorithm') !== ALGORITHM) throw new GcsRefusal(400, 'InvalidArgument', 'Algorithm')
  checkTimes(date, need(query, 'X-Goog-Expires'))
  checkSignature(account, call, `${ALGORITHM}\n${date}\n${scope}\n`)
  checkPayload(call)
}

function need(query: URLSearchParams, name: string): string {
  const value = query.get(name)
  if (value === null) throw new GcsRefusal(400, 'AuthenticationRequired', `${name} is missing.`)
  return value
}

/** "Credential scope": DATE/LOCATION/storage/goog4_request. */
export function scopeOf(account: Account, credential: string, date: string): string {
  const scope = credential.slice(account.email.length + 1)
  const known = credential.startsWith(`${account.email}/`)
  if (!known || !/^\d{8}\/[\w-]+\/storage\/goog4_request$/.test(scope) || !scope.startsWith(date.slice(0, 8))) {
    throw new GcsRefusal(403, 'InvalidCredential', 'The credential is not one of this account.')
  }
  return scope
}

function checkTimes(date: string, expires: string): void {
  const from = parseDate(date)
  const seconds = /^\d{1,7}$/.test(expires) ? Number(expires) : Number.NaN
  if (!(seconds >= 1 && seconds <= SEVEN_DAYS)) throw new GcsRefusal(400, 'InvalidArgument', 'X-Goog-Expires')
  if (from > Date.now() + CLOCK_SKEW_MS) throw new GcsRefusal(403, 'AccessDenied', 'Not yet valid.')
  if (from + seconds * 1000 <= Date.now()) throw new GcsRefusal(400, 'ExpiredToken', 'The token has expired.')
}

export function parseDate(date: string): number {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date)
  if (!parts) throw new GcsRefusal(400, 'InvalidArgument', 'Bad date.')
  const [, year, month, day, hour, minute, second] = parts
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
}

function checkSignature(account: Account, call: Call, before: string): void {
  const signature = signatureIn(need(call.query, 'X-Goog-Signature'))
  // A URL that is signed for GET serves HEAD as well.
  const methods = call.method === 'HEAD' ? ['HEAD', 'GET'] : [call.method]
  const genuine = methods.some((method) => {
    const hash = createHash('sha256').update(canonicalRequest(call, method)).digest('hex')
    return verify('RSA-SHA256', Buffer.from(before + hash), account.publicKey, signature)
  })
  if (!genuine) throw new GcsRefusal(403, 'SignatureDoesNotMatch', 'Access denied.')
}

/** "Signatures": hexadecimal, of an RSA key of 2,048 bits. */
export function signatureIn(text: string): Buffer {
  if (!/^[\da-f]{512}$/.test(text)) throw new GcsRefusal(403, 'SignatureDoesNotMatch', 'Access denied.')
  return Buffer.from(text, 'hex')
}

/** "Canonical requests", structure: verb, path, query, headers, names of the signed headers, payload. */
function canonicalRequest(call: Call, method: string): string {
  const signed = need(call.query, 'X-Goog-SignedHeaders').split(';')
  checkHeaders(call, signed)
  const headers = signed.map((name) => `${name}:${canonicalValue(call, name)}\n`).join('')
  const payload = String(call.headers['x-goog-content-sha256'] ?? 'UNSIGNED-PAYLOAD')
  return [method, call.rawPath, canonicalQuery(call.query), headers, signed.join(';'), payload].join('\n')
}

/** "Signed headers": `host` must be among them, and every header of the request that begins with `x-goog-`. */
function checkHeaders({ headers }: Call, signed: string[]): void {
  const needed = Object.keys(headers).filter((name) => name.startsWith('x-goog-'))
  const left = ['host', ...needed].find((name) => !signed.includes(name) && name !== 'x-goog-content-sha256')
  if (left) throw new GcsRefusal(400, 'MalformedSecurityHeader', `${left} was sent and is not signed.`)
}

function canonicalValue({ headers }: Call, name: string): string {
  const value = headers[name]
  if (value === undefined) throw new GcsRefusal(400, 'MalformedSecurityHeader', `${name} was signed and is not sent.`)
  const text = String(value).trim().replace(/\s+/g, ' ')
  return name === 'host' ? text.replace(/:\d+$/, '') : text
}

function canonicalQuery(query: URLSearchParams): string {
  return [...query]
    .filter(([name]) => name !== 'X-Goog-Signature')
    .map(([name, value]) => [escapeStrictly(name), escapeStrictly(value)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
}

/** RFC 3986 section 2.3: all but the unreserved characters. */
function escapeStrictly(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)
}

/** `x-goog-content-sha256` stands for the payload in what is signed, and must be the hash of what is sent. */
function checkPayload({ headers, body }: Call): void {
  const told = headers['x-goog-content-sha256']
  if (told === undefined || told === 'UNSIGNED-PAYLOAD') return
  if (createHash('sha256').update(body).digest('hex') === told) return
  throw new GcsRefusal(400, 'ContentSHA256Mismatch', 'The payload is not of the hash that was signed.')
}
