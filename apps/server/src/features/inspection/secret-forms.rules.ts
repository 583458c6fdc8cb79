/** A key, a token or a password in a text: whoever reads it can open something with it. */
export interface Secret {
  /** What it opens, or is: `github`, `privatekey`. */
  rule: string
  /** Where it begins, in UTF-16 units, and how long it is. */
  at: number
  length: number
  /** From 0 to 1: how sure one may be by the form alone. */
  confidence: number
}

type Groups = Readonly<Record<string, string | undefined>>

interface Rule {
  id: string
  /** What every one begins with; there is one search for the beginnings of all. */
  begins: string
  /** Of bounded length: it runs over whatever somebody sends. */
  form: RegExp
  confidence: number
  /** For forms that honest text may have as well. */
  isLikely?: (groups: Groups) => boolean
}

/** The end of a value: what goes on is something else. */
const END = '(?![\\w-])'

/** @param rest of the form, after its beginning; the group `value` is the secret where that is a part of it */
function rule(id: string, begins: string, rest: string, confidence: number, isLikely?: Rule['isLikely']): Rule {
  const form = new RegExp(`(?:${begins})${rest}`, 'dy')
  return { id, begins, form, confidence, ...(isLikely && { isLikely }) }
}

/** Forms that their issuers have published. */
const issued: readonly Rule[] = [
  // RFC 7468: the line that begins one is enough, where the line that ends it is lost.
  rule('privatekey', '-----BEGIN ', '(?:[A-Z0-9]{2,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----', 0.95),
  rule('age', 'AGE-SECRET-KEY-1', `[02-9AC-HJ-NP-Z]{58}${END}`, 0.99),
  rule('azure-storage', 'AccountKey=', '[A-Za-z0-9+/]{86}==', 0.99),
  rule('google', 'AIza', `[\\w-]{35}${END}`, 0.95),
  rule('google-oauth', 'GOCSPX-', `[\\w-]{28}${END}`, 0.95),
  rule('pypi', 'pypi-AgE', `[\\w-]{50,500}${END}`, 0.97),
  rule('digitalocean', 'do[opr]_v1_', `[0-9a-f]{64}${END}`, 0.99),
  rule('webhook', 'whsec_', '[A-Za-z0-9+/]{32,88}={0,2}', 0.9),
  rule('stowage', 'stw_', `[\\w-]{43}${END}`, 0.97),
  // RFC 7519: header and claims are JSON objects, and the signature makes it good for something.
  rule('jwt', 'eyJ', `(?<head>[\\w-]{14,1000})\\.eyJ[\\w-]{10,4000}\\.[\\w-]{20,1400}${END}`, 0.85, isTokenHead),
]

const WORDS = [
  ...['[Pp]ass(?:word|wd|phrase)', 'PASSW(?:OR)?D', '[Ss]ecret', 'SECRET', '[Tt]oken', 'TOKEN'],
  ...['[Aa]pi[_-]?[Kk]ey', 'API[_-]?KEY', '[Aa]ccess[_-]?[Kk]ey', 'ACCESS[_-]?KEY'],
].join('|')

/** Any value at all, by what stands before it. */
const named: readonly Rule[] = [
  // RFC 3986 3.2.1.
  rule(
    'url-password',
    '://',
    '[^\\s:/?#@"\'<>]{1,100}:(?<value>[^\\s/?#@"\'<>]{3,200})@[\\w.\\[-]{1,253}',
    0.8,
    isWritten,
  ),
  rule(
    'password',
    WORDS,
    '["\']?[ \\t]{0,3}(?::=|=>|[:=])[ \\t]{0,3}["\']?(?<value>[\\w+/=.~!$%^&*#-]{8,200})',
    0.6,
    (groups) => isWritten(groups) && isMixed(groups),
  ),
]

const rules = [...issued, ...named]
/** Each in a group of its own, which tells whose beginning it is. */
const BEGINNINGS = new RegExp(rules.map(({ begins }) => `(${begins})`).join('|'), 'g')
/** What begins in the middle of a word is another one; and a long row of these is gone through only once. */
const INSIDE = /[\w-]/

/**
 * Finds keys, tokens and passwords in a text, by forms of their own or by the word in front of them, in order. Its work
 * is bounded by the length of the text.
 */
export function findSecretForms(text: string, limit: number): Secret[] {
  const found: Secret[] = []
  let end = 0
  for (const match of text.matchAll(BEGINNINGS)) {
    if (found.length >= limit) break
    const { index } = match
    if (index < end) continue
    const rule = rules[match.slice(1).findIndex((group) => group !== undefined)] as Rule
    const isIssued = issued.includes(rule)
    if (isIssued && INSIDE.test(text[index - 1] ?? '')) continue
    const matched = matchAt(text, index, rule)
    if (!matched) continue
    // What turned out to be none is not looked through again, a piece at a time.
    end = matched.at + matched.length
    const secret = isIssued ? matched : (issuedAt(text, matched.at) ?? matched)
    if (secret.isLikely) found.push(secretOf(secret))
  }
  return found
}

/** What has a form of its own is called by it, whatever stands before it. */
function issuedAt(text: string, index: number): Matched | undefined {
  return issued.map((rule) => matchAt(text, index, rule)).find((matched) => matched?.isLikely)
}

interface Matched extends Secret {
  isLikely: boolean
}

function matchAt(text: string, index: number, { id, form, confidence, isLikely }: Rule): Matched | undefined {
  form.lastIndex = index
  const match = form.exec(text)
  if (!match) return undefined
  const [at, end] = match.indices?.groups?.['value'] ?? [index, index + match[0].length]
  return { rule: id, at, length: end - at, confidence, isLikely: isLikely?.(match.groups ?? {}) ?? true }
}

function secretOf({ isLikely: _, ...secret }: Matched): Secret {
  return secret
}

function isTokenHead({ head = '' }: Groups): boolean {
  try {
    return 'alg' in JSON.parse(Buffer.from(`eyJ${head}`, 'base64url').toString())
  } catch {
    return false
  }
}

const PLACEHOLDER = /^(?:x+|\.+|pass(?:word|wd)?|secret|token|user(?:name)?|changeme|example|test|null|none)\d{0,3}$/i
const TO_BE_FILLED_IN = /[${}%]{2}|^[$%]|\*{3}|EXAMPLE|YOUR[_-]|your[_-]/

/** Somebody has written one, and not where one is to stand: `${PASSWORD}`, `****`, `password`. */
function isWritten({ value = '' }: Groups): boolean {
  return !PLACEHOLDER.test(value) && !TO_BE_FILLED_IN.test(value)
}

/** Letters and digits, and not a few of them over and over: few words of a language have both. */
function isMixed({ value = '' }: Groups): boolean {
  return /\d/.test(value) && /\p{L}/u.test(value) && new Set(value).size >= 6
}
