import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { canonical } from './canonical.ts'

/** Where a list goes on: the sort values of the last row that was seen. */
export type CursorPosition = readonly (string | number | boolean | null)[]

/** What a query asks, in plain JSON: a date stands in it as text. */
export type QueryValue = string | number | boolean | null | undefined | readonly QueryValue[] | QueryMembers
export interface QueryMembers {
  readonly [name: string]: QueryValue
}

const MAC_BYTES = 16
const MAXIMUM_CURSOR_LENGTH = 8_192

/**
 * A short name for a query: what it asks and in which order, for whom. The same question gives the same fingerprint
 * whatever the order of its members; `limit` is left out by the caller, so that the page size may change on the way.
 */
export function queryFingerprint(query: QueryMembers): string {
  return createHash('sha256').update(canonical(query)).digest('base64url')
}

/** An opaque cursor that goes on with this query alone. It is no secret: positions can be read out of it. */
export function encodeCursor(key: Buffer, fingerprint: string, position: CursorPosition): string {
  const payload = Buffer.from(JSON.stringify(position), 'utf8')
  return Buffer.concat([mac(key, fingerprint, payload), payload]).toString('base64url')
}

/** The position of a cursor, or undefined when it is malformed, altered, or belongs to another query. */
export function decodeCursor(key: Buffer, fingerprint: string, cursor: string): CursorPosition | undefined {
  if (cursor.length > MAXIMUM_CURSOR_LENGTH) return undefined
  const bytes = Buffer.from(cursor, 'base64url')
  if (bytes.length <= MAC_BYTES || bytes.toString('base64url') !== cursor) return undefined
  const payload = bytes.subarray(MAC_BYTES)
  if (!timingSafeEqual(bytes.subarray(0, MAC_BYTES), mac(key, fingerprint, payload))) return undefined
  // What carries our code was written by encodeCursor, so it parses.
  return JSON.parse(payload.toString('utf8')) as CursorPosition
}

function mac(key: Buffer, fingerprint: string, payload: Buffer): Buffer {
  const code = createHmac('sha256', key).update(`cursor\n${fingerprint.length}\n${fingerprint}\n`).update(payload)
  return code.digest().subarray(0, MAC_BYTES)
}
