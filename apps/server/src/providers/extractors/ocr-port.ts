import type { Source } from './port.ts'

/**
 * Draws pages of one family of files, so that the text in their pictures can be recognised. It runs where an extractor
 * runs, under the same MUSTs.
 */
export interface PageDrawer {
  /**
   * Draws a page upright, as it is to be looked at.
   *
   * @param page from 1
   * @throws ExtractionError
   */
  draw(source: Source, page: number): Promise<PagePicture>
}

/** Without a format of its own, so that a hostile file cannot choose what reads it next. */
export interface PagePicture {
  width: number
  height: number
  /** Grey, a byte for each, row by row from the top. */
  pixels: Uint8Array
}

/** A program that recognises text in a picture, as data: how it is asked and what its answers mean. */
export interface TextRecognizer {
  program: string
  /** What its process finds in its environment besides the usual. */
  environment: Readonly<Record<string, string>>
  askVersion: readonly string[]
  /** @returns undefined for an answer that names none */
  readVersion(answer: string): string | undefined
  askLanguages: readonly string[]
  readLanguages(answer: string): string[]
  /** @param picture name of a portable grey map (PGM) */
  askText(picture: string, languages: readonly string[]): string[]
  /** @returns the text with its lines; empty for a picture without words */
  readText(answer: string): string
}
