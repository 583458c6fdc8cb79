import sharp from 'sharp'
import { readSlices } from '../extractors/file-slices.ts'
import { decodeSlices, expectText, guessEncoding } from '../extractors/text-decoding.ts'
import { boxOf, drawnSize } from './box.ts'
import { hasFont } from './fonts.ts'
import { makePicture } from './picture.ts'
import { type Emit, PreviewError, type Previewer, type PreviewLimits, type Source, type Wanted } from './port.ts'
import { rendering } from './rendering.ts'
import { drawPage, layOut, MAX_PAGE_CHARS, PAGE } from './text-page.ts'

const MAX_PAGE_PIXELS = 16 * 1024 ** 2

/** Draws the beginning of a text as the one page that it has, as it is written: markup is shown, not obeyed. */
export const textPreviewer: Previewer = {
  render: (source, wanted, emit, limits) => rendering(emit, (give) => drawText(source, wanted, give, limits)),
}

async function drawText(source: Source, wanted: readonly Wanted[], emit: Emit, limits: PreviewLimits) {
  const lines = layOut(await readStart(source, Math.min(limits.textChars, MAX_PAGE_CHARS)))
  if (!lines.some((line) => /\S/.test(line))) throw new PreviewError('unsupported', 'The text begins with nothing')
  if (!(await hasFont())) throw new PreviewError('unsupported', 'No font is installed here to draw a text with')
  const maxPixels = Math.min(limits.pixels, MAX_PAGE_PIXELS)
  for (const [index, one] of wanted.entries()) {
    if (one.page !== 1) continue
    const size = drawnSize(PAGE, boxOf(one), maxPixels)
    const image = sharp(Buffer.from(drawPage(lines, size))).removeAlpha()
    await emit({ index, ...(await makePicture(image, one, { keeps: 'top' })) })
  }
}

/** @throws PreviewError `corrupt` */
async function readStart({ path, charset }: Source, maxChars: number): Promise<string> {
  let text = ''
  for await (const part of decodeSlices(readSlices(path), (head) => charset ?? guessEncoding(head))) {
    if (text === '') expectText(part)
    text += part.slice(0, maxChars - text.length)
    if (text.length >= maxChars) break
  }
  return text
}
