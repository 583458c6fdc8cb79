import { splitKeywords, toIsoDate } from './fact-values.ts'
import { extracting, type Output } from './output.ts'
import { allocate, openPdf, type Pdfium } from './pdfium.ts'
import { ExtractionError, type ExtractionLimits, type Extractor, type Facts, type Source } from './port.ts'

/** The reader needs all of the file in its memory. */
const maxFileBytes = 256 * 1024 ** 2
const maxListedPages = 500
const maxFactBytes = 64 * 1024
/** fpdf_text.h, FPDFText_GetCharBox: four numbers of eight bytes. */
const boxBytes = 32

type Reader = Pdfium & {
  /** fpdf_doc.h: answers the length in bytes of the UTF-16LE text and its end, whatever the buffer holds. */
  _FPDF_GetMetaText(document: number, tag: number, buffer: number, bytes: number): number
  /** fpdf_text.h. */
  _FPDFText_GetCharIndexFromTextIndex(page: number, index: number): number
  _FPDFText_GetCharBox(page: number, index: number, left: number, right: number, bottom: number, top: number): number
}

/**
 * Text page by page, and what the document says of itself. Facts come last: `pdf.pagesWithoutText` lists the pages that
 * hold no character and may be pictures of text.
 */
export const pdfExtractor: Extractor = {
  extract: (source, emit, limits) => extracting(emit, limits, (output) => readPdf(source, output, limits)),
}

async function readPdf(source: Source, output: Output, limits: ExtractionLimits) {
  if (source.sizeBytes > maxFileBytes) {
    throw new ExtractionError('limits', `The document has more than ${maxFileBytes} bytes`)
  }
  const opened = await openPdf(source.path, source.sizeBytes)
  const [pdfium, document] = [opened.pdfium as Reader, opened.document]
  const pageCount = pdfium._FPDF_GetPageCount(document)
  if (pageCount < 1) throw new ExtractionError('corrupt', 'The document has no page')
  const facts: Facts = { ...readFacts(pdfium, document), pageCount }
  const withoutText: string[] = []
  try {
    await readPages(pdfium, document, Math.min(pageCount, limits.pages), limits.textChars, withoutText, output)
  } finally {
    await output.facts({ ...facts, more: { ...facts.more, 'pdf.pagesWithoutText': withoutText } })
  }
  if (pageCount > limits.pages) throw new ExtractionError('limits', `More than ${limits.pages} pages`)
}

async function readPages(
  pdfium: Reader,
  document: number,
  count: number,
  maxChars: number,
  withoutText: string[],
  output: Output,
) {
  let loaded = 0
  for (let index = 0; index < count; index += 1) {
    const text = readPage(pdfium, document, index, maxChars)
    if (text !== undefined) loaded += 1
    if (text !== undefined && /\S/.test(text)) await output.text(text, { page: index + 1 })
    else if (withoutText.length < maxListedPages) withoutText.push(String(index + 1))
  }
  if (loaded === 0) throw new ExtractionError('corrupt', 'No page of the document can be read')
}

/** Undefined for a page that cannot be read. */
function readPage(pdfium: Reader, document: number, index: number, maxChars: number) {
  const page = pdfium._FPDF_LoadPage(document, index)
  if (page === 0) return undefined
  const text = pdfium._FPDFText_LoadPage(page)
  try {
    return text === 0 ? undefined : readText(pdfium, text, maxChars)
  } finally {
    if (text !== 0) pdfium._FPDFText_ClosePage(text)
    pdfium._FPDF_ClosePage(page)
  }
}

function readText(pdfium: Reader, text: number, maxChars: number) {
  // One more than may be taken, so that a text that is too long is seen to be.
  const chars = Math.min(pdfium._FPDFText_CountChars(text), maxChars + 1)
  if (chars <= 0) return ''
  // A character beyond the first plane takes two units.
  const buffer = allocate(pdfium, 4 * (chars + 1))
  try {
    const units = pdfium._FPDFText_GetText(text, 0, chars, buffer)
    return units <= 1 ? '' : cleanPageText(turnLigatures(pdfium, text, decodeUtf16(pdfium, buffer, 2 * (units - 1))))
  } finally {
    pdfium.wasmExports.free(buffer)
  }
}

function decodeUtf16(pdfium: Reader, address: number, bytes: number) {
  return Buffer.from(pdfium.HEAPU8.subarray(address, address + bytes)).toString('utf16le')
}

/**
 * PDFium turns lines from right to left round letter by letter, those within a ligature as well. A lam and an alef that
 * were drawn as one share one box, and change places.
 */
function turnLigatures(pdfium: Reader, page: number, text: string) {
  if (!/[آأإا]ل/.test(text)) return text
  const signs = [...text]
  const box = allocate(pdfium, boxBytes)
  for (let at = 1; at < signs.length; at += 1) {
    if (signs[at] !== 'ل' || !/[آأإا]/.test(signs[at - 1]!)) continue
    const [first, second] = [at - 1, at].map((index) => readBox(pdfium, page, index, box))
    if (first?.equals(second!)) [signs[at - 1], signs[at]] = [signs[at]!, signs[at - 1]!]
  }
  pdfium.wasmExports.free(box)
  return signs.join('')
}

function readBox(pdfium: Reader, page: number, index: number, box: number) {
  const place = pdfium._FPDFText_GetCharIndexFromTextIndex(page, index)
  pdfium._FPDFText_GetCharBox(page, place, box, box + 8, box + 16, box + 24)
  return Buffer.from(pdfium.HEAPU8.subarray(box, box + boxBytes))
}

/** PDFium puts U+0002 or U+FFFE where a hyphen parts a word at the end of a line. */
function cleanPageText(text: string) {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what it takes out
  return text.replaceAll('\r\n', '\n').replace(/[\u0002\ufffe]\n?/g, '')
}

/** ISO 32000-1, 14.3.3. */
function readFacts(pdfium: Reader, document: number): Facts {
  const read = (tag: string) => readMetaText(pdfium, document, tag)
  return {
    title: read('Title'),
    author: read('Author'),
    subject: read('Subject'),
    keywords: splitKeywords(read('Keywords')),
    producer: read('Producer'),
    createdAt: parsePdfDate(read('CreationDate')),
    modifiedAt: parsePdfDate(read('ModDate')),
    more: definedOnly({ 'pdf.creator': read('Creator') }),
  }
}

function definedOnly(values: Record<string, string | undefined>) {
  return Object.fromEntries(Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined))
}

function readMetaText(pdfium: Reader, document: number, tag: string) {
  const name = Buffer.from(`${tag}\0`, 'latin1')
  const buffer = allocate(pdfium, maxFactBytes + name.length)
  try {
    pdfium.HEAPU8.set(name, buffer + maxFactBytes)
    const bytes = pdfium._FPDF_GetMetaText(document, buffer + maxFactBytes, buffer, maxFactBytes)
    if (bytes <= 2 || bytes > maxFactBytes) return undefined
    return decodeUtf16(pdfium, buffer, bytes - 2)
  } finally {
    pdfium.wasmExports.free(buffer)
  }
}

/** ISO 32000-1, 7.9.4: `D:YYYYMMDDHHmmSSOHH'mm`, where all after the year may be missing. */
export function parsePdfDate(text: string | undefined): string | undefined {
  const found = /^(?:D:)?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?\s*(?:(Z)|([+-])(\d\d)'?(\d\d)?)?/.exec(
    text?.trim() ?? '',
  )
  if (!found) return undefined
  const parts = found.slice(1, 7).flatMap((part) => (part === undefined ? [] : [Number(part)]))
  const [, , , , , , , utc, sign, hours, minutes = '00'] = found
  const zone = utc ?? (sign && Number(hours) < 24 && Number(minutes) < 60 ? `${sign}${hours}:${minutes}` : '')
  return toIsoDate(parts, zone)
}
