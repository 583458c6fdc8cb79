import iconv from 'iconv-lite'
import { describe, expect, test } from 'vitest'
import { describeExtractor } from './conformance.ts'
import { csvExtractor } from './csv.ts'
import type { ExtractionLimits } from './port.ts'
import { manyWords, tell } from './test-run.ts'
import { rowsOf } from './test-sheets.ts'

const mediaType = 'text/csv'
const honest = Buffer.from('όνομα,ποσό\nΕλένη,12.5\n"李, 雷",😀\nعلي,0042\n')

describeExtractor('csv', () => ({
  extractor: csvExtractor,
  honest: { bytes: honest, mediaType, name: 'λίστα.csv' },
  says: ['όνομα', 'ποσό', 'Ελένη', '12.5', '李, 雷', '😀', 'علي', '0042'],
  limits: { textChars: { value: 12 }, cells: { value: 3 } },
  long: { bytes: Buffer.from(`1234567,${manyWords(20)}\n`.repeat(40_000)), mediaType },
}))

function extract(
  text: string | Buffer,
  options: { name?: string; charset?: string; mediaType?: string } = {},
  limits: Partial<ExtractionLimits> = {},
) {
  return tell(csvExtractor, { bytes: Buffer.from(text), mediaType, ...options }, limits)
}

async function readRows(text: string | Buffer, options = {}) {
  const { pieces, error } = await extract(text, options)
  expect(error).toBeUndefined()
  return rowsOf(pieces, 0)
}

describe('a table in text', () => {
  test('is one sheet called like the file, in blocks of 200 rows', async () => {
    const { pieces, texts } = await extract('a,b\n'.repeat(450), { name: 'πωλήσεις.csv' })
    expect(pieces[0]).toEqual({ kind: 'sheet', index: 0, name: 'πωλήσεις.csv' })
    expect(pieces.flatMap((piece) => (piece.kind === 'rows' ? [piece.rows.length] : []))).toEqual([200, 200, 50])
    expect(texts['πωλήσεις.csv']).toBe('a\tb\n'.repeat(450))
  })

  test('is parted at what divides most lines alike', async () => {
    const expected = [
      ['a', 'b'],
      [1, '2,5'],
      ['x', 'y'],
    ]
    for (const sign of [';', '\t', '|']) {
      expect(await readRows(`a${sign}b\n1${sign}2,5\r\nx${sign}y`)).toEqual(expected)
    }
    expect(await readRows('a,b\n1,"2,5"\nx,y')).toEqual(expected)
    expect(await readRows('sep=;\na;b\n1;2,5\nx;y')).toEqual(expected)
    expect(await readRows('a\tb,c\nd\te', { mediaType: 'text/tab-separated-values' })).toEqual([
      ['a', 'b,c'],
      ['d', 'e'],
    ])
  })

  test('keeps quotes, line ends and separators in quoted fields, and stray quotes elsewhere', async () => {
    expect(await readRows('a,"b ""c""\nd"\n5" pipe,x')).toEqual([
      ['a', 'b "c"\nd'],
      ['5" pipe', 'x'],
    ])
  })

  test('has numbers, truth values and days only where nothing is lost', async () => {
    const fields =
      '12,-3.5,007,1234567890123456,1e5,+3,true,FALSE,2024-02-29,2023-02-29,2024-05-06T07:08Z,06/05/2024,,0'
    expect(await readRows(`${fields}\n${fields}`)).toContainEqual([
      12,
      -3.5,
      '007',
      '1234567890123456',
      '1e5',
      '+3',
      true,
      false,
      { date: '2024-02-29' },
      '2023-02-29',
      { date: '2024-05-06T07:08:00Z' },
      '06/05/2024',
      null,
      0,
    ])
  })

  test('is read in the encoding that is certain, or marked, or that it looks like', async () => {
    const text = 'Όνομα;Πόλη\nΕλένη Παπαδοπούλου;Θεσσαλονίκη\nΓιώργος Αντωνίου;Ηράκλειο Κρήτης\n'
    const expected = text
      .trim()
      .split('\n')
      .map((line) => line.split(';'))
    expect(await readRows(text)).toEqual(expected)
    expect(await readRows(`\ufeff${text}`)).toEqual(expected)
    expect(await readRows(Buffer.from(`\ufeff${text}`, 'utf16le'))).toEqual(expected)
    expect(await readRows(iconv.encode(text, 'utf-16be', { addBOM: true }))).toEqual(expected)
    expect(await readRows(iconv.encode(text, 'iso-8859-7'), { charset: 'iso-8859-7' })).toEqual(expected)
    expect(await readRows(iconv.encode(text, 'windows-1253'))).toEqual(expected)
    const chinese = '姓名,城市\n李雷,北京市朝阳区\n韩梅梅,上海市浦东新区\n'
    expect(await readRows(iconv.encode(chinese, 'gb18030'), { charset: 'gb18030' })).toContainEqual([
      '李雷',
      '北京市朝阳区',
    ])
  })

  test('ends with what was read when a quoted field has no end, or a row none', async () => {
    const open = await extract('a,b\nc,d\ne,"f')
    expect(open.error).toMatchObject({ kind: 'corrupt' })
    expect(rowsOf(open.pieces, 0)).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ])
    const endless = await extract(`a,b\nc,"${'d'.repeat(3 * 1024 ** 2)}`)
    expect(endless.error).toMatchObject({ kind: 'limits' })
    expect(rowsOf(endless.pieces, 0)).toEqual([['a', 'b']])
  })
})
