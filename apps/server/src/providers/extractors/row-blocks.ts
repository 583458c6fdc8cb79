import { countChars, type Output } from './output.ts'
import type { Cell } from './port.ts'

const blockRows = 200
const blockCells = 20_000
const blockChars = 256 * 1024

/** The rows of one sheet on their way out. */
export interface RowBlocks {
  /**
   * Takes the next row. Rows between it and the one before are empty; a row that is not after the one before is taken
   * as the next.
   *
   * @param index counts from 0
   * @param line what a search shall find the row by; its cells, if left out
   */
  add(index: number, row: Cell[], line?: string): Promise<void>
  /** Sends the rest. */
  end(): Promise<void>
}

/**
 * Sends the rows of a sheet in blocks, as rows and as text: at most 200 rows, fewer when they are wide. Empty rows at
 * the edges of blocks, and empty cells at the ends of rows, are left out.
 */
export function openRowBlocks(output: Output, sheet: number, label: string): RowBlocks {
  let first = 0
  let rows: Cell[][] = []
  let lines: string[] = []
  let cells = 0
  let chars = 0
  const flush = async () => {
    const block = { first, rows, lines }
    first += rows.length
    rows = []
    lines = []
    cells = 0
    chars = 0
    if (block.rows.length === 0) return
    await output.rows(sheet, block.first, block.rows)
    await output.text(`${block.lines.join('\n')}\n`, { label })
  }
  return {
    async add(index, row, line) {
      const filled = trimRow(row)
      if (filled.length === 0) return
      const at = Math.max(first + rows.length, Number.isSafeInteger(index) ? index : 0)
      if (at - first >= blockRows) await flush()
      if (rows.length === 0) first = at
      while (first + rows.length < at) rows.push([])
      rows.push(filled)
      lines.push(line ?? toLine(filled))
      cells += filled.length
      chars += countChars(filled)
      if (rows.length >= blockRows || cells >= blockCells || chars >= blockChars) await flush()
    },
    end: flush,
  }
}

function trimRow(row: Cell[]) {
  let length = row.length
  while (length > 0 && (row[length - 1] === null || row[length - 1] === '')) length -= 1
  return length === row.length ? row : row.slice(0, length)
}

function toLine(row: Cell[]) {
  return row.map(toText).join('\t')
}

function toText(cell: Cell) {
  if (cell === null) return ''
  if (typeof cell === 'object') return cell.date
  return typeof cell === 'string' ? cell.replace(/[\t\r\n]+/g, ' ') : String(cell)
}
