import { CdnError, type CdnSignRequest, MAX_CDN_URL_SECONDS } from './port.ts'

const MAX_PATH_BYTES = 1024
const QUERY_NAME = /^[A-Za-z0-9_-]{1,64}$/
const TAG = /^[a-z0-9._:-]{1,128}$/

/**
 * The path as it stands in the request line.
 *
 * @throws CdnError `badRequest` for anything that the port's glossary does not call a path
 */
export function encodedPath(path: string): string {
  const fault = pathFault(path)
  if (fault) throw new CdnError('badRequest', `Path refused: ${fault}`)
  return path.split('/').map(encodeURIComponent).join('/')
}

function pathFault(path: string): string | undefined {
  if (!path.startsWith('/')) return 'it does not begin with /'
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) return `it is longer than ${MAX_PATH_BYTES} bytes`
  if (!path.isWellFormed()) return 'it is not well-formed Unicode'
  if (/[\\*]/.test(path)) return 'it holds a backslash or an asterisk'
  if (/\p{Cc}/u.test(path)) return 'it holds a control character'
  const segments = path.slice(1).split('/')
  if (segments.includes('')) return 'a segment is empty'
  if (segments.includes('.') || segments.includes('..')) return 'a segment is a relative path'
  return undefined
}

/** A base URL in two: scheme and host, and the path that stands before every other, without a slash at its end. */
export function baseOf(url: string): { origin: string; prefix: string } {
  const { origin, pathname } = new URL(url)
  return { origin, prefix: pathname.replace(/\/+$/, '') }
}

/** The address of a path, without a query. */
export function urlOf(base: string, path: string): string {
  const { origin, prefix } = baseOf(base)
  return `${origin}${prefix}${encodedPath(path)}`
}

/**
 * The query as text without its question mark, sorted by name, so that one request has one address.
 *
 * @param reserved names that the network keeps for itself
 * @throws CdnError `badRequest`
 */
export function encodedQuery(query: Readonly<Record<string, string>>, reserved: readonly string[]): string {
  const taken = new Set(reserved.map((name) => name.toLowerCase()))
  for (const [name, value] of Object.entries(query)) {
    if (!QUERY_NAME.test(name)) throw new CdnError('badRequest', `Not a parameter name: ${JSON.stringify(name)}`)
    if (taken.has(name.toLowerCase())) throw new CdnError('badRequest', `The network keeps the parameter ${name}`)
    if (!value.isWellFormed()) throw new CdnError('badRequest', `The parameter ${name} is not well-formed Unicode`)
  }
  const sorted = Object.entries(query).sort(([one], [other]) => (one < other ? -1 : 1))
  return sorted.map(([name, value]) => `${name}=${encodedValue(value)}`).join('&')
}

// encodeURIComponent leaves !'()* as they are; `*` would be a wildcard in a policy.
function encodedValue(value: string): string {
  return encodeURIComponent(value).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)
}

/**
 * The expiry as whole seconds since 1970, never later than asked.
 *
 * @throws CdnError `badRequest` for a moment that is past or too far
 */
export function expirySeconds({ expiresAt }: CdnSignRequest, now: Date): number {
  const expires = Math.floor(expiresAt.getTime() / 1000)
  const lifetimeSeconds = expires - now.getTime() / 1000
  if (lifetimeSeconds > 0 && lifetimeSeconds <= MAX_CDN_URL_SECONDS) return expires
  throw new CdnError('badRequest', `A signed URL lives up to ${MAX_CDN_URL_SECONDS} seconds`)
}

/** Each of them once, in one order. */
export function distinct(names: readonly string[] = []): string[] {
  return [...new Set(names)].sort()
}

/** @throws CdnError `badRequest` for anything that the port's glossary does not call a tag */
export function checkTags(tags: readonly string[]): void {
  const bad = tags.find((tag) => !TAG.test(tag))
  if (bad !== undefined) throw new CdnError('badRequest', `Not a tag: ${JSON.stringify(bad)}`)
}

export function batches<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) => items.slice(at * size, (at + 1) * size))
}
