import { describe, expect, test } from 'vitest'
import { MAX_PARTS } from './port.ts'
import { copyRanges, MAX_COPY_BYTES, partBytesOf } from './s3-part-sizes.ts'

const MIB = 1024 ** 2
const GIB = 1024 ** 3
const TIB = 1024 ** 4

describe('the parts of an upload', () => {
  test('are of the size that is set while there are at most 10,000', () => {
    expect(partBytesOf(1, 8 * MIB, 100 * MIB)).toBe(8 * MIB)
    expect(partBytesOf(10_000, 8 * MIB, 10_000 * 8 * MIB)).toBe(8 * MIB)
  })

  test.each([10_000 * 8 * MIB + 1, 100 * GIB, TIB, 5 * TIB])(
    'of %d bytes are alike and at most 10,000',
    (sizeBytes) => {
      const bytes = partBytesOf(1, 8 * MIB, sizeBytes)
      expect(partBytesOf(777, 8 * MIB, sizeBytes)).toBe(bytes)
      expect(Math.ceil(sizeBytes / bytes)).toBeLessThanOrEqual(MAX_PARTS)
      expect(bytes).toBeLessThan((1.01 * sizeBytes) / MAX_PARTS + MIB)
    },
  )

  test.each([5, 8, 16, 64])('of an unknown size reach 5 TiB from parts of %d MiB, none beyond 5 GiB', (first) => {
    let reached = 0
    for (let number = 1; number <= MAX_PARTS; number++) {
      const bytes = partBytesOf(number, first * MIB)
      expect(bytes).toBeGreaterThanOrEqual(first * MIB)
      expect(bytes).toBeLessThanOrEqual(5 * GIB)
      reached += bytes
    }
    expect(reached).toBeGreaterThanOrEqual(5 * TIB)
  })

  test('of an unknown size stay small for the first gigabytes', () => {
    expect(partBytesOf(900, 8 * MIB)).toBe(8 * MIB)
    expect(partBytesOf(901, 8 * MIB)).toBe(16 * MIB)
  })

  test('of more than S3 can hold are refused', () => {
    expect(() => partBytesOf(1, 8 * MIB, 50 * TIB)).toThrow(expect.objectContaining({ kind: 'badSize' }))
  })
})

describe('the ranges of a copy', () => {
  test.each([1, 5 * MIB, 5 * MIB + 1, 15 * MIB, MAX_COPY_BYTES + 1, 5 * TIB])('cover %d bytes once', (sizeBytes) => {
    const ranges = copyRanges(sizeBytes, 5 * MIB)
    expect(ranges[0]).toMatchObject({ number: 1, start: 0 })
    expect(ranges.at(-1)!.end).toBe(sizeBytes - 1)
    for (const [index, { number, start }] of ranges.entries()) {
      expect(number).toBe(index + 1)
      if (index > 0) expect(start).toBe(ranges[index - 1]!.end + 1)
    }
    expect(ranges.length).toBeLessThanOrEqual(MAX_PARTS)
  })

  test('leave no last one that is empty', () => {
    expect(copyRanges(10 * MIB, 5 * MIB)).toEqual([
      { number: 1, start: 0, end: 5 * MIB - 1 },
      { number: 2, start: 5 * MIB, end: 10 * MIB - 1 },
    ])
  })
})
