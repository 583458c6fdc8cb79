import type { Facts } from './port.ts'

const maxTextChars = 2000
const maxListed = 500

type More = NonNullable<Facts['more']>

/**
 * A text as it may stand in a fact: on one line, without control characters, at most so many UTF-16 units; undefined
 * when nothing is left of it, or it is none.
 */
export function tidyText(value: unknown, maxChars = maxTextChars): string | undefined {
  if (typeof value !== 'string') return undefined
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it takes out
  const line = value.slice(0, 4 * maxChars).replace(/[\0-\x1f\x7f\u2028\u2029\s]+/g, ' ')
  const tidy = line.trim().slice(0, maxChars).toWellFormed()
  return tidy === '' ? undefined : tidy
}

/** The texts of a list, without those that say nothing or say it again; undefined when none is left. */
export function tidyList(values: unknown): string[] | undefined {
  if (!Array.isArray(values)) return undefined
  const tidy = values.slice(0, 2 * maxListed).flatMap((value) => tidyText(value) ?? [])
  return tidy.length === 0 ? undefined : [...new Set(tidy)].slice(0, maxListed)
}

/** What lies between commas or semicolons. */
export function splitKeywords(text: string | undefined): string[] | undefined {
  return text === undefined ? undefined : tidyList(text.slice(0, 100_000).split(/[,;\n]/))
}

/** An instant as ISO 8601 in UTC; undefined for none, and for years that no calendar of files has. */
export function toIsoInstant(value: unknown): string | undefined {
  const date = typeof value === 'string' && value !== '' ? new Date(value) : value
  if (!(date instanceof Date) || Number.isNaN(date.getTime())) return undefined
  const year = date.getUTCFullYear()
  return year > 0 && year < 10_000 ? date.toISOString() : undefined
}

/**
 * A date of the calendar as ISO 8601, with the time where one is given and the zone where it is known; undefined when
 * there is no such day or time.
 *
 * @param parts year, month from 1, day, hours, minutes, seconds
 * @param zone `Z` or `+02:00`
 */
export function toIsoDate(parts: number[], zone = ''): string | undefined {
  const [year = 0, month = 1, day = 1, hours, minutes = 0, seconds = 0] = parts
  if (year < 1 || year > 9999) return undefined
  const date = new Date(Date.UTC(2000, month - 1, day, hours ?? 0, minutes, seconds))
  date.setUTCFullYear(year, month - 1, day)
  const same =
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    (hours ?? 0) < 24 &&
    minutes < 60 &&
    Math.floor(seconds) < 60
  if (!same) return undefined
  const [dayPart, timePart = ''] = date.toISOString().split('T')
  if (hours === undefined) return dayPart
  const time = timePart.slice(0, date.getUTCMilliseconds() === 0 ? 8 : 12)
  return `${dayPart}T${time}${zone}`
}

/** The facts that say something; undefined when none does. */
export function tidyFacts(facts: Facts): Facts | undefined {
  const { keywords, more, ...single } = facts
  const entries: [string, unknown][] = Object.entries(single).map(([name, value]) => [name, tidyValue(value)])
  entries.push(['keywords', tidyList(keywords)], ['more', more && tidyMore(more)])
  const present = entries.filter(([, value]) => value !== undefined)
  return present.length === 0 ? undefined : Object.fromEntries(present)
}

function tidyMore(more: More): More | undefined {
  const entries = Object.entries(more).map(([name, value]) => [name, tidyValue(value)] as const)
  const present = entries.filter(([, value]) => value !== undefined)
  return present.length === 0 ? undefined : (Object.fromEntries(present) as More)
}

function tidyValue(value: unknown) {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined
  if (typeof value === 'boolean') return value
  return Array.isArray(value) ? tidyList(value) : tidyText(value)
}
