import { join } from 'node:path'
import sharp, { type Sharp } from 'sharp'
import { type CorpusFile, fileIn, type KnownFacts, type Workshop } from './corpus-file.ts'
import { exec } from './tools.ts'

/** Pictures that exiftool has written to in each of its ways. */

const WIDTH = 320
const HEIGHT = 200

const EXIF = [
  '-EXIF:Artist=Eleni Papadopoulou',
  '-EXIF:ImageDescription=Lighthouse at dusk',
  '-EXIF:Make=Example',
  '-EXIF:Model=Camera 7',
  '-EXIF:Software=Corpus 1.0',
  '-EXIF:Copyright=Harbour Office',
  '-EXIF:DateTimeOriginal=2024:05:06 07:08:09',
  '-EXIF:OffsetTimeOriginal=+03:00',
  '-EXIF:FNumber=2.8',
  '-EXIF:ISO=200',
  '-EXIF:GPSLatitude=37.9755',
  '-EXIF:GPSLatitudeRef=N',
  '-EXIF:GPSLongitude=23.7348',
  '-EXIF:GPSLongitudeRef=W',
]

const FROM_EXIF: KnownFacts = {
  author: 'Eleni Papadopoulou',
  subject: 'Lighthouse at dusk',
  producer: 'Corpus 1.0',
  createdAt: '2024-05-06T07:08:09+03:00',
  more: {
    'exif.Make': 'Example',
    'exif.Model': 'Camera 7',
    'exif.Copyright': 'Harbour Office',
    'exif.FNumber': 2.8,
    'exif.gpsLatitude': 37.9755,
    'exif.gpsLongitude': -23.7348,
  },
}

const IPTC = [
  '-codedcharacterset=utf8',
  '-IPTC:ObjectName=Φάρος',
  // Of 32 bytes at most.
  '-IPTC:By-line=Ελένη Νικολάου',
  '-IPTC:Caption-Abstract=Ο φάρος το σούρουπο',
  '-IPTC:Keywords=φάρος',
  '-IPTC:Keywords=θάλασσα',
]

const XMP = [
  '-XMP-dc:Title=Φάρος 灯塔',
  '-XMP-dc:Creator=Ελένη Παπαδοπούλου',
  '-XMP-dc:Description=Ο φάρος το σούρουπο',
  '-XMP-dc:Subject=φάρος',
  '-XMP-dc:Subject=灯塔',
  '-XMP-xmp:CreateDate=2024:05:06 07:08:09+03:00',
  '-XMP-xmp:CreatorTool=Corpus 1.0',
]

const FROM_IPTC: KnownFacts = {
  title: 'Φάρος',
  author: 'Ελένη Νικολάου',
  subject: 'Ο φάρος το σούρουπο',
  keywords: ['φάρος', 'θάλασσα'],
}

const FROM_XMP: KnownFacts = {
  title: 'Φάρος 灯塔',
  author: 'Ελένη Παπαδοπούλου',
  subject: 'Ο φάρος το σούρουπο',
  keywords: ['φάρος', '灯塔'],
  createdAt: '2024-05-06T07:08:09+03:00',
  producer: 'Corpus 1.0',
}

interface Picture {
  name: string
  format: string
  save: (image: Sharp) => Sharp
  words: readonly string[]
  facts: KnownFacts
}

const turned = (orientation: number) => [`-EXIF:Orientation#=${orientation}`]

const PICTURES: readonly Picture[] = [
  { name: 'exif.jpg', format: 'jpeg', save: (image) => image.jpeg(), words: EXIF, facts: FROM_EXIF },
  { name: 'iptc.jpg', format: 'jpeg', save: (image) => image.jpeg(), words: IPTC, facts: FROM_IPTC },
  { name: 'xmp.jpg', format: 'jpeg', save: (image) => image.jpeg(), words: XMP, facts: FROM_XMP },
  { name: 'exif.png', format: 'png', save: (image) => image.png(), words: EXIF, facts: FROM_EXIF },
  { name: 'xmp.png', format: 'png', save: (image) => image.png(), words: XMP, facts: FROM_XMP },
  {
    name: 'exif.tiff',
    format: 'tiff',
    save: (image) => image.tiff(),
    words: EXIF,
    facts: { ...FROM_EXIF, pageCount: 1 },
  },
  { name: 'xmp.tiff', format: 'tiff', save: (image) => image.tiff(), words: XMP, facts: FROM_XMP },
  { name: 'exif.webp', format: 'webp', save: (image) => image.webp(), words: EXIF, facts: FROM_EXIF },
  { name: 'xmp.webp', format: 'webp', save: (image) => image.webp(), words: XMP, facts: FROM_XMP },
  { name: 'exif.avif', format: 'avif', save: (image) => image.avif({ effort: 0 }), words: EXIF, facts: FROM_EXIF },
  // What XMP says in GIF is not read.
  { name: 'xmp.gif', format: 'gif', save: (image) => image.gif(), words: XMP, facts: {} },
  ...[3, 6, 8].map(
    (orientation): Picture => ({
      name: `turned-${orientation}.jpg`,
      format: 'jpeg',
      save: (image) => image.jpeg(),
      words: turned(orientation),
      facts: { orientation, ...(orientation > 4 && { width: HEIGHT, height: WIDTH }) },
    }),
  ),
]

export async function makeImages(workshop: Workshop): Promise<CorpusFile[]> {
  const made: CorpusFile[] = []
  for (const { name, format, save, words, facts } of PICTURES) {
    const file = fileIn(workshop, name)
    await save(sharp({ create: { width: WIDTH, height: HEIGHT, channels: 3, background: '#3a6ea5' } })).toFile(
      file.path,
    )
    await exec('exiftool', ['-q', '-overwrite_original', ...words, file.path])
    made.push({ ...file, format, maker: 'exiftool', facts: { width: WIDTH, height: HEIGHT, ...facts } })
  }
  return [...made, await makePages(workshop)]
}

/** A fax of three pages. */
async function makePages(workshop: Workshop): Promise<CorpusFile> {
  const file = fileIn(workshop, 'pages.tiff')
  const page = { create: { width: WIDTH, height: HEIGHT, channels: 3 as const, background: '#ffffff' } }
  await sharp([1, 2, 3].map(() => page) as never, { join: { animated: true } } as never)
    .tiff()
    .toFile(join(workshop.folder, 'pages.tiff'))
  return { ...file, format: 'tiff', maker: 'sharp', facts: { width: WIDTH, height: HEIGHT, pageCount: 3 } }
}
