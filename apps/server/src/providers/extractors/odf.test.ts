import { describe, expect, test } from 'vitest'
import { describeExtractor } from './conformance.ts'
import { odfExtractor } from './odf.ts'
import { manyWords, tell } from './test-run.ts'
import { makeZip } from './test-zip.ts'

const ODT = 'application/vnd.oasis.opendocument.text'
const ODP = 'application/vnd.oasis.opendocument.presentation'
const ODG = 'application/vnd.oasis.opendocument.graphics'

const META =
  '<office:document-meta><office:meta><dc:title>Τίτλος</dc:title><meta:initial-creator>Ana</meta:initial-creator>' +
  '<dc:creator>Bob</dc:creator><dc:subject>About</dc:subject><meta:keyword>one</meta:keyword><meta:keyword>two</meta:keyword>' +
  '<dc:language>pt-br</dc:language><meta:creation-date>2026-01-02T03:04:05.678</meta:creation-date><dc:date>2026-02-03</dc:date>' +
  '<meta:generator>LibreOffice/25.8</meta:generator><meta:document-statistic meta:page-count="3"/></office:meta></office:document-meta>'

const p = (...texts: string[]) => texts.map((text) => `<text:p>${text}</text:p>`).join('')
const content = (kind: string, body: string) =>
  `<?xml version="1.0"?><office:document-content><office:body><office:${kind}>${body}</office:${kind}></office:body></office:document-content>`
const page = (...boxes: string[]) =>
  `<draw:page>${boxes.map((box) => `<draw:frame><draw:text-box>${p(box)}</draw:text-box></draw:frame>`).join('')}</draw:page>`

const tellText = (body: string, more: Record<string, string> = {}) =>
  tell(odfExtractor, { bytes: makeZip({ 'content.xml': content('text', body), ...more }), mediaType: ODT })

const honest = {
  'content.xml': content(
    'text',
    p(
      'Καλημέρα<text:note text:note-class="footnote"><text:note-citation>1</text:note-citation><text:note-body><text:p>note</text:p></text:note-body></text:note> κόσμε',
      'السلام',
      '你好 🌍',
    ),
  ),
  'meta.xml': META,
  'META-INF/manifest.xml':
    '<manifest:manifest><manifest:file-entry manifest:full-path="content.xml"/></manifest:manifest>',
}
const deep = makeZip({
  'content.xml': content('text', `${'<text:list>'.repeat(50)}${p('deep')}${'</text:list>'.repeat(50)}`),
})
const show = {
  'content.xml': content('presentation', page('one', 'uno') + page('δύο')),
}

describeExtractor('OpenDocument text', () => ({
  extractor: odfExtractor,
  honest: { bytes: makeZip(honest), mediaType: ODT },
  says: ['Καλημέρα κόσμε', 'السلام', '你好 🌍', 'note'],
  limits: {
    textChars: { value: 10 },
    depth: { value: 40, file: { bytes: deep, mediaType: ODT } },
    entries: { value: 2 },
    unpackedBytes: { value: 600 },
  },
  long: {
    bytes: makeZip({
      'content.xml': content('text', p(...Array.from({ length: 400 }, (_, index) => manyWords(5000, index)))),
    }),
    mediaType: ODT,
  },
  remake: (change) =>
    makeZip(Object.fromEntries(Object.entries(honest).map(([name, text]) => [name, change(Buffer.from(text))]))),
}))

describeExtractor('OpenDocument presentation', () => ({
  extractor: odfExtractor,
  honest: { bytes: makeZip(show), mediaType: ODP },
  says: ['one', 'uno', 'δύο'],
  limits: { textChars: { value: 5 }, depth: { value: 6 }, unpackedBytes: { value: 100 }, pages: { value: 1 } },
}))

describe('an OpenDocument text', () => {
  test('is told paragraph by paragraph, its white space as the format counts it', async () => {
    const { texts } = await tellText(
      `<text:h>Title</text:h>${p('  two \n words<text:s text:c="3"/>apart<text:tab/>tab<text:line-break/>line', '', 'a<text:span>b</text:span>c')}`,
    )
    expect(texts).toEqual({ '': 'Title\ntwo words   apart\ttab\nline\nabc' })
  })

  test('has one line for each row of a table', async () => {
    const cell = (...texts: string[]) => `<table:table-cell>${p(...texts)}</table:table-cell>`
    const row = (...cells: string[]) => `<table:table-row>${cells.join('')}</table:table-row>`
    const table = `<table:table>${row(cell('a', 'b'), cell(''), cell('c'))}${row(cell('d'))}</table:table>`
    expect((await tellText(p('before') + table + p('after'))).texts).toEqual({ '': 'before\na b\t\tc\nd\nafter' })
  })

  test('leaves out deleted text and descriptions, and tells notes, comments, headers beside the text', async () => {
    const note =
      '<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>the note</text:p></text:note-body></text:note>'
    const comment =
      '<office:annotation><dc:creator>Eve</dc:creator><dc:date>2026-01-01</dc:date><text:p>why?</text:p></office:annotation>'
    const { texts } = await tellText(
      `<text:tracked-changes><text:deletion>${p('deleted')}</text:deletion></text:tracked-changes>` +
        p(`one${note} two${comment} <draw:frame><svg:desc>drawn</svg:desc></draw:frame>three`),
      {
        'styles.xml': `<office:master-styles><style:master-page><style:header>${p('top')}</style:header><style:footer>${p('bottom')}</style:footer></style:master-page></office:master-styles>`,
      },
    )
    expect(texts).toEqual({ '': 'one two three', header: 'top', footer: 'bottom', notes: 'the note', comment: 'why?' })
  })

  test('states its meta data as facts', async () => {
    expect((await tellText(p('x'), { 'meta.xml': META })).facts).toEqual({
      title: 'Τίτλος',
      author: 'Ana',
      subject: 'About',
      keywords: ['one', 'two'],
      language: 'pt-BR',
      createdAt: '2026-01-02T03:04:05',
      modifiedAt: '2026-02-03',
      producer: 'LibreOffice/25.8',
      pageCount: 3,
    })
  })

  test('that only its password opens is encrypted', async () => {
    const manifest =
      '<manifest:manifest><manifest:file-entry manifest:full-path="content.xml"><manifest:encryption-data/></manifest:file-entry></manifest:manifest>'
    const { error } = await tellText(p('x'), { 'META-INF/manifest.xml': manifest })
    expect(error).toMatchObject({ kind: 'encrypted' })
  })

  test('does not grow by blanks that it only counts', async () => {
    const { texts } = await tellText(p('<text:s text:c="2000000000"/>x<text:s text:c="-1"/><text:s text:c="many"/>'))
    expect(texts['']!.length).toBeLessThan(200)
  })
})

describe('an OpenDocument presentation or drawing', () => {
  test('is told page by page, with its notes and comments beside each', async () => {
    const notes = `<presentation:notes><draw:page-thumbnail/><draw:frame><draw:text-box>${p('say it')}</draw:text-box></draw:frame></presentation:notes>`
    const comment = `<office:annotation>${p('hm')}</office:annotation>`
    const first = page('one').replace('</draw:page>', `${notes}</draw:page>`)
    const second = page('two').replace('<draw:page>', `<draw:page>${comment}`)
    for (const mediaType of [ODP, ODG]) {
      const bytes = makeZip({ 'content.xml': content('presentation', first + second) })
      expect((await tell(odfExtractor, { bytes, mediaType })).texts).toEqual({
        '1': 'one',
        '2': 'two',
        '1 notes': 'say it',
        '2 comment': 'hm',
      })
    }
  })
})
