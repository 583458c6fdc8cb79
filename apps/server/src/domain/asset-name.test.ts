import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { assetNameProblems, comparableName, extensionOf, generatedName } from './asset-name.ts'

const codes = (name: string) => assetNameProblems(name).map((problem) => problem.code)

describe('assetNameProblems', () => {
  test.each([
    'a',
    'report 2026.pdf',
    'Αναφορά έτους.docx',
    '日本語.txt',
    'e\u0301te\u0301.txt',
    '👩‍👩‍👧.png',
    '😀'.repeat(255),
    '...',
    '.env',
    '%2e%2e%2f',
    'a:b*?"<>|.txt',
  ])('accepts %j', (name) => {
    expect(assetNameProblems(name)).toEqual([])
  })

  test.each([
    ['', 'empty'],
    ['😀'.repeat(256), 'tooLong'],
    ['a\u0000b', 'controlCharacter'],
    ['a\r\nb', 'controlCharacter'],
    ['a\u0085b', 'controlCharacter'],
    ['a\u2028b', 'controlCharacter'],
    ['photo\u202egnp.exe', 'directionCharacter'],
    ['a\u2069', 'directionCharacter'],
    ['a\u200fb', 'directionCharacter'],
    ['a\u061cb', 'directionCharacter'],
    ['a/b', 'pathSeparator'],
    ['a\\b', 'pathSeparator'],
    ['.', 'dotsOnly'],
    ['..', 'dotsOnly'],
    ['a\ud800b', 'brokenCharacter'],
    [' a', 'surroundingSpace'],
    ['a\u00a0', 'surroundingSpace'],
  ])('refuses %j as %s', (name, code) => {
    expect(codes(name)).toEqual([code])
  })

  test('names everything that is wrong, in plain words', () => {
    expect(codes(' ../a\u0000')).toEqual(['controlCharacter', 'pathSeparator', 'surroundingSpace'])
    expect(assetNameProblems('')[0]!.message).toBe('The name is empty; give it at least one character.')
  })
})

describe('comparableName', () => {
  test.each([
    ['Report.PDF', 'report.pdf'],
    ['e\u0301te\u0301', 'ÉTÉ'],
    ['ΟΔΟΣ', 'οδος'],
    ['οδοσ', 'οδος'],
    ['STRASSE', 'straße'],
  ])('%j and %j are one name', (one, other) => {
    expect(comparableName(one)).toBe(comparableName(other))
  })

  test.each([
    ['resume', 'résumé'],
    ['kılıç', 'kiliç'],
    ['a1', 'a2'],
  ])('%j and %j are two names', (one, other) => {
    expect(comparableName(one)).not.toBe(comparableName(other))
  })

  test('comparing what is already comparable changes nothing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        expect(comparableName(comparableName(name))).toBe(comparableName(name))
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('extensionOf', () => {
  test.each([
    ['a.PDF', 'pdf'],
    ['a.tar.gz', 'gz'],
    ['.env', undefined],
    ['..env', undefined],
    ['.config.json', 'json'],
    ['a', undefined],
    ['a.', undefined],
    ['a.b c', undefined],
    ['a.toolongextension', undefined],
    ['😀.png', 'png'],
  ])('%j has %j', (name, extension) => {
    expect(extensionOf(name)).toBe(extension)
  })
})

describe('generatedName', () => {
  test('tells the type and the moment in UTC', () => {
    expect(generatedName('seo_report', new Date('2026-01-02T03:04:05.678Z'))).toBe('seo_report_20260102_030405.txt')
    expect(assetNameProblems(generatedName('llm_txt', new Date(0)))).toEqual([])
  })
})
