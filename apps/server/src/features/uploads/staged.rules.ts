import { MAX_PARTS } from '../../providers/stores/port.ts'

/** How the bytes of a staged upload arrive. */
export type Strategy = 'single-put' | 'post-policy' | 'multipart' | 'resumable'

const MIB = 1024 * 1024
const SINGLE_PUT_BYTES = 16 * MIB
const SMALLEST_PART_BYTES = 8 * MIB

/** One request for what a single one carries well, parts for the rest. */
export function strategyFor(asked: Exclude<Strategy, 'resumable'> | undefined, sizeBytes: number): Strategy {
  return asked ?? (sizeBytes <= SINGLE_PUT_BYTES ? 'single-put' : 'multipart')
}

/** The size of every part but the last: whole mebibytes, as few as keep the count within what stores allow. */
export function partSizeBytes(sizeBytes: number): number {
  const least = Math.ceil(sizeBytes / MAX_PARTS / MIB) * MIB
  return Math.max(SMALLEST_PART_BYTES, least)
}

export function partCountOf(sizeBytes: number, partBytes: number): number {
  return Math.ceil(sizeBytes / partBytes)
}

/** The exact size of a part, or undefined when there is no part of that number. Parts count from 1. */
export function partSize(sizeBytes: number, partBytes: number, number: number): number | undefined {
  const count = partCountOf(sizeBytes, partBytes)
  if (number < 1 || number > count) return undefined
  return number < count ? partBytes : sizeBytes - (count - 1) * partBytes
}
