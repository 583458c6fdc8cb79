import { tidyText, toIsoDate, toIsoInstant } from './fact-values.ts'
import { type Attributes, localName, type MarkupVisitor } from './markup.ts'

const MAX_FIELD_CHARS = 10_000
const MAX_FIELDS = 1000

/** What a document says of itself in XML: the texts of its innermost elements, by their names without prefixes. */
export interface FieldReader extends MarkupVisitor {
  first(name: string): string | undefined
  all(name: string): string[]
}

/** @param onElement told of every element, for what stands in attributes */
export function readFields(onElement?: (name: string, attributes: Attributes) => void): FieldReader {
  const fields: { name: string; text: string }[] = []
  let current: string | undefined
  let held = ''
  const all = (name: string) => fields.flatMap((field) => (field.name === name ? [field.text] : []))
  return {
    open(name, attributes) {
      onElement?.(localName(name), attributes)
      current = localName(name)
      held = ''
    },
    text(text) {
      if (current !== undefined && held.length < MAX_FIELD_CHARS) held += text
    },
    close() {
      const text = tidyText(held, MAX_FIELD_CHARS)
      if (current !== undefined && text !== undefined && fields.length < MAX_FIELDS)
        fields.push({ name: current, text })
      current = undefined
      held = ''
    },
    first: (name) => all(name)[0],
    all,
  }
}

/** A date as documents write it, W3CDTF or ISO 8601; the zone stays unknown where none is given. */
export function documentDate(text: string | undefined): string | undefined {
  const found =
    /^\s*(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?)?\s*$/.exec(
      text ?? '',
    )
  if (!found) return undefined
  // A year or a month alone is a date of ISO 8601 as well.
  if (found[3] === undefined) return Number(found[2] ?? 1) <= 12 ? found[0].trim() : undefined
  const zone = found[7]
  if (zone !== undefined) return toIsoInstant(found[0].trim())
  return toIsoDate(found.slice(1, 7).flatMap((part) => (part === undefined ? [] : [Number(part)])))
}

/** A language tag in its usual form; undefined for what is none (BCP 47). */
export function languageTag(text: string | undefined): string | undefined {
  try {
    return Intl.getCanonicalLocales(text?.trim().replaceAll('_', '-') ?? [])[0]
  } catch {
    return undefined
  }
}

/** A count of pages and the like, if it is one. */
export function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text.trim()) ? Number(text) : undefined
}
