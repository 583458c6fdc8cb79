import type { Secret } from './secret-forms.rules.ts'

/** What somebody may not want to leave the house: personal data, payment data and secrets, found in a text by rule. */
export interface Finding {
  kind: FindingKind
  /** Which one of its kind: the country of an IBAN or of a national id, the network of a card, what a secret opens. */
  detail: string | null
  /** Where it begins, in UTF-16 units, and how long it is. */
  at: number
  length: number
  /** From 0 to 1: how sure one may be by the form alone. */
  confidence: number
  /** Never the value itself: at most its first and last few characters. */
  masked: string
}

export type FindingKind = 'paymentCard' | 'iban' | 'email' | 'phone' | 'nationalId' | 'secret'

interface Detector {
  kind: FindingKind
  /** Linear, and of bounded length: it runs over whatever somebody sends. */
  pattern: RegExp
  /** What a match is, or undefined when it is none. */
  judge: (text: string) => { detail: string | null; confidence: number } | undefined
  keep: { first: number; last: number }
}

const NOT_INSIDE = '(?<![\\p{L}\\p{N}])'
const NOT_ON = '(?![\\p{L}\\p{N}])'
const bounded = (pattern: string) => new RegExp(`${NOT_INSIDE}${pattern}${NOT_ON}`, 'gu')

const detectors: readonly Detector[] = [
  {
    kind: 'iban',
    pattern: bounded('[A-Z]{2}\\d{2}(?: ?[A-Z0-9]{2,4}){3,8}'),
    judge: (text) => judgeIban(text.replaceAll(' ', '')),
    keep: { first: 4, last: 2 },
  },
  {
    kind: 'paymentCard',
    pattern: bounded('\\d(?:[ -]?\\d){12,18}'),
    judge: (text) => judgeCard(digitsOf(text)),
    keep: { first: 4, last: 4 },
  },
  {
    kind: 'email',
    pattern: /(?<![\p{L}\p{N}_.+-])[\p{L}\p{N}_.+-]{1,64}@(?:[\p{L}\p{N}-]{1,63}\.){1,8}\p{L}{2,24}(?![\w-])/gu,
    judge: () => ({ detail: null, confidence: 0.95 }),
    keep: { first: 1, last: 0 },
  },
  {
    kind: 'phone',
    pattern: /(?<![\w.+])\+\d{1,3}(?:[ ./-]?\(?\d{1,4}\)?){2,6}(?!\d)/gu,
    judge: (text) => judgePhone(digitsOf(text)),
    keep: { first: 3, last: 2 },
  },
  {
    kind: 'nationalId',
    pattern: bounded('(?:[A-Z]{6}\\d{2}[A-Z]\\d{2}[A-Z]\\d{3}[A-Z]|[XYZ]?\\d{7,8}[A-Z]|\\d{9}|\\d{11})'),
    judge: judgeNationalId,
    keep: { first: 2, last: 1 },
  },
]

/**
 * Finds personal and payment data in a text, first come first. What one detector takes is no other's, so that the digits
 * of an IBAN are no card as well, and a password in a URL is no part of an address.
 *
 * @param secrets what was found before and comes first
 */
export function findSensitive(text: string, limit: number, secrets: readonly Secret[] = []): Finding[] {
  const taken = secrets.slice(0, limit).map((secret) => shownSecret(text, secret))
  for (const { kind, pattern, judge, keep } of detectors) {
    for (const match of text.matchAll(pattern)) {
      if (taken.length >= limit) return sorted(taken)
      const [value] = match
      const at = match.index
      const judged = judge(value)
      if (!judged || taken.some((other) => at < other.at + other.length && other.at < at + value.length)) continue
      taken.push({ kind, ...judged, at, length: value.length, masked: maskedValue(value, keep) })
    }
  }
  return sorted(taken)
}

function sorted(findings: Finding[]): Finding[] {
  return findings.sort((a, b) => a.at - b.at)
}

function maskedValue(value: string, { first, last }: Detector['keep']): string {
  const characters = [...value]
  const hidden = Math.max(3, characters.length - first - last)
  return `${characters.slice(0, first).join('')}${'*'.repeat(hidden)}${last > 0 ? characters.slice(-last).join('') : ''}`
}

/** Less of a short one: a password that somebody made up is known by half of it. */
function shownSecret(text: string, { rule, at, length, confidence }: Secret): Finding {
  const first = Math.min(4, Math.floor(length / 8))
  return { kind: 'secret', detail: rule, at, length, confidence, masked: `${text.slice(at, at + first)}****` }
}

function digitsOf(text: string): string {
  return text.replace(/\D/g, '')
}

/** ISO/IEC 7812-1 annex B. */
export function isLuhn(digits: string): boolean {
  let sum = 0
  for (let back = 0; back < digits.length; back += 1) {
    const digit = Number(digits[digits.length - 1 - back])
    const twice = back % 2 === 1 ? 2 * digit : digit
    sum += twice > 9 ? twice - 9 : twice
  }
  return sum % 10 === 0
}

const NETWORKS: readonly [string, RegExp][] = [
  ['visa', /^4(?:\d{12}|\d{15}|\d{18})$/],
  ['mastercard', /^(?:5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12})$/],
  ['amex', /^3[47]\d{13}$/],
  ['discover', /^6(?:011|5\d\d|4[4-9]\d)\d{12}$/],
  ['diners', /^3(?:0[0-5]|[68]\d)\d{11}$/],
  ['jcb', /^35(?:2[89]|[3-8]\d)\d{12}$/],
  ['maestro', /^(?:50|5[6-9]|6\d)\d{10,17}$/],
]

function judgeCard(digits: string) {
  // A row of one digit passes the check and is a placeholder.
  if (!isLuhn(digits) || /^(\d)\1+$/.test(digits)) return undefined
  const network = NETWORKS.find(([, pattern]) => pattern.test(digits))
  return network && { detail: network[0], confidence: network[0] === 'maestro' ? 0.7 : 0.95 }
}

/** ISO 13616-1: the registered length of each country's numbers. */
const IBAN_LENGTHS: Record<string, number> = Object.fromEntries(
  (
    'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 FO18 FR27 ' +
    'GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 ' +
    'MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 ST25 SV28 TL23 ' +
    'TN24 TR26 UA29 VA22 VG24 XK20'
  )
    .split(' ')
    .map((row) => [row.slice(0, 2), Number(row.slice(2))]),
)

/** ISO 13616-1, ISO/IEC 7064 MOD 97-10. */
function judgeIban(text: string) {
  const country = text.slice(0, 2)
  if (IBAN_LENGTHS[country] !== text.length) return undefined
  let rest = 0
  for (const character of text.slice(4) + text.slice(0, 4)) {
    const value = Number.parseInt(character, 36)
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97
  }
  return rest === 1 ? { detail: country, confidence: 0.99 } : undefined
}

/** ITU-T E.164: 7 to 15 digits, of which one to three are the country's. */
function judgePhone(digits: string) {
  return digits.length >= 8 && digits.length <= 15 ? { detail: null, confidence: 0.8 } : undefined
}

interface NationalId {
  country: string
  pattern: RegExp
  isValid: (text: string) => boolean
  /** Lower where a tenth or so of all numbers of this length pass. */
  confidence: number
}

const nationalIds: readonly NationalId[] = [
  { country: 'IT', pattern: /^[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]$/, isValid: isCodiceFiscale, confidence: 0.97 },
  { country: 'ES', pattern: /^[XYZ]?\d{7,8}[A-Z]$/, isValid: isDni, confidence: 0.9 },
  { country: 'GR', pattern: /^\d{11}$/, isValid: isAmka, confidence: 0.8 },
  { country: 'PL', pattern: /^\d{11}$/, isValid: isPesel, confidence: 0.7 },
  { country: 'DE', pattern: /^[1-9]\d{10}$/, isValid: isSteuerId, confidence: 0.6 },
  { country: 'GR', pattern: /^\d{9}$/, isValid: isAfm, confidence: 0.5 },
  { country: 'NL', pattern: /^\d{9}$/, isValid: isBsn, confidence: 0.5 },
]

function judgeNationalId(text: string) {
  if (/^(\d)\1+$/.test(text)) return undefined
  const found = nationalIds.find(({ pattern, isValid }) => pattern.test(text) && isValid(text))
  return found && { detail: found.country, confidence: found.confidence }
}

function weighed(digits: string, weights: readonly number[]): number {
  return weights.reduce((sum, weight, index) => sum + weight * Number(digits[index]), 0)
}

/** Spain: the letter is the number modulo 23; a foreigner's X, Y, Z stand for 0, 1, 2. */
function isDni(text: string): boolean {
  const number = Number(text.slice(0, -1).replace(/^[XYZ]/, (letter) => String('XYZ'.indexOf(letter))))
  return 'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23] === text.at(-1)
}

/** Italy: decree of 23 December 1976, table of odd characters. */
function isCodiceFiscale(text: string): boolean {
  const odd = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23]
  let sum = 0
  for (let index = 0; index < 15; index += 1) {
    const character = text[index] as string
    const value = /\d/.test(character) ? Number(character) : character.charCodeAt(0) - 65
    sum += index % 2 === 0 ? (odd[value] as number) : value
  }
  return String.fromCharCode(65 + (sum % 26)) === text[15]
}

/** Greece, tax number: powers of two, modulo 11, modulo 10. */
function isAfm(digits: string): boolean {
  return (weighed(digits, [256, 128, 64, 32, 16, 8, 4, 2]) % 11) % 10 === Number(digits[8])
}

/** The Netherlands: the eleven test. */
function isBsn(digits: string): boolean {
  return weighed(digits, [9, 8, 7, 6, 5, 4, 3, 2, -1]) % 11 === 0
}

/** Poland: its month says the century, too. */
function isPesel(digits: string): boolean {
  const month = Number(digits.slice(2, 4)) % 20
  const day = Number(digits.slice(4, 6))
  const check = (10 - (weighed(digits, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10)) % 10
  return month >= 1 && month <= 12 && day >= 1 && day <= 31 && check === Number(digits[10])
}

/** Germany: one digit stands twice or three times among the first ten; ISO/IEC 7064 MOD 11,10. */
function isSteuerId(digits: string): boolean {
  const distinct = new Set(digits.slice(0, 10)).size
  if (distinct !== 9 && distinct !== 8) return false
  let product = 10
  for (const digit of digits.slice(0, 10)) {
    const sum = (Number(digit) + product) % 10 || 10
    product = (2 * sum) % 11
  }
  return (11 - product) % 10 === Number(digits[10])
}

/** Greece, social security: a date of birth, and ISO/IEC 7812-1. */
function isAmka(digits: string): boolean {
  const [day, month] = [Number(digits.slice(0, 2)), Number(digits.slice(2, 4))]
  return day >= 1 && day <= 31 && month >= 1 && month <= 12 && isLuhn(digits)
}
