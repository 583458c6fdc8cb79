import sharp from 'sharp'
import { boxOf, drawnSize, type Size } from './box.ts'
import { openDocument, type PdfDocument } from './pdf-document.ts'
import { makePicture } from './picture.ts'
import { type Emit, PreviewError, type Previewer, type PreviewLimits, type Source, type Wanted } from './port.ts'
import { rendering } from './rendering.ts'

/** The reader needs all of the file in its memory. */
const MAX_FILE_BYTES = 256 * 1024 ** 2
/** Of a page as it is drawn, 64 MiB of memory, however large the document says that it is. */
const MAX_PAGE_PIXELS = 16 * 1024 ** 2

/** Draws the pages of a PDF document that are wanted, on white. */
export const pdfPreviewer: Previewer = {
  render: (source, wanted, emit, limits) => rendering(emit, (give) => drawPdf(source, wanted, give, limits)),
}

async function drawPdf(source: Source, wanted: readonly Wanted[], emit: Emit, limits: PreviewLimits) {
  if (source.sizeBytes > MAX_FILE_BYTES) {
    throw new PreviewError('limits', `The document has more than ${MAX_FILE_BYTES} bytes`)
  }
  const document = await openDocument(source.path, source.sizeBytes)
  if (document.pageCount < 1) throw new PreviewError('corrupt', 'The document has no page')
  const maxPixels = Math.min(limits.pixels, MAX_PAGE_PIXELS)
  let drawn: DrawnPage | undefined
  let [made, unreadable] = [0, 0]
  for (const [index, one] of wanted.entries()) {
    if (one.page > document.pageCount) continue
    if (drawn?.page !== one.page) drawn = drawPage(document, one.page, pagesOf(wanted, one.page), maxPixels)
    if (drawn) {
      const { pixels, size } = drawn
      const image = sharp(pixels, { raw: { ...size, channels: 4 } }).removeAlpha()
      await emit({ index, ...(await makePicture(image, one, { keeps: 'top' })) })
      made += 1
    } else unreadable += 1
  }
  if (made === 0 && unreadable > 0) throw new PreviewError('corrupt', 'No page that is wanted can be read')
}

function pagesOf(wanted: readonly Wanted[], page: number): Wanted[] {
  return wanted.filter((one) => one.page === page)
}

interface DrawnPage {
  page: number
  size: Size
  pixels: Uint8Array
}

/** Draws a page once, as large as the largest picture of it. Undefined for a page that cannot be read. */
function drawPage(
  document: PdfDocument,
  page: number,
  pictures: readonly Wanted[],
  maxPixels: number,
): DrawnPage | undefined {
  return document.withPage(page - 1, ({ shape, draw }) => {
    const sizes = pictures.map((one) => drawnSize(shape, boxOf(one), maxPixels))
    const size = sizes.reduce((largest, one) =>
      one.width * one.height > largest.width * largest.height ? one : largest,
    )
    return { page, size, pixels: draw(size) }
  })
}
