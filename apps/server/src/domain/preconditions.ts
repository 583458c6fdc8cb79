import { parseHttpDate } from './http-date.ts'

/** The validators of what is there now. `etag` as it is sent, quotes included. */
export interface Validators {
  etag: string
  modifiedAt?: Date
}

export interface ConditionalHeaders {
  'if-match'?: string
  'if-none-match'?: string
  'if-modified-since'?: string
  'if-unmodified-since'?: string
}

interface EntityTag {
  weak: boolean
  opaque: string
}

// RFC 9110 section 8.8.3: entity-tag = [ "W/" ] DQUOTE *etagc DQUOTE
const ENTITY_TAG = /(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"/y

/**
 * Whether If-Match holds (RFC 9110 section 13.1.1): strong comparison, or `*` for anything that is there. A header that
 * is not a list of entity tags never holds, so that nothing is changed by mistake.
 *
 * @param current undefined when nothing is there.
 */
export function ifMatch(header: string, current: Validators | undefined): boolean {
  if (header.trim() === '*') return current !== undefined
  return current !== undefined && (parseTags(header) ?? []).some((tag) => strongMatch(tag, current.etag))
}

/**
 * Whether If-None-Match holds (RFC 9110 section 13.1.2): weak comparison, or `*` for nothing being there. `malformed`
 * when the header is neither.
 */
export function ifNoneMatch(header: string, current: Validators | undefined): boolean | 'malformed' {
  if (header.trim() === '*') return current === undefined
  const tags = parseTags(header)
  if (!tags) return 'malformed'
  return current === undefined || !tags.some((tag) => weakMatch(tag, current.etag))
}

/**
 * Whether a Range is to be honoured beside this If-Range (RFC 9110 section 13.1.5). Only a strong entity tag can say
 * so: a date of one second's resolution is no strong validator (section 8.8.2.2), and the whole is always right.
 */
export function ifRange(header: string | undefined, current: Validators): boolean {
  if (header === undefined) return true
  const [tag, ...others] = parseTags(header) ?? []
  return tag !== undefined && others.length === 0 && strongMatch(tag, current.etag)
}

/** Whether a read may be answered with 304 (RFC 9110 sections 13.1.2 and 13.1.3). */
export function isNotModified(headers: ConditionalHeaders, current: Validators): boolean {
  const noneMatch = headers['if-none-match']
  // Section 13.1.3: "A recipient MUST ignore If-Modified-Since if the request contains an If-None-Match header field".
  if (noneMatch !== undefined) return ifNoneMatch(noneMatch, current) === false
  const since = dateOf(headers['if-modified-since'])
  return since !== undefined && current.modifiedAt !== undefined && wholeSeconds(current.modifiedAt) <= since.getTime()
}

/**
 * What the preconditions of a request come to, in the order of RFC 9110 section 13.2.2: go on, 304, or 412.
 *
 * @param current undefined when nothing is there.
 */
export function evaluatePreconditions(
  method: string,
  headers: ConditionalHeaders,
  current: Validators | undefined,
): 'proceed' | 'notModified' | 'failed' {
  if (!unchanged(headers, current)) return 'failed'
  const isRead = method === 'GET' || method === 'HEAD'
  if (isRead) return current !== undefined && isNotModified(headers, current) ? 'notModified' : 'proceed'
  const noneMatch = headers['if-none-match']
  if (noneMatch === undefined) return 'proceed'
  // A write goes on only when its condition was understood and holds.
  return ifNoneMatch(noneMatch, current) === true ? 'proceed' : 'failed'
}

function unchanged(headers: ConditionalHeaders, current: Validators | undefined): boolean {
  const match = headers['if-match']
  if (match !== undefined) return ifMatch(match, current)
  const since = dateOf(headers['if-unmodified-since'])
  // Section 13.1.4: ignored when it is no HTTP-date, or when no modification date is available.
  return since === undefined || !current?.modifiedAt || wholeSeconds(current.modifiedAt) <= since.getTime()
}

function parseTags(header: string): EntityTag[] | undefined {
  const tags: EntityTag[] = []
  let at = 0
  let expectsTag = true
  while (at < header.length) {
    if (header[at] === ',') expectsTag = true
    if (', \t'.includes(header[at]!)) {
      at += 1
      continue
    }
    ENTITY_TAG.lastIndex = at
    const found = expectsTag ? ENTITY_TAG.exec(header) : null
    if (!found) return undefined
    tags.push({ weak: found[1] !== undefined, opaque: found[2]! })
    at = ENTITY_TAG.lastIndex
    expectsTag = false
  }
  return tags.length > 0 ? tags : undefined
}

// RFC 9110 section 8.8.3.2
function strongMatch(tag: EntityTag, etag: string): boolean {
  return !tag.weak && !etag.startsWith('W/') && weakMatch(tag, etag)
}

function weakMatch(tag: EntityTag, etag: string): boolean {
  return `"${tag.opaque}"` === etag.replace(/^W\//, '')
}

function dateOf(header: string | undefined): Date | undefined {
  return header === undefined ? undefined : parseHttpDate(header.trim())
}

function wholeSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000) * 1000
}
