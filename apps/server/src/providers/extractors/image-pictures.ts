import sharp from 'sharp'
import type { PageDrawer } from './ocr-port.ts'
import { drawnSize } from './picture-size.ts'
import { ExtractionError } from './port.ts'

const MAX_PIXELS = 100_000_000
/** The letters of a screen are too small to be told apart; twice as large, they are not. Scans gain nothing by it. */
const MOST_TIMES = 2
const ENOUGH_PIXELS = 2500
/** The codec is under patents, and sharp comes without it. */
const NOT_DECODED = new Set(['image/heic', 'image/heif'])

/** Draws an image, or a page of a TIFF, turned by its orientation and on white where it is transparent. */
export const imagePictures: PageDrawer = {
  async draw(source, page) {
    const open = () => sharp(source.path, { limitInputPixels: MAX_PIXELS, failOn: 'error', page: page - 1, pages: 1 })
    try {
      const { width, height } = (await open().metadata()).autoOrient
      const mostTimes = Math.min(MOST_TIMES, Math.max(1, ENOUGH_PIXELS / Math.max(width, height)))
      const { data, info } = await open()
        .autoOrient()
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
  if (NOT_DECODED.has(mediaType) || /unsupported|compression format/i.test(message))
    return new ExtractionError('unsupported', 'Nothing here decodes the pixels of such an image', { cause: error })
  return new ExtractionError('corrupt', 'The pixels of the image cannot be read', { cause: error })
}
