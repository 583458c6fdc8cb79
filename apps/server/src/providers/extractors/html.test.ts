import iconv from 'iconv-lite'
import { describe, expect, test } from 'vitest'
import { describeExtractor } from './conformance.ts'
import { htmlExtractor } from './html.ts'
import { manyWords, tell } from './test-run.ts'

const HTML = 'text/html'
const html = (text: string | Buffer, charset?: string) =>
  tell(htmlExtractor, { bytes: Buffer.from(text), mediaType: HTML, ...(charset ? { charset } : {}) })
const markup = (mediaType: string, text: string) => tell(htmlExtractor, { bytes: Buffer.from(text), mediaType })

const GREEK = 'Η γρήγορη καφέ αλεπού πηδά πάνω από το τεμπέλικο σκυλί και φεύγει μακριά από το χωριό. '
const paragraphs = Array.from({ length: 400 }, (_, index) => `<p>${manyWords(5000, index)}</p>`).join('')

describeExtractor('HTML', () => ({
  extractor: htmlExtractor,
  honest: {
    bytes: Buffer.from(`<!doctype html><title>T</title><body><h1>Καλημέρα</h1><div><p>مرحبا<b>你好 🌍</b></div>`),
    mediaType: HTML,
  },
  says: ['Καλημέρα', 'مرحبا', '你好 🌍'],
  limits: { textChars: { value: 10 }, depth: { value: 2 } },
  long: { bytes: Buffer.from(paragraphs), mediaType: HTML },
}))

describeExtractor('XML', () => ({
  extractor: htmlExtractor,
  honest: {
    bytes: Buffer.from('<?xml version="1.0"?><r><a>Καλημέρα</a><b>你好<c>🌍</c></b></r>'),
    mediaType: 'application/xml',
  },
  says: ['Καλημέρα', '你好', '🌍'],
  limits: { textChars: { value: 10 }, depth: { value: 2 } },
  long: { bytes: Buffer.from(`<r>${paragraphs}</r>`), mediaType: 'application/xml' },
}))

describeExtractor('SVG', () => ({
  extractor: htmlExtractor,
  honest: {
    bytes: Buffer.from(
      '<svg xmlns="http://www.w3.org/2000/svg"><title>Καλημέρα</title><g><text>你好 🌍</text></g></svg>',
    ),
    mediaType: 'image/svg+xml',
  },
  says: ['Καλημέρα', '你好 🌍'],
  limits: { textChars: { value: 10 }, depth: { value: 2 } },
}))

describe('a page of HTML', () => {
  test('is told as it is read: blocks on lines of their own, white space folded, rows with tabs', async () => {
    const { texts } = await html(
      `<html><body>  <h1>Head  line</h1>\n<p>one <b>two</b>\n three<br>four<ul><li>a<li>b</ul>` +
        `<table><tr><th>x<th>y<tr><td><p>1</p></td><td></td><td>2</td></tr></table><pre>a\n  b</pre>&lt;end&gt;&nbsp;&copy;`,
    )
    expect(texts).toEqual({ '': 'Head line\none two three\nfour\na\nb\nx\ty\n1\t\t2\na\n  b\n<end>\u00a0©' })
  })

  test('is told without what nobody sees', async () => {
    const { texts } = await html(
      '<script>a("<p>no</p>")</script><style>p{}</style><template><p>no</template><noscript>no</noscript><!-- no -->' +
        '<p hidden>no<p style="color:red; DISPLAY : none">no</p><svg><text>no</text></svg><p>yes<iframe>no</iframe></p><plaintext>so <b>far',
    )
    expect(texts).toEqual({ '': 'yes\nso <b>far' })
  })

  test('states its title, its meta elements and its language as facts', async () => {
    const { facts, texts } = await html(
      '<html lang="el"><head><title>A &amp; <b>B</title><meta name="Author" content="Ann"><meta name=description content="About it">' +
        '<meta name="keywords" content="a, b"><meta property="article:published_time" content="2026-01-02T03:04:05+02:00"><body>text',
    )
    expect(texts).toEqual({ '': 'text' })
    expect(facts).toEqual({
      title: 'A & <b>B',
      author: 'Ann',
      subject: 'About it',
      keywords: ['a', 'b'],
      language: 'el',
      createdAt: '2026-01-02T01:04:05.000Z',
    })
  })

  test('is read in the encoding of its mark, its meta element, or the likeliest', async () => {
    const body = `<p>${GREEK}</p>`
    const expected = { '': GREEK.trim() }
    expect((await html(`\ufeff${body}`)).texts).toEqual(expected)
    expect((await html(Buffer.from(`\ufeff${body}`, 'utf16le'))).texts).toEqual(expected)
    const declared = iconv.encode(`<meta charset="windows-1253">${body}`, 'windows-1253')
    expect((await html(declared)).texts).toEqual(expected)
    const equivalent = `<meta http-equiv="Content-Type" content="text/html; charset=ISO-8859-7">${body}`
    expect((await html(iconv.encode(equivalent, 'iso-8859-7'))).texts).toEqual(expected)
    expect((await html(iconv.encode(body.repeat(5), 'iso-8859-7'))).texts['']).toContain('γρήγορη καφέ αλεπού')
    expect((await html(`<meta charset="iso-8859-1">${body}`)).texts).toEqual(expected)
    expect((await html(iconv.encode('<p>早上好，世界</p>', 'gb18030'), 'gb18030')).texts).toEqual({
      '': '早上好，世界',
    })
  })

  test('that never closes what it opens stops at the limit of depth', async () => {
    const { error, texts } = await html(`<p>before</p>${'<div>'.repeat(100_000)}`)
    expect(error).toMatchObject({ kind: 'limits' })
    expect(texts).toEqual({ '': 'before' })
  })
})

describe('XML', () => {
  test('is told as the text of its elements with blanks between them, and no entity is resolved', async () => {
    const dtd = '<!DOCTYPE r [<!ENTITY a "bomb"><!ENTITY b SYSTEM "file:///etc/passwd">]>'
    const { texts } = await markup(
      'application/xml',
      `<?xml version="1.0"?>${dtd}<r x="no"><a>1</a><a>2<b>3</b></a>&a;&b;<![CDATA[<c>]]></r>`,
    )
    expect(texts).toEqual({ '': '1 2 3 &a;&b;<c>' })
  })

  test('is read in the encoding that it declares', async () => {
    const bytes = iconv.encode(`<?xml version="1.0" encoding="ISO-8859-7"?><r>${GREEK}</r>`, 'iso-8859-7')
    expect((await tell(htmlExtractor, { bytes, mediaType: 'application/xml' })).texts).toEqual({ '': GREEK.trim() })
  })

  test('that ends early is corrupt, and what stood before the end is told', async () => {
    expect(await markup('application/xml', '<r><a>told</a><b>')).toMatchObject({
      texts: { '': 'told' },
      error: { kind: 'corrupt' },
    })
  })
})

describe('a drawing in SVG', () => {
  test('is told by its title, descriptions and texts', async () => {
    const { texts, facts } = await markup(
      'image/svg+xml',
      '<svg><title>A plan</title><desc>of a house</desc><style>no</style><g><title>door</title><text>Hal<tspan>lo</tspan><tspan x="1" y="9">there</tspan></text></g></svg>',
    )
    expect(texts).toEqual({ '': 'A plan\nof a house\ndoor\nHallo there' })
    expect(facts).toEqual({ title: 'A plan' })
  })
})
