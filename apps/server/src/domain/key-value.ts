import type { KeyValues, ValueName } from './key-template.ts'

const SLUG = /^[a-z0-9_-]{1,64}$/
const CUSTOMER = /^[a-z0-9_-](?:[a-z0-9._-]{0,98}[a-z0-9_-])?$/
const EXTENSION = /^[a-z0-9]{1,10}$/
// "a.v2" as a value, or "v2" as an extension, would read like the mark that tells versions apart.
const VERSION_MARK = /^v[0-9]+$/
const FREE_VALUE_BYTES = 100
const LARGEST_YEAR = 9_999

/** The text of one placeholder, or why its value cannot stand in a key. The value is there. */
export function renderValue(
  name: string,
  value: ValueName,
  values: KeyValues,
  choices?: readonly string[],
): { text: string } | { reason: string } {
  switch (value) {
    case 'n':
    case 'version':
      return count(values[value]!)
    case 'year':
      return year(values.year!)
    case 'createdAt':
      return date(name, values.createdAt!)
    case 'customer':
      return matched(values.customer!, CUSTOMER, 'up to 100 of a-z, 0-9, dot, underscore, hyphen; no dot at either end')
    case 'suffix':
    case 'session':
    case 'callId':
      return freeValue(values[value]!)
    case 'category':
      return category(values.category!, choices)
    default:
      return slug(name, String(values[value]))
  }
}

/** An extension as it stands in a key, without its dot; undefined where there is none that may. */
export function keyExtension(extension: string | undefined): string | undefined {
  const lower = extension?.toLowerCase().replace(/^\./, '')
  return lower !== undefined && EXTENSION.test(lower) && !VERSION_MARK.test(lower) ? lower : undefined
}

function matched(value: string, pattern: RegExp, rule: string): { text: string } | { reason: string } {
  // `..` is harmless inside a segment, yet stores and proxies are known to refuse or rewrite it.
  return pattern.test(value) && !value.includes('..') ? { text: value } : { reason: `must be ${rule}` }
}

function slug(name: string, value: string): { text: string } | { reason: string } {
  const result = matched(value, SLUG, '1 to 64 of a-z, 0-9, underscore, hyphen')
  // The last characters of a time-ordered id are the random ones.
  return 'text' in result && name === 'shard' ? { text: value.slice(-2) } : result
}

function category(value: string, choices?: readonly string[]): { text: string } | { reason: string } {
  if (choices && !choices.includes(value)) return { reason: `must be one of ${choices.join(', ')}` }
  return slug('category', value)
}

function count(value: number): { text: string } | { reason: string } {
  return Number.isSafeInteger(value) && value >= 1
    ? { text: String(value) }
    : { reason: 'must be a whole number from 1' }
}

function year(value: number): { text: string } | { reason: string } {
  const known = Number.isInteger(value) && value >= 1 && value <= LARGEST_YEAR
  return known ? { text: String(value).padStart(4, '0') } : { reason: `must be a year from 1 to ${LARGEST_YEAR}` }
}

function date(name: string, value: Date): { text: string } | { reason: string } {
  const full = Number.isNaN(value.getTime()) ? NaN : value.getUTCFullYear()
  if (!(full >= 0 && full <= LARGEST_YEAR)) return { reason: `must be a date in the years 0 to ${LARGEST_YEAR}` }
  const day = value.toISOString().slice(0, 10)
  const [yyyy, mm, dd] = day.split('-') as [string, string, string]
  const pieces: Record<string, string> = { YYYY: yyyy, MM: mm, DD: dd, 'YYYY/MM/DD': `${yyyy}/${mm}/${dd}` }
  return { text: pieces[name] ?? day }
}

/**
 * Values chosen elsewhere (a telephone system's call id) are written so that two of them never become one: what may not
 * stand in a key is written as `!` and two hexadecimal digits for each byte.
 */
function freeValue(value: string): { text: string } | { reason: string } {
  const rule = `must be 1 to ${FREE_VALUE_BYTES} bytes of well-formed text`
  if (value.length === 0 || value.length > FREE_VALUE_BYTES || !value.isWellFormed()) return { reason: rule }
  const lastDot = VERSION_MARK.test(value.slice(value.lastIndexOf('.') + 1)) ? value.lastIndexOf('.') : -1
  let text = ''
  let at = 0
  for (const character of value) {
    const plainDot = character === '.' && at > 0 && value[at - 1] !== '.' && at < value.length - 1 && at !== lastDot
    text += /[A-Za-z0-9_-]/.test(character) || plainDot ? character : escaped(character)
    at += character.length
  }
  return text.length <= FREE_VALUE_BYTES ? { text } : { reason: rule }
}

function escaped(character: string): string {
  const bytes = Buffer.from(character, 'utf8')
  return [...bytes].map((byte) => `!${byte.toString(16).padStart(2, '0').toUpperCase()}`).join('')
}
