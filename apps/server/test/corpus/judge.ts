import type { Cell } from '../../src/providers/extractors/port.ts'
import type { CorpusFile, KnownFacts, KnownSheet } from './corpus-file.ts'
import type { ReadFile, ReadSheet } from './reading.ts'
import { type Recall, recallOf } from './recall.ts'

/** The share of its words that must come back of a file that was never on paper. */
const DIGITAL_RECALL = 0.98
/** And of a page that was scanned at 200 dots per inch. */
const SCANNED_RECALL = 0.95

export interface Judgement {
  /** Of all its words; undefined for a file that has none. */
  recall: Recall | undefined
  /** Every way in which what was read is not what is known, in words. */
  faults: string[]
  /** Facts that were held against each other. */
  factsChecked: number
  cellsChecked: number
}

/** Holds what was read of a file against what is known of it. */
export function judge(file: CorpusFile, read: ReadFile): Judgement {
  const recall = file.text === undefined ? undefined : recallOf(file.text, read.text)
  const least = file.isScanned ? SCANNED_RECALL : DIGITAL_RECALL
  const faults = [...endingFaults(file, read), ...recallFaults('text', recall, least)]
  for (const [index, page] of (file.pages ?? []).entries())
    faults.push(...recallFaults(`page ${index + 1}`, recallOf(page, read.pages.get(index + 1) ?? ''), least))
  if (file.sheets) faults.push(...sheetsFaults(file.sheets, read.sheets))
  if (file.facts) faults.push(...factFaults(file.facts, read.facts))
  if (file.attachments && JSON.stringify(file.attachments) !== JSON.stringify(read.attachments))
    faults.push(`attachments ${JSON.stringify(read.attachments)}`)
  const { more = {}, ...facts } = file.facts ?? {}
  return {
    recall,
    faults,
    factsChecked: Object.keys(facts).length + Object.keys(more).length,
    cellsChecked: (file.sheets ?? []).flatMap(({ rows }) => rows.flat()).length,
  }
}

function endingFaults(file: CorpusFile, { reader, error, mediaType }: ReadFile): string[] {
  if (!reader) return [`nothing reads ${mediaType}`]
  if (error?.kind === file.error) return []
  return [error ? `${error.kind}: ${error.message}` : `it was read, and is ${file.error}`]
}

function recallFaults(where: string, recall: Recall | undefined, least: number): string[] {
  if (!recall || recall.share >= least) return []
  const share = (100 * recall.share).toFixed(1)
  return [`${where}: ${share} % of ${recall.words} words, without ${recall.missed.join(' ')}`]
}

function sheetsFaults(known: readonly KnownSheet[], read: readonly ReadSheet[]): string[] {
  const named = (sheets: readonly { name: string; hidden?: boolean | undefined }[]) =>
    sheets.map(({ name, hidden }) => `${name}${hidden ? ' (hidden)' : ''}`).join(', ')
  if (named(known) !== named(read)) return [`sheets ${named(read)} instead of ${named(known)}`]
  return known.flatMap(({ name, rows }, index) => cellFaults(name, rows, read[index]?.rows ?? []))
}

function cellFaults(sheet: string, known: KnownSheet['rows'], read: readonly Cell[][]): string[] {
  const faults: string[] = []
  for (let row = 0; row < Math.max(known.length, read.length); row += 1) {
    const width = Math.max(known[row]?.length ?? 0, read[row]?.length ?? 0)
    for (let column = 0; column < width; column += 1) {
      const [wanted, found] = [known[row]?.[column] ?? null, read[row]?.[column] ?? null]
      if (JSON.stringify(wanted) !== JSON.stringify(found))
        faults.push(
          `${sheet} ${row + 1}:${column + 1} is ${JSON.stringify(found)} instead of ${JSON.stringify(wanted)}`,
        )
    }
  }
  return faults.length > 5 ? [...faults.slice(0, 5), `and ${faults.length - 5} more cells`] : faults
}

function factFaults({ more = {}, ...facts }: KnownFacts, read: ReadFile['facts']): string[] {
  const pairs = [
    ...Object.entries(facts).map(([name, value]) => [name, value, read[name as keyof typeof facts]] as const),
    ...Object.entries(more).map(([name, value]) => [name, value, read.more?.[name]] as const),
  ]
  return pairs.flatMap(([name, wanted, found]) =>
    same(name, wanted, found) ? [] : [`${name} is ${JSON.stringify(found)} instead of ${JSON.stringify(wanted)}`],
  )
}

/** What encoders put before and behind a sound, and what is left of a degree's fraction. */
const DURATION_WITHIN_MS = 150
const DEGREES_WITHIN = 1e-5

function same(name: string, wanted: unknown, found: unknown): boolean {
  if (typeof wanted === 'number' && typeof found === 'number') {
    const within = name === 'durationMs' ? DURATION_WITHIN_MS : name.includes('gps') ? DEGREES_WITHIN : 0
    return Math.abs(wanted - found) <= within
  }
  if (/At$/.test(name) && typeof found === 'string') return momentOf(String(wanted)) === momentOf(found)
  return JSON.stringify(wanted) === JSON.stringify(found)
}

/** A time without a zone is that of the machine that made the file, which is set to UTC. */
function momentOf(text: string): number {
  return Date.parse(/T.*(?:Z|[+-]\d\d:\d\d)$/.test(text) ? text : `${text}Z`)
}
