/**
 * The grammar of key templates: segments separated by `/`, each made of literals `[a-z0-9._-]` and placeholders in
 * braces. A placeholder is a value (`{org}`), a piece of the creation date (`{YYYY/MM/DD}`), something made from
 * another value (`{shard}`), or a choice by category (`{financial|contracts}`).
 */

/** What a key may be made of. Every value is checked again when a key is made. */
export interface KeyValues {
  /** Slug or id of the organization. */
  org?: string
  /** The name an organization goes by in a layout by customer; unique among organizations. */
  customer?: string
  /** Id of the person whose bytes these are. */
  user?: string
  /** Id of the asset's owner; may become known, or change, after the upload. */
  owner?: string
  /** Asset type. */
  type?: string
  /** The copy's id in a per-object layout, the asset's id in a per-version layout. */
  id?: string
  /** Ordinal of a derived piece, from 1. */
  n?: number
  /** Version number of the asset, from 1; only per-version layouts read it. */
  version?: number
  /** Extension without its dot; undefined where the asset has none. */
  ext?: string
  suffix?: string
  session?: string
  callId?: string
  /** Known once the content was understood. */
  category?: string
  /** The year an asset is filed under, known when it is archived. */
  year?: number
  /** Moment of the upload; dates in keys are UTC. */
  createdAt?: Date
}

export type ValueName = keyof KeyValues

/** Values that may become known after the upload; a job then makes a verified copy under the new key. */
export const LATER_VALUES: ReadonlySet<ValueName> = new Set(['category', 'owner', 'year'])

export type Token =
  | { kind: 'literal'; text: string }
  | { kind: 'placeholder'; name: string; value: ValueName; choices?: readonly string[] }

/** How a template ends: `.{ext}` (`required`), `{ext}` (`optional`), a literal such as `.jpg`, or nothing. */
export type Ending = { kind: 'required' } | { kind: 'optional' } | { kind: 'fixed'; text: string }

export interface Template {
  /** The segments without the ending. */
  segments: readonly (readonly Token[])[]
  ending: Ending
}

export interface TemplateProblem {
  /** Position of the character in the template, counted from 1. */
  position: number
  /** What is wrong and what to do about it, in plain words. */
  message: string
}

const PLACEHOLDERS: Readonly<Record<string, ValueName>> = {
  org: 'org',
  customer: 'customer',
  user: 'user',
  owner: 'owner',
  type: 'type',
  id: 'id',
  shard: 'id',
  n: 'n',
  suffix: 'suffix',
  session: 'session',
  callId: 'callId',
  category: 'category',
  year: 'year',
  YYYY: 'createdAt',
  MM: 'createdAt',
  DD: 'createdAt',
  'YYYY/MM/DD': 'createdAt',
  date: 'createdAt',
}

const MAXIMUM_LENGTH = 512
const CHOICES = /^[a-z0-9][a-z0-9_-]{0,63}(\|[a-z0-9][a-z0-9_-]{0,63})+$/
const FIXED_ENDING = /\.[a-z0-9]{1,10}$/

/** Reads a template. The list of problems is never empty. */
export function parseTemplate(text: string): { template: Template } | { problems: TemplateProblem[] } {
  const problems: TemplateProblem[] = []
  if (text.length === 0) return { problems: [{ position: 1, message: 'The template is empty; write at least {id}.' }] }
  if (text.length > MAXIMUM_LENGTH) {
    return {
      problems: [
        { position: MAXIMUM_LENGTH + 1, message: `Shorten the template to ${MAXIMUM_LENGTH} characters or fewer.` },
      ],
    }
  }
  const [body, ending, endingLength] = splitEnding(text)
  const segments = readSegments(body, endingLength > 0, problems)
  if (problems.length > 0) return { problems }
  return { template: { segments, ending } }
}

function splitEnding(text: string): [body: string, ending: Ending, endingLength: number] {
  if (text.endsWith('.{ext}')) return [text.slice(0, -6), { kind: 'required' }, 6]
  if (text.endsWith('{ext}')) return [text.slice(0, -5), { kind: 'optional' }, 0]
  const fixed = FIXED_ENDING.exec(text)?.[0] ?? ''
  return [text.slice(0, text.length - fixed.length), { kind: 'fixed', text: fixed }, fixed.length]
}

function readSegments(body: string, endingHasText: boolean, problems: TemplateProblem[]): Token[][] {
  const segments: Token[][] = [[]]
  let segmentStart = 0
  let at = 0
  const closeSegment = (isLast: boolean) => {
    checkSegment(segments.at(-1)!, body.slice(segmentStart, at), isLast && endingHasText, segmentStart + 1, problems)
  }
  while (at < body.length) {
    if (body[at] === '/') {
      closeSegment(false)
      at += 1
      segmentStart = at
      segments.push([])
      continue
    }
    const [token, length] = readToken(body, at, problems)
    if (token) segments.at(-1)!.push(token)
    at += length
  }
  closeSegment(true)
  return segments
}

function readToken(body: string, at: number, problems: TemplateProblem[]): [token: Token | undefined, length: number] {
  const literal = /^[a-z0-9._-]+/.exec(body.slice(at))?.[0]
  if (literal) return [{ kind: 'literal', text: literal }, literal.length]
  const braced = /^\{([^{}]*)\}/.exec(body.slice(at))
  if (!braced) {
    const message =
      body[at] === '{'
        ? 'A placeholder is opened here and not closed; add } after its name.'
        : `${JSON.stringify(body[at])} may not stand in a key; use a-z, 0-9, dot, underscore, hyphen, or a placeholder.`
    problems.push({ position: at + 1, message })
    return [undefined, body[at] === '{' ? body.length - at : 1]
  }
  const token = placeholder(braced[1]!)
  if (!token) problems.push({ position: at + 1, message: unknownPlaceholder(braced[1]!) })
  return [token, braced[0].length]
}

function placeholder(name: string): Token | undefined {
  if (CHOICES.test(name)) return { kind: 'placeholder', name, value: 'category', choices: name.split('|') }
  if (!Object.hasOwn(PLACEHOLDERS, name)) return undefined
  return { kind: 'placeholder', name, value: PLACEHOLDERS[name]! }
}

function unknownPlaceholder(name: string): string {
  if (name === 'ext') return '{ext} stands only at the very end; move it there.'
  const known = [...Object.keys(PLACEHOLDERS), 'ext'].map((each) => `{${each}}`).join(' ')
  return `{${name}} is not a placeholder; use one of ${known}, or a choice such as {contracts|reports}.`
}

function checkSegment(
  tokens: readonly Token[],
  text: string,
  textFollows: boolean,
  position: number,
  problems: TemplateProblem[],
) {
  if (text === '' && !textFollows) {
    problems.push({
      position,
      message: 'This segment may be empty; put something between, before or after the slashes.',
    })
  }
  if (/^\.+$/.test(text))
    problems.push({ position, message: 'A segment of dots alone is not allowed; name the folder.' })
  tokens.forEach((token, index) => {
    const next = tokens[index + 1]
    const pair = [token, next].map((each) => (each?.kind === 'placeholder' ? each.name : ''))
    if (pair.includes('id') && pair.includes('n')) {
      problems.push({ position, message: '{id} and {n} run into each other; put a character between them.' })
    }
  })
}

/** The values a template reads, `ext` included, in the order of their first use. */
export function valuesOf(template: Template): ValueName[] {
  const names = template.segments.flat().flatMap((token) => (token.kind === 'placeholder' ? [token.value] : []))
  if (template.ending.kind !== 'fixed') names.push('ext')
  return [...new Set(names)]
}

/** Whether two templates can give the same key; errs towards yes. */
export function templatesMayMeet(first: Template, second: Template): boolean {
  const [one, two] = [wholeSegments(first), wholeSegments(second)]
  return one.length === two.length && one.every((segment, index) => segmentsMayMeet(segment, two[index]!))
}

function wholeSegments(template: Template): Token[][] {
  const segments = template.segments.flatMap((tokens) => spreadDates(tokens))
  const { ending } = template
  const tail: Token =
    ending.kind === 'fixed'
      ? { kind: 'literal', text: ending.text }
      : { kind: 'placeholder', name: 'ext', value: 'ext' }
  segments.at(-1)!.push(tail)
  return segments
}

function spreadDates(tokens: readonly Token[]): Token[][] {
  const spread: Token[][] = [[]]
  for (const token of tokens) {
    const pieces = token.kind === 'placeholder' ? token.name.split(/\/(?=[A-Z])/) : []
    if (token.kind === 'literal' || pieces.length === 1) spread.at(-1)!.push(token)
    else {
      pieces.forEach((name, index) => {
        if (index > 0) spread.push([])
        spread.at(-1)!.push({ ...token, name })
      })
    }
  }
  return spread
}

/** Whether two segments can give the same text; errs towards yes. */
export function segmentsMayMeet(first: readonly Token[], second: readonly Token[]): boolean {
  const [head, otherHead] = [edge(first), edge(second)]
  const [tail, otherTail] = [edge(first.toReversed()), edge(second.toReversed())]
  const wholeLiterals = [first, second].every((tokens) => tokens.every((token) => token.kind === 'literal'))
  const text = (tokens: readonly Token[]) =>
    tokens.map((token) => (token.kind === 'literal' ? token.text : '')).join('')
  if (wholeLiterals) return text(first) === text(second)
  const heads = head.startsWith(otherHead) || otherHead.startsWith(head)
  return heads && (tail.endsWith(otherTail) || otherTail.endsWith(tail))
}

function edge(tokens: readonly Token[]): string {
  const [first] = tokens.filter((token) => token.kind === 'placeholder' || token.text !== '')
  return first?.kind === 'literal' ? first.text : ''
}
