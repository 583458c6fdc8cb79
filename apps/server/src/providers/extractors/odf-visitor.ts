import type { Attributes, MarkupVisitor } from './markup.ts'
import { ExtractionError, type Place } from './port.ts'
import type { TextFlow } from './text-flow.ts'

const MAX_BLANKS = 100

/** What stands beside the text in it, by where it is said to stand. */
const ASIDES: ReadonlyMap<string, string> = new Map([
  ['text:note', 'notes'],
  ['presentation:notes', 'notes'],
  ['office:annotation', 'comment'],
  ['style:header', 'header'],
  ['style:header-left', 'header'],
  ['style:header-first', 'header'],
  ['style:footer', 'footer'],
  ['style:footer-left', 'footer'],
  ['style:footer-first', 'footer'],
])

/** Deleted text of tracked changes, descriptions of drawings, the marks of notes, what is no text. */
const SKIPPED: ReadonlySet<string> = new Set([
  'text:tracked-changes',
  'text:note-citation',
  'svg:title',
  'svg:desc',
  'dc:creator',
  'dc:date',
  'meta:date-string',
  'meta:creator-initials',
  'office:forms',
  'office:scripts',
  'office:event-listeners',
  'office:binary-data',
])

const LINES: ReadonlySet<string> = new Set(['text:p', 'text:h', 'draw:text-box', 'table:table', 'text:line-break'])
const CELLS: ReadonlySet<string> = new Set(['table:table-cell', 'table:covered-table-cell'])

export interface OdfReading {
  flow: TextFlow
  /** The text itself, or what stands beside it: two walks, so that neither is torn apart by the other. */
  wanted: 'body' | 'asides'
  /** Counts `draw:page` elements as pages, up to so many. */
  pages?: number
}

export interface OdfVisitor extends MarkupVisitor {
  sawAsides(): boolean
  pageCount(): number
}

/** Writes the text of an OpenDocument file (ODF 1.3 part 3). White space is layout, as its section 6.1.2 says. */
export function odfVisitor({ flow, wanted, pages }: OdfReading): OdfVisitor {
  const state = { skipped: 0, asides: 0, lines: 0, saw: false, page: 0 }
  const pagePlace = (): Place => (state.page > 0 ? { page: state.page } : {})
  const writes = () => state.skipped === 0 && state.asides > 0 === (wanted === 'asides')

  function enterPage() {
    if (pages === undefined || state.asides > 0) return
    if (state.page >= pages) throw new ExtractionError('limits', `More than ${pages} pages`)
    state.page += 1
    if (wanted === 'body') flow.moveTo(pagePlace())
  }

  function enterAside(label: string) {
    state.saw = true
    state.asides += 1
    if (wanted === 'asides') flow.moveTo({ ...pagePlace(), label })
  }

  return {
    sawAsides: () => state.saw,
    pageCount: () => state.page,
    open(name, attributes) {
      if (state.skipped > 0 || SKIPPED.has(name)) {
        state.skipped += 1
        return
      }
      if (name === 'draw:page') enterPage()
      const label = ASIDES.get(name)
      if (label !== undefined) enterAside(label)
      if (name === 'text:p' || name === 'text:h') state.lines += 1
      if (writes()) openText(flow, name, attributes)
    },
    close(name) {
      if (state.skipped > 0) {
        state.skipped -= 1
        return
      }
      if (writes()) closeText(flow, name)
      if (name === 'text:p' || name === 'text:h') state.lines -= 1
      if (ASIDES.has(name)) state.asides -= 1
    },
    text(text) {
      if (state.lines > 0 && writes()) flow.prose(text)
    },
  }
}

function openText(flow: TextFlow, name: string, attributes: Attributes) {
  if (LINES.has(name)) flow.breakLine()
  else if (CELLS.has(name)) flow.startCell()
  else if (name === 'text:tab') flow.text('\t')
  else if (name === 'text:s') flow.text(' '.repeat(Math.min(Number(attributes['text:c'] ?? 1) || 1, MAX_BLANKS)))
}

function closeText(flow: TextFlow, name: string) {
  if (LINES.has(name)) flow.breakLine()
  else if (CELLS.has(name)) flow.endCell()
  else if (name === 'table:table-row') flow.endRow()
}
