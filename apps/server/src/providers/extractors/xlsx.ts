import { findBuiltInFormat, findTimeFormat, type TimeFormat, toTimeCell } from './cell-dates.ts'
import { documentDate } from './document-facts.ts'
import { type Attributes, findAttribute, localName, type MarkupVisitor } from './markup.ts'
import { readOfficeFacts } from './office-facts.ts'
import { readRelationships, targetsOf, walkEntry } from './office-package.ts'
import type { Output } from './output.ts'
import { type Cell, ExtractionError, type ExtractionLimits, type Source } from './port.ts'
import { openRowBlocks } from './row-blocks.ts'
import { withZipEntries, type ZipEntries } from './zip-entries.ts'

/** SpreadsheetML's own limits (ECMA-376-1, 18.3.1.4 and 18.3.1.73, and Excel's longest cell). */
export const maxColumns = 16_384
export const maxRows = 1_048_576
export const maxCellChars = 32_767
const maxFormats = 100_000

interface Package {
  zip: ZipEntries
  limits: ExtractionLimits
  output: Output
}

interface Workbook {
  sheets: { name: string; id: string; hidden: boolean }[]
  is1904: boolean
}

interface Strings {
  texts: string[]
  complete: boolean
}

/** What the cells of all sheets refer to. */
interface Shared {
  strings: Strings
  formats: (TimeFormat | undefined)[]
  is1904: boolean
}

/**
 * Reads the sheets of a workbook (ECMA-376-1, chapter 18) in their order, row by row. Of formulas it takes the value
 * that was saved with them.
 *
 * @throws ExtractionError
 */
export function readXlsx(source: Source, limits: ExtractionLimits, output: Output): Promise<void> {
  return withZipEntries(source.path, limits, (zip) => readPackage({ zip, limits, output }))
}

async function readPackage({ zip, limits, output }: Package) {
  const roots = await readRelationships(zip, limits, '')
  const main =
    targetsOf(zip, roots, 'officeDocument')[0] ?? (zip.has('xl/workbook.xml') ? 'xl/workbook.xml' : undefined)
  if (main === undefined) throw new ExtractionError('corrupt', 'The package has no workbook')
  const book = await readWorkbook(zip, limits, main)
  const parts = await readRelationships(zip, limits, main)
  await output.facts((await readOfficeFacts(zip, limits, roots)).facts)
  const strings = await readStrings(zip, limits, targetsOf(zip, parts, 'sharedStrings')[0])
  const formats = await readFormats(zip, limits, targetsOf(zip, parts, 'styles')[0])
  const shared: Shared = { strings, formats, is1904: book.is1904 }
  for (const [index, { name, id, hidden }] of book.sheets.entries()) {
    await output.sheet(index, name, hidden)
    const part = parts.find((candidate) => candidate.id === id && candidate.type === 'worksheet')
    if (part && zip.has(part.target)) await readSheet({ zip, limits, output }, part.target, index, name, shared)
  }
}

/** ECMA-376-1, 18.2.27. */
async function readWorkbook(zip: ZipEntries, limits: ExtractionLimits, main: string) {
  const book: Workbook = { sheets: [], is1904: false }
  let root: string | undefined
  await walkEntry(zip, limits, main, {
    open(name, attributes) {
      const local = localName(name)
      root ??= local
      if (local === 'workbookPr') book.is1904 = isTrue(attributes['date1904'])
      if (local !== 'sheet') return
      if (book.sheets.length >= limits.entries)
        throw new ExtractionError('limits', `More than ${limits.entries} sheets`)
      const hidden = /hidden/i.test(attributes['state'] ?? '')
      book.sheets.push({ name: attributes['name'] ?? '', id: findAttribute(attributes, 'id') ?? '', hidden })
    },
    close() {},
    text() {},
  })
  if (root !== 'workbook') throw new ExtractionError('unsupported', 'The package holds no workbook')
  return book
}

function isTrue(value: string | undefined) {
  return value === '1' || value === 'true'
}

/** ECMA-376-1, 18.4.9. They are held in memory, so there may be no more of them than may be emitted. */
async function readStrings(zip: ZipEntries, limits: ExtractionLimits, name: string | undefined): Promise<Strings> {
  const texts: string[] = []
  if (name === undefined) return { texts, complete: true }
  const text = readRuns()
  const full = new Error('The rest cannot be held')
  let chars = 0
  const visitor: MarkupVisitor = {
    open(element) {
      if (localName(element) === 'si') text.start()
      else text.open(localName(element))
    },
    close(element) {
      if (localName(element) !== 'si') return text.close(localName(element))
      texts.push(text.end())
      chars += texts.at(-1)?.length ?? 0
      if (chars > limits.textChars || texts.length > limits.cells) throw full
    },
    text: text.add,
  }
  try {
    await walkEntry(zip, limits, name, visitor)
    return { texts, complete: true }
  } catch (error) {
    if (error !== full) throw error
    return { texts, complete: false }
  }
}

/** A text that may be in runs, without what says how it is pronounced (ECMA-376-1, 18.4.6 and 18.4.8). */
function readRuns() {
  let held = ''
  let inText = false
  let phonetic = 0
  return {
    start() {
      held = ''
      inText = false
      phonetic = 0
    },
    open(local: string) {
      if (local === 'rPh') phonetic += 1
      if (local === 't' || local === 'v') inText = true
    },
    close(local: string) {
      if (local === 'rPh') phonetic -= 1
      if (local === 't' || local === 'v') inText = false
    },
    add(text: string) {
      if (inText && phonetic === 0 && held.length < maxCellChars) held += text
    },
    end: () => resolveEscapes(held.slice(0, maxCellChars)),
  }
}

/** ECMA-376-1, 22.9.2.19: signs that XML cannot hold. */
function resolveEscapes(text: string) {
  if (!text.includes('_x')) return text
  return text.replace(/_x([\dA-Fa-f]{4})_/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
}

/** For each format of cells, what it shows numbers as (ECMA-376-1, 18.8.10 and 18.8.30). */
async function readFormats(zip: ZipEntries, limits: ExtractionLimits, name: string | undefined) {
  const formats: (TimeFormat | undefined)[] = []
  const codes = new Map<string, TimeFormat | undefined>()
  let inCellFormats = false
  if (name === undefined) return formats
  const addFormat = (id = '') => {
    if (formats.length < maxFormats) formats.push(codes.has(id) ? codes.get(id) : findBuiltInFormat(Number(id)))
  }
  const visitor: MarkupVisitor = {
    open(element, attributes) {
      const local = localName(element)
      if (local === 'cellXfs') inCellFormats = true
      if (local === 'xf' && inCellFormats) addFormat(attributes['numFmtId'])
      if (local !== 'numFmt' || codes.size >= maxFormats) return
      codes.set(attributes['numFmtId'] ?? '', findTimeFormat(attributes['formatCode'] ?? ''))
    },
    close(element) {
      if (localName(element) === 'cellXfs') inCellFormats = false
    },
    text() {},
  }
  await walkEntry(zip, limits, name, visitor)
  return formats
}

/** Cells by their columns, since a cell may stand alone far to the right. */
interface SparseRow {
  index: number
  cells: [column: number, cell: Cell][]
}

async function readSheet({ zip, limits, output }: Package, part: string, sheet: number, name: string, shared: Shared) {
  const blocks = openRowBlocks(output, sheet, name)
  const ready: SparseRow[] = []
  const drain = async () => {
    for (let row = ready.shift(); row; row = ready.shift()) await blocks.add(row.index, toDense(row))
  }
  try {
    await walkEntry(zip, limits, part, sheetVisitor(shared, ready), drain)
  } finally {
    await drain()
    await blocks.end()
  }
}

function toDense({ cells }: SparseRow) {
  const row: Cell[] = []
  for (const [column, cell] of cells) {
    while (row.length < column) row.push(null)
    row[column] = cell
  }
  return row
}

/** ECMA-376-1, 18.3.1.73 and 18.3.1.4. */
function sheetVisitor(shared: Shared, ready: SparseRow[]): MarkupVisitor {
  const text = readRuns()
  let row: SparseRow | undefined
  let index = -1
  let column = -1
  let cell: Attributes | undefined
  return {
    open(name, attributes) {
      const local = localName(name)
      if (local === 'row') {
        index = readIndex(attributes['r'], maxRows) ?? index + 1
        row = { index, cells: [] }
        column = -1
      } else if (local === 'c' && row) {
        cell = attributes
        column = readColumn(attributes['r']) ?? column + 1
        text.start()
      } else if (cell) text.open(local)
    },
    close(name) {
      const local = localName(name)
      if (local === 'c' && cell) {
        const value = toCell(cell, text.end(), shared)
        if (value !== null && column < maxColumns) row?.cells.push([column, value])
        cell = undefined
      } else if (local === 'row') {
        if (row && row.cells.length > 0) ready.push(row)
        row = undefined
      } else if (cell) text.close(local)
    },
    text(written) {
      if (cell) text.add(written)
    },
  }
}

/** Row numbers count from 1. */
function readIndex(text: string | undefined, limit: number) {
  const number = text === undefined ? Number.NaN : Number(text)
  return Number.isInteger(number) && number >= 1 && number <= limit ? number - 1 : undefined
}

/** `AB12` is in column 27, counted from 0. */
function readColumn(reference: string | undefined) {
  const letters = /^\$?([A-Za-z]{1,3})\$?\d*$/.exec(reference ?? '')?.[1]
  if (letters === undefined) return undefined
  let column = 0
  for (const letter of letters.toUpperCase()) column = 26 * column + letter.charCodeAt(0) - 64
  return column - 1
}

function toCell(attributes: Attributes, text: string, shared: Shared): Cell {
  if (text === '') return null
  switch (attributes['t']) {
    case 's':
      return findString(shared.strings, Number(text)) || null
    case 'b':
      return text === '1' || text === 'true'
    case 'd':
      return toDateCell(text)
    case 'str':
    case 'inlineStr':
    case 'e':
      return text
    default:
      return toNumberCell(text, shared.formats[Number(attributes['s'])], shared.is1904)
  }
}

function findString({ texts, complete }: Strings, index: number) {
  if (!complete && index >= texts.length)
    throw new ExtractionError('limits', 'The cells have more text than may be held')
  return texts[index]
}

function toDateCell(text: string): Cell {
  const date = documentDate(text)
  return date === undefined ? text : { date }
}

function toNumberCell(text: string, format: TimeFormat | undefined, is1904: boolean): Cell {
  const number = Number(text)
  if (!Number.isFinite(number)) return text
  return format === undefined ? number : toTimeCell(number, format, is1904)
}
