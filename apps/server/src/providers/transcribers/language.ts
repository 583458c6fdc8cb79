const TAG = /^[a-z]{2,3}([_-][a-z0-9]{2,8})*$/i

/** A language as engines say it, `en`, `pt_BR` or `English`, by BCP 47. Undefined for what is no language. */
export function languageTag(said: string | null | undefined): string | undefined {
  const word = said?.trim().toLowerCase() ?? ''
  const named = nameToTag().get(word)
  if (named !== undefined) return named
  if (!TAG.test(word)) return undefined
  try {
    return Intl.getCanonicalLocales(word.replaceAll('_', '-'))[0]
  } catch {
    return undefined
  }
}

/** The two letters that engines want to be told; undefined where a language has none. */
export function languageCode(tag: string | undefined): string | undefined {
  const [code] = languageTag(tag)?.split('-') ?? []
  return code?.length === 2 ? code : undefined
}

let names: ReadonlyMap<string, string> | undefined

/** English names of all languages of two letters. */
function nameToTag(): ReadonlyMap<string, string> {
  names ??= new Map(
    pairs().flatMap((code) => {
      const name = displayed.of(code)
      // Codes that were given up go by the names of those that took their place.
      const isCurrent = Intl.getCanonicalLocales(code)[0] === code
      return name === undefined || !isCurrent ? [] : [[name.toLowerCase(), code] as const]
    }),
  )
  return names
}

const displayed = new Intl.DisplayNames('en', { type: 'language', fallback: 'none' })
const LETTERS = [...'abcdefghijklmnopqrstuvwxyz']

function pairs(): string[] {
  return LETTERS.flatMap((first) => LETTERS.map((second) => first + second))
}
