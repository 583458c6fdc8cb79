import { Parser } from 'htmlparser2'
import { ExtractionError } from './port.ts'

/** UTF-16 units of one tag, comment or declaration, which the parser holds until it ends. */
const MAX_TOKEN_CHARS = 16 * 1024 * 1024
const MAX_ATTRIBUTES = 4096

export type Attributes = Readonly<Record<string, string>>

/** Told of elements and text in their order. Each element that is opened is closed, also when the markup forgets it. */
export interface MarkupVisitor {
  open(name: string, attributes: Attributes): void
  close(name: string): void
  /** A stretch of text, its entities resolved: the five of XML, those of HTML in HTML, and never one that it declares. */
  text(text: string): void
}

export interface MarkupOptions {
  /** `xhtml` is HTML whose elements may close themselves; names are in lower case in both. */
  dialect: 'xml' | 'html' | 'xhtml'
  /** Elements within each other. */
  depth: number
  /** Awaited after each slice. */
  pause(): Promise<void>
}

/**
 * Walks markup slice by slice, holding no more of it than one tag. It fetches and includes nothing, and knows no
 * document type.
 *
 * @throws ExtractionError `limits`, or `corrupt` for XML that has no element or ends before its elements do
 */
export async function walkMarkup(
  texts: AsyncIterable<string>,
  visitor: MarkupVisitor,
  { dialect, depth, pause }: MarkupOptions,
): Promise<void> {
  const walk = startWalk(visitor, dialect === 'xml', depth)
  const html = dialect !== 'xml'
  const parser = new Parser(walk.handler, {
    xmlMode: !html,
    recognizeCDATA: dialect !== 'html',
    recognizeSelfClosing: dialect !== 'html',
  })
  for await (const text of texts) {
    walk.take(text.length)
    parser.write(text)
    await pause()
  }
  walk.finish()
  parser.end()
  await pause()
  if (!html) walk.expectWhole()
}

function startWalk(visitor: MarkupVisitor, isXml: boolean, maxDepth: number) {
  let depth = 0
  let elements = 0
  let attributes = 0
  let tagOpen = false
  let ending = false
  let unclosed = 0
  let sinceEvent = 0
  const handler = {
    onopentagname() {
      sinceEvent = 0
      attributes = 0
      tagOpen = true
      depth += 1
      elements += 1
      if (depth > maxDepth) throw new ExtractionError('limits', `More than ${maxDepth} elements within each other`)
    },
    onattribute() {
      attributes += 1
      if (attributes > MAX_ATTRIBUTES) throw new ExtractionError('limits', `More than ${MAX_ATTRIBUTES} attributes`)
    },
    onopentag(name: string, given: Attributes) {
      tagOpen = false
      visitor.open(name, given)
    },
    onclosetag(name: string) {
      sinceEvent = 0
      depth -= 1
      if (ending) unclosed += 1
      // The end of the file within a tag closes an element that was never told of.
      if (tagOpen) tagOpen = false
      else visitor.close(name)
    },
    ontext(text: string) {
      sinceEvent = 0
      // Between elements of XML there is nothing to read but white space and pieces of a document type.
      if (depth > 0 || !isXml) visitor.text(text)
    },
    oncomment() {
      sinceEvent = 0
    },
    onprocessinginstruction() {
      sinceEvent = 0
    },
  }
  return {
    handler,
    take(chars: number) {
      sinceEvent += chars
      if (sinceEvent > MAX_TOKEN_CHARS) throw new ExtractionError('limits', 'A tag or comment does not end')
    },
    finish() {
      ending = true
    },
    expectWhole() {
      if (elements === 0) throw new ExtractionError('corrupt', 'The XML has no element')
      if (unclosed > 0) throw new ExtractionError('corrupt', 'The XML ends before its elements do')
    },
  }
}

/** A name without its prefix. */
export function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1)
}

/** An attribute by its name without a prefix; of `id` and `r:id` the one with a prefix. */
export function findAttribute(attributes: Attributes, local: string): string | undefined {
  const ending = `:${local}`
  const prefixed = Object.keys(attributes).find((name) => name.endsWith(ending))
  if (prefixed !== undefined) return attributes[prefixed]
  return Object.hasOwn(attributes, local) ? attributes[local] : undefined
}
