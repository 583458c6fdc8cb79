import { MEDIA_TYPE_ALIASES, MEDIA_TYPES, type MediaType } from './media-type-table.ts'

/** The type of bytes about which nothing is known. */
export const UNKNOWN_MEDIA_TYPE = 'application/octet-stream'

const BY_NAME = new Map(MEDIA_TYPES.map((row) => [row.name, row]))
const NOT_DECLARED = new Set(['', UNKNOWN_MEDIA_TYPE, 'binary/octet-stream', 'application/x-download'])
// RFC 9110 section 8.3.1 and 5.6.2: type "/" subtype, both tokens. Upper case is folded before.
const NAME = /^[a-z0-9!#$&^_.+-]{1,127}\/[a-z0-9!#$&^_.+-]{1,127}$/
// Word keeps it under .doc; it is another format all the same.
const RICH_TEXT = 'application/rtf'
// What a browser renders as a page or a drawing with scripts in it.
const MARKUP = new Set(['text/html', 'application/xhtml+xml', 'image/svg+xml'])

/** The type's usual name: lower case, without parameters, aliases resolved. Undefined when it is no media type. */
export function mediaTypeName(text: string | undefined): string | undefined {
  const name = (text ?? '').split(';')[0]!.trim().toLowerCase()
  if (!NAME.test(name)) return undefined
  return Object.hasOwn(MEDIA_TYPE_ALIASES, name) ? MEDIA_TYPE_ALIASES[name]! : name
}

/** What we know of a type, under any of its names; undefined for one that is not in the table. */
export function findMediaType(text: string): MediaType | undefined {
  return BY_NAME.get(mediaTypeName(text) ?? '')
}

/** The usual type of an extension given without its dot; undefined for an unknown one. */
export function mediaTypeForExtension(extension: string): MediaType | undefined {
  return rowsOfExtension(extension)[0]
}

function rowsOfExtension(extension: string | undefined): MediaType[] {
  const lower = extension?.toLowerCase()
  return lower === undefined ? [] : MEDIA_TYPES.filter((row) => row.extensions.includes(lower))
}

export type Agreement =
  /** `mediaType` is the type to keep: the most telling one that all three allow. */
  | { ok: true; mediaType: string }
  /** `against` says whether the declared type or the extension is contradicted by the content. */
  | { ok: false; against: 'declared' | 'extension'; reason: string }

/**
 * Whether the content is what it says it is.
 *
 * What is not in the table contradicts nothing, and `application/octet-stream` declares nothing. Text agrees with every
 * textual type; pages and drawings that may hold scripts agree only with types that say so, and with Markdown. An unrecognised content disagrees
 * only with types whose content is always recognised.
 *
 * @param detected what the bytes look like; undefined when nothing was recognised.
 * @param declared what the sender says, parameters allowed.
 * @param extension of the name, without its dot.
 */
export function agrees(detected: string | undefined, declared: string | undefined, extension?: string): Agreement {
  const content = nameUnlessUnknown(detected)
  const claimed = declaredClaim(declared, extension)
  const declaredRow = claimed === undefined ? undefined : BY_NAME.get(claimed)
  if (declaredRow && !fits(content, declaredRow)) return disagreement('declared', content, declaredRow.name)
  const rows = rowsOfExtension(extension)
  const fitting = rows.filter((row) => fits(content, row))
  if (rows.length > 0 && fitting.length === 0) return disagreement('extension', content, rows[0]!.name)
  const ofExtension = fitting.find((row) => row.name === content) ?? fitting[0]
  return { ok: true, mediaType: mostTelling(content, ofExtension, declaredRow, claimed) }
}

function nameUnlessUnknown(text: string | undefined): string | undefined {
  const name = mediaTypeName(text)
  return name === undefined || NOT_DECLARED.has(name) ? undefined : name
}

function declaredClaim(declared: string | undefined, extension: string | undefined): string | undefined {
  const name = nameUnlessUnknown(declared)
  // Browsers on a machine with Excel declare CSV so.
  return name === 'application/vnd.ms-excel' && extension?.toLowerCase() === 'csv' ? 'text/csv' : name
}

function fits(content: string | undefined, claim: MediaType): boolean {
  if (content === undefined) return !claim.signed
  if (content === claim.name || claim.detectedAs.includes(content)) return true
  if (MARKUP.has(content)) return false
  const row = BY_NAME.get(content)
  // The content was recognised more closely than the claim says: a DOCX that is called a ZIP.
  if (row?.detectedAs.includes(claim.name) && !row.textual) return true
  return claim.textual && (row ? row.textual : content.startsWith('text/'))
}

function disagreement(against: 'declared' | 'extension', content: string | undefined, claim: string): Agreement {
  const seen = content === undefined ? 'is not recognised as that' : `is ${content}`
  const says = against === 'declared' ? `It is declared as ${claim}` : `Its extension says ${claim}`
  return { ok: false, against, reason: `${says}, but the content ${seen}.` }
}

function mostTelling(
  content: string | undefined,
  ofExtension: MediaType | undefined,
  declared: MediaType | undefined,
  claimed: string | undefined,
): string {
  const claims = [ofExtension, declared].filter((row) => row !== undefined)
  const row = content === undefined ? undefined : BY_NAME.get(content)
  // What a browser might run is kept as such, so that it is never shown in place.
  const active = claims.find((claim) => claim.active)
  if (active) return active.name
  const naming = claims.find((claim) => content !== undefined && claim.detectedAs.includes(content))
  if (naming && content !== RICH_TEXT) return naming.name
  const isText = row ? row.textual && !row.active : content?.startsWith('text/')
  if (content !== undefined && !isText) return content
  const closer = claims.find((claim) => claim.name !== 'text/plain') ?? claims[0]
  return closer?.name ?? content ?? claimed ?? UNKNOWN_MEDIA_TYPE
}

/** Whether a list of types and wildcards such as `image/*` names this type. An empty list names none. */
export function allowed(list: readonly string[], mediaType: string): boolean {
  const name = mediaTypeName(mediaType)
  if (name === undefined) return false
  return list.some((entry) => {
    const pattern = entry.trim().toLowerCase()
    if (pattern === '*/*' || pattern === '*') return true
    return pattern.endsWith('/*') ? name.startsWith(pattern.slice(0, -1)) : mediaTypeName(pattern) === name
  })
}

export interface SafeHeaders {
  /** What is really sent: `inline` only when it was asked for and the type is safe to show. */
  disposition: 'inline' | 'attachment'
  headers: Readonly<Record<string, string>>
}

/**
 * The headers that keep user content from acting in a browser. Anything active or unknown is sent as an attachment, and
 * an unknown type as plain bytes. Text without a charset of its own is said to be UTF-8, so that no browser guesses.
 */
export function safeHeaders(mediaType: string, asked: 'inline' | 'attachment'): SafeHeaders {
  const row = findMediaType(mediaType)
  return {
    disposition: asked === 'inline' && row?.inlineSafe && !row.active ? 'inline' : 'attachment',
    headers: {
      'Content-Type': row ? contentType(row, mediaType) : UNKNOWN_MEDIA_TYPE,
      'X-Content-Type-Options': 'nosniff',
      'Content-Security-Policy': "sandbox; default-src 'none'",
      'Cross-Origin-Resource-Policy': 'same-origin',
      'Referrer-Policy': 'no-referrer',
    },
  }
}

function contentType(row: MediaType, mediaType: string): string {
  if (!row.name.startsWith('text/')) return row.name
  const charset = /;\s*charset\s*=\s*"?([A-Za-z0-9._:+-]{1,40})"?\s*(?:;|$)/i.exec(mediaType)?.[1]
  return `${row.name}; charset=${(charset ?? 'utf-8').toLowerCase()}`
}
