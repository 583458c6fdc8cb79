/**
 * An extractor reads one family of files and says what they hold: text with its place, rows of sheets, and facts about
 * the document. It trusts nothing in them.
 *
 * Glossary: a **piece** is a part of what a file says, emitted as soon as it is known; a **place** is where in the file
 * a text stands; **facts** are what a document says of itself, or what is measured of it.
 *
 * An extractor runs in a process of its own that may be killed at any moment, has no network, and reads one file. It
 * MUST hold no more in memory than a bounded part of the file and of what it emits, unless the format leaves no choice;
 * it MUST stop at the limits, having emitted what it had by then; it MUST NOT write files, start processes or fetch what
 * a file points at.
 */
export interface Extractor {
  /**
   * Reads the file and emits what it says, in reading order.
   *
   * @param emit resolves when the next piece may be emitted; MUST be awaited, so that a slow taker slows the reader
   * @throws ExtractionError; anything else is a fault of the extractor
   */
  extract(source: Source, emit: Emit, limits: ExtractionLimits): Promise<void>
}

export interface Source {
  /** A plain file on local disk that nobody changes meanwhile. */
  path: string
  sizeBytes: number
  /** As it was found by looking at the bytes. */
  mediaType: string
  /** As its sender called it; decides nothing but between kinds of harmless text. */
  name: string
  /** Of a text whose encoding is certain. */
  charset?: string
}

export type Emit = (piece: Piece) => Promise<void>

export type Piece =
  | { kind: 'text'; text: string; place: Place }
  /** Comes before the rows of its sheet. `index` counts from 0. */
  | { kind: 'sheet'; index: number; name: string; hidden?: boolean }
  /** Some rows that follow each other, with cells as the sheet shows them; `first` counts from 0. */
  | { kind: 'rows'; sheet: number; first: number; rows: Cell[][] }
  | { kind: 'facts'; facts: Facts }
  /** A file inside the file, which is not opened. */
  | { kind: 'attachment'; name: string; mediaType: string; sizeBytes: number }

/** Where a text stands. None for a document without parts. */
export interface Place {
  /** Of a page, slide or chapter, from 1. */
  page?: number
  /** What the part is called: a sheet's name, `header`, `notes`, `comment`, the subject of an attached mail. */
  label?: string
  fromMs?: number
  toMs?: number
}

/** A date is ISO 8601, with the time where there is one. */
export type Cell = null | string | number | boolean | { date: string }

/** E6 and E9. Dates are ISO 8601; what a file does not say is left out, never empty. */
export interface Facts {
  title?: string
  author?: string
  subject?: string
  keywords?: string[]
  /** BCP 47. */
  language?: string
  createdAt?: string
  modifiedAt?: string
  /** The program that made it. */
  producer?: string
  pageCount?: number
  /** In pixels, as it is to be looked at: turned by its orientation. */
  width?: number
  height?: number
  /** Exif's 1 to 8. */
  orientation?: number
  durationMs?: number
  /** Everything else, by the format's own names, flat: `exif.Make`, `mail.from`, `audio.sampleRate`. */
  more?: Record<string, string | number | boolean | string[]>
}

export interface ExtractionLimits {
  /** UTF-16 units of text, and of cells, in all. */
  textChars: number
  cells: number
  /** Bytes that packed parts of the file unpack to, in all. */
  unpackedBytes: number
  /** Nesting of elements, objects or messages. */
  depth: number
  pages: number
  /** Packed entries, attachments, messages. */
  entries: number
}

export type ExtractionErrorKind =
  /** Not what its media type says, or broken so that nothing more can be read. */
  | 'corrupt'
  /** Only its password opens it. */
  | 'encrypted'
  /** A limit was reached; what was emitted stands. */
  | 'limits'
  /** A kind of file inside this family that nobody here reads. */
  | 'unsupported'

export class ExtractionError extends Error {
  readonly kind: ExtractionErrorKind

  constructor(kind: ExtractionErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ExtractionError'
    this.kind = kind
  }
}
