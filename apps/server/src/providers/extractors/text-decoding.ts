import { isAscii, isUtf8 } from 'node:buffer'
import { detect } from 'chardet'
import iconv from 'iconv-lite'
import { ExtractionError } from './port.ts'

const FALLBACK = 'windows-1252'
/** Names that detection uses and TextDecoder does not know. */
const OTHER_NAMES = /^(?:utf-?32(?:le|be)?|(?:cp|ibm)\d{3,5})$/
/** Beyond this share of the signs at its start, a text is none. */
const MAX_UNREADABLE = 0.05
const JUDGED_CHARS = 64 * 1024
const PRESCANNED_BYTES = 4096

export interface TextDecoding {
  write(bytes: Buffer): string
  end(): string
}

/** Begins to decode an encoding by any of its names; one that nobody knows is read as UTF-8. */
export function openDecoding(label: string): TextDecoding {
  const name = knownName(label)
  // The browser's decoder is much faster for these; the other one has the code pages right in every Node.
  if (/^utf-(?:8|16[lb]e)$/.test(name) || !iconv.encodingExists(name)) {
    const decoder = new TextDecoder(name)
    return { write: (bytes) => decoder.decode(bytes, { stream: true }), end: () => decoder.decode() }
  }
  const decoder = iconv.getDecoder(name)
  return { write: (bytes) => decoder.write(bytes), end: () => decoder.end() ?? '' }
}

function knownName(label: string): string {
  const lower = label.trim().toLowerCase()
  if (OTHER_NAMES.test(lower) && iconv.encodingExists(lower)) return lower
  try {
    return new TextDecoder(lower).encoding
  } catch {
    return 'utf-8'
  }
}

/**
 * Decodes slice by slice.
 *
 * @param choose names the encoding when it has seen the first slice
 */
export async function* decodeSlices(
  slices: AsyncIterable<Buffer>,
  choose: (head: Buffer) => string,
): AsyncGenerator<string, void, void> {
  let decoding: TextDecoding | undefined
  for await (const slice of slices) {
    decoding ??= openDecoding(choose(slice))
    const text = decoding.write(slice)
    if (text !== '') yield text
  }
  const rest = decoding?.end() ?? ''
  if (rest !== '') yield rest
}

/** The encoding that a byte order mark states. */
export function findMark(head: Buffer): string | undefined {
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) return 'utf-8'
  if (head[0] === 0xff && head[1] === 0xfe) return head[2] === 0 && head[3] === 0 ? 'utf-32le' : 'utf-16le'
  if (head[0] === 0xfe && head[1] === 0xff) return 'utf-16be'
  return undefined
}

/** The encoding of XML by its mark, its first signs or its declaration (XML 1.0, appendix F). */
export function findXmlEncoding(head: Buffer): string {
  const mark = findMark(head)
  if (mark) return mark
  if (head[0] === 0x3c && head[1] === 0) return 'utf-16le'
  if (head[0] === 0 && head[1] === 0x3c) return 'utf-16be'
  const declared = /^<\?xml[^>]*?\sencoding\s*=\s*["']([\w.:-]{1,40})["']/.exec(head.toString('latin1', 0, 512))?.[1]
  // A declaration that can be read as ASCII is not in UTF-16, whatever it says.
  return declared === undefined || /^utf-?16|^ucs/i.test(declared) ? 'utf-8' : declared
}

/**
 * A page's encoding: its mark; UTF-8 where letters beyond ASCII are sound in it, whatever the page says; what the page
 * says; what its sender is sure of; the best guess.
 */
export function findHtmlEncoding(head: Buffer, charset: string | undefined): string {
  const mark = findMark(head)
  if (mark) return mark
  if (!isAscii(head) && isCutUtf8(head)) return 'utf-8'
  const start = head.toString('latin1', 0, PRESCANNED_BYTES)
  const declared =
    /<meta\s[^>]{0,500}?charset\s*=\s*["']?\s*([\w.:-]{1,40})/i.exec(start)?.[1] ??
    /^<\?xml[^>]{0,200}?\sencoding\s*=\s*["']([\w.:-]{1,40})["']/.exec(start)?.[1]
  // A declaration that can be read as ASCII is not in UTF-16 (HTML, 13.2.3.2).
  if (declared !== undefined) return /^utf-?16/i.test(declared) ? 'utf-8' : declared
  return charset ?? guessEncoding(head)
}

/** Guesses from a sample, which may end within a character; the best one holds letters beyond ASCII. */
export function guessEncoding(sample: Buffer): string {
  const mark = findMark(sample) ?? findBareUtf16(sample)
  if (mark) return mark
  if (isCutUtf8(sample)) return 'utf-8'
  const found = detect(tellingWords(sample))
  if (found === 'ISO-8859-7' && beginsGreekWords(sample)) return 'windows-1253'
  return found === null || found === 'ASCII' || /^utf-8$|^iso-8859-1$/i.test(found) ? FALLBACK : found
}

/** 0xA2 before a small letter: Ά in Windows' code page, and a closing quote in ISO's, which are the same but for a few signs. */
function beginsGreekWords(sample: Buffer): boolean {
  return /(?:^|[\s"'(,;>|])\xa2[\xdc-\xfe]/.test(sample.toString('latin1'))
}

/** What tells languages apart: the words with letters beyond ASCII, without tags. No sign looked for here is part of a letter. */
function tellingWords(sample: Buffer): Buffer {
  const words = sample
    .toString('latin1')
    .replace(/<[^<>]*>/g, ' ')
    .split(/[\t\n\r ]+/)
  return Buffer.from(words.filter((word) => /[\x80-\xff]/.test(word)).join(' '), 'latin1')
}

/** True for UTF-8 whose last character may be cut off. */
function isCutUtf8(sample: Buffer): boolean {
  for (let cut = 0; cut <= Math.min(3, sample.length); cut += 1) {
    if (isUtf8(sample.subarray(0, sample.length - cut))) return true
  }
  return false
}

/** In UTF-16 of most languages one half of the bytes is mostly zero, and the other never. */
function findBareUtf16(sample: Buffer): string | undefined {
  const pairs = Math.min(sample.length, 4096) >> 1
  let even = 0
  let odd = 0
  for (let at = 0; at < pairs * 2; at += 2) {
    if (sample[at] === 0) even += 1
    if (sample[at + 1] === 0) odd += 1
  }
  if (pairs < 4 || even + odd < pairs / 2 || (even > 0 && odd > 0)) return undefined
  return odd > 0 ? 'utf-16le' : 'utf-16be'
}

/**
 * Refuses what is no text in this encoding, by its start.
 *
 * @throws ExtractionError `corrupt`
 */
export function expectText(start: string): void {
  const judged = start.slice(0, JUDGED_CHARS)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it counts
  const unreadable = judged.match(/[\0-\x08\x0e-\x1a\x1c-\x1f\x7f\ufffd]/g)?.length ?? 0
  if (unreadable > judged.length * MAX_UNREADABLE) throw new ExtractionError('corrupt', 'The bytes are no text')
}
