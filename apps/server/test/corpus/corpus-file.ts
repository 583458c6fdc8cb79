import { join } from 'node:path'
import type { Cell, Facts } from '../../src/providers/extractors/port.ts'

/** A file of the corpus with all that is known of it. */
export interface CorpusFile {
  name: string
  path: string
  /** What its figures are told under: `docx`, `txt big5`. */
  format: string
  maker: Maker
  /** Every word that stands in it. */
  text?: string
  /** Words by page, where a reader has to tell pages apart. */
  pages?: readonly string[]
  sheets?: readonly KnownSheet[]
  /** What it says of itself. */
  facts?: KnownFacts
  /** Names of the files inside it. */
  attachments?: readonly string[]
  /** Whether it is a picture of text, in which not every letter can be told. */
  isScanned?: boolean
  /** What its reading ends with, where it cannot be read. */
  error?: 'encrypted'
}

export type Maker =
  | 'LibreOffice'
  | 'Ghostscript'
  | 'exiftool'
  | 'ffmpeg'
  | 'iconv'
  | 'Python'
  | 'sharp'
  | 'by hand'
  | 'Debian'

export interface KnownSheet {
  name: string
  rows: readonly (readonly Cell[])[]
  hidden?: boolean
}

/** `durationMs` and coordinates are held to within the tolerance that an encoder or a degree's fraction needs. */
export type KnownFacts = Omit<Facts, 'more'> & { more?: Record<string, unknown> }

/** Where files are made, and what is known already of all that a maker makes. */
export interface Workshop {
  folder: string
  /** What could not be made here, and why. */
  missing: string[]
}

export function fileIn(workshop: Workshop, name: string): Pick<CorpusFile, 'name' | 'path'> {
  return { name, path: join(workshop.folder, name) }
}
