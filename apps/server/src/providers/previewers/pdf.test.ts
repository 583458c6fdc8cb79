import { describe, expect, test, vi } from 'vitest'
import { makePdf } from '../extractors/test-pdf.ts'
import { describePreviewer } from './conformance.ts'
import { pdfPreviewer } from './pdf.ts'
import { draw, pixelsOf } from './test-drawing.ts'
import { filled, type MadePage, makePages } from './test-pages.ts'

// Each of the many broken files takes a new instance of its reader.
vi.setConfig({ testTimeout: 120_000 })

const mediaType = 'application/pdf'
const file = (pages: readonly MadePage[]) => ({ bytes: makePages(pages), mediaType })

/** Red in the left half, which covers all of a page's height. */
const HALF: MadePage = { content: filled('1 0 0', [0, 0, 100, 100]) }
const all = (colour: string): MadePage => ({ content: filled(colour, [0, 0, 200, 100]) })

describePreviewer('pdf', () => ({
  previewer: pdfPreviewer,
  honest: { bytes: makePages([HALF, all('0 0 1')]), mediaType },
  shape: { width: 200, height: 100, isItsOwnSize: false },
}))

describe('a page', () => {
  test('is drawn on white, as large as the box takes it', async () => {
    const { pictures } = await draw(pdfPreviewer, file([HALF]), [{ width: 1000, height: 1000 }])
    expect(pictures[0]).toMatchObject({ width: 1000, height: 500 })
    const pixels = await pixelsOf(pictures[0])
    expect(pixels.at(0.495, 0.5)).toEqual([255, 0, 0, 255])
    expect(pixels.at(0.505, 0.5)).toEqual([255, 255, 255, 255])
  })

  test('is the one that is wanted, in any order', async () => {
    const pages = file([all('1 0 0'), all('0 1 0'), all('0 0 1')])
    const { pictures } = await draw(pdfPreviewer, pages, [{ page: 3 }, { page: 1 }, { page: 4 }, { page: 3 }])
    expect(pictures.map(({ index }) => index)).toEqual([0, 1, 3])
    const colours = await Promise.all(pictures.map(async (picture) => (await pixelsOf(picture)).at(0.5, 0.5)))
    expect(colours.map((colour) => colour.slice(0, 3))).toEqual([
      [0, 0, 255],
      [255, 0, 0],
      [0, 0, 255],
    ])
  })

  test('is turned as it is to be read', async () => {
    const { pictures } = await draw(pdfPreviewer, file([{ ...HALF, rotate: 90 }]))
    expect(pictures[0]).toMatchObject({ width: 200, height: 400 })
    const pixels = await pixelsOf(pictures[0])
    expect(pixels.at(0.5, 0.25)).toEqual([255, 0, 0, 255])
    expect(pixels.at(0.5, 0.75)).toEqual([255, 255, 255, 255])
  })

  test('keeps its top where it is cut', async () => {
    const tall: MadePage = { mediaBox: [0, 0, 100, 1000], content: filled('1 0 0', [0, 900, 100, 100]) }
    const { pictures } = await draw(pdfPreviewer, file([tall]), [{ width: 100, height: 100, fit: 'cover' }])
    expect((await pixelsOf(pictures[0])).at(0.5, 0.5)).toEqual([255, 0, 0, 255])
  })

  test.each([
    ['too large to be true', [0, 0, 1e9, 1e9]],
    ['as wide as no paper', [0, 0, 1_000_000, 1]],
    ['as high as no paper', [0, 0, 0.01, 14_400]],
    ['of no size', [0, 0, 0, 0]],
    ['the wrong way round', [200, 100, 0, 0]],
    ['far away', [-1e9, -1e9, -1e9 + 200, -1e9 + 100]],
  ] as const)('that is %s is drawn within its box, or is broken', async (_, mediaBox) => {
    const { pictures, error } = await draw(pdfPreviewer, file([{ ...HALF, mediaBox }]), [{}, { fit: 'cover' }])
    if (error !== undefined) expect(error).toMatchObject({ name: 'PreviewError', kind: 'corrupt' })
    else expect(pictures).toHaveLength(2)
    for (const { width, height } of pictures) expect(Math.max(width, height)).toBeLessThanOrEqual(400)
  })

  test('of any size takes no more memory than its pixels may', async () => {
    const box = { width: 16_000, height: 16_000 }
    const { pictures, error } = await draw(pdfPreviewer, file([HALF]), [box], { pixels: 1_000_000 })
    expect(error).toBeUndefined()
    expect(pictures[0]!.width * pictures[0]!.height).toBeLessThan(1_001_000)
  })

  test('that cannot be read takes no other with it', async () => {
    const bytes = Buffer.from(
      file([HALF, HALF]).bytes.toString('latin1').replace('/Type /Page /Parent', '/Type /Oops /Prnt  '),
      'latin1',
    )
    const { pictures } = await draw(pdfPreviewer, { bytes, mediaType }, [{ page: 1 }, { page: 2 }])
    expect(pictures.map(({ index }) => index)).toContain(1)
  })
})

describe('a PDF document', () => {
  test('is encrypted when its password is asked for', async () => {
    const bytes = makePdf({ pages: ['secret'], encrypted: true })
    const { pictures, error } = await draw(pdfPreviewer, { bytes, mediaType })
    expect(error).toMatchObject({ name: 'PreviewError', kind: 'encrypted' })
    expect(pictures).toEqual([])
  })

  test('is drawn as far as it can be when its table of objects is broken', async () => {
    const bytes = Buffer.from(
      file([HALF])
        .bytes.toString('latin1')
        .replace(/startxref\n\d+/, 'startxref\n7'),
      'latin1',
    )
    const { pictures } = await draw(pdfPreviewer, { bytes, mediaType })
    expect((await pixelsOf(pictures[0])).at(0.2, 0.5)).toEqual([255, 0, 0, 255])
  })

  test('without a page is broken', async () => {
    expect((await draw(pdfPreviewer, file([]))).error).toMatchObject({ name: 'PreviewError', kind: 'corrupt' })
  })
})
