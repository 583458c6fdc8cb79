import { describe, expect, test } from 'vitest'
import { describeExtractor } from './conformance.ts'
import { docExtractor } from './doc.ts'
import { tell } from './test-run.ts'
import { type MadeWord, makeWord } from './test-word.ts'

const mediaType = 'application/msword'

const read = (made: MadeWord, limits = {}) => tell(docExtractor, { bytes: makeWord(made), mediaType }, limits)

const honest: MadeWord = {
  body: 'Καλημέρα κόσμε\rplain words\r早上好 😀\rصباح الخير\r',
  footnotes: '\x02 a note\r',
  headers: 'the header\r',
  comments: 'a comment\r',
  endnotes: 'an endnote\r',
  textboxes: 'a box\r',
  title: 'Έκθεση',
}

describeExtractor('doc', () => ({
  extractor: docExtractor,
  honest: { bytes: makeWord(honest), mediaType },
  says: [
    'Καλημέρα κόσμε\nplain words\n早上好 😀\nصباح الخير',
    'a note',
    'the header',
    'a comment',
    'an endnote',
    'a box',
  ],
  limits: { textChars: { value: 20 }, entries: { value: 1 } },
}))

describe('an old document of Word', () => {
  test('is told part by part, wherever its pieces lie', async () => {
    for (const pieceChars of [1, 3, 1000]) {
      const { texts, facts } = await read({ ...honest, pieceChars })
      expect(texts).toEqual({
        '': 'Καλημέρα κόσμε\nplain words\n早上好 😀\nصباح الخير\n',
        footnote: ' a note\n',
        header: 'the header\n',
        comment: 'a comment\n',
        endnote: 'an endnote\n',
        textbox: 'a box\n',
      })
      expect(facts).toEqual({ title: 'Έκθεση' })
    }
  })

  test('shows the results of fields and the cells of tables', async () => {
    const field = 'see \x13 HYPERLINK "http://example.test" \x14the \x13 PAGE \x14page\x15\x15 here\r'
    const { texts } = await read({ body: `${field}a\x07b\x07\x07c\x07\x07end\x0bline\x0cpage\r` })
    expect(texts['']).toBe('see the page here\na\tb\nc\nend\nline\npage\n')
  })

  test('leaves out what a tracked change took away', async () => {
    const { texts } = await read({ body: 'kept gone kept\r', pieceChars: 1000, deleted: { from: 5, to: 10 } })
    expect(texts['']).toBe('kept kept\n')
  })

  test('takes as long for fields without end as for others', async () => {
    const { texts, error } = await read({
      body: `start ${'\x13'.repeat(50_000)}${'x'.repeat(500_000)}`,
      pieceChars: 1_000_000,
    })
    expect(error).toBeUndefined()
    expect(texts['']).toBe('start ')
  })

  test('says that it is encrypted, or older than what is read', async () => {
    expect((await read({ body: 'a', encrypted: true })).error).toMatchObject({ kind: 'encrypted' })
    expect((await read({ body: 'a', version: 0x0065 })).error).toMatchObject({ kind: 'unsupported' })
  })
})
