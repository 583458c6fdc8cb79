import { StoreError, type StoreKey } from './port.ts'

const MAX_KEY_BYTES = 1024
const MAX_SEGMENT_BYTES = 255

/**
 * Splits a store key into its segments.
 *
 * @throws StoreError `badKey` for anything that the port's glossary does not call a store key
 */
export function segmentsOf(key: StoreKey): string[] {
  const fault = keyFault(key)
  if (fault) throw new StoreError('badKey', `Store key refused: ${fault}`)
  return key.split('/')
}

function keyFault(key: StoreKey): string | undefined {
  if (key === '') return 'it is empty'
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) return `it is longer than ${MAX_KEY_BYTES} bytes`
  if (!key.isWellFormed()) return 'it is not well-formed Unicode'
  if (key.includes('\\')) return 'it holds a backslash'
  if (/\p{Cc}/u.test(key)) return 'it holds a control character'
  for (const segment of key.split('/')) {
    if (segment === '') return 'a segment is empty'
    if (segment === '.' || segment === '..') return 'a segment is a relative path'
    if (Buffer.byteLength(segment) > MAX_SEGMENT_BYTES) return `a segment is longer than ${MAX_SEGMENT_BYTES} bytes`
  }
  return undefined
}
