import { z } from 'zod'
import { baseOf, checkTags, distinct, encodedPath, encodedQuery, expirySeconds, urlOf } from './cdn-url.ts'
import { type HttpPurgeOptions, purgeTemplate, sendPurges } from './http-purge.ts'
import { type Cdn, CdnError, type CdnPurgeRequest, type CdnSignRequest } from './port.ts'
import { TOKEN_FORMATS, type TokenFormat } from './token-formats.ts'

const DEFAULT_PARAMETERS = { edge: 'token', bunny: 'token', cloudflare: 'verify' } as const

/** What any other network needs: an HMAC that its edge verifies, and HTTP requests that purge. */
export const hmacSettings = z
  .object({
    /** Scheme and host of the network, with a path if it serves us below one. */
    url: z.url({ protocol: /^https?$/, error: 'must be a URL such as https://cdn.example.com' }),
    /** Shared with the edge. Without it nothing is signed. */
    secret: z.string().min(16, 'must have at least 16 characters').optional(),
    /** How the secret is written: the edge's VCL takes base64, Bunny and Cloudflare take the text as it is. */
    secretEncoding: z.enum(['utf8', 'base64']).default('utf8'),
    algorithm: z.literal('sha256').default('sha256'),
    format: z.enum(['edge', 'bunny', 'cloudflare']).default('edge'),
    /** Name of the parameter that carries the token: `token`, or `verify` for Cloudflare. Bunny's is fixed. */
    tokenParameter: z
      .string()
      .regex(/^[A-Za-z][A-Za-z0-9_-]{0,31}$/, 'must be letters, digits, - and _')
      .optional(),
    /** Cloudflare's: the lifetime in seconds that its rule states. */
    lifetimeSeconds: z.number().int().min(1).max(604_800).default(3600),
    purgePaths: purgeTemplate.optional(),
    purgeTags: purgeTemplate.optional(),
  })
  .refine((given) => given.format !== 'bunny' || given.tokenParameter === undefined, 'Bunny names its own parameters')

export type HmacSettings = z.output<typeof hmacSettings>

export interface HmacTokenOptions extends Pick<HttpPurgeOptions, 'sleep' | 'random'> {
  now?: () => Date
}

/** A CDN whose edge verifies an HMAC-SHA256 token (see token-formats.ts) and that is purged by HTTP (http-purge.ts). */
export function createHmacToken(settings: HmacSettings, options: HmacTokenOptions = {}): Cdn {
  const { now = () => new Date(), ...pacing } = options
  const secret = settings.secret === undefined ? undefined : Buffer.from(settings.secret, settings.secretEncoding)
  const format: TokenFormat = TOKEN_FORMATS[settings.format]
  return {
    capabilities: {
      signed: secret !== undefined,
      clientAddress: secret ? format.clientAddress : 'none',
      purge: settings.purgePaths !== undefined,
      tags: settings.purgeTags !== undefined,
    },
    publicUrl: (path) => urlOf(settings.url, path),
    signUrl(request) {
      if (!secret) throw new CdnError('badRequest', 'There is no secret to sign with')
      return sign(settings, format, secret, request, expirySeconds(request, now()))
    },
    purge: (request) => purge(settings, request, pacing),
  }
}

function sign(
  settings: HmacSettings,
  format: TokenFormat,
  secret: Buffer,
  request: CdnSignRequest,
  expires: number,
): string {
  const { query = {}, clientIp } = request
  if (clientIp !== undefined && format.clientAddress === 'none') {
    throw new CdnError('badRequest', 'This kind of token is not bound to an address')
  }
  const parameter = settings.tokenParameter ?? DEFAULT_PARAMETERS[settings.format]
  const { origin, prefix } = baseOf(settings.url)
  const target = format.target({
    secret,
    path: `${prefix}${encodedPath(request.path)}`,
    query,
    queryText: encodedQuery(query, format.reserved(parameter)),
    expires,
    clientIp,
    parameter,
    lifetimeSeconds: settings.lifetimeSeconds,
  })
  return `${origin}${target}`
}

async function purge(settings: HmacSettings, request: CdnPurgeRequest, pacing: HttpPurgeOptions): Promise<void> {
  const urls = distinct(request.paths).map((path) => urlOf(settings.url, path))
  const tags = distinct(request.tags)
  checkTags(tags)
  const options = { ...pacing, ...(request.signal && { signal: request.signal }) }
  if (urls.length > 0) await sendPurges(templateFor(settings.purgePaths, 'paths'), 'url', urls, options)
  if (tags.length > 0) await sendPurges(templateFor(settings.purgeTags, 'tags'), 'tag', tags, options)
}

function templateFor<T>(template: T | undefined, what: string): T {
  if (template === undefined) throw new CdnError('badRequest', `This network is not set up to purge ${what}`)
  return template
}
