import { describe, expect, test } from 'vitest'
import { describeExtractor } from './conformance.ts'
import { epubExtractor } from './epub.ts'
import { manyWords, tell } from './test-run.ts'
import { makeZip } from './test-zip.ts'

const EPUB = 'application/epub+zip'
const METADATA =
  '<dc:title>Οδύσσεια</dc:title><dc:creator>Homer</dc:creator><dc:creator>Butler</dc:creator><dc:subject>Epic</dc:subject>' +
  '<dc:subject>Sea</dc:subject><dc:language>grc</dc:language><dc:date>1900</dc:date><dc:identifier>urn:x:1</dc:identifier>' +
  '<dc:publisher>Press</dc:publisher><meta property="dcterms:modified">2026-01-02T03:04:05Z</meta><meta name="generator" content="Maker 2"/>'

const chapter = (body: string) =>
  `<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/><style>p{}</style></head><body>${body}</body></html>`

/** The entries of a book of chapters in this order; each chapter is the entry that its name and `.xhtml` make. */
function book(order: readonly string[], chapters: Readonly<Record<string, string>>): Record<string, string> {
  const items = Object.keys(chapters).map(
    (name) => `<item id="${name}" href="text/${encodeURIComponent(name)}.xhtml" media-type="application/xhtml+xml"/>`,
  )
  const spine = order.map((name) => `<itemref idref="${name}"/>`).join('')
  const entries = Object.entries(chapters).map(([name, body]) => [`OEBPS/text/${name}.xhtml`, chapter(body)])
  return {
    mimetype: EPUB,
    'META-INF/container.xml': '<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>',
    'OEBPS/book.opf': `<package><metadata>${METADATA}</metadata><manifest>${items.join('')}<item id="cover" href="c.png" media-type="image/png"/></manifest><spine>${spine}</spine></package>`,
    ...Object.fromEntries(entries),
  }
}

const read = (files: Record<string, string>, limits = {}) =>
  tell(epubExtractor, { bytes: makeZip(files, { stored: ['mimetype'] }), mediaType: EPUB }, limits)

const honest = book(['b', 'a'], { a: '<p>τέλος</p>', b: '<h1>البداية</h1><p>开始 🌊</p>' })

describeExtractor('EPUB', () => ({
  extractor: epubExtractor,
  honest: { bytes: makeZip(honest), mediaType: EPUB },
  says: ['البداية', '开始 🌊', 'τέλος'],
  limits: {
    textChars: { value: 8 },
    depth: { value: 2 },
    entries: { value: 4 },
    unpackedBytes: { value: 800 },
    pages: { value: 1 },
  },
  long: {
    bytes: makeZip(
      book(['a'], { a: Array.from({ length: 400 }, (_, index) => `<p>${manyWords(5000, index)}</p>`).join('') }),
    ),
    mediaType: EPUB,
  },
  remake: (change) =>
    makeZip(Object.fromEntries(Object.entries(honest).map(([name, text]) => [name, change(Buffer.from(text))]))),
}))

describe('a book', () => {
  test('is told in the order of its spine, one page an item, with what is no text counted', async () => {
    const { texts } = await read(
      book(['ü b', 'cover', 'gone', 'a'], {
        a: '<p>one&#160;&nbsp;x</p><script src="x"/><p>two</p>',
        'ü b': '<p>zero</p>',
      }),
    )
    expect(texts).toEqual({ '1': 'zero', '4': 'one\u00a0\u00a0x\ntwo' })
  })

  test('states its metadata as facts', async () => {
    expect((await read(book(['a'], { a: '<p>x</p>' }))).facts).toEqual({
      title: 'Οδύσσεια',
      author: 'Homer, Butler',
      keywords: ['Epic', 'Sea'],
      language: 'grc',
      createdAt: '1900',
      modifiedAt: '2026-01-02T03:04:05.000Z',
      producer: 'Maker 2',
      pageCount: 1,
      more: { 'epub.identifier': 'urn:x:1', 'epub.publisher': 'Press' },
    })
  })

  test('whose chapters are protected is encrypted; hidden fonts do not matter', async () => {
    const protecting = (algorithm: string, uri: string) =>
      `<encryption><EncryptedData><EncryptionMethod Algorithm="${algorithm}"/><CipherData><CipherReference URI="${uri}"/></CipherData></EncryptedData></encryption>`
    const files = book(['a'], { a: '<p>x</p>' })
    const fonts = protecting('http://www.idpf.org/2008/embedding', 'OEBPS/text/a.xhtml')
    expect((await read({ ...files, 'META-INF/encryption.xml': fonts })).texts).toEqual({ '1': 'x' })
    const drm = protecting('http://www.w3.org/2001/04/xmlenc#aes128-cbc', 'OEBPS/text/a.xhtml')
    expect((await read({ ...files, 'META-INF/encryption.xml': drm })).error).toMatchObject({ kind: 'encrypted' })
  })

  test('that repeats a chapter is told up to the limit of pages', async () => {
    const files = book(
      Array.from({ length: 50 }, () => 'a'),
      { a: '<p>again</p>' },
    )
    const { texts, error } = await read(files, { pages: 3 })
    expect(texts).toEqual({ '1': 'again', '2': 'again', '3': 'again' })
    expect(error).toMatchObject({ kind: 'limits' })
  })

  test('without a package is corrupt', async () => {
    expect((await read({ mimetype: EPUB })).error).toMatchObject({ kind: 'corrupt' })
    const container = '<container><rootfile full-path="../../etc/passwd"/></container>'
    expect((await read({ 'META-INF/container.xml': container })).error).toMatchObject({ kind: 'corrupt' })
  })
})
