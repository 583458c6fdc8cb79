import { Readable } from 'node:stream'
import { createGzip } from 'node:zlib'
import { getOperation } from '@stowage/contract'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { contentRange, parseRange } from '../../domain/byte-range.ts'
import { contentDisposition } from '../../domain/content-disposition.ts'
import { formatDigestField } from '../../domain/digest.ts'
import { toUuid } from '../../domain/id.ts'
import { findMediaType, safeHeaders } from '../../domain/media-type.ts'
import { evaluatePreconditions, ifRange } from '../../domain/preconditions.ts'
import { Problem } from '../../domain/problem.ts'
import { type Content, type Delivery, findDelivery } from '../../features/delivery/room.ts'
import { openSignedUrl, type SignedAccess } from '../../features/sharing/room.ts'
import type { SecretKeys } from '../../platform/secrets.ts'
import { callOf, headerOf, originOf, singleValues } from './call.ts'
import { readCredential } from './credentials.ts'
import { type Door, routePath } from './routes.ts'

const COMPRESS_FROM_BYTES = 1024
const GZIP_LEVEL = 4
const KNOWN_QUERY = ['version', 'disposition']

/** GET and HEAD of an asset's bytes: with a credential, by signed URL, or, for a public asset, with nothing. */
export function addContentRoute(server: FastifyInstance, door: Door, delivery: Delivery, signing: SecretKeys): void {
  server.route({
    method: ['GET', 'HEAD'],
    url: routePath(getOperation('assets.content')),
    config: { operation: 'assets.content' },
    handler: async (request, reply) => {
      const access = await readAccess(door, signing, request)
      const call = callOf(request, door.publicUrl, access.credential, access.input)
      const content = await findDelivery(delivery, call, request.method === 'HEAD' ? undefined : access.admit)
      return send(delivery, content, access.input.disposition, request, reply)
    },
  })
}

async function readAccess(door: Door, signing: SecretKeys, request: FastifyRequest): Promise<SignedAccess> {
  const { assetId } = request.params as { assetId: string }
  const query = singleValues(request.query) as Record<string, string>
  if ('signature' in query && request.headers.authorization === undefined) {
    const [path = '', search = ''] = request.url.split('?')
    const host = new URL(originOf(request, door.publicUrl)).host
    const signed = { method: request.method, host, path, query: search, clientIp: request.ip, assetId }
    return openSignedUrl(signing, signed, door.platform.clock())
  }
  const strangers = Object.keys(query).filter((field) => !KNOWN_QUERY.includes(field))
  if (strangers.length > 0) {
    throw new Problem('request.invalid', {
      errors: strangers.map((field) => ({ field, reason: 'is not known in the query of this request' })),
    })
  }
  const credential = await readCredential(request, door.tokens)
  const input = { assetId, ...query }
  if (credential.kind !== 'none') return { credential, input, admit: undefined }
  return { credential: publicCredential(assetId), input, admit: undefined }
}

function publicCredential(assetId: string): SignedAccess['credential'] {
  try {
    return { kind: 'public', assetId: toUuid(assetId) }
  } catch {
    return { kind: 'none' }
  }
}

async function send(
  delivery: Delivery,
  content: Content,
  asked: string | undefined,
  request: FastifyRequest,
  reply: FastifyReply,
) {
  const hex = content.sha256.toString('hex')
  const etag = `"${hex}"`
  const mediaType = content.charset ? `${content.mediaType}; charset=${content.charset}` : content.mediaType
  const safe = safeHeaders(mediaType, asked === 'inline' ? 'inline' : 'attachment')
  const compressible =
    findMediaType(content.mediaType)?.compressible === true && content.sizeBytes >= COMPRESS_FROM_BYTES
  reply.headers({
    ...safe.headers,
    'content-disposition': contentDisposition(safe.disposition, content.name),
    etag,
    'last-modified': content.modifiedAt.toUTCString(),
    'cache-control': content.isPublic ? 'public, max-age=60' : 'private, no-cache',
    'accept-ranges': 'bytes',
    ...(compressible && { vary: 'accept-encoding' }),
    ...(content.isPublic && { 'cross-origin-resource-policy': 'cross-origin' }),
  })
  const verdict = evaluatePreconditions(request.method, request.headers, { etag, modifiedAt: content.modifiedAt })
  if (verdict === 'failed') throw new Problem('precondition.failed')
  if (verdict === 'notModified') return reply.code(304).send()
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
  delivery.downloads.count(
    content.tenantId,
    content.assetId,
    content.principalId ?? request.ip,
    delivery.platform.clock(),
  )
  if (compressible && !part && acceptsGzip(request)) return sendCompressed(bytes, reply)
  return reply.header('content-length', String(length)).send(bytes)
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
