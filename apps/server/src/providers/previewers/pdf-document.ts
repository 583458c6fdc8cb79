import { allocate, openPdf, type Pdfium } from '../extractors/pdfium.ts'
import type { Size } from './box.ts'
import { PreviewError } from './port.ts'

/** fpdfview.h: FPDFBitmap_BGRA, FPDF_ANNOT, FPDF_REVERSE_BYTE_ORDER. */
const [BGRA, WITH_ANNOTATIONS, AS_RGBA] = [4, 0x01, 0x10]
const [BYTES_PER_PIXEL, WHITE] = [4, 0xffffffff]

export interface PdfDocument {
  pageCount: number
  /**
   * Works with one page, which is closed afterwards.
   *
   * @param index counts from 0
   * @returns undefined for a page that cannot be read
   */
  withPage<Result>(index: number, work: (page: PdfPage) => Result): Result | undefined
}

export interface PdfPage {
  /** In points, turned as it is to be read. */
  shape: Size
  /** @returns rows of RGBA on white */
  draw(size: Size): Uint8Array
}

/**
 * Opens a document whose pages are to be drawn.
 *
 * @throws ExtractionError `corrupt` | `encrypted` | `limits`
 */
export async function openDocument(path: string, sizeBytes: number): Promise<PdfDocument> {
  const { pdfium, document } = await openPdf(path, sizeBytes)
  return {
    pageCount: pdfium._FPDF_GetPageCount(document),
    withPage: (index, work) => {
      const page = pdfium._FPDF_LoadPage(document, index)
      if (page === 0) return undefined
      try {
        const shape = { width: pdfium._FPDF_GetPageWidth(page), height: pdfium._FPDF_GetPageHeight(page) }
        const isSound = [shape.width, shape.height].every((length) => Number.isFinite(length) && length > 0)
        return isSound ? work({ shape, draw: (size) => draw(pdfium, page, size) }) : undefined
      } finally {
        pdfium._FPDF_ClosePage(page)
      }
    },
  }
}

function draw(pdfium: Pdfium, page: number, { width, height }: Size): Uint8Array {
  const rowBytes = width * BYTES_PER_PIXEL
  const pixels = allocate(pdfium, rowBytes * height)
  try {
    const bitmap = pdfium._FPDFBitmap_CreateEx(width, height, BGRA, pixels, rowBytes)
    if (bitmap === 0) throw new PreviewError('limits', 'The page needs more memory than there is')
    pdfium._FPDFBitmap_FillRect(bitmap, 0, 0, width, height, WHITE)
    pdfium._FPDF_RenderPageBitmap(bitmap, page, 0, 0, width, height, 0, WITH_ANNOTATIONS | AS_RGBA)
    pdfium._FPDFBitmap_Destroy(bitmap)
    return pdfium.HEAPU8.slice(pixels, pixels + rowBytes * height)
  } finally {
    pdfium.wasmExports.free(pixels)
  }
}
