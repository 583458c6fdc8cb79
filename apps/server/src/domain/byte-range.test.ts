import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { contentRange, parseRange } from './byte-range.ts'

const part = (start: number, end: number) => ({ kind: 'part', start, end })
const huge = '9'.repeat(400)

describe('parseRange', () => {
  test.each([
    ['bytes=0-0', part(0, 0)],
    ['bytes=0-499', part(0, 499)],
    ['bytes=500-', part(500, 999)],
    ['bytes=999-999', part(999, 999)],
    ['bytes=900-5000', part(900, 999)],
    [`bytes=0-${huge}`, part(0, 999)],
    ['bytes=-1', part(999, 999)],
    ['bytes=-1000', part(0, 999)],
    ['bytes=-5000', part(0, 999)],
    [`bytes=-${huge}`, part(0, 999)],
    ['BYTES=1-2', part(1, 2)],
    ['bytes= 1-2 ,', part(1, 2)],
    ['bytes=007-0008', part(7, 8)],
  ])('%s of 1,000 bytes is a part', (header, answer) => {
    expect(parseRange(header, 1000)).toEqual(answer)
  })

  test.each(['bytes=1000-', 'bytes=1000-2000', 'bytes=-0', `bytes=${huge}-`, `bytes=${huge}-${huge}`])(
    '%s of 1,000 bytes cannot be satisfied',
    (header) => {
      expect(parseRange(header, 1000)).toEqual({ kind: 'unsatisfiable' })
    },
  )

  test.each([
    undefined,
    '',
    'bytes',
    'bytes=',
    'bytes=-',
    'bytes=,',
    'bytes=a-b',
    'bytes=1-2-3',
    'bytes=2-1',
    'bytes=9007199254740993-9007199254740992',
    'bytes=+1-2',
    'bytes=1.5-2',
    'bytes=1 - 2',
    'bytes 1-2',
    'items=1-2',
    'bytes=0-1,3-4',
    'bytes=0-0,-1',
  ])('%s asks for the whole', (header) => {
    expect(parseRange(header, 1000)).toEqual({ kind: 'whole' })
  })

  test('nothing of an empty representation can be ranged, but its suffix is the whole of it', () => {
    expect(parseRange('bytes=0-', 0)).toEqual({ kind: 'unsatisfiable' })
    expect(parseRange('bytes=-5', 0)).toEqual({ kind: 'whole' })
    expect(parseRange('bytes=-0', 0)).toEqual({ kind: 'unsatisfiable' })
  })

  test('a part always lies inside the representation', () => {
    const position = fc.option(fc.bigInt({ min: 0n, max: 2n ** 70n }), { nil: '' })
    fc.assert(
      fc.property(position, position, fc.integer({ min: 0, max: 2 ** 31 }), (first, last, sizeBytes) => {
        const answer = parseRange(`bytes=${first}-${last}`, sizeBytes)
        if (answer.kind !== 'part') return
        expect(answer.start).toBeGreaterThanOrEqual(0)
        expect(answer.start).toBeLessThanOrEqual(answer.end)
        expect(answer.end).toBeLessThan(sizeBytes)
      }),
    )
  })

  test('answers any text at all', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(parseRange(`bytes=${text}`, 10)).toHaveProperty('kind')
      }),
    )
  })
})

describe('contentRange', () => {
  test('names the part and the size, or the size alone', () => {
    expect(contentRange({ kind: 'part', start: 0, end: 4 }, 10)).toBe('bytes 0-4/10')
    expect(contentRange({ kind: 'unsatisfiable' }, 10)).toBe('bytes */10')
  })
})
