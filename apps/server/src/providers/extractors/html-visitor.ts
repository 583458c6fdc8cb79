import type { Attributes, MarkupVisitor } from './markup.ts'
import type { TextFlow } from './text-flow.ts'

const MAX_TITLE_CHARS = 10_000

/** Elements that nobody sees. */
const SKIPPED: ReadonlySet<string> = new Set(
  'script style template noscript iframe noembed noframes object applet datalist rp svg'.split(' '),
)

/** Elements that stand on lines of their own (HTML, 15.3.3). */
const BLOCKS: ReadonlySet<string> = new Set(
  (
    'address article aside blockquote body br caption center dd details dialog dir div dl dt fieldset figcaption figure ' +
    'footer form h1 h2 h3 h4 h5 h6 head header hgroup hr html legend li main menu nav ol optgroup option p pre search ' +
    'section select summary table tbody textarea tfoot thead ul'
  ).split(' '),
)

const VERBATIM: ReadonlySet<string> = new Set(['pre', 'textarea', 'listing', 'xmp'])

/** What a page says of itself, as it stands there. */
export interface PageFacts {
  title: string
  language?: string
  meta: Map<string, string>
}

export function newPageFacts(): PageFacts {
  return { title: '', meta: new Map() }
}

/** Writes what a reader of a page would see; what it says of itself goes to `facts`. */
export function htmlVisitor(flow: TextFlow, facts: PageFacts): MarkupVisitor {
  let skipped = 0
  let verbatim = 0
  let titles = 0
  let inTitle = false
  return {
    open(name, attributes) {
      if (skipped > 0 || SKIPPED.has(name) || isHidden(attributes)) {
        skipped += 1
        return
      }
      if (name === 'html') facts.language ??= attributes['lang'] ?? attributes['xml:lang']
      else if (name === 'meta') noteMeta(facts, attributes)
      else if (name === 'title') {
        inTitle = true
        titles += 1
      } else if (VERBATIM.has(name)) verbatim += 1
      openBlock(flow, name)
    },
    close(name) {
      if (skipped > 0) {
        skipped -= 1
        return
      }
      if (name === 'title') inTitle = false
      else if (VERBATIM.has(name)) verbatim -= 1
      closeBlock(flow, name)
    },
    text(text) {
      if (skipped > 0) return
      if (!inTitle) flow[verbatim > 0 ? 'text' : 'prose'](text)
      else if (titles === 1 && facts.title.length < MAX_TITLE_CHARS) facts.title += text
    },
  }
}

function openBlock(flow: TextFlow, name: string) {
  if (BLOCKS.has(name)) flow.breakLine()
  else if (name === 'td' || name === 'th') flow.startCell()
}

function closeBlock(flow: TextFlow, name: string) {
  if (BLOCKS.has(name)) flow.breakLine()
  else if (name === 'td' || name === 'th') flow.endCell()
  else if (name === 'tr') flow.endRow()
}

function isHidden(attributes: Attributes) {
  if (attributes['hidden'] !== undefined && attributes['hidden'] !== 'until-found') return true
  const style = attributes['style']
  return style !== undefined && /(?:display\s*:\s*none|visibility\s*:\s*hidden)/i.test(style.slice(0, 2000))
}

const META_NAMES: ReadonlySet<string> = new Set([
  'author',
  'description',
  'keywords',
  'generator',
  'article:published_time',
  'article:modified_time',
])

function noteMeta({ meta }: PageFacts, attributes: Attributes) {
  const name = (attributes['name'] ?? attributes['property'] ?? '').toLowerCase()
  if (META_NAMES.has(name) && !meta.has(name)) meta.set(name, (attributes['content'] ?? '').slice(0, MAX_TITLE_CHARS))
}
