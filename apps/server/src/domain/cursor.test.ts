import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeCursor, encodeCursor, queryFingerprint } from './cursor.ts'

const key = Buffer.alloc(32, 1)
const query = queryFingerprint({ tenantId: 'org_1', path: '/v1/assets', sort: 'name', tags: ['a', 'b'] })
const cursor = encodeCursor(key, query, ['b.txt', 7, null])

describe('a cursor', () => {
  test('gives its position back to the query it was made for', () => {
    const value = fc.oneof(fc.string({ unit: 'binary' }), fc.integer(), fc.boolean(), fc.constant(null))
    fc.assert(
      fc.property(fc.array(value), (position) => {
        const wellFormed = position.map((each) => (typeof each === 'string' ? each.toWellFormed() : each))
        expect(decodeCursor(key, query, encodeCursor(key, query, wellFormed))).toEqual(wellFormed)
      }),
    )
  })

  test('is refused by every other query and under every other key', () => {
    const other = queryFingerprint({ tenantId: 'org_2', path: '/v1/assets', sort: 'name', tags: ['a', 'b'] })
    expect(decodeCursor(key, other, cursor)).toBeUndefined()
    expect(decodeCursor(Buffer.alloc(32, 2), query, cursor)).toBeUndefined()
  })

  test('is refused when any character of it was changed', () => {
    for (let at = 0; at < cursor.length; at += 1) {
      const changed = cursor.slice(0, at) + (cursor[at] === 'A' ? 'B' : 'A') + cursor.slice(at + 1)
      expect(decodeCursor(key, query, changed)).toBeUndefined()
    }
    for (const changed of ['', cursor.slice(1), cursor.slice(0, -1), `${cursor}=`, ` ${cursor}`, `${cursor}AAAA`]) {
      expect(decodeCursor(key, query, changed)).toBeUndefined()
    }
    expect(decodeCursor(key, query, 'A'.repeat(1_000_000))).toBeUndefined()
  })

  test('is safe in a URL', () => {
    expect(cursor).toMatch(/^[A-Za-z0-9_-]+$/)
  })

  test('any text at all is refused without a crash', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(decodeCursor(key, query, text)).toBeUndefined()
      }),
    )
  })
})

describe('queryFingerprint', () => {
  test('does not depend on the order of members, and does on everything else', () => {
    expect(queryFingerprint({ a: 1, b: { d: 1, c: 2 } })).toBe(queryFingerprint({ b: { c: 2, d: 1 }, a: 1 }))
    expect(queryFingerprint({ a: ['x', 'y'] })).not.toBe(queryFingerprint({ a: ['y', 'x'] }))
    expect(queryFingerprint({ a: '1' })).not.toBe(queryFingerprint({ a: 1 }))
  })
})
