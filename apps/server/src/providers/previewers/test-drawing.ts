import { randomUUID } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import type { SampleFile } from '../extractors/test-source.ts'
import { runPreviewer } from './conformance.ts'
import type { Previewer, PreviewLimits, Wanted } from './port.ts'

/** A picture as one wants it who looks at its pixels. */
export const AS_PIXELS: Wanted = { page: 1, width: 400, height: 400, fit: 'inside', format: 'png' }

/** Draws bytes. */
export async function draw(
  previewer: Previewer,
  file: SampleFile,
  wanted: readonly Partial<Wanted>[] = [{}],
  limits: Partial<PreviewLimits> = {},
) {
  const path = join(tmpdir(), `stowage-preview-${randomUUID()}`)
  await writeFile(path, file.bytes)
  try {
    const source = { ...file, path, sizeBytes: file.bytes.length, name: 'sample' }
    const all = wanted.map((one) => ({ ...AS_PIXELS, ...one }))
    return await runPreviewer(previewer, source, all, limits)
  } finally {
    await rm(path)
  }
}

export interface Pixels {
  width: number
  height: number
  /** Red, green, blue, and how opaque, 0 to 255, at a place told as shares of the sides. */
  at(across: number, down: number): [number, number, number, number]
  /** What share of a part, told as shares of the sides, is darker than a middle grey. */
  ink(part?: { left?: number; right?: number; top?: number; bottom?: number }): number
}

/** @param picture any of the formats */
export async function pixelsOf(picture: { bytes: Uint8Array } | undefined): Promise<Pixels> {
  if (!picture) throw new Error('There is no picture')
  const { data, info } = await sharp(picture.bytes).ensureAlpha().raw().toBuffer({ resolveWithObject: true })
  const { width, height } = info
  const pixel = (x: number, y: number) => [...data.subarray(4 * (y * width + x), 4 * (y * width + x) + 4)]
  const index = (place: number, length: number) => Math.min(length - 1, Math.floor(place * length))
  return {
    width,
    height,
    at: (across, down) => pixel(index(across, width), index(down, height)) as [number, number, number, number],
    ink: ({ left = 0, right = 1, top = 0, bottom = 1 } = {}) => {
      let [dark, all] = [0, 0]
      for (let y = Math.floor(top * height); y < bottom * height; y += 1) {
        for (let x = Math.floor(left * width); x < right * width; x += 1) {
          const [red = 0, green = 0, blue = 0, opaque = 0] = pixel(x, y)
          all += 1
          if (opaque > 127 && red + green + blue < 3 * 160) dark += 1
        }
      }
      return dark / all
    },
  }
}
