import { readFile } from 'node:fs/promises'
import { PDFiumLibrary } from '@hyzyla/pdfium'
import type { PageDrawer } from './ocr-port.ts'
import { drawnSize } from './picture-size.ts'
import { ExtractionError } from './port.ts'

const DOTS_PER_INCH = 300
const POINTS_PER_INCH = 72

/** Draws a page with an instance of PDFium of its own, since one that was aborted by a file draws no other. */
export const pdfPictures: PageDrawer = {
  async draw(source, page) {
    const [library, bytes] = await Promise.all([PDFiumLibrary.init(), readFile(source.path)])
    try {
      return await drawPage(library, bytes, page)
    } catch (cause) {
      throw new ExtractionError('corrupt', 'The page cannot be drawn', { cause })
    }
  },
}

async function drawPage(library: PDFiumLibrary, bytes: Buffer, page: number) {
  const document = await library.loadDocument(bytes)
  const sheet = document.getPage(page - 1)
  const { originalWidth, originalHeight } = sheet.getOriginalSize()
  if (!(originalWidth > 0 && originalHeight > 0)) throw new Error(`no page ${page}`)
  const size = drawnSize(originalWidth, originalHeight, DOTS_PER_INCH / POINTS_PER_INCH)
  const { data } = await sheet.render({ ...size, colorSpace: 'Gray' })
  return { ...size, pixels: data }
}
