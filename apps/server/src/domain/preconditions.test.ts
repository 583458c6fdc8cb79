import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseHttpDate } from './http-date.ts'
import { evaluatePreconditions, ifMatch, ifNoneMatch, ifRange, isNotModified } from './preconditions.ts'

const current = { etag: '"abc"', modifiedAt: new Date('2026-03-01T12:00:00.900Z') }
const sameSecond = 'Sun, 01 Mar 2026 12:00:00 GMT'
const before = 'Sun, 01 Mar 2026 11:59:59 GMT'

describe('ifMatch', () => {
  test('holds for the strong tag that is there, alone or in a list, and for anything with a star', () => {
    for (const header of ['"abc"', '"x", "abc"', ' ,"x",,"abc" ', '*', ' * ']) {
      expect(ifMatch(header, current)).toBe(true)
    }
  })

  test('does not hold for another tag, a weak one, bad syntax, or when nothing is there', () => {
    for (const header of ['"x"', 'W/"abc"', 'abc', '"abc', '"abc" "x"', '', '"abc", *', '"x, abc"']) {
      expect(ifMatch(header, current)).toBe(false)
    }
    expect(ifMatch('*', undefined)).toBe(false)
    expect(ifMatch('W/"abc"', { etag: 'W/"abc"' })).toBe(false)
  })
})

describe('ifNoneMatch', () => {
  test('compares weakly', () => {
    expect(ifNoneMatch('W/"abc"', current)).toBe(false)
    expect(ifNoneMatch('"abc"', { etag: 'W/"abc"' })).toBe(false)
    expect(ifNoneMatch('"x", "y"', current)).toBe(true)
  })

  test('a star holds only when nothing is there', () => {
    expect(ifNoneMatch('*', current)).toBe(false)
    expect(ifNoneMatch('*', undefined)).toBe(true)
  })

  test('a comma or a space inside a tag does not end it early', () => {
    expect(ifNoneMatch('"a,b"', { etag: '"a,b"' })).toBe(false)
    expect(ifNoneMatch('"a b"', current)).toBe('malformed')
  })
})

describe('isNotModified', () => {
  test('a matching tag wins over a date that says otherwise', () => {
    expect(isNotModified({ 'if-none-match': '"abc"', 'if-modified-since': before }, current)).toBe(true)
    expect(isNotModified({ 'if-none-match': '"x"', 'if-modified-since': sameSecond }, current)).toBe(false)
    expect(isNotModified({ 'if-none-match': 'broken', 'if-modified-since': sameSecond }, current)).toBe(false)
  })

  test('a date is compared in whole seconds', () => {
    expect(isNotModified({ 'if-modified-since': sameSecond }, current)).toBe(true)
    expect(isNotModified({ 'if-modified-since': before }, current)).toBe(false)
  })

  test('what is no date is ignored', () => {
    for (const header of ['', 'yesterday', '2026-03-02', 'Sun, 32 Mar 2026 12:00:00 GMT']) {
      expect(isNotModified({ 'if-modified-since': header }, current)).toBe(false)
    }
    expect(isNotModified({ 'if-modified-since': sameSecond }, { etag: '"abc"' })).toBe(false)
  })
})

describe('ifRange', () => {
  test('honours a range only for the strong tag that is there', () => {
    expect(ifRange(undefined, current)).toBe(true)
    expect(ifRange('"abc"', current)).toBe(true)
    for (const header of ['"x"', 'W/"abc"', sameSecond, '', '*', '"abc", "abc"']) {
      expect(ifRange(header, current)).toBe(false)
    }
    expect(ifRange('W/"abc"', { etag: 'W/"abc"' })).toBe(false)
  })
})

describe('evaluatePreconditions', () => {
  test('If-Match is asked before If-None-Match, and replaces If-Unmodified-Since', () => {
    expect(evaluatePreconditions('GET', { 'if-match': '"x"', 'if-none-match': '"abc"' }, current)).toBe('failed')
    expect(evaluatePreconditions('GET', { 'if-match': '"abc"', 'if-none-match': '"abc"' }, current)).toBe('notModified')
    expect(evaluatePreconditions('PUT', { 'if-match': '"abc"', 'if-unmodified-since': before }, current)).toBe(
      'proceed',
    )
  })

  test('If-Unmodified-Since refuses what was changed later', () => {
    expect(evaluatePreconditions('DELETE', { 'if-unmodified-since': before }, current)).toBe('failed')
    expect(evaluatePreconditions('DELETE', { 'if-unmodified-since': sameSecond }, current)).toBe('proceed')
    expect(evaluatePreconditions('DELETE', { 'if-unmodified-since': 'soon' }, current)).toBe('proceed')
  })

  test('a write whose If-None-Match does not hold, or is not understood, fails', () => {
    expect(evaluatePreconditions('PUT', { 'if-none-match': '*' }, current)).toBe('failed')
    expect(evaluatePreconditions('PUT', { 'if-none-match': '*' }, undefined)).toBe('proceed')
    expect(evaluatePreconditions('PUT', { 'if-none-match': 'abc' }, undefined)).toBe('failed')
    expect(evaluatePreconditions('PUT', { 'if-modified-since': sameSecond }, current)).toBe('proceed')
  })

  test('a read goes on when nothing was asked, or nothing is there', () => {
    expect(evaluatePreconditions('GET', {}, current)).toBe('proceed')
    expect(evaluatePreconditions('GET', { 'if-none-match': '*' }, undefined)).toBe('proceed')
  })

  test('any header at all is answered', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const headers = { 'if-none-match': text, 'if-match': text, 'if-modified-since': text }
        expect(['proceed', 'notModified', 'failed']).toContain(evaluatePreconditions('GET', headers, current))
      }),
    )
  })
})

describe('parseHttpDate', () => {
  test('reads the three forms of a date', () => {
    for (const text of [
      'Sun, 06 Nov 1994 08:49:37 GMT',
      'Sunday, 06-Nov-94 08:49:37 GMT',
      'Sun Nov  6 08:49:37 1994',
    ]) {
      expect(parseHttpDate(text)).toEqual(new Date('1994-11-06T08:49:37Z'))
    }
  })

  test('refuses what is no real moment', () => {
    for (const text of [
      'Sun, 31 Feb 2026 08:49:37 GMT',
      'Sun, 06 Nov 1994 24:00:00 GMT',
      'Sun, 06 Nov 1994 08:49:37',
    ]) {
      expect(parseHttpDate(text)).toBeUndefined()
    }
  })

  test('reads back every date that is sent', () => {
    const moment = fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
    fc.assert(
      fc.property(moment, (date) => {
        expect(parseHttpDate(date.toUTCString())?.getTime()).toBe(Math.floor(date.getTime() / 1000) * 1000)
      }),
    )
  })
})
