import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  blobNameOf,
  blockIdOf,
  blockNumberOf,
  metadataFromAzure,
  metadataToAzure,
  namePrefixOf,
  newWriter,
  storeKeyOf,
} from './azure-names.ts'

const segment = fc
  .array(fc.constantFrom('a', '.', '%', '2', '5', 'E', '%2E', '%252E', 'é', ' '), { minLength: 1, maxLength: 6 })
  .map((signs) => signs.join(''))
  .filter((text) => text !== '.' && text !== '..')
const key = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join('/'))

describe('the name of a blob', () => {
  test('is the store key itself, save for dots at the ends of segments', () => {
    expect(blobNameOf('a b/.c.d/e%2F')).toBe('a b/.c.d/e%2F')
    expect(blobNameOf('a./b...')).toBe('a%2E/b..%2E')
  })

  test('gives its store key back, and no segment ends with a dot', () => {
    fc.assert(
      fc.property(key, (text) => {
        const name = blobNameOf(text)
        expect(storeKeyOf(name)).toBe(text)
        expect(name.split('/').filter((part) => part.endsWith('.'))).toEqual([])
      }),
    )
  })

  test('begins with the prefix that is listed for every beginning of its store key', () => {
    fc.assert(
      fc.property(key, fc.nat(30), (text, length) => {
        expect(blobNameOf(text).startsWith(namePrefixOf(text.slice(0, length)))).toBe(true)
      }),
    )
  })

  test.each([
    ['more than 254 segments', Array.from({ length: 255 }, () => 'a').join('/')],
    ['more than 1,024 characters', `${'a./'.repeat(254).slice(0, 755)}/${'x'.repeat(255)}.`.slice(-1024)],
  ])('is refused with %s', (_, text) => {
    expect(() => blobNameOf(text)).toThrow(expect.objectContaining({ kind: 'badKey' }))
  })
})

describe('metadata', () => {
  test('have names that read as they were where these are plain words', () => {
    expect(metadataToAzure({ 'content-sha256': 'ab', plain: 'a b' })).toEqual({ content_sha256: 'ab', plain: 'a b' })
  })

  test('come back as they were, under names that are C# identifiers and with values of ASCII in one line', () => {
    const names = fc.string({ unit: fc.constantFrom('a', 'f', '5', '2', 'd', '-', '_', '.', 'ż'), minLength: 1 })
    const values = fc.string({ unit: 'grapheme' })
    fc.assert(
      fc.property(fc.dictionary(names, values), (metadata) => {
        const kept = metadataToAzure(metadata)
        expect(metadataFromAzure(kept)).toEqual({ ...metadata })
        for (const [name, value] of Object.entries(kept)) {
          expect(name).toMatch(/^[a-z_][a-z0-9_]*$/)
          expect(value).toMatch(/^(?:[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?$/)
        }
      }),
    )
  })

  test('that others wrote are read as they are', () => {
    expect(metadataFromAzure({ rate: '100%' })).toEqual({ rate: '100%' })
  })
})

describe('the id of a block', () => {
  test('has one length and is known to its writer alone', () => {
    const [mine, other] = [newWriter(), newWriter()]
    const ids = [0, 1, 10_000, 50_000].map((number) => blockIdOf(mine, number))
    expect(new Set(ids.map((id) => id.length)).size).toBe(1)
    expect(ids.map((id) => blockNumberOf(mine, id))).toEqual([0, 1, 10_000, 50_000])
    expect(ids.map((id) => blockNumberOf(other, id))).toEqual([undefined, undefined, undefined, undefined])
    expect(blockNumberOf(mine, 'AAAA')).toBeUndefined()
  })
})
