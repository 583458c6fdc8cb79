import { tidyFacts, tidyText } from './fact-values.ts'
import { blamingFile, faultOf, messageOf } from './file-fault.ts'
import {
  type Cell,
  type Emit,
  ExtractionError,
  type ExtractionLimits,
  type Facts,
  type Piece,
  type Place,
} from './port.ts'

const pieceChars = 64 * 1024
const maxNameChars = 255

/** Where a reader of one file puts what it finds. It counts, and ends the reading at the limits of text and cells. */
export interface Output {
  /** Long texts go out in several pieces, parted at white space. A text without a sign goes nowhere. */
  text(text: string, place?: Place): Promise<void>
  sheet(index: number, name: string, hidden?: boolean): Promise<void>
  rows(sheet: number, first: number, rows: Cell[][]): Promise<void>
  /** Values are cut to a sane length, and those that say nothing are left out. */
  facts(facts: Facts): Promise<void>
  attachment(name: string | undefined, mediaType: string | undefined, sizeBytes: number): Promise<void>
}

/**
 * Runs the reader of one file, so that it need not care how it fails: what its libraries throw at a broken file becomes
 * an ExtractionError, while a failing disk and a failing taker stay what they are.
 *
 * @throws ExtractionError
 */
export function extracting(
  emit: Emit,
  limits: ExtractionLimits,
  read: (output: Output) => Promise<void>,
): Promise<void> {
  return blamingFile(emit, (emitOrFail) => read(openOutput(emitOrFail, limits)), toExtractionError)
}

function toExtractionError(error: unknown): ExtractionError {
  const message = `The file cannot be read: ${messageOf(error)}`
  return faultOf(error) ?? new ExtractionError('corrupt', message, { cause: error })
}

function openOutput(emit: Emit, limits: ExtractionLimits): Output {
  let charsLeft = limits.textChars
  let cellsLeft = limits.cells
  let full: ExtractionError | undefined
  /** Whatever would still find room after something did not is not what comes next. */
  const expectRoom = () => {
    if (full) throw full
  }
  const end = (message: string) => {
    full = new ExtractionError('limits', message)
    return full
  }
  return {
    async text(text, place = {}) {
      expectRoom()
      const clean = cleanText(text)
      if (!/\S/.test(clean)) return
      const cut = clean.length > charsLeft
      const kept = cut ? clean.slice(0, charsLeft).toWellFormed() : clean
      charsLeft -= kept.length
      for (const part of splitText(kept)) await emit({ kind: 'text', text: part, place })
      if (cut) throw end(`More than ${limits.textChars} signs of text`)
    },
    async sheet(index, name, hidden) {
      expectRoom()
      const piece: Piece = { kind: 'sheet', index, name: tidyText(name, maxNameChars) ?? '' }
      await emit(hidden ? { ...piece, hidden } : piece)
    },
    async rows(sheet, first, rows) {
      expectRoom()
      const kept = rows.slice(0, countWithin(rows, cellsLeft, charsLeft))
      for (const row of kept) {
        cellsLeft -= row.length
        charsLeft -= countChars(row)
      }
      if (kept.length > 0) await emit({ kind: 'rows', sheet, first, rows: kept })
      if (kept.length === rows.length) return
      const limit = cellsLeft < (rows[kept.length]?.length ?? 0) ? `${limits.cells} cells` : `${limits.textChars} signs`
      throw end(`The sheets have more than ${limit}`)
    },
    async facts(facts) {
      const tidy = tidyFacts(facts)
      if (tidy) await emit({ kind: 'facts', facts: tidy })
    },
    async attachment(name, mediaType, sizeBytes) {
      expectRoom()
      const type = tidyText(mediaType, maxNameChars)?.toLowerCase() ?? 'application/octet-stream'
      await emit({ kind: 'attachment', name: tidyText(name, maxNameChars) ?? '', mediaType: type, sizeBytes })
    },
  }
}

/** How many of the rows, from the first, lie within what is left. */
function countWithin(rows: Cell[][], cells: number, chars: number) {
  let cellsLeft = cells
  let charsLeft = chars
  const over = rows.findIndex((row) => {
    cellsLeft -= row.length
    charsLeft -= countChars(row)
    return cellsLeft < 0 || charsLeft < 0
  })
  return over < 0 ? rows.length : over
}

/** UTF-16 units of the cells that are text. */
export function countChars(row: Cell[]) {
  let chars = 0
  for (const cell of row) if (typeof cell === 'string') chars += cell.length
  return chars
}

/** Without what no database takes as text. */
export function cleanText(text: string) {
  return (text.includes('\0') ? text.replaceAll('\0', '') : text).toWellFormed()
}

function* splitText(text: string) {
  for (let at = 0; at < text.length; ) {
    const end = findBreak(text, at)
    yield text.slice(at, end)
    at = end
  }
}

function findBreak(text: string, at: number) {
  const end = at + pieceChars
  if (end >= text.length) return text.length
  for (const sign of ['\n', ' ']) {
    const found = text.lastIndexOf(sign, end - 1)
    if (found > at + pieceChars / 2) return found + 1
  }
  const last = text.charCodeAt(end - 1)
  return last >= 0xd800 && last <= 0xdbff ? end - 1 : end
}
