import { READS } from './providers/extractors/media-types.ts'
import type { PageDrawer } from './providers/extractors/ocr-port.ts'
import { pagesOfImage, pagesOfPdf } from './providers/extractors/picture-pages.ts'
import type { Extractor, Facts } from './providers/extractors/port.ts'

/** Who reads files of some types, and what else that takes. */
interface Reader {
  id: string
  /** Raised whenever it reads something better, so that files can be read again. */
  version: number
  load: () => Promise<Extractor>
  /** What its child process must be allowed. */
  grants?: readonly 'addons'[]
  /** Which pages may be pictures of text, by what was read of the file; and who draws them. */
  picturesIn?: (facts: Facts) => number[]
  loadDrawer?: () => Promise<PageDrawer>
  /** The program, as people call it, that must turn the file into another one before its text can be read. */
  needs?: string
}

const readers: readonly (Reader & { id: keyof typeof READS })[] = [
  { id: 'office', version: 1, load: async () => (await import('./providers/extractors/office.ts')).officeExtractor },
  { id: 'odf', version: 1, load: async () => (await import('./providers/extractors/odf.ts')).odfExtractor },
  { id: 'sheets', version: 1, load: async () => (await import('./providers/extractors/sheets.ts')).sheetsExtractor },
  { id: 'csv', version: 1, load: async () => (await import('./providers/extractors/csv.ts')).csvExtractor },
  {
    id: 'pdf',
    version: 2,
    load: async () => (await import('./providers/extractors/pdf.ts')).pdfExtractor,
    picturesIn: pagesOfPdf,
    loadDrawer: async () => (await import('./providers/extractors/pdf-pictures.ts')).pdfPictures,
  },
  { id: 'doc', version: 1, load: async () => (await import('./providers/extractors/doc.ts')).docExtractor },
  { id: 'rtf', version: 1, load: async () => (await import('./providers/extractors/rtf.ts')).rtfExtractor },
  { id: 'epub', version: 1, load: async () => (await import('./providers/extractors/epub.ts')).epubExtractor },
  { id: 'html', version: 1, load: async () => (await import('./providers/extractors/html.ts')).htmlExtractor },
  { id: 'mail', version: 1, load: async () => (await import('./providers/extractors/mail.ts')).mailExtractor },
  { id: 'text', version: 1, load: async () => (await import('./providers/extractors/text.ts')).textExtractor },
  {
    id: 'image',
    version: 3,
    load: async () => (await import('./providers/extractors/image.ts')).imageExtractor,
    picturesIn: pagesOfImage,
    loadDrawer: async () => (await import('./providers/extractors/image-pictures.ts')).imagePictures,
    // sharp is native.
    grants: ['addons'],
  },
  { id: 'media', version: 1, load: async () => (await import('./providers/extractors/media.ts')).mediaExtractor },
]

const powerPoint: Reader = {
  id: 'ppt',
  version: 1,
  load: async () => (await import('./providers/extractors/ppt.ts')).pptExtractor,
  needs: 'LibreOffice',
}

const byType: ReadonlyMap<string, Reader> = new Map([
  ...readers.flatMap((reader) => READS[reader.id].map((mediaType): [string, Reader] => [mediaType, reader])),
  ['application/vnd.ms-powerpoint', powerPoint],
])

/** Who reads files of a type, if anybody does. */
export function readerOf(mediaType: string): Reader | undefined {
  return byType.get(mediaType)
}
