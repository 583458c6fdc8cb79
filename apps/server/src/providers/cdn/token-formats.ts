import { createHmac } from 'node:crypto'
import { isIP } from 'node:net'
import { CdnError } from './port.ts'

/** What a token is made of. */
export interface TokenInput {
  /** Bytes of the shared secret. */
  secret: Buffer
  /** Encoded, as it stands in the request line. */
  path: string
  query: Readonly<Record<string, string>>
  /** The same, encoded and sorted, without its question mark; empty if there is none. */
  queryText: string
  /** Seconds since 1970. */
  expires: number
  clientIp: string | undefined
  /** Name of the parameter that carries the token, where a format lets one choose. */
  parameter: string
  /** Lifetime that the edge's rule adds to the moment of issue. */
  lifetimeSeconds: number
}

export interface TokenFormat {
  readonly clientAddress: 'none' | 'address'
  /** Parameters that the format keeps for itself. */
  reserved(parameter: string): string[]
  /** Path and query as they are requested, token included. */
  target(input: TokenInput): string
}

/**
 * The three formats. All are HMAC-SHA256; what differs is what is signed and how it is written.
 *
 * `edge`, for an edge that we program (VCL, a Worker, nginx with njs): nothing that is signed can be cut in two ways.
 *
 *     signed   <expires>_<address>_<path>[?<query>]      address is empty when the URL is for every client
 *     request  <path>?[<query>&]token=<expires>_<0 or 1>_<64 hex digits>      1 when it is bound to the client's address
 *
 *     1790000000_203.0.113.7_/reports/a.pdf?version=2
 *     /reports/a.pdf?version=2&token=1790000000_1_5d41…
 *
 *     # Fastly VCL, vcl_recv; the secret as base64
 *     declare local var.token STRING;
 *     declare local var.address STRING;
 *     set var.token = querystring.get(req.url, "token");
 *     set req.url = querystring.filter(req.url, "token");
 *     if (var.token !~ "^(\d{10})_([01])_([0-9a-f]{64})$") { error 403; }
 *     declare local var.expires STRING; set var.expires = re.group.1;
 *     declare local var.mac STRING; set var.mac = re.group.3;
 *     if (re.group.2 == "1") { set var.address = req.http.Fastly-Client-IP; }
 *     if (!digest.secure_is_equal(var.mac, regsub(digest.hmac_sha256(digest.base64_decode("…"),
 *         var.expires "_" var.address "_" req.url), "^0x", ""))) { error 403; }
 *     if (time.is_after(now, std.integer2time(std.atoi(var.expires)))) { error 410; }
 *
 * `bunny`, for a pull zone's token authentication (HS256 tokens). The path runs into the expiry without a separator, so
 * the last digits of a counted name could be moved over: `/a.v12` would also open `/a.v1`, for ever. Such paths are
 * refused; so are values with `&`. No client address, which could be shifted likewise.
 *
 *     signed   <path><expires><name>=<value>&…      sorted, values as plain text
 *     request  <path>?token=HS256-<base64url>[&<query>]&expires=<expires>
 *
 * `cloudflare`, for the WAF function `is_timed_hmac_valid_v0`, which signs the moment of issue and adds a lifetime: the
 * moment of issue written here is the expiry less that lifetime. With the parameter `verify` the separator has 8 bytes.
 *
 *     signed   <path>[?<query>]<issued>
 *     request  <path>?[<query>&]verify=<issued>-<base64, percent-encoded>
 *
 *     http.host eq "cdn.example.com" and not
 *       is_timed_hmac_valid_v0("the secret", http.request.uri, 3600, http.request.timestamp.sec, 8)      → block
 *
 * The edge leaves the token out of its cache key. To change the secret, let the edge take both until the last URL under
 * the old one has expired.
 */
export const TOKEN_FORMATS = {
  edge: {
    clientAddress: 'address',
    reserved: (parameter) => [parameter],
    target(input) {
      const address = input.clientIp === undefined ? '' : canonicalAddress(input.clientIp)
      const asked = withQuery(input.path, input.queryText)
      const mac = hmac(input.secret, `${input.expires}_${address}_${asked}`).toString('hex')
      const token = `${input.expires}_${address === '' ? 0 : 1}_${mac}`
      return withQuery(input.path, input.queryText, `${input.parameter}=${token}`)
    },
  },
  bunny: {
    clientAddress: 'none',
    reserved: () => [
      'token',
      'expires',
      'token_path',
      'token_countries',
      'token_countries_blocked',
      'token_ignore_params',
    ],
    target({ secret, path, query, queryText, expires }) {
      if (/(?:^|[^A-Za-z0-9]v?)\d{2,9}$/.test(path)) throw new CdnError('badRequest', 'The path ends in a number')
      const sorted = Object.entries(query).sort(([one], [other]) => (one < other ? -1 : 1))
      const signed = sorted.map(([name, value]) => `${name}=${value}`)
      if (signed.some((pair) => pair.includes('&'))) throw new CdnError('badRequest', 'A parameter holds an ampersand')
      const mac = hmac(secret, `${path}${expires}${signed.join('&')}`).toString('base64url')
      return withQuery(path, `token=HS256-${mac}`, queryText, `expires=${expires}`)
    },
  },
  cloudflare: {
    clientAddress: 'none',
    reserved: (parameter) => [parameter],
    target({ secret, path, queryText, expires, parameter, lifetimeSeconds }) {
      const issued = expires - lifetimeSeconds
      const mac = hmac(secret, `${withQuery(path, queryText)}${issued}`).toString('base64')
      return withQuery(path, queryText, `${parameter}=${issued}-${encodeURIComponent(mac)}`)
    },
  },
} as const satisfies Record<string, TokenFormat>

function hmac(secret: Buffer, text: string): Buffer {
  return createHmac('sha256', secret).update(text).digest()
}

function withQuery(path: string, ...parts: string[]): string {
  const query = parts.filter((part) => part !== '').join('&')
  return query === '' ? path : `${path}?${query}`
}

/** As an edge prints it: RFC 5952 for IPv6. */
function canonicalAddress(clientIp: string): string {
  const family = isIP(clientIp)
  if (family === 4) return clientIp
  if (family === 6 && !clientIp.includes('%')) return new URL(`http://[${clientIp}]`).hostname.slice(1, -1)
  throw new CdnError('badRequest', 'A token is bound to one address, IPv4 or IPv6')
}
