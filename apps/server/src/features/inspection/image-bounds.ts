import { BMP } from 'image-size/types/bmp'
import { DDS } from 'image-size/types/dds'
import { ICNS } from 'image-size/types/icns'
import { J2C } from 'image-size/types/j2c'
import { JP2 } from 'image-size/types/jp2'
import { JXL } from 'image-size/types/jxl'
import { JXLStream } from 'image-size/types/jxl-stream'
import { PNM } from 'image-size/types/pnm'
import { PSD } from 'image-size/types/psd'
import { type BoundLimits, type ImageFacts, Refused } from './bound-limits.ts'
import { walkGif, walkPng, walkWebp } from './image-frames.ts'
import { walkHeif, walkIco, walkJpeg, walkTiff } from './image-pages.ts'
import type { ImageWalk } from './image-walk.ts'
import { blockReader, type RandomReader } from './random-reader.ts'

const blockBytes = 64 * 1024
const headBytes = 256 * 1024

type HeaderFormat = {
  validate(head: Uint8Array): boolean
  calculate(head: Uint8Array): { width: number; height: number; images?: Size[] }
}
type Size = { width: number; height: number }

const walks: Record<string, ImageWalk> = {
  'image/png': walkPng,
  'image/apng': walkPng,
  'image/gif': walkGif,
  'image/webp': walkWebp,
  'image/jpeg': walkJpeg,
  'image/tiff': walkTiff,
  'image/x-adobe-dng': walkTiff,
  'image/x-canon-cr2': walkTiff,
  'image/x-nikon-nef': walkTiff,
  'image/x-sony-arw': walkTiff,
  'image/vnd.microsoft.icon': walkIco,
  'image/x-icon': walkIco,
  'image/heic': walkHeif,
  'image/heif': walkHeif,
  'image/heic-sequence': walkHeif,
  'image/heif-sequence': walkHeif,
  'image/avif': walkHeif,
  'image/bmp': headerWalk(BMP),
  'image/vnd.adobe.photoshop': headerWalk(PSD),
  'image/x-icns': headerWalk(ICNS),
  'image/icns': headerWalk(ICNS),
  'image/vnd-ms.dds': headerWalk(DDS),
  'image/jp2': headerWalk(JP2),
  'image/jpx': headerWalk(JP2),
  'image/jpm': headerWalk(JP2),
  'image/j2c': headerWalk(J2C),
  'image/jxl': headerWalk(JXL, JXLStream),
  'image/x-portable-bitmap': headerWalk(PNM),
  'image/x-portable-graymap': headerWalk(PNM),
  'image/x-portable-pixmap': headerWalk(PNM),
}

/** How the pixels of a media type are counted; undefined for types that nothing here decodes. */
export function findImageWalk(mediaType: string): ImageWalk | undefined {
  return Object.hasOwn(walks, mediaType) ? walks[mediaType] : undefined
}

/**
 * Counts the pixels that an image claims, frame by frame, without decoding any.
 *
 * @throws Refused `imageTooManyPixels` | `imageMalformed`
 * @throws SourceFailure when the reader fails or its signal aborts
 */
export async function checkImage(walk: ImageWalk, source: RandomReader, limits: BoundLimits): Promise<ImageFacts> {
  const facts: ImageFacts = { kind: 'image', width: 0, height: 0, frames: 0, totalPixels: 0 }
  await walk(blockReader(source, blockBytes), (width, height) => countFrame(facts, limits, width, height))
  if (facts.frames === 0) throw new Refused('imageMalformed', 'The image has no frame')
  return facts
}

function countFrame(facts: ImageFacts, limits: BoundLimits, width: number, height: number) {
  if (!Number.isSafeInteger(width) || !Number.isSafeInteger(height) || width < 1 || height < 1) {
    throw new Refused('imageMalformed', 'The image states no size')
  }
  if (width * height > facts.width * facts.height) Object.assign(facts, { width, height })
  facts.frames += 1
  facts.totalPixels += width * height
  if (width * height > limits.maxPixels) throw tooMany(limits.maxPixels, width * height, 'a frame of the image')
  if (facts.totalPixels > limits.maxTotalPixels) {
    throw tooMany(limits.maxTotalPixels, facts.totalPixels, 'the frames of the image together')
  }
  if (facts.frames > limits.maxFrames) {
    const members = { limit: limits.maxFrames, frames: facts.frames }
    throw new Refused('imageTooManyPixels', `The image has more than ${limits.maxFrames} frames`, members)
  }
}

function tooMany(limit: number, pixels: number, what: string) {
  return new Refused('imageTooManyPixels', `More than ${limit} pixels in ${what}`, { limit, pixels })
}

function headerWalk(...formats: HeaderFormat[]): ImageWalk {
  return async (reader, frame) => {
    const head = await reader.read(0, headBytes)
    const format = formats.find((candidate) => candidate.validate(head))
    if (!format) throw new Error('The image has no header of its kind')
    const size = format.calculate(head)
    for (const each of size.images ?? [size]) frame(each.width, each.height)
  }
}
