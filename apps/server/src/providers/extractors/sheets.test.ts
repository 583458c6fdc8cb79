import { writeOds, writeXlsx } from 'hucre'
import { describe, expect, test } from 'vitest'
import { describeExtractor } from './conformance.ts'
import { sheetsExtractor } from './sheets.ts'
import { makeCompoundFile } from './test-compound-file.ts'
import { manyWords, tell } from './test-run.ts'
import { makeOds, makeXls, makeXlsx, rowsOf } from './test-sheets.ts'
import type { SampleFile } from './test-source.ts'
import { makeZip } from './test-zip.ts'

const xlsx = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'
const ods = 'application/vnd.oasis.opendocument.spreadsheet'
const xls = 'application/vnd.ms-excel'

const extract = (file: SampleFile, limits = {}) => tell(sheetsExtractor, file, limits)

const strings = [
  '<t>Ποσό</t>',
  '<r><t>عدد </t></r><r><rPr/><t>数量</t></r><rPh><t>furigana</t></rPh>',
  '<t>😀 a_x0041_</t>',
]
const first = `<row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1" t="s"><v>1</v></c></row>
  <row r="3"><c r="A3"><v>1.5</v></c><c r="B3" t="b"><v>1</v></c><c r="C3" t="e"><v>#DIV/0!</v></c>
  <c r="D3" t="inlineStr"><is><t>inline</t></is></c><c r="E3" t="str"><f>A1&amp;"x"</f><v>result</v></c>
  <c r="F3"><f>1+1</f><v>2</v></c><c r="G3" s="1"/></row>`
const honestBook = { sheets: { Κίνηση: { rows: first }, Last: { rows: '<row><c t="s"><v>2</v></c></row>' } }, strings }

const table = `<table:table table:name="Έσοδα"><table:table-column/><table:table-header-rows><table:table-row>
  <table:table-cell office:value-type="string"><text:p>名前</text:p></table:table-cell>
  <table:table-cell office:value-type="string"><text:p>two<text:s text:c="3"/>parts</text:p><text:p>lines</text:p>
  <office:annotation><text:p>aside</text:p></office:annotation></table:table-cell></table:table-row></table:table-header-rows>
  <table:table-row table:number-rows-repeated="2"><table:table-cell table:number-columns-repeated="2"/>
  <table:table-cell office:value-type="float" office:value="2.5"><text:p>2,50</text:p></table:table-cell></table:table-row>
  <table:table-row table:number-rows-repeated="1000000"><table:table-cell table:number-columns-repeated="16384"/></table:table-row>
  </table:table>`

describeExtractor('xlsx', () => ({
  extractor: sheetsExtractor,
  honest: { bytes: makeXlsx(honestBook), mediaType: xlsx },
  says: ['Ποσό', 'عدد 数量', '1.5', 'true', '#DIV/0!', 'inline', 'result', '2', '😀 aA'],
  limits: {
    textChars: { value: 20 },
    cells: { value: 5 },
    unpackedBytes: { value: 2000 },
    depth: { value: 3 },
    entries: { value: 3 },
  },
  long: { bytes: makeLongBook(), mediaType: xlsx },
  remake: (change) => makeXlsx(honestBook, change),
}))

describeExtractor('ods', () => ({
  extractor: sheetsExtractor,
  honest: { bytes: makeOds(table), mediaType: ods },
  says: ['名前', 'two   parts\nlines', '2.5', '2.5'],
  limits: {
    textChars: { value: 20 },
    cells: { value: 5 },
    unpackedBytes: { value: 800 },
    depth: { value: 3 },
    entries: { value: 2 },
  },
  remake: (change) => makeOds(table, change),
}))

describeExtractor('xls', () => ({
  extractor: sheetsExtractor,
  honest: {
    bytes: makeXls({
      Σύνολα: [
        ['Ποσό', 12.5, true],
        ['数量', null, 'عدد 😀'],
      ],
      Second: [[7]],
    }),
    mediaType: xls,
  },
  says: ['Ποσό', '12.5', 'true', '数量', 'عدد 😀', '7'],
  limits: { textChars: { value: 10 }, cells: { value: 4 }, entries: { value: 1 } },
}))

/** Rows that hardly pack. */
function makeLongBook() {
  const rows = Array.from({ length: 2500 }, (_, index) => {
    return `<row r="${index + 1}"><c t="inlineStr"><is><t>${manyWords(500, index)}</t></is></c></row>`
  })
  return makeXlsx({ sheets: { Long: { rows: rows.join('') } } })
}

describe('sheets of an Office workbook', () => {
  test('have their typed cells where they stand, and empty rows between them', async () => {
    const { pieces } = await extract({ bytes: makeXlsx(honestBook), mediaType: xlsx })
    expect(pieces.filter(({ kind }) => kind === 'sheet')).toEqual([
      { kind: 'sheet', index: 0, name: 'Κίνηση' },
      { kind: 'sheet', index: 1, name: 'Last' },
    ])
    expect(rowsOf(pieces, 0)).toEqual([['Ποσό', null, 'عدد 数量'], [], [1.5, true, '#DIV/0!', 'inline', 'result', 2]])
    expect(pieces).toContainEqual({ kind: 'text', text: '😀 aA\n', place: { label: 'Last' } })
  })

  test('show numbers as days and times where they are formatted so', async () => {
    const cells = [
      ['1', 45_418],
      ['2', 45_418.25],
      ['2', 0.75],
      ['3', 1.5],
      ['4', 45_418],
      ['1', 1],
      ['1', -1],
    ]
    const rows = `<row>${cells.map(([format, value]) => `<c s="${format}"><v>${value}</v></c>`).join('')}</row>`
    const { pieces } = await extract({ bytes: makeXlsx({ sheets: { Days: { rows } } }), mediaType: xlsx })
    const day = { date: '2024-05-06' }
    const time = { date: '2024-05-06T06:00:00' }
    expect(rowsOf(pieces, 0)).toEqual([[day, time, '18:00:00', '36:00:00', 45_418, { date: '1900-01-01' }, -1]])
    const since1904 = makeXlsx({ sheets: { Days: { rows: '<row><c s="1"><v>43956</v></c></row>' } }, is1904: true })
    expect(rowsOf((await extract({ bytes: since1904, mediaType: xlsx })).pieces, 0)).toEqual([[day]])
  })

  test('are named as hidden where they are', async () => {
    const sheets = {
      Shown: { rows: '' },
      Hidden: { rows: '', state: 'hidden' },
      Very: { rows: '', state: 'veryHidden' },
    }
    const { pieces } = await extract({ bytes: makeXlsx({ sheets }), mediaType: xlsx })
    const hidden = pieces.flatMap((piece) => (piece.kind === 'sheet' ? [piece.hidden ?? false] : []))
    expect(hidden).toEqual([false, true, true])
  })

  test('come in blocks of 200 rows', async () => {
    const rows = Array.from({ length: 450 }, (_, index) => `<row><c><v>${index}</v></c></row>`).join('')
    const { pieces } = await extract({ bytes: makeXlsx({ sheets: { Many: { rows } } }), mediaType: xlsx })
    const blocks = pieces.flatMap((piece) => (piece.kind === 'rows' ? [[piece.first, piece.rows.length]] : []))
    expect(blocks).toEqual([
      [0, 200],
      [200, 200],
      [400, 50],
    ])
  })

  test('say of the workbook who wrote it and when', async () => {
    const { facts } = await extract({ bytes: makeXlsx(honestBook), mediaType: xlsx })
    expect(facts).toEqual({ title: 'Προϋπολογισμός', author: 'Ελένη', createdAt: '2024-05-06T07:08:09.000Z' })
  })

  test('are the same when another program wrote them', async () => {
    const rows = [
      ['Όνομα', 'Τιμή', 'Ημέρα'],
      ['α', 1.25, new Date(Date.UTC(2024, 4, 6))],
      [null, true, '007'],
    ]
    const expected = [
      ['Όνομα', 'Τιμή', 'Ημέρα'],
      ['α', 1.25, { date: '2024-05-06' }],
      [null, true, '007'],
    ]
    for (const stringMode of ['shared', 'inline'] as const) {
      const bytes = await writeXlsx({ sheets: [{ name: 'Φύλλο', rows }], stringMode })
      expect(rowsOf((await extract({ bytes: Buffer.from(bytes), mediaType: xlsx })).pieces, 0)).toEqual(expected)
    }
    const bytes = await writeOds({ sheets: [{ name: 'Φύλλο', rows }] })
    const { pieces } = await extract({ bytes: Buffer.from(bytes), mediaType: ods })
    expect(rowsOf(pieces, 0)[0]).toEqual(expected[0])
    expect(rowsOf(pieces, 0)[2]).toEqual(expected[2])
  })

  test('hold no more than a block of a sheet whose rows each reach its last column', async () => {
    const rows = '<row><c r="XFD1"><v>1</v></c></row>'.repeat(20_000)
    const { pieces, error } = await extract(
      { bytes: makeXlsx({ sheets: { Wide: { rows } } }), mediaType: xlsx },
      { cells: 1_000_000 },
    )
    expect(error).toMatchObject({ kind: 'limits' })
    for (const piece of pieces) if (piece.kind === 'rows') expect(piece.rows.flat().length).toBeLessThan(40_000)
  })

  test('say that they are encrypted when they are', async () => {
    const encrypted = makeCompoundFile({ EncryptionInfo: Buffer.alloc(100), EncryptedPackage: Buffer.alloc(5000) })
    for (const mediaType of [xlsx, xls]) {
      expect((await extract({ bytes: encrypted, mediaType })).error).toMatchObject({ kind: 'encrypted' })
    }
    const locked = await writeXlsx({
      sheets: [{ name: 'a', rows: [[1]] }],
      encryption: { password: 'p', spinCount: 1 },
    })
    expect((await extract({ bytes: Buffer.from(locked), mediaType: xlsx })).error).toMatchObject({ kind: 'encrypted' })
  })

  test('are not looked for in other packages', async () => {
    const bytes = makeZip({ 'xl/workbook.xml': '<document/>' })
    expect((await extract({ bytes, mediaType: xlsx })).error).toMatchObject({ kind: 'unsupported' })
    expect((await extract({ bytes: makeZip({ a: 'b' }), mediaType: xlsx })).error).toMatchObject({ kind: 'corrupt' })
  })
})

describe('sheets of an OpenDocument', () => {
  const cell = (attributes: string, text = '') =>
    `<table:table-cell ${attributes}><text:p>${text}</text:p></table:table-cell>`

  test('have typed cells, as often as they are repeated', async () => {
    const row = [
      cell('office:value-type="date" office:date-value="2024-05-06"', '6/5/24'),
      cell('office:value-type="date" office:date-value="2024-05-06T07:08:09"', '6/5/24 7:08'),
      cell('office:value-type="time" office:time-value="PT36H00M00S"', '36:00'),
      cell('office:value-type="boolean" office:boolean-value="true"', 'ΑΛΗΘΕΣ'),
      cell('office:value-type="percentage" office:value="0.5" table:number-columns-repeated="2"', '50 %'),
      '<table:covered-table-cell/>',
      cell('office:value-type="currency" office:value="-3"', '−3 €'),
    ]
    const rows = `<table:table-row table:number-rows-repeated="2">${row.join('')}</table:table-row>`
    const { pieces, facts } = await extract({
      bytes: makeOds(`<table:table table:name="A">${rows}</table:table>`),
      mediaType: ods,
    })
    const expected = [{ date: '2024-05-06' }, { date: '2024-05-06T07:08:09' }, '36:00', true, 0.5, 0.5, null, -3]
    expect(rowsOf(pieces, 0)).toEqual([expected, expected])
    expect(facts).toMatchObject({ title: 'Ταμείο', author: '李雷', producer: 'LibreOffice' })
  })

  test('are named as hidden where their style hides them', async () => {
    const tables = '<table:table table:name="A"/><table:table table:name="B" table:style-name="ta2"/>'
    const { pieces } = await extract({ bytes: makeOds(tables), mediaType: ods })
    expect(pieces.filter(({ kind }) => kind === 'sheet')).toEqual([
      { kind: 'sheet', index: 0, name: 'A' },
      { kind: 'sheet', index: 1, name: 'B', hidden: true },
    ])
  })

  test('end at the limit when a few of their cells are repeated without end', async () => {
    const repeated = cell('office:value-type="float" office:value="1" table:number-columns-repeated="16384"')
    const rows = `<table:table-row table:number-rows-repeated="1048576">${repeated}</table:table-row>`
    const bytes = makeOds(`<table:table table:name="Bomb">${rows}</table:table>`)
    const { pieces, error } = await extract({ bytes, mediaType: ods }, { cells: 100_000 })
    expect(error).toMatchObject({ kind: 'limits' })
    expect(pieces.flatMap((piece) => (piece.kind === 'rows' ? piece.rows.flat() : []))).toHaveLength(16_384 * 6)
  })

  test('say that they are encrypted when they are', async () => {
    const manifest =
      '<manifest:manifest><manifest:file-entry><manifest:encryption-data/></manifest:file-entry></manifest:manifest>'
    const bytes = makeOds('', undefined, manifest)
    expect((await extract({ bytes, mediaType: ods })).error).toMatchObject({ kind: 'encrypted' })
  })
})

describe('sheets of an old workbook', () => {
  test('have their typed cells where they stand, and are named as hidden where they are', async () => {
    const date = { t: 'n', v: 45_418, z: 'yyyy-mm-dd' }
    const bytes = makeXls({ Φύλλο: [['α', 1, null, false], [], [null, date]], Κρυφό: [[2]] }, ['Κρυφό'])
    const { pieces } = await extract({ bytes, mediaType: xls })
    expect(pieces.filter(({ kind }) => kind === 'sheet')).toEqual([
      { kind: 'sheet', index: 0, name: 'Φύλλο' },
      { kind: 'sheet', index: 1, name: 'Κρυφό', hidden: true },
    ])
    expect(rowsOf(pieces, 0)).toEqual([['α', 1, null, false], [], [null, { date: '2024-05-06' }]])
  })

  test('end with a limit after as many cells as may be held', async () => {
    const rows = Array.from({ length: 2600 }, (_, index) => makeNumbers(index, 200))
    const stream = withRecords(makeXls({ A: [['kept']] }), rows)
    const { pieces, error } = await extract({ bytes: makeCompoundFile({ Workbook: stream }), mediaType: xls })
    expect(error).toMatchObject({ kind: 'limits' })
    expect(rowsOf(pieces).flat().length).toBeGreaterThan(490_000)
  })

  test('do not follow records that point at millions of cells', async () => {
    const book = makeXls({ A: [['kept']] })
    const area = Buffer.alloc(4 + 44)
    area.writeUInt16LE(0x01b8, 0)
    area.writeUInt16LE(44, 2)
    area.fill(0xff, 6, 8)
    area.fill(0xff, 10, 12)
    const stream = withRecords(
      book,
      Array.from({ length: 2000 }, () => area),
    )
    const { pieces, error } = await extract({ bytes: makeCompoundFile({ Workbook: stream }), mediaType: xls })
    expect(error).toBeUndefined()
    expect(rowsOf(pieces, 0)).toEqual([['kept']])
  })
})

/** [MS-XLS] 2.4.175: numbers in one row. */
function makeNumbers(row: number, count: number) {
  const record = Buffer.alloc(4 + 6 + 6 * count)
  record.writeUInt16LE(0x00bd, 0)
  record.writeUInt16LE(record.length - 4, 2)
  record.writeUInt16LE(row, 4)
  for (let column = 0; column < count; column += 1) record.writeUInt32LE((column << 2) | 2, 10 + 6 * column)
  record.writeUInt16LE(count - 1, record.length - 2)
  return record
}

/** The stream of a workbook with more records before its end, which is the end of its last sheet. */
function withRecords(book: Buffer, records: Buffer[]) {
  const start = book.indexOf(Buffer.from('0908100000060500', 'hex'))
  let at = start
  let end = start
  while (at + 4 <= book.length && (book.readUInt16LE(at) !== 0 || book.readUInt16LE(at + 2) !== 0)) {
    if (book.readUInt16LE(at) === 0x0a) end = at
    at += 4 + book.readUInt16LE(at + 2)
  }
  return Buffer.concat([book.subarray(start, end), ...records, book.subarray(end, end + 4)])
}
