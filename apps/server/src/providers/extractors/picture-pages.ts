import type { Facts } from './port.ts'

/** Letters need more. */
const MIN_SIDE = 32
const MAX_PAGES = 5000

/** The pages of an image that may be pictures of text. What is tiny is none; what has no size cannot be drawn. */
export function pagesOfImage({ width = 0, height = 0, pageCount = 1 }: Facts): number[] {
  if (Math.min(width, height) < MIN_SIDE) return []
  return Array.from({ length: Math.min(pageCount, MAX_PAGES) }, (_, index) => index + 1)
}

/** The pages of a PDF document that hold no character. */
export function pagesOfPdf({ more }: Facts): number[] {
  const listed = more?.['pdf.pagesWithoutText']
  return Array.isArray(listed) ? listed.map(Number).filter((page) => Number.isSafeInteger(page) && page > 0) : []
}
