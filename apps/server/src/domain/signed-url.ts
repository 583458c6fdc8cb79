import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import { BlockList, isIP } from 'node:net'

/**
 * Signed URLs: bytes by address, without a login, until a moment. Everything that narrows the permission stands in the
 * query and is signed together with the methods, the host and the path; the key belongs to one organization.
 */
export interface SignedUrlInput {
  /** GET and HEAD unless it names a method that writes. */
  method?: 'PUT' | 'POST'
  /** Scheme and authority, such as `https://assets.example`. */
  origin: string
  /** Absolute and percent-encoded, as it will stand in the request line. */
  path: string
  tenantId: string
  /** Revocation epoch of the asset; a raised epoch revokes every URL that carries an older one. */
  epoch: number
  expiresAt: Date
  /** The only address, or range such as `10.0.0.0/8`, that may use the URL. */
  ip?: string
  /** What else is signed: version, disposition, link. Names are letters and digits, each of them once. */
  parameters: Readonly<Record<string, string>>
  keyId: string
  /** From deriveSigningKey. */
  key: Buffer
}

export interface SignedRequest {
  method: string
  /** Host and port as the client asked for them, after trusted proxies. */
  host: string
  /** The path as it came, undecoded. */
  path: string
  /** The query as it came, with or without its question mark. */
  query: string
  now: Date
  clientIp: string
  /** The key of an organization by its id, undefined when there is none or it was retired. */
  keyFor: (tenantId: string, keyId: string) => Buffer | undefined
}

export interface SignedPermission {
  ok: true
  tenantId: string
  epoch: number
  expiresAt: Date
  /** The only address or range that it permits. */
  ip?: string
  parameters: Record<string, string>
}

export type SignedUrlRefusal = 'malformed' | 'unknownKey' | 'tampered' | 'expired' | 'wrongAddress'

/** Seven days, the most that stores allow for theirs. */
export const MAXIMUM_LIFETIME_SECONDS = 604_800

const SCHEME = '1'
const READING = 'GET,HEAD'
const OWN_PARAMETERS = ['scheme', 'key', 'tenant', 'epoch', 'expires', 'ip', 'signature']
const NAME = /^[A-Za-z][A-Za-z0-9]{0,31}$/
const KEY_ID = /^[A-Za-z0-9_-]{1,64}$/
const WHOLE_NUMBER = /^(?:0|[1-9][0-9]{0,14})$/
const SIGNATURE = /^[A-Za-z0-9_-]{43}$/
// Printable ASCII without `?` and `#`.
const PATH = /^\/[!-"$->@-~]*$/
const MAXIMUM_QUERY_LENGTH = 4_096
// Nodes of one installation may disagree about the time by this much.
const CLOCK_TOLERANCE_SECONDS = 60

/** The signing key of one organization under one root key (HKDF-SHA256, RFC 5869). 32 bytes. */
export function deriveSigningKey(rootKey: Buffer, tenantId: string, keyId: string): Buffer {
  return Buffer.from(hkdfSync('sha256', rootKey, 'stowage signed url 1', JSON.stringify([tenantId, keyId]), 32))
}

/**
 * Writes a signed URL: for reading (GET and HEAD), or for one method that writes.
 *
 * @param now the moment of signing; the URL may live seven days from it.
 * @throws RangeError for an expiry that is past or too far, an address that is none, or a parameter that may not be.
 */
export function signUrl(input: SignedUrlInput, now: Date): string {
  const expires = Math.floor(input.expiresAt.getTime() / 1000)
  checkInput(input, expires - now.getTime() / 1000)
  const query: Record<string, string> = {
    ...input.parameters,
    scheme: SCHEME,
    key: input.keyId,
    tenant: input.tenantId,
    epoch: String(input.epoch),
    expires: String(expires),
    ...(input.ip !== undefined && { ip: input.ip }),
  }
  const { host, origin } = new URL(input.origin)
  const sorted = canonicalQuery(query)
  const methods = input.method ?? READING
  const signature = sign(input.key, input.keyId, methods, host, input.path, sorted).toString('base64url')
  return `${origin}${input.path}?${sorted}&signature=${signature}`
}

function checkInput(input: SignedUrlInput, lifetimeSeconds: number) {
  if (!(lifetimeSeconds > 0 && lifetimeSeconds <= MAXIMUM_LIFETIME_SECONDS)) {
    throw new RangeError(`A signed URL lives up to ${MAXIMUM_LIFETIME_SECONDS} seconds`)
  }
  for (const name of Object.keys(input.parameters)) {
    if (!NAME.test(name) || OWN_PARAMETERS.includes(name)) throw new RangeError(`Not a parameter name: ${name}`)
  }
  if (!PATH.test(input.path)) throw new RangeError('The path must be absolute, without query and fragment')
  if (!KEY_ID.test(input.keyId)) throw new RangeError('Not a key id')
  if (!WHOLE_NUMBER.test(String(input.epoch))) throw new RangeError('The epoch must be a whole number')
  if (input.ip !== undefined && !addressRange(input.ip)) throw new RangeError('Not an address or a range of addresses')
}

/**
 * Checks a signed URL as it came in. The signature is checked before anything it protects, so that a refusal tells
 * nothing about a URL that was not ours.
 */
export function verifySignedUrl(request: SignedRequest): SignedPermission | { refused: SignedUrlRefusal } {
  const query = readQuery(request.query)
  if (!query || !PATH.test(request.path)) return { refused: 'malformed' }
  const { scheme, key: keyId, tenant, epoch, expires, ip, signature, ...parameters } = query
  const known = scheme === SCHEME && KEY_ID.test(keyId ?? '') && SIGNATURE.test(signature ?? '') && tenant
  if (!known || !WHOLE_NUMBER.test(epoch ?? '') || !WHOLE_NUMBER.test(expires ?? '')) return { refused: 'malformed' }
  const key = request.keyFor(tenant, keyId!)
  if (!key) return { refused: 'unknownKey' }
  const { signature: _, ...signed } = query
  const methods = READING.split(',').includes(request.method) ? READING : request.method
  const expected = sign(key, keyId!, methods, request.host, request.path, canonicalQuery(signed)).toString('base64url')
  if (!timingSafeEqual(Buffer.from(expected), Buffer.from(signature!))) return { refused: 'tampered' }
  const lifetimeSeconds = Number(expires) - request.now.getTime() / 1000
  if (lifetimeSeconds <= 0) return { refused: 'expired' }
  if (lifetimeSeconds > MAXIMUM_LIFETIME_SECONDS + CLOCK_TOLERANCE_SECONDS) return { refused: 'malformed' }
  if (ip !== undefined && !addressAllowed(ip, request.clientIp)) return { refused: 'wrongAddress' }
  return {
    ok: true,
    tenantId: tenant,
    epoch: Number(epoch),
    expiresAt: new Date(Number(expires) * 1000),
    ...(ip !== undefined && { ip }),
    parameters,
  }
}

function readQuery(text: string): Record<string, string> | undefined {
  if (text.length > MAXIMUM_QUERY_LENGTH) return undefined
  const query = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(text)) {
    if (query.has(name) || !NAME.test(name)) return undefined
    query.set(name, value)
  }
  return Object.fromEntries(query)
}

function canonicalQuery(query: Readonly<Record<string, string>>): string {
  const sorted = Object.entries(query).sort(([one], [other]) => (one < other ? -1 : 1))
  return sorted.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')
}

function sign(key: Buffer, keyId: string, methods: string, host: string, path: string, sortedQuery: string): Buffer {
  // None of these can hold a line break, so no two requests give one text.
  const text = [`stowage-${SCHEME}`, keyId, methods, host.toLowerCase(), path, sortedQuery].join('\n')
  return createHmac('sha256', key).update(text).digest()
}

function addressRange(range: string): BlockList | undefined {
  const [address, bits, ...rest] = range.split('/') as [string, ...string[]]
  const family = isIP(address)
  const longest = family === 4 ? 32 : 128
  if (family === 0 || rest.length > 0 || (bits !== undefined && !/^\d{1,3}$/.test(bits))) return undefined
  if (Number(bits ?? longest) > longest) return undefined
  const list = new BlockList()
  list.addSubnet(address, Number(bits ?? longest), family === 4 ? 'ipv4' : 'ipv6')
  return list
}

function addressAllowed(range: string, clientIp: string): boolean {
  const family = isIP(clientIp)
  return family !== 0 && (addressRange(range)?.check(clientIp, family === 4 ? 'ipv4' : 'ipv6') ?? false)
}
