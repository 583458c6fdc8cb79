import type { Place } from './port.ts'
import type { TextParts } from './text-parts.ts'

/**
 * Writes a document's blocks as lines: one newline between two blocks however many of them begin and end there, a tab
 * between the cells of a row, a blank where white space was.
 */
export interface TextFlow {
  /** Writes text with its white space. */
  text(text: string): void
  /** Writes text whose white space is layout, as in HTML. */
  prose(text: string): void
  /** What follows stands on a line of its own. */
  breakLine(): void
  startCell(): void
  endCell(): void
  endRow(): void
  /** What follows stands elsewhere and begins there anew; on a line of its own where it stands at the same place. */
  moveTo(place: Place): void
}

/** What stands between the text that was written last and the one that comes next. */
interface Gap {
  begun: boolean
  newline: boolean
  tabs: number
  blank: boolean
  cellBegun: boolean
  openCells: number
}

/** @param cells `one-line`: lines within a cell are parted by blanks, so that a row is one line */
export function createTextFlow(parts: TextParts, cells: 'one-line' | 'lines' = 'lines'): TextFlow {
  let gap = newGap()
  let here: Place = {}
  const joins = () => cells === 'one-line' && gap.openCells > 0
  const text = (written: string) => {
    if (written === '') return
    parts.add(signsOf(gap) + written)
    gap.begun = true
    gap.cellBegun = true
    gap.newline = false
    gap.blank = false
    gap.tabs = 0
  }
  return {
    text,
    prose(written) {
      const words = /[\t\n\f\r ]/.test(written) ? written.replace(/[\t\n\f\r ]+/g, ' ') : written
      const start = words.startsWith(' ') ? 1 : 0
      const end = words.length > 1 && words.endsWith(' ') ? -1 : words.length
      if (start === 1) gap.blank = true
      text(words.slice(start, end))
      if (end === -1) gap.blank = true
    },
    breakLine() {
      if (joins()) gap.blank = true
      else if (gap.tabs === 0) {
        gap.newline = true
        gap.blank = false
      }
    },
    startCell() {
      gap.openCells += 1
      gap.cellBegun = false
    },
    endCell() {
      gap.openCells = Math.max(0, gap.openCells - 1)
      if (joins()) gap.blank = true
      else Object.assign(gap, { newline: gap.newline && !gap.cellBegun, tabs: gap.tabs + 1, blank: false })
      gap.cellBegun = false
    },
    endRow() {
      if (joins()) gap.blank = true
      else Object.assign(gap, { newline: true, tabs: 0, blank: false })
    },
    moveTo(place) {
      const same = place.page === here.page && place.label === here.label
      gap = { ...newGap(), begun: same && gap.begun, newline: same }
      here = place
      if (!same) parts.moveTo(place)
    },
  }
}

function newGap(): Gap {
  return { begun: false, newline: false, tabs: 0, blank: false, cellBegun: false, openCells: 0 }
}

function signsOf({ begun, newline, tabs, blank }: Gap): string {
  if (!newline && !blank && tabs === 0) return ''
  const lines = (newline && begun ? '\n' : '') + '\t'.repeat(tabs)
  return lines || (blank && begun ? ' ' : '')
}
