import { type ByteRange, StoreError } from './port.ts'

/** Bytes to read: `length` of them from offset `start`. */
export interface Span {
  start: number
  length: number
}

/**
 * Cuts a range to an object's size; no range is the whole object.
 *
 * @throws StoreError `badRange` when the range starts at or past the end, or is not a range
 */
export function spanOf(range: ByteRange | undefined, sizeBytes: number): Span {
  if (!range) return { start: 0, length: sizeBytes }
  checkRange(range)
  if (range.start >= sizeBytes) throw badRange(range, `of ${sizeBytes} bytes`)
  const end = Math.min(range.end ?? sizeBytes - 1, sizeBytes - 1)
  return { start: range.start, length: end - range.start + 1 }
}

/** @throws StoreError `badRange` when the range is none whatever the size of the object */
export function checkRange(range: ByteRange): void {
  const { start, end = start } = range
  const whole = Number.isSafeInteger(start) && (Number.isSafeInteger(end) || end === Number.POSITIVE_INFINITY)
  if (!whole || start < 0 || end < start) throw badRange(range, 'of any size')
}

function badRange({ start, end }: ByteRange, size: string): StoreError {
  return new StoreError('badRange', `No bytes ${start}-${end ?? ''} in an object ${size}`)
}
