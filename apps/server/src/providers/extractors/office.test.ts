import { describe, expect, test } from 'vitest'
import { describeExtractor } from './conformance.ts'
import { officeExtractor } from './office.ts'
import {
  makeWord,
  wordParagraphs as p,
  relationshipsXml,
  slidesFiles,
  slideXml,
  wordFiles,
  wordXml,
} from './test-office.ts'
import { manyWords, tell } from './test-run.ts'
import { makeZip } from './test-zip.ts'

const WORD = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'
const SLIDES = 'application/vnd.openxmlformats-officedocument.presentationml.presentation'

const cell = (...texts: string[]) => `<w:tc><w:tcPr/>${p(...texts)}</w:tc>`
const word = (body: string, more?: Record<string, string>) =>
  tell(officeExtractor, { bytes: makeWord(body, more), mediaType: WORD })
const slides = (order: string[], parts: Record<string, string>) =>
  tell(officeExtractor, { bytes: makeZip(slidesFiles(order, parts)), mediaType: SLIDES })

const honestWord = wordFiles(
  `${p('Καλημέρα κόσμε', 'صباح الخير', '早上好 🌍')}<w:tbl><w:tr>${cell('a')}${cell('b')}</w:tr></w:tbl>${p('end')}`,
  {
    'word/_rels/document.xml.rels': relationshipsXml({ rId1: ['footnotes', 'footnotes.xml'] }),
    'word/footnotes.xml': `<w:footnotes xmlns:w="w"><w:footnote>${p('a note')}</w:footnote></w:footnotes>`,
  },
)
const honestSlides = slidesFiles(['slide2', 'slide1'], {
  'ppt/slides/slide1.xml': slideXml('sld', ['shown second']),
  'ppt/slides/slide2.xml': slideXml('sld', ['shown first', '你好']),
  'ppt/slides/_rels/slide2.xml.rels': relationshipsXml({ rId1: ['notesSlide', '../notesSlides/notesSlide1.xml'] }),
  'ppt/notesSlides/notesSlide1.xml': slideXml('notes', ['say hello']),
})
const deepWord = makeWord(`${'<w:sdt>'.repeat(50)}${p('deep')}${'</w:sdt>'.repeat(50)}`)

function remaking(files: Record<string, string>) {
  return (change: (part: Buffer) => Buffer) =>
    makeZip(Object.fromEntries(Object.entries(files).map(([name, text]) => [name, change(Buffer.from(text))])))
}

describeExtractor('Word', () => ({
  extractor: officeExtractor,
  honest: { bytes: makeZip(honestWord), mediaType: WORD },
  says: ['Καλημέρα κόσμε', 'صباح الخير', '早上好 🌍', 'a\tb', 'end', 'a note'],
  limits: {
    textChars: { value: 20 },
    depth: { value: 40, file: { bytes: deepWord, mediaType: WORD } },
    entries: { value: 4 },
    unpackedBytes: { value: 1500 },
  },
  long: { bytes: makeWord(p(...Array.from({ length: 400 }, (_, index) => manyWords(5000, index)))), mediaType: WORD },
  remake: remaking(honestWord),
}))

describeExtractor('PowerPoint', () => ({
  extractor: officeExtractor,
  honest: { bytes: makeZip(honestSlides), mediaType: SLIDES },
  says: ['shown first', '你好', 'say hello', 'shown second'],
  limits: {
    textChars: { value: 15 },
    depth: { value: 4 },
    entries: { value: 4 },
    unpackedBytes: { value: 1500 },
    pages: { value: 1 },
  },
  remake: remaking(honestSlides),
}))

describe('a document of Word', () => {
  test('is told paragraph by paragraph, with tabs and breaks where they stand', async () => {
    const { texts } = await word(
      `<w:p><w:pPr><w:tabs><w:tab w:val="left"/></w:tabs></w:pPr><w:r><w:t>one</w:t><w:tab/><w:t>two</w:t><w:br/><w:t xml:space="preserve">three </w:t></w:r><w:r><w:t>four</w:t></w:r></w:p><w:p/>${p('five &amp; six')}`,
    )
    expect(texts).toEqual({ '': 'one\ttwo\nthree four\nfive & six' })
  })

  test('has one line for each row of a table, also where a cell has lines or a table of its own', async () => {
    const inner = `<w:tbl><w:tr>${cell('x')}${cell('y')}</w:tr></w:tbl>`
    const table = `<w:tbl><w:tr>${cell('')}${cell('b1', 'b2')}${cell('c')}</w:tr><w:tr>${cell('d')}<w:tc>${inner}</w:tc>${cell('')}</w:tr></w:tbl>`
    expect((await word(p('before') + table + p('after'))).texts).toEqual({ '': 'before\n\tb1 b2\tc\nd\tx y\nafter' })
  })

  test('keeps what a tracked change added and leaves out what one took away or moved from here', async () => {
    const run = (text: string) => `<w:r><w:t xml:space="preserve">${text}</w:t></w:r>`
    const body = `<w:p>${run('kept ')}<w:ins>${run('added ')}</w:ins><w:del><w:r><w:delText>taken </w:delText><w:t>away </w:t></w:r></w:del><w:moveFrom>${run('from ')}</w:moveFrom><w:moveTo>${run('to')}</w:moveTo></w:p>`
    expect((await word(body)).texts).toEqual({ '': 'kept added to' })
  })

  test('has the text of a box once, and no instructions of fields', async () => {
    const box = (text: string) => `<w:txbxContent>${p(text)}</w:txbxContent>`
    const body = `<w:p><w:r><w:t>before</w:t></w:r><w:r><mc:AlternateContent xmlns:mc="m"><mc:Choice><w:drawing>${box('boxed')}</w:drawing></mc:Choice><mc:Fallback><w:pict>${box('boxed')}</w:pict></mc:Fallback></mc:AlternateContent></w:r><w:r><w:instrText>PAGE</w:instrText><w:t>after</w:t></w:r></w:p>`
    expect((await word(body)).texts).toEqual({ '': 'before\nboxed\nafter' })
  })

  test('tells headers, footers, notes, comments and the words of charts after its text, by their places', async () => {
    const part = (root: string, text: string) => `<w:${root} xmlns:w="w">${p(text)}</w:${root}>`
    const { texts, pieces } = await word(p('body'), {
      'word/_rels/document.xml.rels': relationshipsXml({
        rId1: ['comments', 'comments.xml'],
        rId2: ['header', 'header1.xml'],
        rId3: ['footer', '/word/footer1.xml'],
        rId4: ['endnotes', 'endnotes.xml'],
        rId5: ['chart', 'charts/chart1.xml'],
        rId6: ['hyperlink', 'https://example.com/header1.xml', 'External'],
        rId7: ['footnotes', 'not-there.xml'],
      }),
      'word/comments.xml': part('comments', 'really?'),
      'word/header1.xml': part('hdr', 'top'),
      'word/footer1.xml': part('ftr', 'bottom'),
      'word/endnotes.xml': part('endnotes', 'at last'),
      'word/charts/chart1.xml':
        '<c:chartSpace xmlns:c="c" xmlns:a="a"><c:chart><c:title><c:tx><c:rich><a:p><a:r><a:t>Sales</a:t></a:r></a:p></c:rich></c:tx></c:title>' +
        '<c:ser><c:tx><c:strRef><c:f>Sheet1!B1</c:f><c:strCache><c:pt><c:v>North</c:v></c:pt></c:strCache></c:strRef></c:tx>' +
        '<c:cat><c:strRef><c:strCache><c:pt><c:v>Q1</c:v></c:pt><c:pt><c:v>Q2</c:v></c:pt></c:strCache></c:strRef></c:cat>' +
        '<c:val><c:numRef><c:numCache><c:pt><c:v>4.3</c:v></c:pt></c:numCache></c:numRef></c:val></c:ser></c:chart></c:chartSpace>',
    })
    expect(texts).toEqual({
      '': 'body',
      header: 'top',
      footer: 'bottom',
      notes: 'at last',
      comment: 'really?',
      chart: 'Sales\nNorth\nQ1\tQ2',
    })
    expect(pieces.map((piece) => piece.kind)[0]).toBe('facts')
  })

  test('states its properties as facts, and none where they are broken', async () => {
    const facts = {
      title: 'Ετήσια έκθεση',
      author: 'Μαρία',
      subject: 'Sales',
      keywords: ['one', 'two', 'three'],
      language: 'el-GR',
      createdAt: '2026-01-02T03:04:05.000Z',
      modifiedAt: '2026-02-03T04:05:06.000Z',
      producer: 'Microsoft Office Word 16.0',
      pageCount: 7,
      more: { 'core.lastModifiedBy': 'Ann' },
    }
    expect((await word(p('text'))).facts).toEqual(facts)
    const broken = await word(p('text'), { 'docProps/core.xml': '', 'docProps/app.xml': 'no' })
    expect(broken).toMatchObject({ facts: {}, texts: { '': 'text' } })
  })

  test('is found under other prefixes, in UTF-16, and without relationships', async () => {
    const xml = wordXml(p('anything')).replaceAll('w:', 'ns0:').replace('UTF-8', 'UTF-16')
    const bytes = makeZip({ 'word/document.xml': Buffer.from(`\ufeff${xml}`, 'utf16le') })
    expect((await tell(officeExtractor, { bytes, mediaType: WORD })).texts).toEqual({ '': 'anything' })
  })

  test('that repeats one part or points outside says no more for it', async () => {
    const again = Object.fromEntries(
      Array.from({ length: 50 }, (_, index) => [`r${index}`, ['header', 'header1.xml'] as const]),
    )
    const { texts } = await word(p('body'), {
      'word/_rels/document.xml.rels': relationshipsXml({ ...again, out: ['footer', '../../../../etc/passwd'] }),
      'word/header1.xml': `<w:hdr xmlns:w="w">${p('once')}</w:hdr>`,
    })
    expect(texts).toEqual({ '': 'body', header: 'once' })
  })
})

describe('a presentation', () => {
  test('is told slide by slide in its own order, with tables, notes, comments and charts beside each', async () => {
    const table =
      '<p:graphicFrame><a:tbl><a:tr><a:tc><a:p><a:r><a:t>x</a:t></a:r></a:p></a:tc><a:tc><a:p><a:r><a:t>y</a:t></a:r></a:p></a:tc></a:tr></a:tbl></p:graphicFrame>'
    const { texts, facts } = await slides(['slide3', 'slide1'], {
      'ppt/slides/slide1.xml': slideXml('sld', ['last']),
      'ppt/slides/slide3.xml': slideXml('sld', ['first', '🎉'], table),
      'ppt/slides/_rels/slide3.xml.rels': relationshipsXml({
        rId1: ['comments', '../comments/comment1.xml'],
        rId2: ['notesSlide', '../notesSlides/notesSlide1.xml'],
      }),
      'ppt/comments/comment1.xml':
        '<p:cmLst xmlns:p="p"><p:cm authorId="0"><p:pos x="1"/><p:text>Nice</p:text></p:cm><p:cm><p:text>Thanks</p:text></p:cm></p:cmLst>',
      'ppt/notesSlides/notesSlide1.xml': slideXml(
        'notes',
        ['smile'],
        '<p:sp><a:p><a:fld type="slidenum"><a:t>1</a:t></a:fld></a:p></p:sp>',
      ),
    })
    expect(texts).toEqual({ '1': 'first\n🎉\nx\ty', '1 notes': 'smile', '1 comment': 'Nice\nThanks', '2': 'last' })
    expect(facts.pageCount).toBe(2)
  })

  test('beyond the limit of pages is told up to it', async () => {
    const parts = Object.fromEntries(['a', 'b', 'c'].map((name) => [`ppt/slides/${name}.xml`, slideXml('sld', [name])]))
    const file = { bytes: makeZip(slidesFiles(['a', 'b', 'c'], parts)), mediaType: SLIDES }
    const { texts, error } = await tell(officeExtractor, file, { pages: 2 })
    expect(texts).toEqual({ '1': 'a', '2': 'b' })
    expect(error).toMatchObject({ kind: 'limits' })
  })
})

describe('a package of Office', () => {
  test('that is a workbook is left to others', async () => {
    const files = {
      '_rels/.rels': relationshipsXml({ r: ['officeDocument', 'xl/workbook.xml'] }),
      'xl/workbook.xml': '<workbook/>',
    }
    const { error, pieces } = await tell(officeExtractor, { bytes: makeZip(files), mediaType: WORD })
    expect(error).toMatchObject({ kind: 'unsupported' })
    expect(pieces).toEqual([])
  })

  test('whose entries are encrypted is encrypted', async () => {
    const bytes = makeZip(honestWord, { encrypted: ['word/document.xml'] })
    expect((await tell(officeExtractor, { bytes, mediaType: WORD })).error).toMatchObject({ kind: 'encrypted' })
  })

  test('without a document is corrupt', async () => {
    const bytes = makeZip({ 'docProps/core.xml': '<a/>' })
    expect((await tell(officeExtractor, { bytes, mediaType: WORD })).error).toMatchObject({ kind: 'corrupt' })
  })
})
