import type { FastifyReply, FastifyRequest } from 'fastify'
import { publicPath } from '../../domain/content-path.ts'
import { toId } from '../../domain/id.ts'
import { type Content, type Delivery, REVOCABLE_SECONDS } from '../../features/delivery/room.ts'
import type { SignedAccess } from '../../features/sharing/room.ts'
import { StoreError } from '../../providers/stores/port.ts'

/**
 * Conditions that speak of our ETag and our time. A client repeats them where it is sent, and the store, which has an
 * ETag and a time of its own, would answer them wrongly. `If-None-Match` does no harm: the store's ETag never is ours.
 */
const OURS_ALONE = ['if-match', 'if-unmodified-since', 'if-modified-since', 'if-range']

/**
 * Where a reader is sent for the bytes: to the CDN for a public asset, else to the store where it can give them and
 * nothing limits the link. Undefined when they come from here. A range is sent along: the client repeats it there.
 */
export async function redirectFor(
  delivery: Delivery,
  content: Content,
  access: SignedAccess,
  request: FastifyRequest,
): Promise<string | undefined> {
  const { disposition, redirect } = access.input
  if (!delivery.redirects || access.limited || redirect === 'false' || request.method !== 'GET') return undefined
  if (OURS_ALONE.some((name) => name in request.headers)) return undefined
  const { cdn, clock } = delivery.platform
  if (content.isPublic && cdn) {
    const assetId = toId('asset', content.assetId)
    return cdn.publicUrl(publicPath(assetId, content.version, disposition === 'inline' ? 'inline' : 'attachment'))
  }
  const expiresInSeconds = lifetimeSeconds(access.expiresAt, clock())
  return content.presign?.({ expiresInSeconds, disposition }).then(
    ({ url }) => url,
    (error) => {
      if (!(error instanceof StoreError)) throw error
      request.log.warn({ err: error }, 'the store signed no URL; the bytes are sent from here')
      return undefined
    },
  )
}

/** Never longer than the link that led here. */
function lifetimeSeconds(expiresAt: Date | undefined, now: Date): number {
  if (expiresAt === undefined) return REVOCABLE_SECONDS
  const leftSeconds = Math.floor((expiresAt.getTime() - now.getTime()) / 1000)
  return Math.max(1, Math.min(REVOCABLE_SECONDS, leftSeconds))
}

const OF_THE_BYTES = ['content-type', 'content-disposition', 'etag', 'last-modified', 'accept-ranges', 'vary']
const OF_THE_CDN = ['cache-tag', 'surrogate-key']

export function sendRedirect(url: string, reply: FastifyReply): FastifyReply {
  for (const header of [...OF_THE_BYTES, ...OF_THE_CDN]) reply.removeHeader(header)
  return reply.code(302).headers({ location: url, 'cache-control': 'private, no-store' }).send()
}
