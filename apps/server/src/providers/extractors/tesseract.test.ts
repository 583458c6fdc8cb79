import { describe, expect, test } from 'vitest'
import { tesseract } from './tesseract.ts'

/** As Tesseract prints them: its columns, and rows for pages, blocks, paragraphs and lines that have no text. */
function answerOf(words: [place: string, confidence: number, text: string][]): string {
  const rows = words.map(([place, confidence, text], index) =>
    [5, 1, ...place.split('.'), index + 1, 0, 0, 10, 10, confidence, text].join('\t'),
  )
  const header = 'level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext'
  return [header, '1\t1\t0\t0\t0\t0\t0\t0\t100\t100\t-1\t', ...rows, ''].join('\n')
}

describe('what Tesseract says', () => {
  test('is a text in lines and paragraphs', () => {
    const answer = answerOf([
      ['1.1.1', 96, 'First'],
      ['1.1.1', 91, 'line'],
      ['1.1.2', 95, 'second'],
      ['2.1.1', 95, 'Below'],
    ])
    expect(tesseract.readText(answer)).toBe('First line\nsecond\n\nBelow')
  })

  test('is left out where it is hardly certain', () => {
    expect(
      tesseract.readText(
        answerOf([
          ['1.1.1', 96, 'Word'],
          ['1.1.1', 12, '~|'],
          ['1.1.1', 80, 'next'],
        ]),
      ),
    ).toBe('Word next')
  })

  test('is nothing where no word is certain, and where there is none', () => {
    expect(
      tesseract.readText(
        answerOf([
          ['1.1.1', 45, 'ae'],
          ['1.1.1', 93, '|'],
        ]),
      ),
    ).toBe('')
    expect(tesseract.readText(answerOf([]))).toBe('')
    expect(tesseract.readText('not at all\twhat\nit should be')).toBe('')
  })

  test('has letters for ligatures and forms, and keeps what a letter would not mean', () => {
    const read = (text: string) => tesseract.readText(answerOf([['1.1.1', 95, text]]))
    expect(read('e\ufb03cient')).toBe('efficient')
    expect(read('ＡＢ１２')).toBe('AB12')
    expect(read('\ufee3\ufeae\ufea3\ufe92\ufe8e')).toBe('مرحبا')
    expect(read('Ka\u0308se')).toBe('Käse')
    expect(read('\u00b5εση\u00b5έρι')).toBe('\u03bcεση\u03bcέρι')
    expect(read('50\u00b5m')).toBe('50\u00b5m')
    expect(read('10²')).toBe('10²')
    expect(read('½ cup')).toBe('½ cup')
  })

  test('has no spaces between signs of scripts that know none', () => {
    const signs = ['光', '学', '文', '字'].map((sign): [string, number, string] => ['1.1.1', 90, `${sign}${sign}`])
    expect(tesseract.readText(answerOf(signs))).toBe('光光学学文文字字')
  })

  test('names its version and its languages', () => {
    expect(tesseract.readVersion('tesseract 5.3.0\n leptonica-1.82.0\n  libpng 1.6.39')).toBe('5.3.0')
    expect(tesseract.readVersion('command not found')).toBeUndefined()
    const listed = 'List of available languages in "/usr/share/tessdata/" (5):\nell\neng\nosd\nscript/Greek\nequ\n'
    expect(tesseract.readLanguages(listed)).toEqual(['ell', 'eng'])
  })
})
