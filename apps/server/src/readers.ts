import { READS } from './providers/extractors/media-types.ts'
import type { Extractor } from './providers/extractors/port.ts'

/** Who reads files of some types, and what else that takes. */
interface Reader {
  id: keyof typeof READS
  /** Raised whenever it reads something better, so that files can be read again. */
  version: number
  load: () => Promise<Extractor>
  /** What its child process must be allowed. */
  grants?: readonly 'addons'[]
}

const readers: readonly Reader[] = [
  { id: 'office', version: 1, load: async () => (await import('./providers/extractors/office.ts')).officeExtractor },
  { id: 'odf', version: 1, load: async () => (await import('./providers/extractors/odf.ts')).odfExtractor },
  { id: 'sheets', version: 1, load: async () => (await import('./providers/extractors/sheets.ts')).sheetsExtractor },
  { id: 'csv', version: 1, load: async () => (await import('./providers/extractors/csv.ts')).csvExtractor },
  { id: 'pdf', version: 1, load: async () => (await import('./providers/extractors/pdf.ts')).pdfExtractor },
  { id: 'doc', version: 1, load: async () => (await import('./providers/extractors/doc.ts')).docExtractor },
  { id: 'rtf', version: 1, load: async () => (await import('./providers/extractors/rtf.ts')).rtfExtractor },
  { id: 'epub', version: 1, load: async () => (await import('./providers/extractors/epub.ts')).epubExtractor },
  { id: 'html', version: 1, load: async () => (await import('./providers/extractors/html.ts')).htmlExtractor },
  { id: 'mail', version: 1, load: async () => (await import('./providers/extractors/mail.ts')).mailExtractor },
  { id: 'text', version: 1, load: async () => (await import('./providers/extractors/text.ts')).textExtractor },
  {
    id: 'image',
    version: 1,
    load: async () => (await import('./providers/extractors/image.ts')).imageExtractor,
    // sharp is native.
    grants: ['addons'],
  },
  { id: 'media', version: 1, load: async () => (await import('./providers/extractors/media.ts')).mediaExtractor },
]

const byType: ReadonlyMap<string, Reader> = new Map(
  readers.flatMap((reader) => READS[reader.id].map((mediaType) => [mediaType, reader] as const)),
)

/** Who reads files of a type, if anybody does. */
export function readerOf(mediaType: string): Reader | undefined {
  return byType.get(mediaType)
}
