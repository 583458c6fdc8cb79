import { open, readFile } from 'node:fs/promises'
import readExif, { type Exif } from 'exif-reader'
import { imageSize } from 'image-size'
import sharp, { type Metadata } from 'sharp'
import { toIsoDate } from './fact-values.ts'
import { readIptc } from './iptc.ts'
import { MEASURED_IMAGES, SVG } from './media-types.ts'
import { extracting, type Output } from './output.ts'
import { ExtractionError, type Extractor, type Facts, type Source } from './port.ts'
import { readXmp } from './xmp.ts'

const maxPixels = 100_000_000
const maxSvgBytes = 10 * 1024 ** 2
const maxTiffBytes = 64 * 1024 ** 2
const headBytes = 256 * 1024

type More = NonNullable<Facts['more']>

/** What an image measures and says of itself; its pixels are not looked at. */
export const imageExtractor: Extractor = {
  extract: (source, emit, limits) => extracting(emit, limits, (output) => readImage(source, output)),
}

async function readImage(source: Source, output: Output) {
  if (MEASURED_IMAGES.includes(source.mediaType)) await output.facts(await measureImage(source))
  else await output.facts(describe(await readMetadata(source)))
}

async function measureImage(source: Source): Promise<Facts> {
  const file = await open(source.path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(headBytes, source.sizeBytes)))
    const { width, height, type } = imageSize(buffer.subarray(0, bytesRead))
    checkPixels(width, height)
    return { width, height, more: type ? { 'image.format': type } : {} }
  } finally {
    await file.close()
  }
}

function checkPixels(width: number, height: number) {
  if (width * height > maxPixels) throw new ExtractionError('limits', `The image has more than ${maxPixels} pixels`)
}

async function readMetadata(source: Source) {
  // A drawing that is opened by its path draws the files that lie beside it.
  sharp.block({ operation: ['VipsForeignLoadSvgFile'] })
  const input = source.mediaType === SVG ? await readDrawing(source) : source.path
  try {
    const metadata = await sharp(input, { limitInputPixels: maxPixels }).metadata()
    checkPixels(metadata.width, metadata.height)
    // What is a block of its own in other images is the file itself in TIFF (Exif 2.32, 4.5.2).
    const isOwnExif = metadata.format === 'tiff' && source.sizeBytes <= maxTiffBytes
    return isOwnExif ? { ...metadata, exif: await readFile(source.path) } : metadata
  } catch (error) {
    throw toImageError(error)
  }
}

async function readDrawing(source: Source) {
  if (source.sizeBytes > maxSvgBytes) {
    throw new ExtractionError('limits', `The drawing has more than ${maxSvgBytes} bytes`)
  }
  const bytes = await readFile(source.path)
  // A packed drawing may unpack to anything.
  if (bytes[0] === 0x1f) throw new ExtractionError('unsupported', 'The drawing is packed')
  return bytes
}

function toImageError(error: unknown) {
  if (error instanceof ExtractionError) return error
  const message = error instanceof Error ? error.message : String(error)
  if (/pixel limit|too large|dimensions exceed/i.test(message)) {
    return new ExtractionError('limits', `The image has more than ${maxPixels} pixels`, { cause: error })
  }
  const kind = /unsupported codec|compression format/i.test(message) ? 'unsupported' : 'corrupt'
  return new ExtractionError(kind, 'The image cannot be read', { cause: error })
}

function describe(metadata: Metadata): Facts {
  const exif = tryRead(metadata.exif, (bytes) => readExif(bytes))
  const xmp = tryRead(metadata.xmp, (bytes) => readXmp(bytes.toString('utf8'))) ?? {}
  const iptc = tryRead(metadata.iptc, readIptc) ?? {}
  const { width, height } = metadata.autoOrient
  const isDocument = metadata.format === 'tiff'
  return {
    title: xmp.title ?? iptc.title,
    author: xmp.author ?? iptc.author ?? readText(exif?.Image?.Artist),
    subject: xmp.description ?? iptc.description ?? readText(exif?.Image?.ImageDescription),
    keywords: xmp.keywords ?? iptc.keywords,
    createdAt: readTaken(exif?.Photo) ?? xmp.createdAt,
    producer: xmp.producer ?? readText(exif?.Image?.Software),
    width,
    height,
    orientation: metadata.orientation,
    pageCount: isDocument ? (metadata.pages ?? 1) : undefined,
    more: { ...describePixels(metadata, isDocument), ...(exif && describeExif(exif)) },
  }
}

/** A broken description says nothing, but breaks no image. */
function tryRead<Result>(bytes: Buffer | undefined, read: (bytes: Buffer) => Result): Result | undefined {
  try {
    return bytes && read(bytes)
  } catch {
    return undefined
  }
}

function describePixels(metadata: Metadata, isDocument: boolean): More {
  const more: More = { 'image.format': metadata.format, 'image.colorSpace': metadata.space }
  if (metadata.density) more['image.density'] = metadata.density
  if (metadata.hasAlpha) more['image.alpha'] = true
  if (!isDocument && (metadata.pages ?? 1) > 1) more['image.frames'] = metadata.pages ?? 1
  return more
}

/** Exif 2.32, 4.6.4 to 4.6.6. */
function describeExif(exif: Exif): More {
  const more: More = {}
  const image = exif.Image ?? {}
  const photo = exif.Photo ?? {}
  const values: Record<string, unknown> = {
    Make: readText(image.Make),
    Model: readText(image.Model),
    Copyright: readText(image.Copyright),
    LensModel: readText(photo.LensModel),
    ExposureTime: photo.ExposureTime,
    FNumber: photo.FNumber,
    ISOSpeedRatings: photo.ISOSpeedRatings,
    FocalLength: photo.FocalLength,
    gpsLatitude: readDegrees(exif.GPSInfo?.GPSLatitude, exif.GPSInfo?.GPSLatitudeRef, 90),
    gpsLongitude: readDegrees(exif.GPSInfo?.GPSLongitude, exif.GPSInfo?.GPSLongitudeRef, 180),
  }
  for (const [name, value] of Object.entries(values)) {
    if (typeof value === 'string' || typeof value === 'number') more[`exif.${name}`] = value
  }
  return more
}

/** Texts beyond ASCII are given as their bytes. */
function readText(value: unknown) {
  const text = Buffer.isBuffer(value) ? value.toString('utf8') : value
  return typeof text === 'string' ? text.replace(/\0+$/, '') : undefined
}

function readDegrees(parts: unknown, hemisphere: unknown, limit: number) {
  const reference = readText(hemisphere)
  if (!Array.isArray(parts) || parts.length === 0 || parts.length > 3 || reference === undefined) return undefined
  const [degrees = 0, minutes = 0, seconds = 0] = parts.map(Number)
  const size = degrees + minutes / 60 + seconds / 3600
  if (!(size >= 0 && size <= limit)) return undefined
  const signed = /^[SW]/i.test(reference) ? -size : size
  return Math.round(signed * 1e7) / 1e7
}

/** Exif gives the time of the clock on the camera's wall, and its offset from UTC only sometimes. */
function readTaken(photo: Exif['Photo']) {
  const date = photo?.DateTimeOriginal
  if (!(date instanceof Date) || Number.isNaN(date.getTime())) return undefined
  const offset = readText(photo?.OffsetTimeOriginal)?.trim()
  const zone = offset && /^(?:Z|[+-]\d\d:\d\d)$/.test(offset) ? offset : ''
  const parts = [
    date.getUTCFullYear(),
    date.getUTCMonth() + 1,
    date.getUTCDate(),
    date.getUTCHours(),
    date.getUTCMinutes(),
    date.getUTCSeconds(),
  ]
  return toIsoDate(parts, zone)
}
