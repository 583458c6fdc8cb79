import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { describeExtractor } from './conformance.ts'
import { imageExtractor } from './image.ts'
import { tell } from './test-run.ts'

const blank = () => sharp({ create: { width: 40, height: 20, channels: 3, background: '#2255aa' } })

const exif = {
  IFD0: {
    Make: 'Canon',
    Model: 'EOS R5',
    Software: 'Firmware 1',
    Artist: 'TenLetters',
    ImageDescription: 'Harbour',
  },
  IFD2: {
    DateTimeOriginal: '2024:05:06 07:08:09',
    OffsetTimeOriginal: '+03:00',
    LensModel: 'RF 24-70',
    FNumber: '28/10',
  },
  IFD3: {
    GPSLatitudeRef: 'N',
    GPSLatitude: '40/1 38/1 2400/100',
    GPSLongitudeRef: 'W',
    GPSLongitude: '22/1 56/1 1200/100',
  },
}

const xmp = `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="r"><rdf:Description xmlns:dc="d" xmlns:xmp="m" xmp:CreatorTool="Painter 3">
  <dc:title><rdf:Alt><rdf:li xml:lang="x-default">Ηλιοβασίλεμα</rdf:li></rdf:Alt></dc:title>
  <dc:creator><rdf:Seq><rdf:li>李雷</rdf:li><rdf:li>Ali</rdf:li></rdf:Seq></dc:creator>
  <dc:subject><rdf:Bag><rdf:li>sea</rdf:li><rdf:li>θάλασσα</rdf:li></rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>`

/** Turned, and with a name in UTF-8, which the library writes in ASCII alone. */
async function makePhoto(packet?: string) {
  const image = blank().withExif(exif).withMetadata({ orientation: 6 })
  const bytes = await (packet === undefined ? image : image.withXmp(packet)).jpeg().toBuffer()
  bytes.write('Ελένη', bytes.indexOf('TenLetters'))
  return bytes
}

const read = (bytes: Buffer, mediaType: string) => tell(imageExtractor, { bytes, mediaType })

describeExtractor('image', async () => ({
  extractor: imageExtractor,
  honest: { bytes: await makePhoto(xmp), mediaType: 'image/jpeg' },
  says: [],
  limits: {},
}))

describe('an image', () => {
  test('measures what it does when it is looked at', async () => {
    const { facts } = await read(await makePhoto(), 'image/jpeg')
    expect(facts).toMatchObject({ width: 20, height: 40, orientation: 6 })
  })

  test('says what took it, when and where', async () => {
    const { facts } = await read(await makePhoto(), 'image/jpeg')
    expect(facts).toMatchObject({
      author: 'Ελένη',
      subject: 'Harbour',
      producer: 'Firmware 1',
      createdAt: '2024-05-06T07:08:09+03:00',
      more: {
        'image.format': 'jpeg',
        'image.colorSpace': 'srgb',
        'exif.Make': 'Canon',
        'exif.Model': 'EOS R5',
        'exif.LensModel': 'RF 24-70',
        'exif.FNumber': 2.8,
        'exif.gpsLatitude': 40.64,
        'exif.gpsLongitude': -22.9366667,
      },
    })
  })

  test('says what its XMP does, which counts before all else', async () => {
    const { facts } = await read(await makePhoto(xmp), 'image/jpeg')
    expect(facts).toMatchObject({
      title: 'Ηλιοβασίλεμα',
      author: '李雷, Ali',
      keywords: ['sea', 'θάλασσα'],
      producer: 'Painter 3',
    })
  })

  test('says what its IPTC does', async () => {
    const { facts } = await read(withIptc(await blank().jpeg().toBuffer()), 'image/jpeg')
    expect(facts).toMatchObject({ title: 'Λιμάνι', author: 'Άννα', keywords: ['port', 'πλοίο'], subject: 'At dawn' })
  })

  test.each(['png', 'webp', 'tiff', 'avif', 'gif'] as const)('is measured as %s', async (format) => {
    const bytes = await blank().toFormat(format).toBuffer()
    const { facts, error } = await read(bytes, `image/${format}`)
    expect(error).toBeUndefined()
    expect(facts).toMatchObject({ width: 40, height: 20 })
  })

  test('has as many pages or frames as it has', async () => {
    const { facts } = await read(await blank().tiff().toBuffer(), 'image/tiff')
    expect(facts.pageCount).toBe(1)
    const frames = await sharp([await blank().png().toBuffer(), await blank().negate().png().toBuffer()], {
      join: { animated: true },
    })
      .gif()
      .toBuffer()
    const animated = await read(frames, 'image/gif')
    expect(animated.facts).toMatchObject({ width: 40, height: 20, more: { 'image.frames': 2 } })
  })

  test('is measured by its first bytes where nothing decodes it', async () => {
    const { facts } = await read(makeBmp(300, 200), 'image/bmp')
    expect(facts).toMatchObject({ width: 300, height: 200 })
    expect((await read(makeBmp(30_000, 30_000), 'image/bmp')).error).toMatchObject({ kind: 'limits' })
    expect((await read(Buffer.from('BM'), 'image/bmp')).error).toMatchObject({ kind: 'corrupt' })
  })

  test('is not read when it has too many pixels', async () => {
    const bytes = await blank().png().toBuffer()
    bytes.writeUInt32BE(60_000, 16)
    bytes.writeUInt32BE(60_000, 20)
    expect((await read(bytes, 'image/png')).error).toMatchObject({ kind: expect.stringMatching(/limits|corrupt/) })
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="30000" height="30000"/>'
    expect((await read(Buffer.from(svg), 'image/svg+xml')).error).toMatchObject({ kind: 'limits' })
  })
})

describe('a drawing', () => {
  test('is measured from its bytes', async () => {
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="120" height="80"><rect width="10" height="10"/></svg>'
    expect((await read(Buffer.from(svg), 'image/svg+xml')).facts).toMatchObject({ width: 120, height: 80 })
  })

  test('is never opened by its path, whatever it is said to be', async () => {
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="120" height="80"/>'
    for (const mediaType of ['image/png', 'image/jpeg']) {
      expect((await read(Buffer.from(svg), mediaType)).error).toMatchObject({ kind: 'corrupt' })
    }
  })
})

/** A bitmap's header alone. */
function makeBmp(width: number, height: number) {
  const bytes = Buffer.alloc(54)
  bytes.write('BM', 'latin1')
  bytes.writeUInt32LE(54, 10)
  bytes.writeUInt32LE(40, 14)
  bytes.writeInt32LE(width, 18)
  bytes.writeInt32LE(height, 22)
  return bytes
}

/** Puts a segment of Photoshop's resources behind the first marker of a JPEG. */
function withIptc(jpeg: Buffer) {
  const dataSet = (record: number, number: number, text: string | Buffer) => {
    const value = Buffer.from(text)
    return Buffer.concat([Buffer.from([0x1c, record, number, value.length >> 8, value.length & 0xff]), value])
  }
  const iptc = Buffer.concat([
    dataSet(1, 90, '\x1b%G'),
    dataSet(2, 5, 'Λιμάνι'),
    dataSet(2, 25, 'port'),
    dataSet(2, 25, 'πλοίο'),
    dataSet(2, 80, 'Άννα'),
    dataSet(2, 120, 'At dawn'),
  ])
  const resource = Buffer.concat([
    Buffer.from('Photoshop 3.0\x008BIM\x04\x04\x00\x00', 'latin1'),
    Buffer.alloc(4),
    iptc,
  ])
  resource.writeUInt32BE(iptc.length, 22)
  const segment = Buffer.alloc(4)
  segment.writeUInt16BE(0xffed, 0)
  segment.writeUInt16BE(resource.length + 2, 2)
  return Buffer.concat([jpeg.subarray(0, 2), segment, resource, jpeg.subarray(2)])
}
