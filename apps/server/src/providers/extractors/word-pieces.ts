import { ExtractionError } from './port.ts'

const pageBytes = 512
const maxPieces = 1_000_000
const maxDeleted = 1_000_000

/** [MS-DOC] 2.5.1 to 2.5.5: where the file information block holds what. */
const magic = 0xa5ec
/** Word 97 and later. */
const firstVersion = 0x00c1
const encryptedFlag = 0x0100
const secondTableFlag = 0x0200
const clxAt = 0x01a2
const characterPagesAt = 0x00fa
/** [MS-DOC] 2.6.1: a character that a tracked change took away. */
const deletedProperty = 0x0800

/** [MS-DOC] 2.9.73: bytes that are not the character of their number, which all others are. */
const compressed = new Map(
  [...'‚ƒ„…†‡ˆ‰Š‹Œ']
    .map((sign, index): [number, string] => [0x82 + index, sign])
    .concat(
      [...'‘’“”•–—˜™š›œ'].map((sign, index): [number, string] => [0x91 + index, sign]),
      [[0x9f, 'Ÿ']],
    ),
)

/** The text of a document, which lies in pieces all over its file, by its character positions. */
export interface WordPieces {
  lengths: Record<
    'body' | 'footnotes' | 'headers' | 'macros' | 'comments' | 'endnotes' | 'textboxes' | 'headerTextboxes',
    number
  >
  /** Raw text, with Word's own marks in it, at most so many UTF-16 units. */
  read(from: number, to: number, maxChars: number): string
}

interface Piece {
  from: number
  to: number
  offset: number
  /** One byte for each character, or else two. */
  isCompressed: boolean
}

interface Range {
  from: number
  to: number
}

/**
 * Reads where the text of a document lies ([MS-DOC] 2.4.1).
 *
 * @param main the stream WordDocument
 * @throws ExtractionError `corrupt` | `encrypted` | `unsupported`
 */
export function readWordPieces(main: Buffer, readStream: (name: string) => Buffer | undefined): WordPieces {
  if (main.length < clxAt + 8 || main.readUInt16LE(0) !== magic) throw corrupt('The file holds no document')
  if (main.readUInt16LE(2) < firstVersion) {
    throw new ExtractionError('unsupported', 'The document is older than Word 97')
  }
  const flags = main.readUInt16LE(10)
  if (flags & encryptedFlag) throw new ExtractionError('encrypted', 'The document opens with its password only')
  const table = readStream(flags & secondTableFlag ? '1Table' : '0Table')
  if (!table) throw corrupt('The document has no table of its pieces')
  const pieces = readPieces(table, main)
  const deleted = readDeleted(table, main)
  return {
    lengths: readLengths(main),
    read: (from, to, maxChars) => readRange(main, pieces, deleted, from, to, maxChars),
  }
}

/** [MS-DOC] 2.5.4. */
function readLengths(main: Buffer) {
  const read = (at: number) => {
    const length = main.readInt32LE(at)
    if (length < 0) throw corrupt('A part of the document is shorter than nothing')
    return length
  }
  return {
    body: read(0x4c),
    footnotes: read(0x50),
    headers: read(0x54),
    macros: read(0x58),
    comments: read(0x5c),
    endnotes: read(0x60),
    textboxes: read(0x64),
    headerTextboxes: read(0x68),
  }
}

/** [MS-DOC] 2.9.38, 2.8.35 and 2.9.177. */
function readPieces(table: Buffer, main: Buffer): Piece[] {
  const clx = slice(table, main, clxAt)
  let at = 0
  while (clx[at] === 1) at += 3 + clx.readUInt16LE(at + 1)
  if (clx[at] !== 2) throw corrupt('The document does not list its pieces')
  const plc = clx.subarray(at + 5, at + 5 + clx.readUInt32LE(at + 1))
  const count = Math.floor((plc.length - 4) / 12)
  if (count > maxPieces) throw new ExtractionError('limits', `More than ${maxPieces} pieces of text`)
  const pieces: Piece[] = []
  for (let index = 0; index < count; index += 1) {
    const from = plc.readUInt32LE(4 * index)
    const to = plc.readUInt32LE(4 * index + 4)
    const where = plc.readUInt32LE(4 * (count + 1) + 8 * index + 2)
    if (to < from || from < (pieces.at(-1)?.to ?? 0)) throw corrupt('The pieces of the document overlap')
    const isCompressed = (where & 0x4000_0000) !== 0
    const offset = (where & 0x3fff_ffff) / (isCompressed ? 2 : 1)
    if (offset + (to - from) * (isCompressed ? 1 : 2) > main.length) throw corrupt('A piece of the document ends early')
    pieces.push({ from, to, offset: Math.floor(offset), isCompressed })
  }
  return pieces
}

/** What two numbers in the information block point to: an offset, and how many bytes. */
function slice(table: Buffer, main: Buffer, at: number) {
  const from = main.readUInt32LE(at)
  return table.subarray(from, from + main.readUInt32LE(at + 4))
}

/** [MS-DOC] 2.8.5, 2.9.33 and 2.9.34: bytes of the file whose characters were taken away; what is broken tells none. */
function readDeleted(table: Buffer, main: Buffer): Range[] {
  const plc = slice(table, main, characterPagesAt)
  const count = Math.max(0, Math.floor((plc.length - 4) / 8))
  const deleted: Range[] = []
  for (let index = 0; index < count && deleted.length < maxDeleted; index += 1) {
    const page = plc.readUInt32LE(4 * (count + 1) + 4 * index)
    const bytes = main.subarray(page * pageBytes, (page + 1) * pageBytes)
    if (bytes.length === pageBytes) deleted.push(...readDeletedRuns(bytes))
  }
  return deleted.sort((a, b) => a.from - b.from)
}

function readDeletedRuns(page: Buffer): Range[] {
  const runs = Math.min(page[pageBytes - 1] ?? 0, 101)
  const deleted: Range[] = []
  for (let run = 0; run < runs; run += 1) {
    const at = 2 * (page[4 * (runs + 1) + run] ?? 0)
    if (at === 0 || !isDeleted(page.subarray(at + 1, at + 1 + (page[at] ?? 0)))) continue
    deleted.push({ from: page.readUInt32LE(4 * run), to: page.readUInt32LE(4 * run + 4) })
  }
  return deleted
}

/** [MS-DOC] 2.6 and 2.2.5.1: properties follow each other, and their number says how long each is. */
function isDeleted(properties: Buffer) {
  for (let at = 0; at + 3 <= properties.length; ) {
    const property = properties.readUInt16LE(at)
    if (property === deletedProperty) return properties[at + 2] === 1
    at += 2 + operandBytes(property >> 13, properties[at + 2] ?? 0)
  }
  return false
}

function operandBytes(size: number, first: number) {
  return size === 6 ? 1 + first : ([1, 1, 2, 4, 2, 2, 0, 3][size] ?? 1)
}

function readRange(main: Buffer, pieces: Piece[], deleted: Range[], from: number, to: number, maxChars: number) {
  let text = ''
  for (const piece of pieces) {
    if (piece.to <= from) continue
    if (piece.from >= to || text.length >= maxChars) break
    const start = Math.max(piece.from, from)
    const end = Math.min(piece.to, to, start + maxChars)
    const each = piece.isCompressed ? 1 : 2
    const first = piece.offset + (start - piece.from) * each
    for (const range of keptRanges(first, first + (end - start) * each, deleted)) {
      const bytes = main.subarray(range.from, range.to)
      text += piece.isCompressed ? decompress(bytes) : bytes.toString('utf16le')
    }
  }
  return text.slice(0, maxChars)
}

/** What is left of a stretch of the file without what was taken away. */
function keptRanges(from: number, to: number, deleted: Range[]): Range[] {
  const kept: Range[] = []
  let at = from
  for (let index = firstAfter(deleted, from); index < deleted.length; index += 1) {
    const gone = deleted[index]
    if (!gone || gone.from >= to) break
    if (gone.from > at) kept.push({ from: at, to: gone.from })
    at = Math.max(at, gone.to)
  }
  if (at < to) kept.push({ from: at, to })
  return kept
}

/** The first of the ranges, which do not overlap, that may reach beyond an offset. */
function firstAfter(ranges: Range[], offset: number) {
  let low = 0
  let high = ranges.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((ranges[middle]?.to ?? 0) <= offset) low = middle + 1
    else high = middle
  }
  return low
}

function decompress(bytes: Buffer) {
  return bytes.toString('latin1').replace(/[\x82-\x9f]/g, (sign) => compressed.get(sign.charCodeAt(0)) ?? sign)
}

function corrupt(message: string) {
  return new ExtractionError('corrupt', message)
}
