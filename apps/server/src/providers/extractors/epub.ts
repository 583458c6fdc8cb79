import { posix } from 'node:path'
import { documentDate, languageTag, readFields } from './document-facts.ts'
import { htmlVisitor, newPageFacts } from './html-visitor.ts'
import { type Attributes, localName, walkMarkup } from './markup.ts'
import { entryOf, walkEntry } from './office-package.ts'
import { extracting, type Output } from './output.ts'
import { ExtractionError, type ExtractionLimits, type Extractor, type Facts } from './port.ts'
import { decodeSlices, findHtmlEncoding } from './text-decoding.ts'
import { createTextFlow } from './text-flow.ts'
import { collectingText, type TextParts } from './text-parts.ts'
import { withZipEntries, type ZipEntries } from './zip-entries.ts'

const CONTAINER = 'META-INF/container.xml'
const ENCRYPTION = 'META-INF/encryption.xml'
/** Fonts that are only made hard to take out (EPUB 3.3, 4.4): the text is open. */
const OBFUSCATION = /\/\/(?:www\.idpf\.org\/2008\/embedding|ns\.adobe\.com\/pdf\/enc)/
const CHAPTER_TYPES: ReadonlySet<string> = new Set(['application/xhtml+xml', 'text/html', 'application/x-dtbook+xml'])

interface Book {
  facts: Facts
  /** The entries of the spine that are text, with their pages; a page is an item of the spine. */
  chapters: { entry: string; page: number }[]
}

interface Item {
  entry: string
  mediaType: string
}

/** Reads books in the order of their spine, one page per item of it (EPUB 3.3). */
export const epubExtractor: Extractor = {
  extract: (source, emit, limits) =>
    extracting(emit, limits, (output) => withZipEntries(source.path, limits, (zip) => readBook(zip, limits, output))),
}

async function readBook(zip: ZipEntries, limits: ExtractionLimits, output: Output) {
  const closed = await readEncrypted(zip, limits)
  const book = await readPackage(zip, limits, await findPackage(zip, limits))
  await output.facts(book.facts)
  await collectingText(output, async (parts) => {
    const flow = createTextFlow(parts)
    for (const { entry, page } of book.chapters) {
      if (page > limits.pages) throw new ExtractionError('limits', `More than ${limits.pages} chapters`)
      if (closed.has(entry)) throw new ExtractionError('encrypted', 'The book is protected')
      flow.moveTo({ page })
      if (zip.has(entry)) await readChapter(zip, limits, entry, parts, flow)
    }
  })
}

async function readChapter(
  zip: ZipEntries,
  { depth }: ExtractionLimits,
  entry: string,
  parts: TextParts,
  flow: ReturnType<typeof createTextFlow>,
) {
  const texts = decodeSlices(zip.read(entry), (head) => findHtmlEncoding(head, undefined))
  await walkMarkup(texts, htmlVisitor(flow, newPageFacts()), { dialect: 'xhtml', depth, pause: parts.drain })
}

/** EPUB 3.3, 4.2.6.3.1: the container names the package's entry. */
async function findPackage(zip: ZipEntries, limits: ExtractionLimits): Promise<string> {
  let entry: string | undefined
  await walkEntry(zip, limits, CONTAINER, {
    open(name, attributes) {
      if (localName(name) === 'rootfile') entry ??= entryOf('', attributes['full-path'] ?? '')
    },
    close() {},
    text() {},
  })
  if (entry === undefined || !zip.has(entry)) throw new ExtractionError('corrupt', 'The book has no package')
  return entry
}

/** The entries that cannot be read without a key. */
async function readEncrypted(zip: ZipEntries, limits: ExtractionLimits): Promise<ReadonlySet<string>> {
  const closed = new Set<string>()
  if (!zip.has(ENCRYPTION)) return closed
  let algorithm = ''
  await walkEntry(zip, limits, ENCRYPTION, {
    open(name, attributes) {
      const local = localName(name)
      if (local === 'EncryptedData') algorithm = ''
      if (local === 'EncryptionMethod') algorithm ||= attributes['Algorithm'] ?? ''
      if (local !== 'CipherReference' || OBFUSCATION.test(algorithm) || closed.size >= limits.entries) return
      closed.add(entryOf('', attributes['URI'] ?? ''))
    },
    close() {},
    text() {},
  })
  return closed
}

async function readPackage(zip: ZipEntries, limits: ExtractionLimits, name: string): Promise<Book> {
  const folder = posix.dirname(name)
  const items = new Map<string, Item>()
  const spine: string[] = []
  const told = new Map<string, string>()
  const fields = readFields((element, attributes) => {
    if (items.size + spine.length > 2 * limits.entries) {
      throw new ExtractionError('limits', `More than ${limits.entries} parts of a book`)
    }
    if (element === 'item') {
      const mediaType = attributes['media-type']?.toLowerCase() ?? ''
      items.set(attributes['id'] ?? '', { entry: entryOf(folder, attributes['href'] ?? ''), mediaType })
    } else if (element === 'itemref') spine.push(attributes['idref'] ?? '')
    else if (element === 'meta') noteMeta(told, attributes)
  })
  const modified = watchModified(fields)
  await walkEntry(zip, limits, name, modified.visitor)
  const chapters = spine.flatMap((id, index) => {
    const item = items.get(id)
    return item && CHAPTER_TYPES.has(item.mediaType) ? [{ entry: item.entry, page: index + 1 }] : []
  })
  return { facts: factsOf(fields, modified.date(), told, spine.length), chapters }
}

/** EPUB 2 says in attributes of `meta` what has no element. */
function noteMeta(told: Map<string, string>, attributes: Attributes) {
  if (attributes['name'] === 'generator') told.set('generator', attributes['content'] ?? '')
}

/** EPUB 3.3, 5.5.5: the date of the last change is one `meta` among others, told by its property. */
function watchModified(fields: ReturnType<typeof readFields>) {
  let inside = false
  let date = ''
  return {
    date: () => documentDate(date),
    visitor: {
      ...fields,
      open(name: string, attributes: Attributes) {
        inside = attributes['property'] === 'dcterms:modified'
        fields.open(name, attributes)
      },
      text(text: string) {
        if (inside && date.length < 100) date += text
        fields.text(text)
      },
      close(name: string) {
        inside = false
        fields.close(name)
      },
    },
  }
}

function factsOf(
  fields: ReturnType<typeof readFields>,
  modifiedAt: string | undefined,
  told: ReadonlyMap<string, string>,
  pageCount: number,
): Facts {
  const authors = fields.all('creator')
  const more = [
    ['epub.identifier', fields.first('identifier')],
    ['epub.publisher', fields.first('publisher')],
    ['epub.description', fields.first('description')],
  ] as const
  return {
    title: fields.first('title'),
    author: authors.join(', '),
    keywords: fields.all('subject'),
    language: languageTag(fields.first('language')),
    createdAt: documentDate(fields.first('date')),
    modifiedAt,
    producer: told.get('generator'),
    pageCount,
    more: Object.fromEntries(more.flatMap(([name, text]) => (text === undefined ? [] : [[name, text]]))),
  }
}
