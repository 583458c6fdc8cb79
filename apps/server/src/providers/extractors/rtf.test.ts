import iconv from 'iconv-lite'
import { describe, expect, test } from 'vitest'
import { describeExtractor } from './conformance.ts'
import { rtfExtractor } from './rtf.ts'
import { manyWords, tell } from './test-run.ts'

const RTF = 'application/rtf'
const rtf = (text: string | Buffer, limits = {}) =>
  tell(rtfExtractor, { bytes: Buffer.from(text), mediaType: RTF }, limits)
const escaped = (text: string, encoding: string) =>
  [...iconv.encode(text, encoding)].map((byte) => `\\'${byte.toString(16).padStart(2, '0')}`).join('')
const unicode = (text: string) =>
  Array.from({ length: text.length }, (_, at) => `\\u${(text.charCodeAt(at) << 16) >> 16}?`).join('')

const honest = `{\\rtf1\\ansi\\ansicpg1253\\deff0{\\fonttbl{\\f0\\fcharset161 Arial;}}{\\info{\\title T}}\\pard ${escaped('Καλημέρα', 'windows-1253')}\\par ${unicode('صباح 早上好 🌍')}\\par{\\footnote note}end}`
const paragraphs = Array.from({ length: 400 }, (_, index) => `\\pard ${manyWords(5000, index)}\\par\r\n`).join('')

describeExtractor('RTF', () => ({
  extractor: rtfExtractor,
  honest: { bytes: Buffer.from(honest), mediaType: RTF },
  says: ['Καλημέρα', 'صباح 早上好 🌍', 'end', 'note'],
  limits: {
    textChars: { value: 12 },
    depth: {
      value: 20,
      file: { bytes: Buffer.from(`{\\rtf1 before${'{'.repeat(50)}deep${'}'.repeat(51)}`), mediaType: RTF },
    },
  },
  long: { bytes: Buffer.from(`{\\rtf1 ${paragraphs}}`), mediaType: RTF },
}))

describe('Rich Text Format', () => {
  test('is told paragraph by paragraph, with its signs', async () => {
    const { texts } = await rtf(
      '{\\rtf1\\ansi one\\tab two\\par\r\nthr\r\nee\\line four\\~five\\_six\\-seven \\{x\\} \\\\ \\ldblquote q\\rdblquote\\emdash\\bullet\\page end}ignored',
    )
    expect(texts).toEqual({ '': 'one\ttwo\nthree\nfour\u00a0five\u2011sixseven {x} \\ “q”—•\nend' })
  })

  test('has one line for each row of a table', async () => {
    const row = (...cells: string[]) =>
      `\\trowd\\cellx1 ${cells.map((cell) => `\\pard\\intbl ${cell}\\cell `).join('')}\\row`
    const { texts } = await rtf(`{\\rtf1 before\\par ${row('', 'b')}${row('c', 'd\\par e')}\\pard after}`)
    expect(texts).toEqual({ '': 'before\n\tb\nc\td\ne\nafter' })
  })

  test('is read in the code pages of the document and of its fonts, also letters of two bytes', async () => {
    const fonts = '{\\fonttbl{\\f0\\fcharset0 A;}{\\f1\\fcharset204 B;}{\\f2\\fcharset128 C;}{\\f3\\fcharset134 D;}}'
    const text = `{\\rtf1\\ansi\\ansicpg1253\\deff0${fonts}${escaped('Ωμέγα', 'windows-1253')} {\\f1 ${escaped('Привет', 'windows-1251')}} \\f2 ${escaped('すべて', 'shift_jis')} \\f3 ${escaped('你好', 'gbk')}\\plain  ${escaped('άλφα', 'windows-1253')}}`
    expect((await rtf(text)).texts).toEqual({ '': 'Ωμέγα Привет すべて 你好 άλφα' })
    const raw = iconv.encode('{\\rtf1\\ansi\\ansicpg1251 Привет, мир}', 'windows-1251')
    expect((await rtf(raw)).texts).toEqual({ '': 'Привет, мир' })
    // The second byte of a letter may lie there as it is.
    expect((await rtf("{\\rtf1\\ansicpg932 \\'83A\\'83C}")).texts).toEqual({ '': 'アイ' })
  })

  test('has its Unicode once, whatever stands for it elsewhere', async () => {
    expect(
      (await rtf("{\\rtf1 \\u945?b\\uc2\\u946\\'62\\'63d{\\uc0\\u947 e}\\u948 ??f\\u-10179??\\u-8704??}")).texts,
    ).toEqual({
      '': 'αbβdγeδf😀',
    })
    expect((await rtf('{\\rtf1 {\\upr{old}{\\*\\ud{n\\u233?w}}} end}')).texts).toEqual({ '': 'néw end' })
  })

  test('leaves out pictures, fonts, styles, unknown groups, binary data and deleted text', async () => {
    const { texts } = await rtf(
      '{\\rtf1{\\fonttbl{\\f0 Font;}}{\\colortbl;\\red0;}{\\stylesheet{\\s1 Style;}}{\\*\\unknown no{\\b no}}{\\pict\\bin8 }}}}{{{{0102}' +
        '{\\field{\\*\\fldinst HYPERLINK "x"}{\\fldrslt link}} kept{\\deleted gone}{\\revised  added} {\\*\\shppict{\\pict 00}}{\\nonshppict{\\pict 00}}' +
        '{\\shp{\\*\\shpinst{\\sp{\\sn a}{\\sv b}}{\\shptxt boxed}}{\\shprslt boxed}}}',
    )
    expect(texts).toEqual({ '': 'link kept added boxed' })
  })

  test('tells headers, notes and comments beside the text', async () => {
    const { texts } = await rtf(
      '{\\rtf1{\\header top\\par}{\\footerf bottom}one{\\footnote first\\par more}{\\footnote second} two{\\*\\annotation{\\*\\atndate 1}why?} three}',
    )
    expect(texts).toEqual({
      '': 'one two three',
      header: 'top',
      footer: 'bottom',
      notes: 'first\nmore\nsecond',
      comment: 'why?',
    })
  })

  test('states its information as facts', async () => {
    const { facts, texts } = await rtf(
      `{\\rtf1\\ansicpg1253{\\info{\\title ${escaped('Τίτλος', 'windows-1253')}}{\\author Ann}{\\subject S}{\\keywords a; b}{\\creatim\\yr2026\\mo1\\dy2\\hr3\\min4}{\\revtim\\yr2026\\mo13\\dy1}{\\nofpages4}{\\company Co}}{\\*\\generator Writer 1.0;}text}`,
    )
    expect(texts).toEqual({ '': 'text' })
    expect(facts).toEqual({
      title: 'Τίτλος',
      author: 'Ann',
      subject: 'S',
      keywords: ['a', 'b'],
      createdAt: '2026-01-02T03:04:00',
      producer: 'Writer 1.0',
      pageCount: 4,
      more: { 'rtf.company': 'Co' },
    })
  })

  test('that ends early is corrupt, and what stood before is told', async () => {
    expect(await rtf('{\\rtf1 told {\\b also')).toMatchObject({
      texts: { '': 'told also' },
      error: { kind: 'corrupt' },
    })
    expect((await rtf('{\\rtx1 }')).error).toMatchObject({ kind: 'corrupt' })
  })
})
