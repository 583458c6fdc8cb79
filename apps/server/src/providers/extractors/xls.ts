import { readFile } from 'node:fs/promises'
import { type CellObject, read, set_cptable, type WorkSheet } from '@e965/xlsx'
import { findTimeFormat, toTimeCell } from './cell-dates.ts'
import { type CompoundFile, findStream, isCompoundFile, openCompoundFile } from './compound-file.ts'
import type { Output } from './output.ts'
import { type Cell, ExtractionError, type ExtractionLimits, type Source } from './port.ts'
import { openRowBlocks } from './row-blocks.ts'
import { readSummary } from './summary-information.ts'
import { maxCellChars, maxColumns } from './xlsx.ts'

const maxFileBytes = 32 * 1024 ** 2
/** The reader holds all cells in memory, each at hundreds of bytes. */
const maxHeldCells = 500_000
const rowsBeforeXlsx = 65_536

/**
 * [MS-XLS] 2.3: what sheets are made of, the cells aside. All other records are left out, since some lead their reader
 * around for long: beginning and end of each version, names, code page, dates since 1904, shared strings and what
 * continues them, number formats, the area that is filled, texts of formulas.
 */
const sheetRecords = new Set([
  0x0009, 0x0209, 0x0409, 0x0809, 0x000a, 0x0085, 0x0042, 0x0022, 0x00fc, 0x003c, 0x041e, 0x001e, 0x001f, 0x00e0,
  0x0043, 0x0243, 0x0443, 0x0044, 0x0000, 0x0200, 0x0007, 0x0207,
])
/** Numbers, texts, truth values and errors, and formulas with their saved values. */
const cellRecords = new Set([
  0x0002, 0x0003, 0x0004, 0x0005, 0x0203, 0x027e, 0x00bd, 0x0204, 0x00fd, 0x00d6, 0x0205, 0x0006, 0x0206, 0x0406,
])
/** Several numbers in one row, of six bytes each. */
const numbersRecord = 0x00bd
const filePassRecord = 0x002f
/** How to pronounce a cell: a record that its reader knows and passes over. */
const ignoredRecord = 0x00ef

/** [MS-XLS] 2.5.10. */
const errors: Record<number, string> = {
  0: '#NULL!',
  7: '#DIV/0!',
  15: '#VALUE!',
  23: '#REF!',
  29: '#NAME?',
  36: '#NUM!',
  42: '#N/A',
}

/**
 * Reads the sheets of a workbook in Excel's old format, in their order.
 *
 * @throws ExtractionError
 */
export async function readXls(source: Source, limits: ExtractionLimits, output: Output): Promise<void> {
  if (source.sizeBytes > maxFileBytes)
    throw new ExtractionError('limits', `The sheets have more than ${maxFileBytes} bytes`)
  const bytes = await readFile(source.path)
  const file = isCompoundFile(bytes) ? openCompoundFile(bytes, limits.entries) : undefined
  const stream = file ? readBookStream(file) : bytes
  const isWhole = keepCells(stream)
  // Sheets older than 1997 are in code pages.
  set_cptable(await import('@e965/xlsx/dist/cpexcel.full.mjs'))
  const book = read(stream, {
    type: 'buffer',
    dense: true,
    cellFormula: false,
    cellHTML: false,
    cellText: false,
    cellNF: true,
    sheetRows: Math.min(rowsBeforeXlsx, limits.cells),
  })
  if (file) await output.facts(readSummary(file))
  const is1904 = book.Workbook?.WBProps?.date1904 ?? false
  for (const [index, name] of book.SheetNames.slice(0, limits.entries).entries()) {
    const hidden = (book.Workbook?.Sheets?.[index]?.Hidden ?? 0) !== 0
    await output.sheet(index, name, hidden)
    const sheet = book.Sheets[name]
    if (sheet) await readSheet(sheet, index, name, is1904, output)
  }
  if (!isWhole) throw new ExtractionError('limits', 'The sheets have more cells than may be held')
  if (book.SheetNames.length > limits.entries) throw new ExtractionError('limits', `More than ${limits.entries} sheets`)
}

function readBookStream(file: CompoundFile) {
  const stream = findStream(file, 'Workbook', 'WORKBOOK', 'Book', 'BOOK')
  if (stream) return stream.read()
  if (findStream(file, 'EncryptedPackage')) {
    throw new ExtractionError('encrypted', 'The workbook opens with its password only')
  }
  throw new ExtractionError('corrupt', 'The file holds no workbook')
}

/**
 * Renames all other records to one that is passed over, where they stand: sheets are found by their offset.
 *
 * @returns false when there are more cells than may be held, of which the rest is passed over too
 */
function keepCells(stream: Buffer) {
  if (stream[0] !== 0x09) throw new ExtractionError('corrupt', 'The file holds no workbook')
  let cells = 0
  for (let at = 0; at + 4 <= stream.length; at += 4 + stream.readUInt16LE(at + 2)) {
    const type = stream.readUInt16LE(at)
    if (type === filePassRecord) throw new ExtractionError('encrypted', 'The workbook opens with its password only')
    const isCell = cellRecords.has(type)
    if (isCell) cells += type === numbersRecord ? Math.floor(stream.readUInt16LE(at + 2) / 6) : 1
    if (isCell ? cells > maxHeldCells : !sheetRecords.has(type)) stream.writeUInt16LE(ignoredRecord, at)
  }
  return cells <= maxHeldCells
}

async function readSheet(sheet: WorkSheet, index: number, name: string, is1904: boolean, output: Output) {
  const blocks = openRowBlocks(output, index, name)
  const rows: (CellObject | undefined)[][] = sheet['!data'] ?? []
  for (const number of Object.keys(rows)) {
    const cells = rows[Number(number)]
    if (cells)
      await blocks.add(
        Number(number),
        Array.from(cells.slice(0, maxColumns), (cell) => toCell(cell, is1904)),
      )
  }
  await blocks.end()
}

function toCell(cell: CellObject | undefined, is1904: boolean): Cell {
  const value = cell?.v
  if (value === undefined || value === null || value === '') return null
  if (cell?.t === 'e') return errors[Number(value)] ?? '#N/A'
  if (typeof value === 'string') return value.slice(0, maxCellChars)
  if (typeof value !== 'number') return typeof value === 'boolean' ? value : null
  const format = cell?.z === undefined ? undefined : findTimeFormat(String(cell.z))
  return format === undefined ? value : toTimeCell(value, format, is1904)
}
