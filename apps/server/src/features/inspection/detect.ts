import { isUtf8 } from 'node:buffer'
import { fileTypeFromBuffer } from 'file-type'
import { WASMagic } from 'wasmagic'
import { mediaTypeName, UNKNOWN_MEDIA_TYPE as unknownType } from '../../domain/media-type.ts'
import { findTextType, hasControlBytes, hasControlCharacters, needsWholeText } from './text-type.ts'
import { findZipType, readTailNames } from './zip-type.ts'

const looksAtBytes = 64 * 1024
/** Prose, mail and tables are told by less. */
const proseBytes = 16 * 1024
const legacyTextBytes = 128
const compoundType = 'application/x-cfb'

/** Types that begin as text but state their encoding, or none, inside. */
const binaryTypes = new Set(['application/pdf', 'application/postscript', 'application/rtf', 'message/rfc822'])

export type DetectionContext = {
  /** The name it was sent under; decides only between kinds of harmless text. */
  name: string
  /** True when the head is everything there is. */
  complete: boolean
  /** The last bytes, where they are at hand: the directory of a ZIP archive lies there. */
  tail?: Buffer
}

export type DetectedType = {
  mediaType: string
  /** For text whose encoding is certain: `utf-8`, `utf-16le`, `utf-16be`. */
  encoding?: string
}

/**
 * Finds out what bytes are by looking at them, never by what the sender calls them.
 *
 * Bytes that could pass as several types (polyglots) are what their first bytes say, so they are to be served with
 * `nosniff`. Ordinary UTF-8 text is told in microseconds without the larger detectors.
 *
 * @param head at least the first 64 KiB, or everything
 * @returns `application/octet-stream` for what nobody knows; never throws because of the bytes
 */
export async function detectMediaType(head: Buffer, context: DetectionContext): Promise<DetectedType> {
  if (head.length === 0) return { mediaType: unknownType }
  return detectText(head, context) ?? (await detectBinary(head, context))
}

function detectText(head: Buffer, { name, complete }: DetectionContext): DetectedType | undefined {
  const start = head.subarray(0, looksAtBytes)
  const decoded = decodeText(start, name, complete && head.length <= looksAtBytes)
  if (!decoded || decoded.text.startsWith('GIF8')) return undefined
  const mediaType = findTextType(decoded.text, name, decoded.whole)
  return binaryTypes.has(mediaType) ? { mediaType } : { mediaType, encoding: decoded.encoding }
}

type Utf16 = 'utf-16le' | 'utf-16be'

/** Text without control characters, or as much of it as is needed; `whole` when that is all there is. */
interface Decoded {
  text: string
  encoding: string
  whole: boolean
}

function decodeText(bytes: Buffer, name: string, whole: boolean): Decoded | undefined {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return decodeUtf8(bytes.subarray(3), name, whole)
  const mark = utf16Mark(bytes)
  const utf8 = mark ? undefined : decodeUtf8(bytes, name, whole)
  if (utf8) return utf8
  const utf16 = mark ? decodeUtf16(bytes.subarray(2), mark) : decodeBareUtf16(bytes)
  return utf16 && !hasControlCharacters(utf16.text) ? { ...utf16, whole } : undefined
}

function utf16Mark(bytes: Buffer): Utf16 | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le'
  return bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : undefined
}

function decodeUtf8(bytes: Buffer, name: string, whole: boolean): Decoded | undefined {
  const sound = whole ? bytes : withoutCutCharacter(bytes)
  if (!isUtf8(sound) || hasControlBytes(sound)) return undefined
  const first = withoutCutCharacter(sound.subarray(0, proseBytes)).toString('utf8')
  if (sound.length <= proseBytes) return { text: first, encoding: 'utf-8', whole }
  if (!needsWholeText(first, name)) return { text: first, encoding: 'utf-8', whole: false }
  return { text: sound.toString('utf8'), encoding: 'utf-8', whole }
}

function withoutCutCharacter(bytes: Buffer): Buffer {
  return bytes.subarray(0, bytes.length - countCutBytes(bytes))
}

/** Bytes at the end that begin a character whose rest lies beyond (RFC 3629 section 3). */
function countCutBytes(bytes: Buffer) {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!
    if (byte < 0x80) return 0
    if (byte >= 0xc0) return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? back : 0
  }
  return 0
}

function decodeUtf16(bytes: Buffer, encoding: Utf16) {
  const text = new TextDecoder(encoding).decode(bytes)
  const replaced = text.indexOf('\ufffd')
  if (replaced < 0) return { text, encoding }
  // The last character may be cut; anywhere else an impossible one means that this is no UTF-16.
  return replaced === text.length - 1 ? { text: text.slice(0, -1), encoding } : undefined
}

/**
 * UTF-16 without its mark: in one half of the byte pairs zeros are common and few values make up nearly all, in the
 * other zeros are absent.
 */
function decodeBareUtf16(bytes: Buffer) {
  const sample = bytes.subarray(0, Math.min(bytes.length - (bytes.length % 2), 4096))
  if (sample.length < 8) return undefined
  const halves = [new Uint32Array(256), new Uint32Array(256)] as const
  for (let at = 0; at < sample.length; at++) halves[(at & 1) as 0 | 1][sample[at]!]! += 1
  const pairs = sample.length / 2
  const highHalf = halves[0][0]! === 0 ? 1 : halves[1][0]! === 0 ? 0 : undefined
  if (highHalf === undefined) return undefined
  const zeros = halves[highHalf][0]!
  const script = Math.max(...halves[highHalf].subarray(1))
  if (zeros < pairs * 0.1 || zeros + script < pairs * 0.9) return undefined
  return decodeUtf16(bytes, highHalf === 1 ? 'utf-16le' : 'utf-16be')
}

async function detectBinary(head: Buffer, context: DetectionContext): Promise<DetectedType> {
  if (head[0] === 0x1f && head[1] === 0x8b) return { mediaType: 'application/gzip' }
  const found = await fileTypeFromBuffer(head).catch(() => undefined)
  if (found?.mime === 'application/zip') return { mediaType: findZipTypeAtEnd(head, context) }
  if (found?.mime === compoundType) return { mediaType: await findCompoundType(head, context.tail) }
  if (found) return { mediaType: prefer(found.mime) }
  if (head.subarray(0, 1024).includes('%PDF-')) return { mediaType: 'application/pdf' }
  return { mediaType: findLegacyTextType(head, context) ?? (await askMagic(head)) }
}

/**
 * Text in an 8-bit encoding: its letters are unknown, its markup and separators are ASCII all the same. Bytes that are
 * no text go without a control character for a few bytes only; the large detector would take milliseconds over it.
 */
function findLegacyTextType(head: Buffer, { name, complete }: DetectionContext) {
  const start = head.subarray(0, looksAtBytes)
  if (start.length < legacyTextBytes || hasControlBytes(start)) return undefined
  return findTextType(start.toString('latin1'), name, complete && head.length <= looksAtBytes)
}

function findZipTypeAtEnd(head: Buffer, { complete, tail }: DetectionContext) {
  return findZipType(readTailNames(complete ? head : (tail ?? Buffer.alloc(0))))
}

const compoundStreams = [
  ['WordDocument', 'application/msword'],
  ['Workbook', 'application/vnd.ms-excel'],
  ['PowerPoint Document', 'application/vnd.ms-powerpoint'],
  ['__substg1.0_', 'application/vnd.ms-outlook'],
] as const

/** Old Office files are one container; its directory of UTF-16 names ([MS-CFB] 2.6) may lie anywhere. */
async function findCompoundType(head: Buffer, tail: Buffer | undefined) {
  const found = compoundStreams.find(([stream]) => {
    const name = Buffer.from(stream, 'utf16le')
    return head.includes(name) || tail?.includes(name)
  })
  if (found) return found[1]
  const guess = await askMagic(head)
  return guess.startsWith('application/') && guess !== unknownType ? guess : compoundType
}

/** Takes 30 MB, and a tenth of a second to load: only where somebody sends what nothing else knows. */
let magic: Promise<WASMagic> | undefined

function loadMagic() {
  magic ??= WASMagic.create()
  return magic
}

async function askMagic(head: Buffer) {
  try {
    const detector = await loadMagic()
    const mediaType = prefer(detector.detect(head.subarray(0, looksAtBytes)))
    return /^[a-z]+\/[\w.+-]+$/i.test(mediaType) && !mediaType.startsWith('inode/') ? mediaType : unknownType
  } catch {
    // An instance that has once aborted answers nothing any more.
    magic = undefined
    return unknownType
  }
}

function prefer(mediaType: string) {
  return (mediaType === 'application/vnd.ms-office' ? compoundType : mediaTypeName(mediaType)) ?? unknownType
}
