import { MAX_PARTS, StoreError } from './port.ts'

/** S3: a part of a multipart upload has 5 MiB to 5 GiB, the last one may have less. */
const MAX_PART_BYTES = 5 * 1024 ** 3
/** S3: an object that is copied by one request has at most 5 GiB. */
export const MAX_COPY_BYTES = 5 * 1024 ** 3
const MIB = 1024 ** 2
const GROWTH_PARTS = 900

/**
 * How large part `number` of an upload is. Of a known size, all are alike, larger than `partBytes` when there would be
 * too many. Of an unknown one, they double after every 900 parts, so that 5 TiB fit and small bodies need little
 * memory.
 */
export function partBytesOf(number: number, partBytes: number, sizeBytes?: number): number {
  if (sizeBytes !== undefined) return evenPartBytes(sizeBytes, partBytes)
  return Math.min(MAX_PART_BYTES, partBytes * 2 ** Math.floor((number - 1) / GROWTH_PARTS))
}

function evenPartBytes(sizeBytes: number, partBytes: number): number {
  const least = Math.ceil(sizeBytes / MAX_PARTS / MIB) * MIB
  if (least > MAX_PART_BYTES) throw new StoreError('badSize', `An object of ${sizeBytes} bytes is too large for S3`)
  return Math.max(partBytes, least)
}

export interface PartRange {
  number: number
  start: number
  /** Inclusive. */
  end: number
}

/** The ranges by which an object is copied in parts. */
export function copyRanges(sizeBytes: number, partBytes: number): PartRange[] {
  const length = evenPartBytes(sizeBytes, partBytes)
  return Array.from({ length: Math.ceil(sizeBytes / length) }, (_, index) => ({
    number: index + 1,
    start: index * length,
    end: Math.min((index + 1) * length, sizeBytes) - 1,
  }))
}
