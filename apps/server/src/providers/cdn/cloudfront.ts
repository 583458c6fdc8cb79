import { createHash, createPrivateKey, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { CloudFrontClient, CreateInvalidationCommand } from '@aws-sdk/client-cloudfront'
import { getSignedUrl } from '@aws-sdk/cloudfront-signer'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { z } from 'zod'
import { baseOf, batches, checkTags, distinct, encodedPath, encodedQuery, expirySeconds, urlOf } from './cdn-url.ts'
import { type Cdn, CdnError, type CdnErrorKind, type CdnPurgeRequest, type CdnSignRequest } from './port.ts'

/** What a CloudFront distribution needs. Without a key pair it signs nothing, without a distribution it purges nothing. */
export const cloudfrontSettings = z
  .object({
    /** Scheme and host of the distribution, or its alternate name: `https://d111111abcdef8.cloudfront.net`. */
    url: z.url({ protocol: /^https?$/, error: 'must be a URL such as https://cdn.example.com' }),
    /** Id of the public key in the distribution's trusted key group. A new pair is a new id and a new key together. */
    keyPairId: z
      .string()
      .regex(/^[A-Z0-9]{1,64}$/, 'must be the id of a public key such as K2JCJMDEHXQW5F')
      .optional(),
    /** PEM text (line breaks may be written `\n`), or the path of a file with it. RSA of 2,048 bits or ECDSA P-256. */
    privateKey: z.string().min(1).optional(),
    /** `SHA1` only for edges that do not know the parameter `Hash-Algorithm`. */
    hash: z.enum(['SHA256', 'SHA1']).default('SHA256'),
    /** For invalidations: `EDFDVBD6EXAMPLE`. */
    distributionId: z
      .string()
      .regex(/^[A-Z0-9]{1,64}$/, 'must be the id of a distribution such as EDFDVBD6EXAMPLE')
      .optional(),
    /** Whether the distribution reads cache tags from the origin's responses (its `CacheTagConfig`). */
    cacheTags: z.boolean().default(false),
    /** Where it does not: the path that a tag stands for, such as `/v1/assets/{tag}/*`. */
    tagPath: z
      .string()
      .regex(/^\/[^*]*\{tag\}[^*]*\*$/, 'must hold {tag} and end with *')
      .optional(),
    /** Of the API; CloudFront has one for the world. */
    region: z.string().min(1).default('us-east-1'),
    /** Instead of the SDK's own chain (environment, profile, role). */
    accessKeyId: z.string().min(1).optional(),
    secretAccessKey: z.string().min(1).optional(),
    /** Another address of the API, for tests and private endpoints. */
    endpoint: z.url().optional(),
  })
  .refine((given) => !given.keyPairId === !given.privateKey, 'a key pair is an id and a private key, or neither')
  .refine((given) => !given.accessKeyId === !given.secretAccessKey, 'an access key is an id and a secret, or neither')

export type CloudfrontSettings = z.output<typeof cloudfrontSettings>

export interface CloudfrontOptions {
  now?: () => Date
  /** How often one request to the API is tried, the first time included. */
  attempts?: number
}

/** The parameters that CloudFront reads for itself. */
const RESERVED = ['Expires', 'Policy', 'Signature', 'Key-Pair-Id', 'Hash-Algorithm']

// "up to 3,000 files per distribution in progress at one time", and "15 invalidation paths" with a wildcard.
const FILES_AT_ONCE = 3000
const WILDCARDS_AT_ONCE = 15
const REQUEST_MS = 30_000
const CONNECT_MS = 5000

/**
 * Amazon CloudFront: signed URLs by canned policy, by custom policy when a client address is wanted, and invalidations.
 *
 * @throws CdnError `badRequest` for a private key that cannot be read or is not of a kind CloudFront knows
 */
export function createCloudfront(settings: CloudfrontSettings, options: CloudfrontOptions = {}): Cdn {
  const { now = () => new Date(), attempts = 4 } = options
  const { keyPairId, distributionId } = settings
  const pair = keyPairId && settings.privateKey ? { keyPairId, privateKey: readKey(settings.privateKey) } : undefined
  const client = distributionId === undefined ? undefined : openClient(settings, attempts)
  const hasTags = client !== undefined && (settings.cacheTags || settings.tagPath !== undefined)
  return {
    capabilities: {
      signed: pair !== undefined,
      clientAddress: pair ? 'ipv4Range' : 'none',
      purge: client !== undefined,
      tags: hasTags,
    },
    publicUrl: (path) => urlOf(settings.url, path),
    signUrl(request) {
      if (!pair) throw new CdnError('badRequest', 'There is no key pair to sign with')
      return sign(settings, pair, request, expirySeconds(request, now()))
    },
    async purge(request) {
      if (!client) throw new CdnError('badRequest', 'There is no distribution to purge')
      if (request.tags?.length && !hasTags) throw new CdnError('badRequest', 'The distribution reads no tags')
      await invalidate(client, settings, request)
    },
  }
}

interface KeyPair {
  keyPairId: string
  privateKey: string
}

function readKey(given: string): string {
  try {
    const pem = given.includes('-----BEGIN') ? given.replaceAll('\\n', '\n') : readFileSync(given, 'utf8')
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = createPrivateKey(pem)
    const known =
      (type === 'rsa' && details?.modulusLength === 2048) || (type === 'ec' && details?.namedCurve === 'prime256v1')
    if (known) return pem
  } catch (cause) {
    // The cause may quote the file or the key; its code alone is safe to show.
    throw new CdnError(
      'badRequest',
      `The private key cannot be read (${(cause as { code?: string }).code ?? 'not PEM'})`,
    )
  }
  throw new CdnError('badRequest', 'The private key must be RSA of 2,048 bits or ECDSA P-256')
}

function sign(settings: CloudfrontSettings, pair: KeyPair, request: CdnSignRequest, expires: number): string {
  const query = encodedQuery(request.query ?? {}, RESERVED)
  const url = `${urlOf(settings.url, request.path)}${query && `?${query}`}`
  checkAddress(request.clientIp)
  return getSignedUrl({
    ...pair,
    url,
    algorithm: settings.hash,
    dateLessThan: expires * 1000,
    ...(request.clientIp !== undefined && { ipAddress: request.clientIp }),
  })
}

// A policy's AWS:SourceIp knows IPv4 alone; a URL for an IPv6 client would be refused for everyone.
const IPV4_RANGE = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$|\/)|(?=$|\/))){4}(?:\/(?:3[0-2]|[12]?\d))?$/

function checkAddress(clientIp: string | undefined): void {
  if (clientIp === undefined || IPV4_RANGE.test(clientIp)) return
  throw new CdnError('badRequest', 'CloudFront binds a URL to an IPv4 address or range only')
}

function openClient(settings: CloudfrontSettings, maxAttempts: number): CloudFrontClient {
  const { region, endpoint, accessKeyId, secretAccessKey } = settings
  return new CloudFrontClient({
    region,
    maxAttempts,
    requestHandler: new NodeHttpHandler({ requestTimeout: REQUEST_MS, connectionTimeout: CONNECT_MS }),
    ...(endpoint !== undefined && { endpoint }),
    ...(accessKeyId && secretAccessKey && { credentials: { accessKeyId, secretAccessKey } }),
  })
}

async function invalidate(client: CloudFrontClient, settings: CloudfrontSettings, request: CdnPurgeRequest) {
  const reference = request.reference ?? randomUUID()
  for (const items of invalidations(settings, request)) {
    request.signal?.throwIfAborted()
    const batch = {
      CallerReference: callerReference(reference, items),
      Paths: { Quantity: items.length, Items: items },
    }
    const command = new CreateInvalidationCommand({ DistributionId: settings.distributionId, InvalidationBatch: batch })
    try {
      await client.send(command, { abortSignal: request.signal })
    } catch (error) {
      request.signal?.throwIfAborted()
      throw cdnError(error)
    }
  }
}

/** What to invalidate, as CloudFront writes it, request by request. */
function invalidations(settings: CloudfrontSettings, request: CdnPurgeRequest): string[][] {
  const { prefix } = baseOf(settings.url)
  const tags = distinct(request.tags)
  checkTags(tags)
  const files = distinct(request.paths).map((path) => `${prefix}${encodedPath(path)}`)
  // Invalidating by cache tags: an item that begins with # is a tag.
  if (settings.cacheTags) return batches([...files, ...tags.map((tag) => `#${tag}`)], FILES_AT_ONCE)
  const wildcards = tags.map((tag) => `${prefix}${settings.tagPath!.replaceAll('{tag}', tag)}`)
  return [...batches(files, FILES_AT_ONCE), ...batches(wildcards, WILDCARDS_AT_ONCE)]
}

/**
 * CloudFront answers a reference that it knows with the invalidation it made then, so a retry must carry the same one
 * and a later purge of the same paths another.
 */
function callerReference(reference: string, items: readonly string[]): string {
  return createHash('sha256')
    .update(JSON.stringify([reference, items]))
    .digest('hex')
}

const THROTTLED = new Set(['TooManyInvalidationsInProgress', 'Throttling', 'ThrottlingException', 'SlowDown'])

function cdnError(error: unknown): CdnError {
  const { name = 'Error', message = '', $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } }
  return new CdnError(kindOf(name, $metadata?.httpStatusCode), `CloudFront: ${name}: ${message}`, { cause: error })
}

function kindOf(name: string, status: number | undefined): CdnErrorKind {
  if (THROTTLED.has(name) || status === 429) return 'throttled'
  if (name === 'CredentialsProviderError' || status === 401 || status === 403) return 'denied'
  return status === undefined || status >= 500 ? 'unavailable' : 'badRequest'
}
