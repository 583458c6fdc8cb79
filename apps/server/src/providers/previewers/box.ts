import type { PictureFormat, Wanted } from './port.ts'

export interface Size {
  width: number
  height: number
}

/** What a picture is to lie in, in pixels. */
export interface Box extends Size {
  fit: Wanted['fit']
}

/** The longest side that a format holds; of AVIF, that is made in bearable time. */
const MAX_SIDE: Record<PictureFormat, number> = { jpeg: 65_535, webp: 16_383, avif: 2048, png: 65_535 }

/** The longest side of what is drawn here, before it is cut to its box. */
const MAX_DRAWN_SIDE = 16_383

export function boxOf({ width, height, fit, format }: Wanted): Box {
  const side = MAX_SIDE[format]
  return { width: Math.min(width, side), height: Math.min(height, side), fit }
}

/**
 * The pixels at which to draw what has a shape but no size of its own, such as a page: as many as the box takes.
 *
 * @param shape of any unit, more than 0
 * @param maxPixels what is drawn stays within, whatever its shape
 */
export function drawnSize(shape: Size, box: Box, maxPixels: number): Size {
  const [across, down] = [box.width / shape.width, box.height / shape.height]
  const scale = Math.min(
    box.fit === 'inside' ? Math.min(across, down) : Math.max(across, down),
    Math.sqrt(maxPixels / shape.width / shape.height),
    MAX_DRAWN_SIDE / Math.max(shape.width, shape.height),
  )
  const pixels = (length: number) => Math.max(1, Math.round(length * scale))
  return { width: pixels(shape.width), height: pixels(shape.height) }
}
