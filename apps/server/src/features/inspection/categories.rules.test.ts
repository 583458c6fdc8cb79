import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Category, categories, categoryOf, type Described } from './categories.rules.ts'

type Example = Described & { category: Category }

const examples: Example[] = JSON.parse(
  readFileSync(new URL('../../../test/files/categories.json', import.meta.url), 'utf8'),
)
/** The rules are made by the first half; the other one is for measuring alone. */
const halves: [string, Example[]][] = [
  ['seen', examples.slice(0, 100)],
  ['held out', examples.slice(100)],
]

const plain = (text: string) => categoryOf({ name: 'scan.pdf', mediaType: 'application/pdf', text })

describe('the category of a document', () => {
  test.each(halves)('is right for nine of ten %s examples', (_, half) => {
    const wrong = half.filter((example) => categoryOf(example).category !== example.category)
    expect(half).toHaveLength(100)
    expect(wrong.map(({ name, category }) => `${category}: ${name}`).slice(10)).toEqual([])
  })

  test.each(halves)('is each one at least five times among the %s examples', (_, half) => {
    const count = (category: Category) => half.filter((example) => example.category === category).length
    expect(categories.filter((category) => count(category) < 5)).toEqual([])
    expect(half.every(({ category }) => categories.includes(category))).toBe(true)
  })

  test('is told with more than 0.8 where one leads clearly, with the words that decided', () => {
    const { category, confidence, why } = plain('Invoice number 17\nVAT no. 4\nSubtotal 4.00\nAmount due 5.00')
    expect(category).toBe('financial')
    expect(confidence).toBeGreaterThan(0.8)
    expect(why).toContain('invoice number')
  })

  test.each([
    ['nothing', ''],
    ['words of no kind', 'The gulls were fighting over something silver.'],
    ['two equal ones', 'receipt urteil'],
    ['a word that others hold inside', 'invoiceable passportless prereceipt'],
    ['one common word', 'She paid the price.'],
  ])('is general below 0.5 for %s', (_, text) => {
    const { category, confidence } = plain(text)
    expect(category).toBe('general')
    expect(confidence).toBeLessThan(0.5)
  })

  test('is told below 0.5 where one word alone speaks for it', () => {
    expect(plain('She found the lease agreement under a chair.')).toMatchObject({
      category: 'contract',
      confidence: 0.45,
    })
  })

  test('follows the words of a page in a picture, the name of a page without words, and the type of a recording', () => {
    const photo = { name: 'IMG_1.jpg', mediaType: 'image/jpeg' }
    expect(categoryOf({ ...photo, text: '' }).category).toBe('image')
    const receipt =
      'RECEIPT\nFlat white 3.40\nCroissant 2.95\nSUBTOTAL 6.35\nTOTAL 6.35\nVISA contactless, thank you, come again'
    expect(categoryOf({ ...photo, text: receipt }).category).toBe('financial')
    expect(categoryOf({ name: 'Τιμολόγιο_12.pdf', mediaType: 'application/pdf', text: '' }).category).toBe('financial')
    expect(categoryOf({ name: 'invoice.mp3', mediaType: 'audio/mpeg', text: receipt }).category).toBe('recording')
  })

  test('is the same in upper case, in lower case and without accents', () => {
    for (const example of examples) {
      const judged = categoryOf(example)
      const { text } = example
      for (const written of [text.toUpperCase(), text.toLowerCase(), text.normalize('NFD').replace(/\p{M}/gu, '')]) {
        expect(categoryOf({ ...example, text: written })).toEqual(judged)
      }
    }
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), (text) => {
        expect(plain(text.toUpperCase())).toEqual(plain(text.toLowerCase()))
      }),
      { seed: 7, numRuns: 300 },
    )
  })

  test('is told for any document at all, with a confidence from 0 to 1 and at most five reasons', () => {
    const anything = fc.string({ unit: 'binary', maxLength: 500 })
    const document = fc.record(
      { name: anything, mediaType: anything, text: anything, pageCount: fc.double() },
      { requiredKeys: ['name', 'mediaType', 'text'] },
    )
    fc.assert(
      fc.property(document, (described) => {
        const { category, confidence, why } = categoryOf(described)
        expect(categories).toContain(category)
        expect(confidence).toBeGreaterThanOrEqual(0)
        expect(confidence).toBeLessThanOrEqual(1)
        expect(why.length).toBeLessThanOrEqual(5)
      }),
      { seed: 7, numRuns: 300 },
    )
  })

  test('costs no more for a longer text: what follows the first 20,000 characters is not looked at', () => {
    const pieces = examples.flatMap(({ text }) => text.match(/\S+|\s+/g) ?? [])
    const piece = fc.oneof(fc.constantFrom(...pieces, 'between ', '<', 'a(', '1,11 ', '§ ', 'dear\n'), fc.string())
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 5 }), (parts) => {
        const text = `${parts.join('')} `.repeat(20_000).slice(0, 20_000)
        expect(plain(`${text}${'\nTAX INVOICE'.repeat(50_000)}`)).toEqual(plain(text))
      }),
      { seed: 7, numRuns: 100 },
    )
  })

  test('is explained by words of the rules, never by what a document holds besides', () => {
    const { why } = plain(
      'Passport No. QX5533401\nSurname Marlowe\nDate of birth 14 MAR 1979\nP<GBRMARLOWE<<HENRY<<<<<<<<',
    )
    expect(why).toContain('date of birth')
    expect(why.join(' ')).not.toMatch(/marlowe|henry|\d/i)
  })
})
