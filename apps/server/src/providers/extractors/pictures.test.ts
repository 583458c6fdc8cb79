import { randomUUID } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { imagePictures } from './image-pictures.ts'
import type { PageDrawer, PagePicture } from './ocr-port.ts'
import { pdfPictures } from './pdf-pictures.ts'
import { pagesOfImage, pagesOfPdf } from './picture-pages.ts'
import { makePdf } from './test-pdf.ts'

async function draw(drawer: PageDrawer, bytes: Buffer, mediaType: string, page = 1): Promise<PagePicture> {
  const path = join(tmpdir(), `stowage-picture-${randomUUID()}`)
  await writeFile(path, bytes)
  try {
    return await drawer.draw({ path, sizeBytes: bytes.length, mediaType, name: 'sample' }, page)
  } finally {
    await rm(path)
  }
}

const plain = (width: number, height: number, background: string) =>
  sharp({ create: { width, height, channels: 4, background } })

const sizeOf = ({ width, height }: PagePicture) => ({ width, height })

/** Black above, white below. */
const halves = async () =>
  plain(400, 200, '#ffffff').composite([{ input: await plain(400, 100, '#000000').png().toBuffer(), top: 0, left: 0 }])

describe('a picture of an image', () => {
  test('is grey, a byte for each pixel, and large enough for small letters', async () => {
    const picture = await draw(imagePictures, await plain(300, 200, '#ff0000').png().toBuffer(), 'image/png')
    expect(sizeOf(picture)).toEqual({ width: 600, height: 400 })
    expect(picture.pixels).toHaveLength(600 * 400)
  })

  test('is no larger than 3500 pixels, and that of a scan not larger than the scan', async () => {
    const large = await plain(7000, 1000, '#888888').jpeg().toBuffer()
    expect(sizeOf(await draw(imagePictures, large, 'image/jpeg'))).toEqual({ width: 3500, height: 500 })
    const scan = await plain(2600, 100, '#888888').png().toBuffer()
    expect(sizeOf(await draw(imagePictures, scan, 'image/png'))).toEqual({ width: 2600, height: 100 })
  })

  test('is upright', async () => {
    const turned = await (await halves()).removeAlpha().withMetadata({ orientation: 6 }).jpeg().toBuffer()
    const picture = await draw(imagePictures, turned, 'image/jpeg')
    expect(sizeOf(picture)).toEqual({ width: 400, height: 800 })
    // What was above lies on the right.
    expect(picture.pixels[10]).toBeGreaterThan(250)
    expect(picture.pixels[390]).toBeLessThan(5)
  })

  test('is white where it is transparent', async () => {
    const picture = await draw(imagePictures, await plain(50, 50, '#00000000').png().toBuffer(), 'image/png')
    expect(new Set(picture.pixels)).toEqual(new Set([255]))
  })

  test('is of the page that was asked for', async () => {
    const colours = await Promise.all(
      ['#000000', '#ffffff', '#808080'].map((colour) => plain(64, 64, colour).removeAlpha().png().toBuffer()),
    )
    const tiff = await sharp(colours, { join: { animated: true } })
      .tiff()
      .toBuffer()
    expect((await sharp(tiff).metadata()).pages).toBe(3)
    const pages = await Promise.all([1, 2, 3].map((page) => draw(imagePictures, tiff, 'image/tiff', page)))
    expect(pages.map(({ pixels }) => pixels[0])).toEqual([0, 255, 128])
  })

  test('is none of what nothing here decodes, and none of what is broken', async () => {
    const avif = await plain(64, 64, '#123456').avif().toBuffer()
    expect(sizeOf(await draw(imagePictures, avif, 'image/avif'))).toEqual({ width: 128, height: 128 })
    // The same boxes, said to hold what HEIC holds.
    const heic = Buffer.from(avif.toString('latin1').replaceAll('av01', 'hvc1').replaceAll('avif', 'heic'), 'latin1')
    await expect(draw(imagePictures, heic, 'image/heic')).rejects.toMatchObject({ kind: 'unsupported' })
    await expect(draw(imagePictures, Buffer.from('BM'.padEnd(60)), 'image/bmp')).rejects.toMatchObject({
      kind: 'unsupported',
    })
    const cut = (await plain(900, 900, '#123456').png({ compressionLevel: 0 }).toBuffer()).subarray(0, 5000)
    await expect(draw(imagePictures, cut, 'image/png')).rejects.toMatchObject({ kind: 'corrupt' })
  })
})

describe('a picture of a page of a PDF document', () => {
  test('is grey and has 300 dots to the inch, up to 3500 pixels', async () => {
    const picture = await draw(pdfPictures, makePdf({ pages: ['one', 'two'] }), 'application/pdf', 2)
    expect(sizeOf(picture)).toEqual({ width: 3500, height: 350 })
    expect(picture.pixels).toHaveLength(3500 * 350)
  })

  test('is none of a page that is not there, nor of a document that is broken or locked', async () => {
    const broken = Buffer.from('%PDF-1.7 and nothing more')
    const locked = makePdf({ pages: ['one'], encrypted: true })
    for (const [bytes, page] of [
      [makePdf({ pages: ['one'] }), 7],
      [broken, 1],
      [locked, 1],
    ] as const)
      await expect(draw(pdfPictures, bytes, 'application/pdf', page)).rejects.toMatchObject({ kind: 'corrupt' })
  })
})

describe('pages that may be pictures of text', () => {
  test('are those of an image that is not tiny, and those of a document without characters', () => {
    expect(pagesOfImage({ width: 100, height: 100 })).toEqual([1])
    expect(pagesOfImage({ width: 100, height: 100, pageCount: 3 })).toEqual([1, 2, 3])
    expect(pagesOfImage({ width: 100, height: 31 })).toEqual([])
    expect(pagesOfImage({ width: 100, height: 100, pageCount: 1e12 })).toHaveLength(5000)
    expect(pagesOfPdf({ more: { 'pdf.pagesWithoutText': ['2', '7'] } })).toEqual([2, 7])
    expect(pagesOfPdf({ more: { 'pdf.pagesWithoutText': ['x', '-1', '0', '3'] } })).toEqual([3])
    expect(pagesOfPdf({})).toEqual([])
  })
})
