import { describe, expect, test, vi } from 'vitest'
import { describeExtractor } from './conformance.ts'
import { parsePdfDate, pdfExtractor } from './pdf.ts'
import { type MadePdf, makePdf } from './test-pdf.ts'
import { tell } from './test-run.ts'

// Each of the many broken files takes a new instance of its reader.
vi.setConfig({ testTimeout: 120_000 })

const mediaType = 'application/pdf'
const pages = ['Καλημέρα κόσμε', '', '早上好 😀', 'last page']

const extract = (made: MadePdf, limits = {}) => tell(pdfExtractor, { bytes: makePdf(made), mediaType }, limits)

describeExtractor('pdf', () => ({
  extractor: pdfExtractor,
  honest: { bytes: makePdf({ pages, info: { Title: 'Τίτλος' } }), mediaType },
  says: ['Καλημέρα κόσμε', '早上好 😀', 'last page'],
  limits: { textChars: { value: 20 }, pages: { value: 2 } },
}))

describe('a PDF document', () => {
  test('is told page by page, in every script', async () => {
    const said = ['Καλημέρα κόσμε', '早上好 世界', 'emoji 😀🌍', 'plain']
    const { texts } = await extract({ pages: said })
    expect(texts).toEqual({ 1: said[0], 2: said[1], 3: said[2], 4: said[3] })
  })

  test('names the pages that hold no character', async () => {
    const { facts } = await extract({ pages })
    expect(facts).toEqual({ pageCount: 4, more: { 'pdf.pagesWithoutText': ['2'] } })
    expect((await extract({ pages: ['a'] })).facts).toEqual({ pageCount: 1 })
  })

  test('lists no more than 500 pages without text', async () => {
    const { facts } = await extract({ pages: Array.from({ length: 600 }, () => '') })
    expect(facts.more?.['pdf.pagesWithoutText']).toHaveLength(500)
    expect(facts.pageCount).toBe(600)
  })

  test('says who wrote it, with what, and when', async () => {
    const info = {
      Title: 'Ετήσια έκθεση',
      Author: '李雷',
      Subject: 'Year',
      Keywords: 'έσοδα, έξοδα; tax',
      Producer: 'Maker 1',
      Creator: 'Writer 2',
      CreationDate: "D:20240506070809+03'00'",
      ModDate: 'D:2024',
    }
    const { facts } = await extract({ pages: ['a'], info })
    expect(facts).toEqual({
      title: 'Ετήσια έκθεση',
      author: '李雷',
      subject: 'Year',
      keywords: ['έσοδα', 'έξοδα', 'tax'],
      producer: 'Maker 1',
      createdAt: '2024-05-06T07:08:09+03:00',
      modifiedAt: '2024-01-01',
      pageCount: 1,
      more: { 'pdf.creator': 'Writer 2' },
    })
  })

  test('states all its pages when it stops at the limit of pages', async () => {
    const { error, facts, texts } = await extract({ pages: ['a', 'b', 'c'] }, { pages: 2 })
    expect(error).toMatchObject({ kind: 'limits' })
    expect(texts).toEqual({ 1: 'a', 2: 'b' })
    expect(facts.pageCount).toBe(3)
  })

  test('is encrypted when its password is asked for', async () => {
    const { error, pieces } = await extract({ pages: ['secret'], encrypted: true })
    expect(error).toMatchObject({ name: 'ExtractionError', kind: 'encrypted' })
    expect(pieces).toEqual([])
  })

  test('is read as far as it can be when its table of objects is broken', async () => {
    const bytes = Buffer.from(
      makePdf({ pages: ['kept'] })
        .toString('latin1')
        .replace(/startxref\n\d+/, 'startxref\n7'),
      'latin1',
    )
    expect((await tell(pdfExtractor, { bytes, mediaType })).texts).toEqual({ 1: 'kept' })
  })
})

describe('a date of a PDF document', () => {
  test.each([
    ["D:20240506070809+03'00'", '2024-05-06T07:08:09+03:00'],
    ['D:20240506070809-0530', '2024-05-06T07:08:09-05:30'],
    ['D:20240506070809Z', '2024-05-06T07:08:09Z'],
    ["D:20240506070809Z00'00'", '2024-05-06T07:08:09Z'],
    ['20240506070809', '2024-05-06T07:08:09'],
    ['D:202405060708', '2024-05-06T07:08:00'],
    ['D:202405', '2024-05-01'],
    ['D:20240231', undefined],
    ['yesterday', undefined],
  ])('%s is %s', (text, expected) => {
    expect(parsePdfDate(text)).toBe(expected)
  })
})
