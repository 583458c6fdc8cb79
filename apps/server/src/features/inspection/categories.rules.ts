import { formsOf, shapeOf } from './category-forms.rules.ts'
import { nameEndings, nameTerms, textTerms, typeStarts } from './category-terms.rules.ts'

/** What a document may be, `general` where nothing speaks for another one. */
export const categories = [
  'financial',
  'contract',
  'report',
  'correspondence',
  'identity',
  'recording',
  'image',
  'presentation',
  'spreadsheet',
  'code',
  'legal',
  'general',
] as const

export type Category = (typeof categories)[number]

/** What is known of a document when its category is asked for. */
export interface Described {
  name: string
  mediaType: string
  /** Its beginning; only the first 20,000 characters are looked at, and none at all is fine. */
  text: string
  pageCount?: number
}

export interface Judgement {
  category: Category
  /** From 0 to 1: above 0.8 one category leads clearly, below 0.5 there is little evidence or another one is close. */
  confidence: number
  /** What decided, or came nearest where nothing did: five at most, the weightiest first, each one of the rules' own. */
  why: string[]
}

type Specific = Exclude<Category, 'general'>

interface Evidence {
  category: Specific
  what: string
  weight: number
  /** A single word or phrase, of the text or the name. */
  isWord?: boolean
}

/** A word or phrase, and how much it says for which categories. */
interface Term {
  shown: string
  speaksFor: { category: Specific; weight: number }[]
}

interface Index {
  terms: Map<string, Term>
  /** By its first word, how many words the longest term has. */
  longest: Map<string, number>
}

const MAX_CHARACTERS = 20_000
const MAX_NAME_CHARACTERS = 300
const MAX_LINES = 500
const MAX_REASONS = 5

const saysLittle = /^(?:text\/plain|text\/html|application\/octet-stream|application\/xml|application\/json|)$/

/** Below this confidence a document is `general`. */
const FLOOR = 0.35
/** What one word alone can give: anybody may use it once. */
const MOST_BY_ONE_WORD = 0.45

/**
 * Says what kind of document this is, by its words (whole ones, in six languages, without regard to case and accents),
 * its name, its media type and its form. Its work is bounded, whatever the text, and it never throws.
 */
export function categoryOf(document: Described): Judgement {
  const lines = foldedLines(document.text)
  const words = lines.flatMap(wordsIn)
  const evidence: Evidence[] = [
    ...typeOf(document),
    ...wordsOf(words),
    ...nameWords(document.name),
    ...formsOf(lines),
    ...shapeOf(document, lines, words.length),
  ]
  const totals = new Map<Specific, number>()
  for (const { category, weight } of evidence) totals.set(category, (totals.get(category) ?? 0) + weight)
  const ranked = [...totals].sort(([, a], [, b]) => b - a)
  const [best, second] = ranked
  if (!best) return { category: 'general', confidence: 0, why: [] }
  const own = evidence.filter(({ category }) => category === best[0])
  const most = own.length === 1 && own[0]?.isWord ? MOST_BY_ONE_WORD : 0.99
  const confidence = Math.min(most, confidenceIn(best[1], second?.[1] ?? 0))
  const why = reasonsFor(own)
  return { category: confidence < FLOOR ? 'general' : best[0], confidence, why }
}

/** How much there is, times how far it leads: two equal ones share it. */
function confidenceIn(first: number, second: number): number {
  const enough = 1 - Math.exp(-first / 5)
  const lead = Math.min(1, (first - second) / first / 0.6)
  return Math.round(enough * (0.45 + 0.55 * lead) * 100) / 100
}

function reasonsFor(own: readonly Evidence[]): string[] {
  const ranked = own.toSorted((a, b) => b.weight - a.weight)
  return [...new Set(ranked.map(({ what }) => what))].slice(0, MAX_REASONS)
}

/** The same for every writing of a word: no case, no accents, one sigma. */
function folded(text: string): string {
  return text
    .toLowerCase()
    .toUpperCase()
    .toLowerCase()
    .normalize('NFD')
    .replace(/\p{M}+/gu, '')
    .replaceAll('ς', 'σ')
}

function foldedLines(text: string): string[] {
  const lines = folded(text.slice(0, MAX_CHARACTERS)).split(/\r\n|[\n\r\f\v\u2028\u2029]/)
  return lines.slice(0, MAX_LINES)
}

function wordsIn(text: string): string[] {
  return text.match(/[\p{L}\p{N}]+/gu) ?? []
}

/** Spells out `(a|b)`, from left to right. */
function spelledOut(term: string): string[] {
  const group = /^([^(]*)\(([^)]*)\)(.*)$/.exec(term)
  if (!group) return [term]
  const [, before = '', choices = '', after = ''] = group
  return choices.split('|').flatMap((choice) => spelledOut(`${before}${choice}${after}`))
}

/** One piece of evidence for each term of the lists. */
function listed(lists: Partial<Record<Specific, string>>): Evidence[] {
  return (Object.entries(lists) as [Specific, string][]).flatMap(([category, list]) =>
    list
      .trim()
      .split(/\n(?=\d)/)
      .flatMap((line) => {
        const [weight = '', ...rest] = line.split(/\s+/)
        const terms = rest.join(' ').split(',').flatMap(spelledOut)
        return terms.map((term) => ({ category, weight: Number(weight), what: term.trim() }))
      }),
  )
}

function indexOf(lists: Partial<Record<Specific, string>>): Index {
  const index: Index = { terms: new Map(), longest: new Map() }
  for (const { what, category, weight } of listed(lists)) enter(index, what, { category, weight })
  return index
}

/** A term that stands twice for a category keeps its larger weight. */
function enter({ terms, longest }: Index, shown: string, said: Term['speaksFor'][number]) {
  const words = wordsIn(folded(shown))
  const [first] = words
  if (first === undefined) return
  longest.set(first, Math.max(words.length, longest.get(first) ?? 0))
  const key = words.join(' ')
  const term = terms.get(key) ?? { shown, speaksFor: [] }
  const known = term.speaksFor.find(({ category }) => category === said.category)
  if (known) known.weight = Math.max(known.weight, said.weight)
  else term.speaksFor.push({ ...said })
  terms.set(key, term)
}

const textIndex = indexOf(textTerms)
const nameIndex = indexOf(nameTerms)
const starts = listed(typeStarts)
const endings = new Map(listed(nameEndings).map((ending) => [ending.what, ending]))

/** The longest term that begins at this word, and how many words it takes. */
function termAt({ terms, longest }: Index, words: readonly string[], at: number) {
  for (let length = Math.min(longest.get(words[at] as string) ?? 0, words.length - at); length > 0; length -= 1) {
    const term = terms.get(words.slice(at, at + length).join(' '))
    if (term) return { term, length }
  }
  return undefined
}

/** What a document is stands at its top; far down, words of all kinds turn up. */
function weightAt(position: number): number {
  if (position < 20) return 1.6
  if (position < 200) return 1
  return position < 800 ? 0.6 : 0.3
}

function wordsOf(words: readonly string[]): Evidence[] {
  // The longer a text, the more words of every kind it holds by chance.
  const chance = 1 + 0.35 * Math.log2(Math.max(words.length, 150) / 150)
  const found = new Map<Term, number[]>()
  for (let at = 0; at < words.length; ) {
    const match = termAt(textIndex, words, at)
    if (match) found.set(match.term, [...(found.get(match.term) ?? []).slice(0, 3), weightAt(at)])
    at += match?.length ?? 1
  }
  const evidence = [...found].flatMap(([{ shown, speaksFor }, positions]) => {
    // Said again is said a little louder, no more.
    const times = ((positions[0] as number) * (1 + 0.15 * (positions.length - 1))) / chance
    return speaksFor.map(({ category, weight }) => ({
      category,
      what: shown,
      weight: weight * times,
      isWeak: weight < 3,
    }))
  })
  return confirmed(evidence)
}

/** Words that many documents hold confirm what a telling one says; alone they count half. */
function confirmed(evidence: readonly (Evidence & { isWeak: boolean })[]): Evidence[] {
  const told = new Set(evidence.filter(({ isWeak }) => !isWeak).map(({ category }) => category))
  return evidence.map(({ category, what, weight, isWeak }) => ({
    category,
    what,
    weight: isWeak && !told.has(category) ? weight / 2 : weight,
    isWord: true,
  }))
}

function nameWords(name: string): Evidence[] {
  const words = folded(name.slice(0, MAX_NAME_CHARACTERS)).match(/\p{L}+|\p{N}+/gu) ?? []
  const best = new Map<Specific, Evidence>()
  for (let at = 0; at < words.length; at += 1) {
    for (const [index, share] of [
      [nameIndex, 0.8],
      [textIndex, 0.6],
    ] as const) {
      const match = termAt(index, words, at)
      for (const { category, weight } of match?.term.speaksFor ?? []) {
        const evidence = { category, what: `name: ${match?.term.shown}`, weight: weight * share, isWord: true }
        if (evidence.weight > (best.get(category)?.weight ?? 0)) best.set(category, evidence)
      }
    }
  }
  return [...best.values()]
}

function typeOf({ name, mediaType, text }: Described): Evidence[] {
  const type = mediaType.toLowerCase()
  const start = starts.find(({ what }) => type.startsWith(what))
  const found = start ? [{ ...start, what: `media type: ${start.what}` }] : []
  const ending = name.includes('.') ? endings.get(folded(name.slice(-12)).replace(/^.*\./s, '')) : undefined
  if (ending && saysLittle.test(type)) found.push({ ...ending, what: `name: .${ending.what}` })
  if (found.length === 0 && type.startsWith('image/')) {
    // A picture of a page is what the page is.
    const isPage = wordsIn(text.slice(0, 500)).length > 12
    found.push({ category: 'image', weight: isPage ? 4 : 10, what: 'media type: image/' })
  }
  return found
}
