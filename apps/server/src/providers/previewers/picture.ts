import type { Sharp } from 'sharp'
import { boxOf } from './box.ts'
import type { Picture, PictureFormat, Wanted } from './port.ts'

export interface MakingOptions {
  /** What stays when a picture is cut to its box; a page is known by its top. */
  keeps?: 'centre' | 'top'
  /** For what can be drawn at any size. */
  enlarges?: boolean
}

/** Makes an upright image one of the pictures that are wanted. The encoders write nothing that the image says of itself. */
export async function makePicture(
  image: Sharp,
  wanted: Wanted,
  { keeps = 'centre', enlarges = false }: MakingOptions = {},
): Promise<Omit<Picture, 'index'>> {
  const resized = image.resize({ ...boxOf(wanted), position: keeps, withoutEnlargement: !enlarges })
  const { data, info } = await ENCODE[wanted.format](resized).toBuffer({ resolveWithObject: true })
  return { bytes: data, width: info.width, height: info.height }
}

const ENCODE: Record<PictureFormat, (image: Sharp) => Sharp> = {
  jpeg: (image) => image.flatten({ background: '#ffffff' }).jpeg({ quality: 82 }),
  webp: (image) => image.webp({ quality: 80 }),
  // More effort takes half a minute for a large photo, and gains little.
  avif: (image) => image.avif({ quality: 55, effort: 3 }),
  png: (image) => image.png(),
}
