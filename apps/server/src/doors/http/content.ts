import { Readable } from 'node:stream'
import { createGzip } from 'node:zlib'
import { getOperation } from '@stowage/contract'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { contentRange, parseRange } from '../../domain/byte-range.ts'
import { publicPath, signedPath } from '../../domain/content-path.ts'
import { formatDigestField } from '../../domain/digest.ts'
import { toId, toUuid } from '../../domain/id.ts'
import { findMediaType } from '../../domain/media-type.ts'
import { evaluatePreconditions, ifRange } from '../../domain/preconditions.ts'
import { Problem } from '../../domain/problem.ts'
import {
  type Address,
  type Content,
  cacheControlOf,
  type Delivery,
  findDelivery,
  safelyNamed,
} from '../../features/delivery/room.ts'
import { openPermit, openSignedUrl, type SignedAccess } from '../../features/sharing/room.ts'
import { meant, openVariant, type Variants } from '../../features/variants/room.ts'
import type { SecretKeys } from '../../platform/secrets.ts'
import { callOf, headerOf, originOf, singleValues } from './call.ts'
import { readCredential } from './credentials.ts'
import { redirectFor, sendRedirect } from './redirect.ts'
import { type Door, routePath } from './routes.ts'

const COMPRESS_FROM_BYTES = 1024
const GZIP_LEVEL = 4
const KNOWN_QUERY = ['version', 'disposition', 'redirect']
const VARIANT_QUERY = ['version', 'disposition', 'suffix']

/** What a request may, and by what kind of address it came. */
type Entry = (door: Door, signing: SecretKeys, request: FastifyRequest) => Promise<SignedAccess> | SignedAccess

/**
 * GET and HEAD of an asset's bytes: with a credential, by signed URL, or, for a public asset, with nothing; and by the
 * addresses from which a CDN reads.
 */
export function addContentRoute(server: FastifyInstance, door: Door, delivery: Delivery, signing: SecretKeys): void {
  const add = (url: string, from: Address | undefined, read: Entry) =>
    server.route({
      method: ['GET', 'HEAD'],
      url,
      config: { operation: 'assets.content' },
      handler: async (request, reply) => {
        const access = await read(door, signing, request)
        const call = callOf(request, door.publicUrl, access.credential, access.input)
        const content = await findDelivery(delivery, call, request.method === 'HEAD' ? undefined : access.admit)
        const address = from ?? (access.input.version === undefined ? 'plain' : 'version')
        // What the CDN reads is sent, or the reader would be sent round in circles.
        return send(delivery, content, { ...access, address, elsewhere: from === undefined }, request, reply)
      },
    })
  add(routePath(getOperation('assets.content')), undefined, readAccess)
  for (const disposition of ['attachment', 'inline'] as const) {
    add(publicPath(':assetId', ':version', disposition), 'version', (_door, _signing, request) => {
      const { assetId, version } = request.params as Named
      return { ...unlimited, credential: publicCredential(assetId), input: { assetId, version, disposition } }
    })
  }
  add(signedPath(':assetId', ':version', ':epoch', ':disposition'), 'signed', (door, signing, request) => {
    const { assetId, version, disposition } = request.params as Named & { disposition: string }
    const access = openPermit(signing, signedRequestOf(door, request), door.platform.clock())
    return { ...access, input: { assetId, version, disposition } }
  })
}

interface Named {
  assetId: string
  version: string
}

const unlimited = { admit: undefined, limited: false, expiresAt: undefined }

/** GET and HEAD of a variant's bytes, by the same credentials, or with a signed URL for it. */
export function addVariantRoute(server: FastifyInstance, door: Door, variants: Variants, signing: SecretKeys): void {
  server.route({
    method: ['GET', 'HEAD'],
    url: routePath(getOperation('variants.content')),
    config: { operation: 'variants.content' },
    handler: async (request, reply) => {
      const access = await readAccess(door, signing, request, VARIANT_QUERY)
      const { redirect: _, suffix, ...input } = access.input
      const { name } = request.params as { name: string }
      const id = meant(name, suffix, headerOf(request, 'accept'))
      if (name === 'optimised' && suffix === undefined) reply.header('vary', 'accept')
      const call = callOf(request, door.publicUrl, access.credential, {
        ...input,
        name,
        ...(id.suffix !== '' && { suffix: id.suffix }),
      })
      const content = await openVariant(variants, { ...call, id }, request.method === 'HEAD' ? undefined : access.admit)
      const address = input.version === undefined ? 'plain' : 'version'
      const way = { ...access, input: { disposition: 'inline', ...input }, address, elsewhere: false } as const
      return send(variants.delivery, content, { ...way, uncounted: true }, request, reply)
    },
  })
}

async function readAccess(
  door: Door,
  signing: SecretKeys,
  request: FastifyRequest,
  known: readonly string[] = KNOWN_QUERY,
): Promise<SignedAccess> {
  const { assetId } = request.params as Named
  const query = singleValues(request.query) as Record<string, string>
  if ('signature' in query && request.headers.authorization === undefined) {
    return openSignedUrl(signing, signedRequestOf(door, request), door.platform.clock())
  }
  const strangers = Object.keys(query).filter((field) => !known.includes(field))
  if (strangers.length > 0) {
    throw new Problem('request.invalid', {
      errors: strangers.map((field) => ({ field, reason: 'is not known in the query of this request' })),
    })
  }
  const credential = await readCredential(request, door.tokens)
  return {
    ...unlimited,
    credential: credential.kind === 'none' ? publicCredential(assetId) : credential,
    input: { assetId, ...query },
  }
}

function signedRequestOf(door: Door, request: FastifyRequest) {
  const { assetId } = request.params as Named
  const [path = '', query = ''] = request.url.split('?')
  const host = new URL(originOf(request, door.publicUrl)).host
  return { method: request.method, host, path, query, clientIp: request.ip, assetId }
}

function publicCredential(assetId: string): SignedAccess['credential'] {
  try {
    return { kind: 'public', assetId: toUuid(assetId) }
  } catch {
    return { kind: 'none' }
  }
}

interface Way extends SignedAccess {
  address: Address
  /** Whether the reader may be sent elsewhere for the bytes. */
  elsewhere: boolean
  /** It is no download of the asset. */
  uncounted?: boolean
}

async function send(delivery: Delivery, content: Content, way: Way, request: FastifyRequest, reply: FastifyReply) {
  const hex = content.sha256.toString('hex')
  const etag = `"${hex}"`
  const compressible =
    findMediaType(content.mediaType)?.compressible === true && content.sizeBytes >= COMPRESS_FROM_BYTES
  reply.headers(headersOf(content, way, etag))
  if (compressible) reply.header('vary', [reply.getHeader('vary'), 'accept-encoding'].filter(Boolean).join(', '))
  const verdict = evaluatePreconditions(request.method, request.headers, { etag, modifiedAt: content.modifiedAt })
  if (verdict === 'failed') throw new Problem('precondition.failed')
  if (verdict === 'notModified') return reply.code(304).send()
  const elsewhere = way.elsewhere ? await redirectFor(delivery, content, way, request) : undefined
  if (elsewhere !== undefined) {
    count(delivery, content, request)
    return sendRedirect(elsewhere, reply)
  }
  reply.header('repr-digest', formatDigestField({ 'sha-256': hex })).header('stowage-version', String(content.version))
  const range = ifRange(headerOf(request, 'if-range'), { etag })
    ? parseRange(headerOf(request, 'range'), content.sizeBytes)
    : { kind: 'whole' as const }
  if (range.kind === 'unsatisfiable') {
    reply.header('content-range', contentRange(range, content.sizeBytes))
    throw new Problem('range.notSatisfiable', { sizeBytes: content.sizeBytes })
  }
  const part = range.kind === 'part' ? range : undefined
  const length = part ? part.end - part.start + 1 : content.sizeBytes
  if (part) reply.code(206).header('content-range', contentRange(part, content.sizeBytes))
  if (request.method === 'HEAD') return reply.header('content-length', String(length)).send()
  const abort = new AbortController()
  const bytes = await content.open(part, abort.signal)
  reply.raw.once('close', () => abort.abort())
  if (!way.uncounted) count(delivery, content, request)
  if (compressible && !part && acceptsGzip(request)) return sendCompressed(bytes, reply)
  return reply.header('content-length', String(length)).send(bytes)
}

function headersOf(content: Content, { address, input }: Way, etag: string): Record<string, string> {
  const { disposition, headers } = safelyNamed(content, input.disposition)
  const shared = content.isPublic || address === 'signed'
  const tags = [toId('asset', content.assetId), toId('organization', content.tenantId)]
  return {
    ...headers,
    'content-disposition': disposition,
    etag,
    'last-modified': content.modifiedAt.toUTCString(),
    'cache-control': cacheControlOf(content.isPublic, address),
    'accept-ranges': 'bytes',
    // By these a CDN forgets: the first is what networks with `Cache-Tag` read, the second what Fastly and Varnish do.
    ...(shared && { 'cache-tag': tags.join(','), 'surrogate-key': tags.join(' ') }),
    ...(content.isPublic && { 'cross-origin-resource-policy': 'cross-origin' }),
  }
}

function count({ downloads, platform }: Delivery, content: Content, request: FastifyRequest): void {
  downloads.count(content.tenantId, content.assetId, content.principalId ?? request.ip, platform.clock())
}

/**
 * Hash and ETag stay those of the original. Ranges of the compressed form are not offered, so a client that lost its
 * connection starts again instead of joining two different forms.
 */
function sendCompressed(content: Readable | Buffer, reply: FastifyReply) {
  const bytes = Buffer.isBuffer(content) ? Readable.from([content], { objectMode: false }) : content
  reply.header('content-encoding', 'gzip').header('accept-ranges', 'none')
  const gzip = createGzip({ level: GZIP_LEVEL })
  bytes.once('error', (error) => gzip.destroy(error))
  gzip.once('close', () => bytes.destroy())
  return reply.send(bytes.pipe(gzip))
}

/** RFC 9110 section 12.5.3: named, or covered by `*`, and not with a weight of zero. */
function acceptsGzip(request: FastifyRequest): boolean {
  const accepted = (headerOf(request, 'accept-encoding') ?? '')
    .toLowerCase()
    .split(',')
    .map((each) => each.trim().split(/\s*;\s*q=/))
  const named = accepted.find(([coding]) => coding === 'gzip') ?? accepted.find(([coding]) => coding === '*')
  return named !== undefined && Number(named[1] ?? 1) > 0
}
