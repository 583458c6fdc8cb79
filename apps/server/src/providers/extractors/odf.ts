import { documentDate, languageTag, readFields, wholeNumber } from './document-facts.ts'
import type { Attributes } from './markup.ts'
import { OPEN_DOCUMENT } from './media-types.ts'
import { odfVisitor } from './odf-visitor.ts'
import { walkEntry } from './office-package.ts'
import { extracting, type Output } from './output.ts'
import { ExtractionError, type ExtractionLimits, type Extractor, type Facts, type Source } from './port.ts'
import { createTextFlow, type TextFlow } from './text-flow.ts'
import { collectingText, type TextParts } from './text-parts.ts'
import { withZipEntries, type ZipEntries } from './zip-entries.ts'

const CONTENT = 'content.xml'
const STYLES = 'styles.xml'
const META = 'meta.xml'
const MANIFEST = 'META-INF/manifest.xml'

/**
 * Reads OpenDocument texts, presentations and drawings: text with its tables, then headers, notes and comments; one page
 * per slide or drawing.
 */
export const odfExtractor: Extractor = {
  extract: (source, emit, limits) =>
    extracting(emit, limits, (output) =>
      withZipEntries(source.path, limits, (zip) => readDocument(source, zip, limits, output)),
    ),
}

async function readDocument(source: Source, zip: ZipEntries, limits: ExtractionLimits, output: Output) {
  await expectOpen(zip, limits)
  const facts = await readMeta(zip, limits)
  if (facts) await output.facts(facts)
  const paged = !source.mediaType.startsWith(`${OPEN_DOCUMENT}text`)
  await collectingText(output, (parts) => readText(zip, limits, parts, paged))
}

/** An encrypted entry is listed with how it is encrypted (ODF 1.3 part 2, 4.8). */
async function expectOpen(zip: ZipEntries, limits: ExtractionLimits) {
  if (zip.has('encrypted-package')) throw encrypted()
  if (!zip.has(MANIFEST)) return
  let entry: string | undefined
  await walkEntry(zip, limits, MANIFEST, {
    open(name, attributes) {
      if (name === 'manifest:file-entry') entry = attributes['manifest:full-path']
      if (name === 'manifest:encryption-data' && (entry === CONTENT || entry === 'encrypted-package')) throw encrypted()
    },
    close() {},
    text() {},
  })
}

function encrypted() {
  return new ExtractionError('encrypted', 'Only its password opens the document')
}

/** Meta data that is broken says nothing; the text may be whole all the same. */
async function readMeta(zip: ZipEntries, limits: ExtractionLimits): Promise<Facts | undefined> {
  if (!zip.has(META)) return undefined
  let pageCount: number | undefined
  const fields = readFields((name, attributes: Attributes) => {
    if (name === 'document-statistic') pageCount = wholeNumber(attributes['meta:page-count'])
  })
  try {
    await walkEntry(zip, limits, META, fields)
  } catch (error) {
    if (error instanceof ExtractionError && error.kind === 'corrupt') return undefined
    throw error
  }
  const description = fields.first('description')
  return {
    title: fields.first('title'),
    author: fields.first('initial-creator') ?? fields.first('creator'),
    subject: fields.first('subject'),
    keywords: fields.all('keyword'),
    language: languageTag(fields.first('language')),
    createdAt: documentDate(fields.first('creation-date')),
    modifiedAt: documentDate(fields.first('date')),
    producer: fields.first('generator'),
    pageCount,
    more: description === undefined ? undefined : { 'meta.description': description },
  }
}

async function readText(zip: ZipEntries, limits: ExtractionLimits, parts: TextParts, paged: boolean) {
  const flow = createTextFlow(parts, 'one-line')
  const pages = paged ? limits.pages : undefined
  const body = odfVisitor({ flow, wanted: 'body', pages })
  await walkEntry(zip, limits, CONTENT, body, parts.drain)
  if (!paged && zip.has(STYLES)) await readAsides(zip, limits, STYLES, flow, parts)
  if (body.sawAsides()) await readAsides(zip, limits, CONTENT, flow, parts, pages)
}

async function readAsides(
  zip: ZipEntries,
  limits: ExtractionLimits,
  entry: string,
  flow: TextFlow,
  parts: TextParts,
  pages?: number,
) {
  await walkEntry(zip, limits, entry, odfVisitor({ flow, wanted: 'asides', pages }), parts.drain)
}
