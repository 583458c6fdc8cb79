import { fieldPlaces, getOperation } from '@stowage/contract'
import { UNKNOWN_MEDIA_TYPE } from '../../domain/media-type.ts'
import { Problem } from '../../domain/problem.ts'
import type { Checksum } from '../../features/uploads/room.ts'
import { fieldValue } from './uploads.ts'

/** What the headers of tus 1.0 say (https://tus.io/protocols/resumable-upload). */

export const TUS_VERSION = '1.0.0'
export const TUS_EXTENSIONS = [
  'creation',
  'creation-with-upload',
  'creation-defer-length',
  'expiration',
  'termination',
  'checksum',
]
export const CHECKSUM_ALGORITHMS = ['sha1', 'sha256', 'sha384', 'sha512', 'md5']

const KEY = /^[\x21-\x2b\x2d-\x7e]{1,128}$/
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const ALIASES: Record<string, string> = { filename: 'name', filetype: 'mediaType' }
const NOT_METADATA = 'sizeBytes'

/** A count of bytes; undefined when the header is absent. @throws Problem `request.invalid` */
export function readCount(header: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const count = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(count)) throw invalid(header, 'must be a count of bytes')
  return count
}

/**
 * The size that is said, or put off, at the beginning.
 *
 * @throws Problem `request.invalid` unless exactly one of the two headers is there, and valid
 */
export function readLength(length: string | undefined, defer: string | undefined): number | undefined {
  if ((length === undefined) === (defer === undefined)) {
    throw invalid('Upload-Length', 'must be there, or Upload-Defer-Length in its place')
  }
  // "The Upload-Defer-Length header … its value MUST be 1."
  if (defer !== undefined && defer !== '1') throw invalid('Upload-Defer-Length', 'must be 1')
  return readCount('Upload-Length', length)
}

/**
 * `Upload-Metadata` as the fields of an upload: a file's `filename` and `filetype`, and every other field by its own name.
 *
 * @throws Problem `request.invalid` for what is not known, not base64 or not UTF-8; like `fieldValue`
 */
export function readMetadata(text: string | undefined): Record<string, unknown> {
  const known = new Set(fieldPlaces(getOperation('resumable.create')).query)
  known.delete(NOT_METADATA)
  const fields = new Map<string, unknown>()
  // "The Upload-Metadata … value … MUST consist of one or more comma-separated key-value pairs."
  for (const pair of text === undefined || text.trim() === '' ? [] : text.split(',')) {
    const [key = '', encoded = '', ...more] = pair.trim().split(' ')
    if (!KEY.test(key) || more.length > 0) throw invalid('Upload-Metadata', 'must be pairs of a key and a base64 value')
    const field = Object.hasOwn(ALIASES, key) ? (ALIASES[key] as string) : key
    if (!known.has(field)) throw invalid(key, 'is not known in Upload-Metadata')
    const value = fieldValue(field, decoded(key, encoded))
    // A file picker may say a name in two ways.
    if (fields.has(field) && fields.get(field) !== value) throw invalid(key, 'is there more than once')
    fields.set(field, value)
  }
  const mediaType = fields.get('mediaType')
  if (mediaType === '' || mediaType === UNKNOWN_MEDIA_TYPE) fields.delete('mediaType')
  return Object.fromEntries(fields)
}

function decoded(key: string, encoded: string): string {
  if (!BASE64.test(encoded)) throw invalid(key, 'must be base64')
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(encoded, 'base64'))
  } catch {
    throw invalid(key, 'must be UTF-8')
  }
}

/** `Upload-Checksum`: "the name of the used checksum algorithm and the Base64 encoded checksum separated by a space". */
export function readChecksum(text: string | undefined): Checksum | undefined {
  if (text === undefined) return undefined
  const [algorithm = '', encoded = '', ...more] = text.split(' ')
  // "If the Server does not support the used algorithm it MUST respond with 400."
  if (!CHECKSUM_ALGORITHMS.includes(algorithm))
    throw invalid('Upload-Checksum', `must begin with one of ${CHECKSUM_ALGORITHMS.join(', ')}`)
  if (encoded === '' || !BASE64.test(encoded) || more.length > 0)
    throw invalid('Upload-Checksum', 'must end with a checksum in base64')
  return { algorithm, digest: Buffer.from(encoded, 'base64') }
}

export function invalid(field: string, reason: string): Problem {
  return new Problem('request.invalid', { errors: [{ field, reason }] })
}
