import { ExtractionError } from './port.ts'
import type { RtfListener } from './rtf-tokens.ts'
import {
  ASIDE_GROUPS,
  DATE_GROUPS,
  DATE_WORDS,
  encodingOf,
  FACT_GROUPS,
  FONT_CODE_PAGES,
  LINE_WORDS,
  OPEN_GROUPS,
  SKIPPED_GROUPS,
  SYMBOL_SIGNS,
  WORD_SIGNS,
} from './rtf-words.ts'
import { openDecoding, type TextDecoding } from './text-decoding.ts'
import type { TextFlow } from './text-flow.ts'

const DEFAULT_CODE_PAGE = 1252
const MAX_FONTS = 4096
const MAX_FACT_CHARS = 10_000
const HELD_BYTES = 4096

const TABLE_WORDS: ReadonlyMap<string, (flow: TextFlow) => void> = new Map<string, (flow: TextFlow) => void>([
  ['trowd', (flow) => flow.startCell()],
  ['cell', (flow) => flow.endCell()],
  ['nestcell', (flow) => flow.endCell()],
  ['row', (flow) => flow.endRow()],
  ['nestrow', (flow) => flow.endRow()],
])

/** What a group's text is: of the document, of nobody, of the one or the other that the walk is not after. */
type Use = 'text' | 'skipped' | 'other' | 'fonts' | 'info' | 'fact' | 'date'

interface Group {
  use: Use
  /** The fact or date that it states. */
  fact: string
  /** The use around an `\upr`, which its Unicode half has again. */
  around: Use
  /** How many signs after a `\u` stand for it. */
  fallbacks: number
  font: number | undefined
  deleted: boolean
}

export interface RtfFacts {
  texts: Map<string, string>
  dates: Map<string, number[]>
  pageCount?: number
}

export interface RtfReading {
  flow: TextFlow
  wanted: 'body' | 'asides'
  /** Groups within each other. */
  depth: number
}

/** Understands a document's tokens (RTF 1.9.1) and writes its text. */
export class RtfReader implements RtfListener {
  readonly facts: RtfFacts = { texts: new Map(), dates: new Map() }
  sawAsides = false
  readonly #reading: RtfReading
  readonly #groups: Group[] = []
  readonly #fonts = new Map<number, number>()
  readonly #held = Buffer.alloc(HELD_BYTES)
  #heldBytes = 0
  readonly #oneByte = Buffer.alloc(1)
  #decoding: TextDecoding | undefined
  #group: Group
  #codePage = DEFAULT_CODE_PAGE
  #defaultFont: number | undefined
  #listedFont = 0
  #starred = false
  #toSkip = 0

  constructor(reading: RtfReading) {
    this.#reading = reading
    const use = reading.wanted === 'body' ? 'text' : 'other'
    this.#group = { use, fact: '', around: use, fallbacks: 1, font: undefined, deleted: false }
  }

  get openGroups(): number {
    return this.#groups.length
  }

  /** Ends a stretch of bytes; to be called at the end. */
  flush(): void {
    const decoding = this.#decoding
    if (!decoding) return
    const text = decoding.write(this.#held.subarray(0, this.#heldBytes)) + decoding.end()
    this.#decoding = undefined
    this.#heldBytes = 0
    this.#write(text)
  }

  openGroup(): void {
    this.#endRun()
    if (this.#groups.length >= this.#reading.depth) {
      throw new ExtractionError('limits', `More than ${this.#reading.depth} groups within each other`)
    }
    this.#groups.push(this.#group)
    this.#group = { ...this.#group }
  }

  closeGroup(): void {
    this.#endRun()
    const outer = this.#groups.pop()
    if (!outer) return
    if (this.#group.use === 'text' && outer.use === 'other') this.#reading.flow.breakLine()
    this.#group = outer
  }

  symbol(sign: string): void {
    this.flush()
    if (this.#skipsOne()) return
    if (sign === '*') this.#starred = true
    else if (sign === '\n' || sign === '\r') this.#breakLine()
    else this.#write(SYMBOL_SIGNS.get(sign) ?? '')
  }

  escapedByte(byte: number): void {
    if (this.#skipsOne()) return
    this.#oneByte[0] = byte
    this.#hold(this.#oneByte)
  }

  bytes(bytes: Buffer): void {
    const skipped = Math.min(this.#toSkip, bytes.length)
    this.#toSkip -= skipped
    if (skipped < bytes.length) this.#hold(bytes.subarray(skipped))
  }

  word(name: string, value: number | undefined): void {
    this.flush()
    const starred = this.#starred
    this.#starred = false
    if (name === 'u') {
      this.#writeUnit(value ?? 0)
      return
    }
    if (this.#skipsOne() || this.#group.use === 'skipped') {
      if (name === 'ud' && this.#group.use === 'skipped') this.#group.use = this.#group.around
      return
    }
    if (this.#startUse(name)) return
    if (starred && !OPEN_GROUPS.has(name)) this.#group.use = 'skipped'
    else this.#obey(name, value)
  }

  #endRun() {
    this.flush()
    this.#starred = false
    this.#toSkip = 0
  }

  /** True for a sign that a reader without Unicode would have shown instead of the last `\u`. */
  #skipsOne() {
    if (this.#toSkip === 0) return false
    this.#toSkip -= 1
    return true
  }

  /** Begins what a group is for, if that is what the word says. */
  #startUse(name: string): boolean {
    const group = this.#group
    const label = ASIDE_GROUPS.get(name)
    if (SKIPPED_GROUPS.has(name)) group.use = 'skipped'
    else if (name === 'upr') Object.assign(group, { around: group.use, use: 'skipped' })
    else if (name === 'fonttbl') group.use = 'fonts'
    else if (name === 'info') group.use = 'info'
    else if (FACT_GROUPS.has(name) && (group.use === 'info' || name === 'generator')) {
      // Where one is stated twice, as LibreOffice does of authors, the first counts.
      Object.assign(group, this.facts.texts.has(name) ? { use: 'skipped' } : { use: 'fact', fact: name })
    } else if (DATE_GROUPS.has(name) && group.use === 'info') Object.assign(group, { use: 'date', fact: name })
    else if (label !== undefined) this.#startAside(label)
    else return false
    return true
  }

  #startAside(label: string) {
    this.sawAsides = true
    this.#group.use = this.#reading.wanted === 'asides' ? 'text' : 'other'
    if (this.#reading.wanted === 'asides') this.#reading.flow.moveTo({ label })
  }

  #obey(name: string, value: number | undefined) {
    const { flow } = this.#reading
    const sign = WORD_SIGNS.get(name)
    if (sign !== undefined) this.#write(sign)
    else if (LINE_WORDS.has(name)) this.#breakLine()
    else if (TABLE_WORDS.has(name)) {
      if (this.#group.use === 'text') TABLE_WORDS.get(name)!(flow)
    } else if (this.#group.use === 'date') this.#noteDate(name, value ?? 0)
    else this.#setState(name, value)
  }

  #setState(name: string, value: number | undefined) {
    const group = this.#group
    if (name === 'uc') group.fallbacks = Math.max(0, Math.min(value ?? 1, 100))
    else if (name === 'deleted') group.deleted = value !== 0
    else if (name === 'plain') Object.assign(group, { deleted: false, font: undefined })
    else if (name === 'ansicpg') this.#codePage = value ?? DEFAULT_CODE_PAGE
    else if (name === 'mac') this.#codePage = 10000
    else if (name === 'pc') this.#codePage = 437
    else if (name === 'pca') this.#codePage = 850
    else if (name === 'deff') this.#defaultFont = value
    else if (name === 'nofpages' && group.use === 'info' && value !== undefined && value > 0)
      this.facts.pageCount = value
    else if (name === 'f') {
      if (group.use === 'fonts') this.#listedFont = value ?? 0
      else group.font = value
    } else if (name === 'fcharset' && group.use === 'fonts') this.#noteFont(FONT_CODE_PAGES.get(value ?? 0))
    else if (name === 'cpg' && group.use === 'fonts') this.#noteFont(value)
  }

  #noteFont(codePage: number | undefined) {
    if (codePage !== undefined && this.#fonts.size < MAX_FONTS) this.#fonts.set(this.#listedFont, codePage)
  }

  #noteDate(name: string, value: number) {
    const place = DATE_WORDS.indexOf(name)
    if (place < 0) return
    const parts = this.facts.dates.get(this.#group.fact) ?? []
    parts[place] = value
    this.facts.dates.set(this.#group.fact, parts)
  }

  #breakLine() {
    if (this.#group.use === 'text' && !this.#group.deleted) this.#reading.flow.breakLine()
    else this.#write(' ')
  }

  /** `\u` is a signed number of 16 bits; signs for readers without Unicode follow it. */
  #writeUnit(value: number) {
    if (this.#group.use !== 'skipped') this.#write(String.fromCharCode(value & 0xffff))
    this.#toSkip = this.#group.fallbacks
  }

  /** Letters of several bytes may be written half as `\'hh` and half as they are, so a stretch is decoded as one. */
  #hold(bytes: Buffer) {
    if (this.#group.use !== 'text' && this.#group.use !== 'fact') return
    if (!this.#decoding) {
      if (bytes.every((byte) => byte < 0x80)) return this.#write(bytes.toString('latin1'))
      this.#decoding = openDecoding(encodingOf(this.#codePageNow()))
    }
    for (let at = 0; at < bytes.length; ) {
      const taken = bytes.copy(this.#held, this.#heldBytes, at)
      at += taken
      this.#heldBytes += taken
      if (this.#heldBytes < HELD_BYTES) continue
      this.#write(this.#decoding.write(this.#held))
      this.#heldBytes = 0
    }
  }

  #codePageNow() {
    return this.#fonts.get(this.#group.font ?? this.#defaultFont ?? -1) ?? this.#codePage
  }

  #write(text: string) {
    if (this.#group.use === 'text') {
      if (!this.#group.deleted) this.#reading.flow.text(text)
    } else if (this.#group.use === 'fact') {
      const said = this.facts.texts.get(this.#group.fact) ?? ''
      if (said.length < MAX_FACT_CHARS) this.facts.texts.set(this.#group.fact, said + text)
    }
  }
}
