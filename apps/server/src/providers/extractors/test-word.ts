import { makeCompoundFile } from './test-compound-file.ts'

export interface MadeWord {
  body: string
  footnotes?: string
  headers?: string
  comments?: string
  endnotes?: string
  textboxes?: string
  /** Each is written as bytes where it can be, else in UTF-16. */
  pieceChars?: number
  /** Characters of the body that a tracked change took away. */
  deleted?: { from: number; to: number }
  version?: number
  encrypted?: boolean
  title?: string
}

const fibBytes = 1024
const tableAt = 512

/** Writes a document of Word 97 ([MS-DOC] 2.4.1): its information block, its pieces of text, and where they lie. */
export function makeWord(made: MadeWord): Buffer {
  const { body, footnotes = '', headers = '', comments = '', endnotes = '', textboxes = '' } = made
  const text = body + footnotes + headers + comments + endnotes + textboxes
  const fib = Buffer.alloc(fibBytes)
  fib.writeUInt16LE(0xa5ec, 0)
  fib.writeUInt16LE(made.version ?? 0x00c1, 2)
  fib.writeUInt16LE(0x0200 | (made.encrypted ? 0x0100 : 0), 10)
  const lengths: [number, string][] = [
    [0x4c, body],
    [0x50, footnotes],
    [0x54, headers],
    [0x5c, comments],
    [0x60, endnotes],
    [0x64, textboxes],
  ]
  for (const [at, part] of lengths) fib.writeInt32LE(part.length, at)
  const { pieces, clx } = makePieces(text, made.pieceChars ?? 7)
  fib.writeUInt32LE(tableAt, 0x01a2)
  fib.writeUInt32LE(clx.length, 0x01a6)
  const main = [fib, ...pieces]
  const table = [Buffer.alloc(tableAt), clx]
  if (made.deleted) {
    const before = Buffer.concat(main)
    const page = Math.ceil(before.length / 512)
    fib.writeUInt32LE(tableAt + clx.length, 0x00fa)
    fib.writeUInt32LE(12, 0x00fe)
    main.push(Buffer.alloc(page * 512 - before.length), makeCharacterPage(made.deleted))
    const pages = Buffer.alloc(12)
    pages.writeUInt32LE(page, 8)
    table.push(pages)
  }
  return makeCompoundFile({
    WordDocument: Buffer.concat([...main, Buffer.alloc(5000)]),
    '1Table': Buffer.concat([...table, Buffer.alloc(5000)]),
    ...(made.title === undefined ? {} : { '\x05SummaryInformation': makeSummary(made.title) }),
  })
}

/** [MS-DOC] 2.8.35: after all positions a descriptor for each piece. */
function makePieces(text: string, pieceChars: number) {
  const parts = text.match(new RegExp(`[^]{1,${pieceChars}}`, 'g')) ?? []
  const plc = Buffer.alloc(4 * (parts.length + 1) + 8 * parts.length)
  const pieces: Buffer[] = []
  let chars = 0
  let offset = fibBytes
  for (const [index, part] of parts.entries()) {
    const isCompressed = [...part].every((sign) => sign.charCodeAt(0) < 0x80)
    const bytes = Buffer.from(part, isCompressed ? 'latin1' : 'utf16le')
    plc.writeUInt32LE(chars, 4 * index)
    plc.writeUInt32LE(isCompressed ? (2 * offset) | 0x4000_0000 : offset, 4 * (parts.length + 1) + 8 * index + 2)
    pieces.push(bytes)
    offset += bytes.length
    chars += part.length
  }
  plc.writeUInt32LE(chars, 4 * parts.length)
  const head = Buffer.alloc(5)
  head[0] = 2
  head.writeUInt32LE(plc.length, 1)
  return { pieces, clx: Buffer.concat([head, plc]) }
}

/** [MS-DOC] 2.9.33: one run, whose properties say that a change took it away. The text is taken to be of bytes. */
function makeCharacterPage({ from, to }: { from: number; to: number }) {
  const page = Buffer.alloc(512)
  page.writeUInt32LE(fibBytes + from, 0)
  page.writeUInt32LE(fibBytes + to, 4)
  page[8] = 250
  page.set([6, 0x35, 0x08, 1, 0x00, 0x08, 1], 500)
  page[511] = 1
  return page
}

/** [MS-OLEPS] 2.21: a set with a code page and a title in UTF-8. */
function makeSummary(title: string) {
  const value = Buffer.from(`${title}\0`)
  const set = Buffer.alloc(24 + 8 + 8 + value.length + 16)
  set.writeUInt32LE(2, 4)
  set.writeUInt32LE(1, 8)
  set.writeUInt32LE(24, 12)
  set.writeUInt32LE(2, 16)
  set.writeUInt32LE(32, 20)
  set.writeUInt32LE(2, 24)
  set.writeUInt16LE(65_001, 28)
  set.writeUInt32LE(0x1e, 32)
  set.writeUInt32LE(value.length, 36)
  value.copy(set, 40)
  const head = Buffer.alloc(48)
  head.writeUInt16LE(0xfffe, 0)
  head.writeUInt32LE(1, 24)
  head.writeUInt32LE(48, 44)
  return Buffer.concat([head, set])
}
