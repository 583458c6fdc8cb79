import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp, { type Sharp } from 'sharp'
import { describe, expect, test } from 'vitest'
import { describePreviewer } from './conformance.ts'
import { imagePreviewer } from './image.ts'
import { draw, pixelsOf } from './test-drawing.ts'
import { makeHeic } from './test-heic.ts'

const [RED, GREEN, BLUE, YELLOW] = ['#ff0000', '#00ff00', '#0000ff', '#ffff00'] as const

const exif = {
  IFD0: { Make: 'Canon', Model: 'EOS R5', Artist: 'Photographer', ImageDescription: 'Harbour at dawn' },
  IFD2: { DateTimeOriginal: '2024:05:06 07:08:09', LensModel: 'RF 24-70' },
  IFD3: {
    GPSLatitudeRef: 'N',
    GPSLatitude: '40/1 38/1 2400/100',
    GPSLongitudeRef: 'E',
    GPSLongitude: '22/1 56/1 1200/100',
  },
}
const xmp =
  '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="r"><rdf:Description xmlns:dc="d"><dc:creator>Somebody</dc:creator></rdf:Description></rdf:RDF></x:xmpmeta>'

/** Four colours in the quarters, line by line. */
function quarters(colours: readonly string[], width: number, height: number): Sharp {
  const parts = colours.map(
    (colour, index) => `<rect x="${index % 2}" y="${index >> 1}" width="1" height="1" fill="${colour}"/>`,
  )
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="2" height="2" shape-rendering="crispEdges">${parts.join('')}</svg>`
  return sharp(Buffer.from(svg)).resize(width, height, { fit: 'fill' }).removeAlpha()
}

const upright = () => quarters([RED, GREEN, BLUE, YELLOW], 120, 80)

const plain = (colour: string, width = 120, height = 80) =>
  sharp({ create: { width, height, channels: 3, background: colour } })

/**
 * Where the quarters of a picture lie that is red, green, blue and yellow when it is looked at (Exif 2.32, 4.6.4: which
 * side of what is seen the first row is, and the first column).
 */
const KEPT: Record<number, readonly string[]> = {
  1: [RED, GREEN, BLUE, YELLOW],
  2: [GREEN, RED, YELLOW, BLUE],
  3: [YELLOW, BLUE, GREEN, RED],
  4: [BLUE, YELLOW, RED, GREEN],
  5: [RED, BLUE, GREEN, YELLOW],
  6: [GREEN, YELLOW, RED, BLUE],
  7: [YELLOW, GREEN, BLUE, RED],
  8: [BLUE, RED, YELLOW, GREEN],
}

async function photo(orientation: number, format: 'jpeg' | 'png' | 'webp' | 'tiff'): Promise<Buffer> {
  const kept = orientation < 5 ? quarters(KEPT[orientation]!, 120, 80) : quarters(KEPT[orientation]!, 80, 120)
  return kept.withExif(exif).withMetadata({ orientation }).withXmp(xmp).toFormat(format).toBuffer()
}

async function expectUpright(picture: { bytes: Uint8Array; width: number; height: number } | undefined) {
  expect(picture).toMatchObject({ width: 120, height: 80 })
  const pixels = await pixelsOf(picture)
  const corners = [pixels.at(0.2, 0.2), pixels.at(0.8, 0.2), pixels.at(0.2, 0.8), pixels.at(0.8, 0.8)]
  expect(corners.map(nameOf)).toEqual(['red', 'green', 'blue', 'yellow'])
}

function nameOf([red, green, blue, opaque]: readonly number[]): string {
  if (opaque! < 128) return 'nothing'
  const bright = [red, green, blue].map((part) => (part! > 160 ? 1 : part! < 95 ? 0 : '?')).join('')
  const names: Record<string, string> = {
    '100': 'red',
    '010': 'green',
    '001': 'blue',
    '110': 'yellow',
    '111': 'white',
    '000': 'black',
  }
  return names[bright] ?? bright
}

describePreviewer('image (JPEG)', async () => ({
  previewer: imagePreviewer,
  honest: { bytes: await photo(6, 'jpeg'), mediaType: 'image/jpeg' },
  shape: { width: 120, height: 80, isItsOwnSize: true },
  secrets: ['EOS R5', 'Photographer', 'Harbour at dawn', '2024:05:06', 'Somebody', 'Exif'],
}))

describePreviewer('image (TIFF)', async () => ({
  previewer: imagePreviewer,
  honest: { bytes: await photo(5, 'tiff'), mediaType: 'image/tiff' },
  shape: { width: 120, height: 80, isItsOwnSize: true },
  secrets: ['Somebody'],
}))

describePreviewer('image (SVG)', () => ({
  previewer: imagePreviewer,
  honest: {
    bytes: Buffer.from(
      '<svg xmlns="http://www.w3.org/2000/svg" width="120" height="80"><metadata>Somebody</metadata><circle cx="40" cy="40" r="30" fill="#c03"/></svg>',
    ),
    mediaType: 'image/svg+xml',
  },
  shape: { width: 120, height: 80, isItsOwnSize: false },
  secrets: ['Somebody'],
}))

describe('a photo', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('of orientation %i is upright', async (orientation) => {
    const bytes = await photo(orientation, 'jpeg')
    expect((await sharp(bytes).metadata()).orientation ?? 1).toBe(orientation)
    const { pictures, error } = await draw(imagePreviewer, { bytes, mediaType: 'image/jpeg' }, [
      {},
      { format: 'jpeg' },
      { format: 'webp' },
    ])
    expect(error).toBeUndefined()
    for (const picture of pictures) await expectUpright(picture)
  })

  test.each(['png', 'webp', 'tiff'] as const)('that is turned is upright as %s', async (format) => {
    const bytes = await photo(6, format)
    const { pictures } = await draw(imagePreviewer, { bytes, mediaType: `image/${format}` })
    await expectUpright(pictures[0])
  })

  test.each(['jpeg', 'png', 'webp'] as const)('does not say where it was taken, as %s', async (format) => {
    const bytes = await photo(6, format)
    expect((await sharp(bytes).metadata()).exif?.includes('EOS R5')).toBe(true)
    const formats = ['jpeg', 'png', 'webp', 'avif'] as const
    const wanted = formats.map((one) => ({ format: one }))
    const { pictures } = await draw(imagePreviewer, { bytes, mediaType: `image/${format}` }, wanted)
    expect(pictures).toHaveLength(formats.length)
    for (const picture of pictures) {
      const { exif: kept, xmp: keptXmp, orientation } = await sharp(picture.bytes).metadata()
      expect({ kept, keptXmp, orientation }).toEqual({})
      for (const secret of ['EOS R5', 'Somebody', 'Canon']) {
        expect(Buffer.from(picture.bytes).includes(secret)).toBe(false)
      }
    }
  })

  test('in the colours of a printer is drawn in those of a screen', async () => {
    const bytes = await plain(RED).toColourspace('cmyk').jpeg().toBuffer()
    expect((await sharp(bytes).metadata()).space).toBe('cmyk')
    const { pictures } = await draw(imagePreviewer, { bytes, mediaType: 'image/jpeg' }, [{ format: 'webp' }])
    expect(await sharp(pictures[0]!.bytes).metadata()).toMatchObject({ space: 'srgb', channels: 3 })
  })

  test('with more than 8 bits a channel becomes one of 8', async () => {
    const bytes = await plain(RED).toColourspace('rgb16').png().toBuffer()
    expect((await sharp(bytes).metadata()).depth).toBe('ushort')
    const { pictures } = await draw(imagePreviewer, { bytes, mediaType: 'image/png' })
    expect((await sharp(pictures[0]!.bytes).metadata()).depth).toBe('uchar')
  })
})

describe('an image', () => {
  test('lies on white where it is transparent and the picture cannot be', async () => {
    const clear = sharp({ create: { width: 40, height: 40, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } } })
    const bytes = await clear.png().toBuffer()
    const { pictures } = await draw(imagePreviewer, { bytes, mediaType: 'image/png' }, [
      { format: 'jpeg' },
      { format: 'webp' },
    ])
    expect(nameOf((await pixelsOf(pictures[0])).at(0.5, 0.5))).toBe('white')
    expect(nameOf((await pixelsOf(pictures[1])).at(0.5, 0.5))).toBe('nothing')
  })

  test.each(['gif', 'webp'] as const)('that moves shows its first frame, as %s', async (format) => {
    const frames = [await plain(BLUE).png().toBuffer(), await plain(RED).png().toBuffer()]
    const bytes = await sharp(frames, { join: { animated: true } })
      .toFormat(format)
      .toBuffer()
    expect((await sharp(bytes).metadata()).pages).toBe(2)
    const wanted = [{}, { page: 2 }]
    const { pictures, error } = await draw(imagePreviewer, { bytes, mediaType: `image/${format}` }, wanted)
    expect(error).toBeUndefined()
    expect(pictures).toHaveLength(1)
    expect(pictures[0]).toMatchObject({ width: 120, height: 80 })
    expect(nameOf((await pixelsOf(pictures[0])).at(0.5, 0.5))).toBe('blue')
  })

  test('of several pages shows the one that is wanted', async () => {
    const pages = [await plain(BLUE).png().toBuffer(), await plain(RED).png().toBuffer()]
    const bytes = await sharp(pages, { join: { animated: true } })
      .tiff()
      .toBuffer()
    expect((await sharp(bytes).metadata()).pages).toBe(2)
    const wanted = [{ page: 2 }, { page: 3 }, { page: 1 }]
    const { pictures, error } = await draw(imagePreviewer, { bytes, mediaType: 'image/tiff' }, wanted)
    expect(error).toBeUndefined()
    expect(pictures.map(({ index }) => index)).toEqual([0, 2])
    expect(nameOf((await pixelsOf(pictures[0])).at(0.5, 0.5))).toBe('red')
    expect(nameOf((await pixelsOf(pictures[1])).at(0.5, 0.5))).toBe('blue')
  })

  test('is drawn from AVIF', async () => {
    const bytes = await upright().avif({ quality: 90 }).toBuffer()
    const { pictures } = await draw(imagePreviewer, { bytes, mediaType: 'image/avif' })
    await expectUpright(pictures[0])
  })

  test('in a codec that nothing here decodes is not supported', async () => {
    const { error } = await draw(imagePreviewer, { bytes: makeHeic(640, 480), mediaType: 'image/avif' })
    expect(error).toMatchObject({ name: 'PreviewError', kind: 'unsupported' })
  })

  test('is not drawn when it has too many pixels', async () => {
    const bytes = await plain(RED, 300, 300).png().toBuffer()
    const { error } = await draw(imagePreviewer, { bytes, mediaType: 'image/png' }, [{}], { pixels: 80_000 })
    expect(error).toMatchObject({ name: 'PreviewError', kind: 'limits' })
    expect((await draw(imagePreviewer, { bytes, mediaType: 'image/png' }, [{}], { pixels: 90_000 })).error).toBe(
      undefined,
    )
  })

  test('that is another kind than it is said to be is broken', async () => {
    const png = await plain(RED).png().toBuffer()
    expect((await draw(imagePreviewer, { bytes: png, mediaType: 'image/jpeg' })).error).toMatchObject({
      kind: 'corrupt',
    })
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
    expect((await draw(imagePreviewer, { bytes: svg, mediaType: 'image/png' })).error).toMatchObject({
      kind: 'corrupt',
    })
  })

  test('that ends early is broken', async () => {
    const bytes = await quarters(KEPT[1]!, 1200, 800).jpeg().toBuffer()
    const cut = bytes.subarray(0, bytes.length / 2)
    expect((await draw(imagePreviewer, { bytes: cut, mediaType: 'image/jpeg' })).error).toMatchObject({
      name: 'PreviewError',
      kind: 'corrupt',
    })
  })
})

describe('a drawing', () => {
  const svg = (content: string) => ({
    bytes: Buffer.from(
      `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="20" height="20">${content}</svg>`,
    ),
    mediaType: 'image/svg+xml',
  })

  test('is drawn anew at the size of the picture', async () => {
    const { pictures } = await draw(imagePreviewer, svg('<rect width="10" height="20" fill="#f00"/>'))
    expect(pictures[0]).toMatchObject({ width: 400, height: 400 })
    const pixels = await pixelsOf(pictures[0])
    // Enlarged pixels would be blurred for some twenty pixels here.
    expect([nameOf(pixels.at(0.49, 0.5)), nameOf(pixels.at(0.51, 0.5))]).toEqual(['red', 'nothing'])
  })

  test('shows no file that lies elsewhere', async () => {
    const path = join(tmpdir(), `stowage-secret-${process.pid}.png`)
    writeFileSync(path, await plain(RED).png().toBuffer())
    for (const href of [path, `file://${path}`, path.slice(path.lastIndexOf('/') + 1)]) {
      const image = `<image xlink:href="${href}" href="${href}" width="20" height="20"/>`
      const { pictures } = await draw(imagePreviewer, svg(image))
      expect(nameOf((await pixelsOf(pictures[0])).at(0.5, 0.5))).toBe('nothing')
    }
  })

  test('that is packed is not supported', async () => {
    const packed = { bytes: Buffer.from([0x1f, 0x8b, 8, 0]), mediaType: 'image/svg+xml' }
    expect((await draw(imagePreviewer, packed)).error).toMatchObject({ kind: 'unsupported' })
  })

  test('of a shape that covers no box in bearable size reaches a limit', async () => {
    const bytes = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="30000" height="1"/>')
    const { error } = await draw(imagePreviewer, { bytes, mediaType: 'image/svg+xml' }, [{ fit: 'cover' }])
    expect(error).toMatchObject({ name: 'PreviewError', kind: 'limits' })
  })
})
