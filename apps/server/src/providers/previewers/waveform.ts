import { open } from 'node:fs/promises'
import sharp from 'sharp'
import { boxOf, drawnSize, type Size } from './box.ts'
import { PCM } from './media-types.ts'
import { makePicture } from './picture.ts'
import { type Emit, PreviewError, type Previewer, type PreviewLimits, type Source, type Wanted } from './port.ts'
import { rendering } from './rendering.ts'
import { findWavSound, plainSound, readPeaks } from './sound.ts'

const SHAPE: Size = { width: 1600, height: 400 }
const MAX_PIXELS = 16 * 1024 ** 2
const PEAKS = 4096
/** In pixels: from one bar to the next, and of a bar. */
const [BAR_STEP, BAR_WIDTH] = [4, 2]
/** What is no louder is drawn as it is, so that silence is not made a storm. */
const QUIET = 0.05
/** To be seen on white and on black. */
const COLOUR = '#64748b'

/** Draws how loud a sound is from its beginning to its end, on nothing: of bare samples, and of WAV files. */
export const waveformPreviewer: Previewer = {
  render: (source, wanted, emit, limits) => rendering(emit, (give) => drawSound(source, wanted, give, limits)),
}

async function drawSound(source: Source, wanted: readonly Wanted[], emit: Emit, limits: PreviewLimits) {
  const peaks = await peaksOf(source)
  if (peaks.length === 0) throw new PreviewError('unsupported', 'There is nothing to be heard in the file')
  for (const [index, one] of wanted.entries()) {
    if (one.page !== 1) continue
    const box = boxOf(one)
    // It has a usual shape, and takes any other.
    const size = drawnSize(box.fit === 'cover' ? box : SHAPE, box, Math.min(limits.pixels, MAX_PIXELS))
    await emit({ index, ...(await makePicture(sharp(Buffer.from(drawBars(peaks, size))), one)) })
  }
}

async function peaksOf({ path, sizeBytes, mediaType }: Source): Promise<Float32Array> {
  const file = await open(path)
  try {
    const sound = mediaType === PCM ? plainSound(sizeBytes) : await findWavSound(file, sizeBytes)
    return await readPeaks(file, sound, PEAKS)
  } finally {
    await file.close()
  }
}

function drawBars(peaks: Float32Array, { width, height }: Size): string {
  const count = Math.max(1, Math.floor(width / BAR_STEP))
  const step = width / count
  const loudest = Math.max(QUIET, ...peaks)
  const bars = Array.from({ length: count }, (_, index) => {
    const reach = Math.max(1, (loudnessOf(peaks, index / count, (index + 1) / count) / loudest) * height * 0.92)
    const x = ((index + 0.5) * step).toFixed(2)
    return `M${x} ${((height - reach) / 2).toFixed(2)}v${reach.toFixed(2)}`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><path d="${bars.join('')}" stroke="${COLOUR}" stroke-width="${BAR_WIDTH}"/></svg>`
}

/** Of a part of the sound, told as shares of the whole. */
function loudnessOf(peaks: Float32Array, from: number, to: number): number {
  const first = Math.floor(from * peaks.length)
  return Math.max(...peaks.subarray(first, Math.max(first + 1, Math.floor(to * peaks.length))))
}
