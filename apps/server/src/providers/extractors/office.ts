import { wholeNumber } from './document-facts.ts'
import { findAttribute, localName, type MarkupVisitor } from './markup.ts'
import { readOfficeFacts } from './office-facts.ts'
import { type Relationship, readRelationships, targetsOf, walkEntry } from './office-package.ts'
import { chartVisitor, officeVisitor, slideCommentVisitor } from './office-visitor.ts'
import { extracting, type Output } from './output.ts'
import { ExtractionError, type ExtractionLimits, type Extractor, type Facts, type Place } from './port.ts'
import { createTextFlow, type TextFlow } from './text-flow.ts'
import { collectingText, type TextParts } from './text-parts.ts'
import { withZipEntries, type ZipEntries } from './zip-entries.ts'

/** Asides of a text document, in the order in which they follow its body. */
const WORD_ASIDES = [
  ['header', 'header'],
  ['footer', 'footer'],
  ['footnotes', 'notes'],
  ['endnotes', 'notes'],
  ['comments', 'comment'],
  ['diagramData', 'diagram'],
  ['chart', 'chart'],
] as const

/** What follows the text of a slide. */
const SLIDE_ASIDES = [
  ['diagramData', undefined],
  ['chart', 'chart'],
  ['notesSlide', 'notes'],
  ['comments', 'comment'],
] as const

interface Package {
  zip: ZipEntries
  limits: ExtractionLimits
  /** What the package itself points to. */
  roots: Relationship[]
  main: string
}

interface Writing {
  flow: TextFlow
  parts: TextParts
}

/**
 * Reads Word's and PowerPoint's documents (ECMA-376): text with its tables, headers, notes, comments, text boxes and the
 * words of charts; one page per slide. Text that a tracked change took away is left out, text that one added is kept.
 */
export const officeExtractor: Extractor = {
  extract: (source, emit, limits) =>
    extracting(emit, limits, (output) =>
      withZipEntries(source.path, limits, (zip) => readPackage(zip, limits, output)),
    ),
}

async function readPackage(zip: ZipEntries, limits: ExtractionLimits, output: Output) {
  const roots = await readRelationships(zip, limits, '')
  const main = targetsOf(zip, roots, 'officeDocument')[0] ?? ['word/document.xml', 'ppt/presentation.xml'].find(zip.has)
  if (main === undefined) throw new ExtractionError('corrupt', 'The package has no document')
  const office: Package = { zip, limits, roots, main }
  const { kind, slideIds } = await findKind(office)
  const facts = await readFacts(office)
  await output.facts(kind === 'presentation' ? { ...facts, pageCount: slideIds.length } : facts)
  await collectingText(output, async (parts) => {
    const writing: Writing = { parts, flow: createTextFlow(parts, 'one-line') }
    if (kind === 'presentation') await readSlides(office, slideIds, writing)
    else await readWord(office, writing)
  })
}

/** Tells by the main part's root what it is, and lists a presentation's slides in their order (ECMA-376-1, 19.2.1.34). */
async function findKind({ zip, limits, main }: Package) {
  const found: { root?: string; slideIds: string[] } = { slideIds: [] }
  const enough = new Error('The rest says no more')
  const visitor: MarkupVisitor = {
    open(name, attributes) {
      const local = localName(name)
      found.root ??= local
      if (found.root !== 'presentation') throw enough
      if (local !== 'sldId') return
      if (found.slideIds.length >= limits.entries)
        throw new ExtractionError('limits', `More than ${limits.entries} slides`)
      found.slideIds.push(findAttribute(attributes, 'id') ?? '')
    },
    close() {},
    text() {},
  }
  await walkEntry(zip, limits, main, visitor).catch((error: unknown) => {
    if (error !== enough) throw error
  })
  const { root, slideIds } = found
  if (root === 'document' || root === 'presentation') return { kind: root, slideIds } as const
  throw new ExtractionError('unsupported', `An Office document of the kind ${JSON.stringify(root?.slice(0, 50))}`)
}

async function readFacts({ zip, limits, roots }: Package): Promise<Facts> {
  const { facts, core, app } = await readOfficeFacts(zip, limits, roots)
  const more = {
    'core.description': core.first('description'),
    'core.category': core.first('category'),
    'core.lastModifiedBy': core.first('lastModifiedBy'),
    'app.Company': app.first('Company'),
    'app.Manager': app.first('Manager'),
  }
  return {
    ...facts,
    producer: [app.first('Application'), app.first('AppVersion')].filter(Boolean).join(' '),
    pageCount: wholeNumber(app.first('Pages')),
    more: withoutUndefined(more),
  }
}

function withoutUndefined(more: Record<string, string | undefined>) {
  return Object.fromEntries(Object.entries(more).flatMap(([name, text]) => (text === undefined ? [] : [[name, text]])))
}

async function readWord(office: Package, writing: Writing) {
  const { zip, limits, main } = office
  await readPart(office, main, {}, writing)
  const relationships = await readRelationships(zip, limits, main)
  for (const [type, label] of WORD_ASIDES) {
    for (const target of targetsOf(zip, relationships, type)) await readPart(office, target, { label }, writing, type)
  }
}

async function readSlides(office: Package, slideIds: readonly string[], writing: Writing) {
  const { zip, limits, main } = office
  const slides = new Map((await readRelationships(zip, limits, main)).map(({ id, target }) => [id, target]))
  for (const [index, id] of slideIds.entries()) {
    if (index >= limits.pages) throw new ExtractionError('limits', `More than ${limits.pages} slides`)
    const slide = slides.get(id)
    if (slide !== undefined && zip.has(slide)) await readSlide(office, slide, index + 1, writing)
  }
}

async function readSlide(office: Package, slide: string, page: number, writing: Writing) {
  const { zip, limits } = office
  await readPart(office, slide, { page }, writing)
  const relationships = await readRelationships(zip, limits, slide)
  for (const [type, label] of SLIDE_ASIDES) {
    const place = label === undefined ? { page } : { page, label }
    for (const target of targetsOf(zip, relationships, type)) await readPart(office, target, place, writing, type)
  }
}

async function readPart(office: Package, name: string, place: Place, { flow, parts }: Writing, type?: string) {
  flow.moveTo(place)
  const visitor =
    type === 'chart' ? chartVisitor(flow) : type === 'comments' ? slideCommentVisitor(flow) : officeVisitor(flow)
  await walkEntry(office.zip, office.limits, name, visitor, parts.drain)
}
