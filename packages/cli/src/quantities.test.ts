import { describe, expect, test } from 'vitest'
import { parseDuration, parseSize, parseTime, showSize } from './quantities.ts'

describe('a duration', () => {
  test.each([
    ['90', 90],
    ['90s', 90],
    ['15m', 900],
    ['1h', 3600],
    ['7d', 604_800],
    ['2w', 1_209_600],
  ])('%s is %i seconds', (text, seconds) => expect(parseDuration(text)).toBe(seconds))

  test.each(['', 'h', '1y', '-1h', '1.5h', '1 h'])('is not %j', (text) => expect(parseDuration(text)).toBeUndefined())
})

describe('a size', () => {
  test.each([
    ['512', 512],
    ['1B', 1],
    ['10MB', 10_485_760],
    ['1.5 GiB', 1_610_612_736],
    ['2k', 2048],
  ])('%s is %i bytes', (text, bytes) => expect(parseSize(text)).toBe(bytes))

  test.each(['', 'MiB', '1X', '-5'])('is not %j', (text) => expect(parseSize(text)).toBeUndefined())

  test.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1536, '1.5 KiB'],
    [200 * 1024, '200 KiB'],
    [3 * 1024 ** 3, '3.0 GiB'],
  ])('of %i bytes reads %s', (bytes, text) => expect(showSize(bytes)).toBe(text))
})

describe('a time', () => {
  test('without a zone is a time here, and a day begins at midnight here', () => {
    expect(parseTime('2026-11-21')).toBe(new Date(2026, 10, 21).toISOString())
    expect(parseTime('2026-11-21T09:30')).toBe(new Date(2026, 10, 21, 9, 30).toISOString())
  })

  test('with a zone is that moment', () => {
    expect(parseTime('2026-11-21T09:30:00+02:00')).toBe('2026-11-21T07:30:00.000Z')
  })

  test('is not what no calendar has', () => expect(parseTime('yesterday')).toBeUndefined())
})
