import { extensionOf } from '../../domain/asset-name.ts'
import { contentDisposition } from '../../domain/content-disposition.ts'
import { findMediaType, safeHeaders } from '../../domain/media-type.ts'
import { Problem } from '../../domain/problem.ts'

/** Whether a version's bytes may be read: clean, or not scanned for a reason that the organization accepts. */
export function refuseUnreadable(found: {
  state: string
  scan: string
  scan_reason: string | null
  readable_unscanned: readonly string[]
}): void {
  if (found.state === 'trashed') throw new Problem('asset.trashed')
  if (found.state === 'quarantined') throw new Problem('asset.quarantined')
  const readable =
    found.scan === 'clean' ||
    (found.scan === 'not_scanned' && found.readable_unscanned.includes(found.scan_reason ?? ''))
  if (!readable) throw new Problem('asset.notReadable', { scanStatus: found.scan, reason: found.scan_reason })
}

/** The name and the headers under which bytes are safe to give, whoever gives them. */
export function safelyNamed(
  content: { name: string; mediaType: string; charset: string | null },
  asked: string | undefined,
) {
  const mediaType = content.charset ? `${content.mediaType}; charset=${content.charset}` : content.mediaType
  const safe = safeHeaders(mediaType, asked === 'inline' ? 'inline' : 'attachment')
  return { disposition: contentDisposition(safe.disposition, content.name), headers: safe.headers }
}

/** How long an answer that anything may revoke is good for without asking again, in seconds (R12). */
export const REVOCABLE_SECONDS = 60

/** `plain`: whatever is current. `version`: one version. `signed`: one version, through a CDN that checks signatures. */
export type Address = 'plain' | 'version' | 'signed'

/** RFC 9111 section 5.2.2.10: `s-maxage` is for shared caches alone, which ask again once it is over. */
export function cacheControlOf(isPublic: boolean, address: Address): string {
  if (address === 'signed') return `max-age=0, s-maxage=${REVOCABLE_SECONDS}`
  if (!isPublic) return 'private, no-cache'
  return address === 'version' ? 'public, max-age=31536000, immutable' : `public, max-age=${REVOCABLE_SECONDS}`
}

/** What a variant is called when it is saved: after its source, with an extension of its own. */
export function variantFileName(
  sourceName: string,
  { name, suffix }: { name: string; suffix?: string | undefined },
  mediaType: string,
): string {
  const extension = extensionOf(sourceName)
  const stem = extension === undefined ? sourceName : sourceName.slice(0, -extension.length - 1)
  const own = findMediaType(mediaType)?.extensions[0]
  return [[stem, name, suffix].filter(Boolean).join('-'), own].filter(Boolean).join('.')
}
