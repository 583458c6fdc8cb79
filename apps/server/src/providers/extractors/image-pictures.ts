import sharp from 'sharp'
import { HEIC, UPRIGHT_JPEG } from './media-types.ts'
import type { PageDrawer } from './ocr-port.ts'
import { drawnSize } from './picture-size.ts'
import { ExtractionError } from './port.ts'

const MAX_PIXELS = 100_000_000
/** The letters of a screen are too small to be told apart; twice as large, they are not. Scans gain nothing by it. */
const MOST_TIMES = 2
const ENOUGH_PIXELS = 2500
/** Draws an image, or a page of a TIFF, turned by its orientation and on white where it is transparent. */
export const imagePictures: PageDrawer = {
  async draw(source, page) {
    const autoOrient = source.mediaType !== UPRIGHT_JPEG
    const open = () =>
      sharp(source.path, { limitInputPixels: MAX_PIXELS, failOn: 'error', page: page - 1, pages: 1, autoOrient })
    try {
      const metadata = await open().metadata()
      const { width, height } = autoOrient ? metadata.autoOrient : metadata
      const mostTimes = Math.min(MOST_TIMES, Math.max(1, ENOUGH_PIXELS / Math.max(width, height)))
      const { data, info } = await open()
        .flatten({ background: '#ffffff' })
        .resize({ ...drawnSize(width, height, mostTimes), fit: 'fill' })
        .greyscale()
        .toColourspace('b-w')
        .raw({ depth: 'uchar' })
        .toBuffer({ resolveWithObject: true })
      return { width: info.width, height: info.height, pixels: data }
    } catch (error) {
      throw toDrawingError(error, source.mediaType)
    }
  },
}

function toDrawingError(error: unknown, mediaType: string): ExtractionError {
  const message = error instanceof Error ? error.message : String(error)
  if (/pixel limit/i.test(message))
    return new ExtractionError('limits', `The image has more than ${MAX_PIXELS} pixels`, { cause: error })
  if (HEIC.includes(mediaType) || /unsupported|compression format/i.test(message))
    return new ExtractionError('unsupported', 'Nothing here decodes the pixels of such an image', { cause: error })
  return new ExtractionError('corrupt', 'The pixels of the image cannot be read', { cause: error })
}
