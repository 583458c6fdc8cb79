import { documentDate, languageTag } from './document-facts.ts'
import { splitKeywords } from './fact-values.ts'
import { readSlices } from './file-slices.ts'
import { htmlVisitor, newPageFacts, type PageFacts } from './html-visitor.ts'
import { localName, type MarkupOptions, type MarkupVisitor, walkMarkup } from './markup.ts'
import { HTML, SVG } from './media-types.ts'
import { extracting, type Output } from './output.ts'
import type { ExtractionLimits, Extractor, Facts, Source } from './port.ts'
import { decodeSlices, expectText, findHtmlEncoding, findXmlEncoding } from './text-decoding.ts'
import { createTextFlow, type TextFlow } from './text-flow.ts'
import { collectingText } from './text-parts.ts'

const MAX_TITLE_CHARS = 10_000

/** Reads what HTML shows, the text of all elements of XML, and the words of SVG drawings. */
export const htmlExtractor: Extractor = {
  extract: (source, emit, limits) =>
    extracting(emit, limits, (output) => {
      if (HTML.includes(source.mediaType)) return readHtml(source, limits, output)
      return source.mediaType === SVG ? readSvg(source, limits, output) : readXml(source, limits, output)
    }),
}

async function readHtml(source: Source, limits: ExtractionLimits, output: Output) {
  const page = newPageFacts()
  const dialect = source.mediaType === 'text/html' ? 'html' : 'xhtml'
  const choose = (head: Buffer) => findHtmlEncoding(head, source.charset)
  try {
    await readMarkup(source, limits, output, dialect, choose, (flow) => htmlVisitor(flow, page))
  } finally {
    await output.facts(factsOf(page))
  }
}

function factsOf({ title, language, meta }: PageFacts): Facts {
  return {
    title,
    author: meta.get('author'),
    subject: meta.get('description'),
    keywords: splitKeywords(meta.get('keywords')),
    language: languageTag(language),
    createdAt: documentDate(meta.get('article:published_time')),
    modifiedAt: documentDate(meta.get('article:modified_time')),
    producer: meta.get('generator'),
  }
}

async function readXml(source: Source, limits: ExtractionLimits, output: Output) {
  await readMarkup(source, limits, output, 'xml', findXmlEncoding, (flow) => ({
    open: () => flow.prose(' '),
    close: () => flow.prose(' '),
    text: (text) => flow.prose(text),
  }))
}

async function readSvg(source: Source, limits: ExtractionLimits, output: Output) {
  const page = newPageFacts()
  try {
    await readMarkup(source, limits, output, 'xml', findXmlEncoding, (flow) => svgVisitor(flow, page))
  } finally {
    await output.facts({ title: page.title })
  }
}

const SVG_TEXTS: ReadonlySet<string> = new Set(['title', 'desc', 'text'])
const SVG_MOVES = ['x', 'y', 'dx', 'dy'] as const

/** SVG 2, 5.7 and 11.1. */
function svgVisitor(flow: TextFlow, facts: PageFacts): MarkupVisitor {
  let depth = 0
  let texts = 0
  let inTitle = false
  return {
    open(name, attributes) {
      depth += 1
      const isText = SVG_TEXTS.has(localName(name))
      inTitle = depth === 2 && localName(name) === 'title' && facts.title === ''
      if (isText) texts += 1
      if (isText) flow.breakLine()
      else if (SVG_MOVES.some((move) => attributes[move] !== undefined)) flow.prose(' ')
    },
    close(name) {
      depth -= 1
      inTitle = false
      if (!SVG_TEXTS.has(localName(name))) return
      texts -= 1
      flow.breakLine()
    },
    text(text) {
      if (texts === 0) return
      if (inTitle && facts.title.length < MAX_TITLE_CHARS) facts.title += text
      flow.prose(text)
    },
  }
}

async function readMarkup(
  { path }: Source,
  { depth }: ExtractionLimits,
  output: Output,
  dialect: MarkupOptions['dialect'],
  choose: (head: Buffer) => string,
  visitorFor: (flow: TextFlow) => MarkupVisitor,
) {
  await collectingText(output, async (parts) => {
    const texts = expectingText(decodeSlices(readSlices(path), choose))
    await walkMarkup(texts, visitorFor(createTextFlow(parts)), { dialect, depth, pause: parts.drain })
  })
}

async function* expectingText(texts: AsyncIterable<string>) {
  let judged = false
  for await (const text of texts) {
    if (!judged) expectText(text)
    judged = true
    yield text
  }
}
