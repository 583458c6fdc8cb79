import { readFile } from 'node:fs/promises'
import sharp, { type Metadata } from 'sharp'
import { SVG, UPRIGHT_JPEG } from '../extractors/media-types.ts'
import { makePicture } from './picture.ts'
import { type Emit, PreviewError, type Previewer, type PreviewLimits, type Source, type Wanted } from './port.ts'
import { rendering } from './rendering.ts'

const MAX_SVG_BYTES = 10 * 1024 ** 2

/** What the decoder calls files of a type. */
const FORMATS: Record<string, readonly string[]> = {
  'image/jpeg': ['jpeg'],
  'image/png': ['png'],
  'image/apng': ['png'],
  'image/gif': ['gif'],
  'image/webp': ['webp'],
  'image/tiff': ['tiff'],
  'image/avif': ['heif', 'avif'],
  [UPRIGHT_JPEG]: ['jpeg'],
  [SVG]: ['svg'],
}

/** Draws an image, upright: the pages of a TIFF file, and the first frame of what moves. */
export const imagePreviewer: Previewer = {
  render: (source, wanted, emit, limits) => rendering(emit, (give) => drawImage(source, wanted, give, limits)),
}

async function drawImage(source: Source, wanted: readonly Wanted[], emit: Emit, limits: PreviewLimits) {
  // A drawing that is opened by its path draws the files that lie beside it.
  sharp.block({ operation: ['VipsForeignLoadSvgFile'] })
  const isDrawing = source.mediaType === SVG
  const input = isDrawing ? await readDrawing(source) : source.path
  // A warning stops nothing: cameras write files that decoders complain of.
  const options = { limitInputPixels: limits.pixels, failOn: 'error' } as const
  const metadata = await sharp(input, options).metadata()
  check(metadata, source.mediaType, limits)
  const pages = metadata.format === 'tiff' ? (metadata.pages ?? 1) : 1
  const autoOrient = source.mediaType !== UPRIGHT_JPEG
  for (const [index, one] of wanted.entries()) {
    if (one.page > pages) continue
    const image = sharp(input, { ...options, autoOrient, ...(pages > 1 && { page: one.page - 1 }) })
    await emit({ index, ...(await makePicture(image, one, { enlarges: isDrawing })) })
  }
}

async function readDrawing({ path, sizeBytes }: Source): Promise<Buffer> {
  if (sizeBytes > MAX_SVG_BYTES) throw new PreviewError('limits', `The drawing has more than ${MAX_SVG_BYTES} bytes`)
  const bytes = await readFile(path)
  // A packed drawing may unpack to anything.
  if (bytes[0] === 0x1f) throw new PreviewError('unsupported', 'The drawing is packed')
  return bytes
}

function check({ format, width, height }: Metadata, mediaType: string, { pixels }: PreviewLimits): void {
  if (!FORMATS[mediaType]?.includes(format)) {
    throw new PreviewError('corrupt', `The image is said to be ${mediaType} and is ${format}`)
  }
  if (width * height > pixels) throw new PreviewError('limits', `The image has more than ${pixels} pixels`)
}
