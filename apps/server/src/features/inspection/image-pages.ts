import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ImageWalk } from './image-walk.ts'
import type { RandomReader } from './random-reader.ts'

const maxSegments = 5_000
const maxDirectories = 5_000
const maxFields = 4_096
const turnEveryDirectories = 200
const maxMetaBytes = 1024 ** 2
const pngSignature = '\x89PNG\r\n\x1a\n'

/** JPEG: the first frame header (SOF0 to SOF15, ITU T.81 B.2.2); what comes before it is stepped over. */
export const walkJpeg: ImageWalk = async (reader, frame) => {
  let at = 2
  for (let step = 0; step < maxSegments; step++) {
    const segment = await reader.read(at, 9)
    if (segment.length < 4 || segment[0] !== 0xff) break
    const marker = segment[1]!
    if (marker === 0xff) {
      at += 1
    } else if (isFrameHeader(marker)) {
      // A height of 0 is stated after the first scan (DNL, B.2.5): the largest is assumed.
      return frame(segment.readUInt16BE(7), segment.readUInt16BE(5) || 0xffff)
    } else if (marker === 0xda || marker === 0xd9) {
      break
    } else {
      at += 2 + segment.readUInt16BE(2)
    }
  }
  throw new Error('The JPEG has no frame header')
}

function isFrameHeader(marker: number) {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc
}

/** TIFF 6.0: width and height of every image file directory, those under SubIFDs (tag 330) included; BigTIFF too. */
export const walkTiff: ImageWalk = async (reader, frame) => {
  const start = await reader.read(0, 16)
  const tiff = start.length >= 8 ? readTiffHeader(start) : undefined
  if (!tiff) throw new Error('The TIFF has no header')
  const seen = new Set<number>()
  const waiting = [tiff.first]
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    if (at === 0 || seen.has(at)) continue
    seen.add(at)
    if (seen.size > maxDirectories) throw new Error('The TIFF has too many directories')
    if (seen.size % turnEveryDirectories === 0) await nextTurn()
    const directory = await readDirectory(reader, tiff, at)
    if (directory.width !== undefined && directory.height !== undefined) frame(directory.width, directory.height)
    waiting.push(directory.next, ...directory.children)
  }
}

type Tiff = { little: boolean; big: boolean; first: number }

function readTiffHeader(start: Buffer): Tiff | undefined {
  const order = start.toString('latin1', 0, 2)
  if (order !== 'II' && order !== 'MM') return undefined
  const little = order === 'II'
  const big = number(start, 2, 2, little) === 43
  if (big && start.length < 16) return undefined
  return { little, big, first: big ? number(start, 8, 8, little) : number(start, 4, 4, little) }
}

async function readDirectory(reader: RandomReader, tiff: Tiff, at: number) {
  const { little, big } = tiff
  const countBytes = big ? 8 : 2
  const fieldBytes = big ? 20 : 12
  const offsetBytes = big ? 8 : 4
  const result: { width?: number; height?: number; next: number; children: number[] } = { next: 0, children: [] }
  const counted = await reader.read(at, countBytes)
  if (counted.length < countBytes) return result
  const count = number(counted, 0, countBytes, little)
  if (count > maxFields) throw new Error('The TIFF has too many fields')
  const fields = await reader.read(at + countBytes, count * fieldBytes + offsetBytes)
  for (let field = 0; field + fieldBytes <= fields.length - offsetBytes; field += fieldBytes) {
    const tag = number(fields, field, 2, little)
    const value = field + fieldBytes - offsetBytes
    if (tag === 256) result.width = readValue(fields, field, value, tiff)
    if (tag === 257) result.height = readValue(fields, field, value, tiff)
    if (tag === 330) result.children = await readOffsets(reader, fields, field, value, tiff)
  }
  const next = count * fieldBytes
  if (next + offsetBytes <= fields.length) result.next = number(fields, next, offsetBytes, little)
  return result
}

function readValue(fields: Buffer, field: number, value: number, { little }: Tiff) {
  const type = number(fields, field + 2, 2, little)
  return number(fields, value, type === 3 ? 2 : type === 16 ? 8 : 4, little)
}

async function readOffsets(reader: RandomReader, fields: Buffer, field: number, value: number, tiff: Tiff) {
  const { little, big } = tiff
  const offsetBytes = big ? 8 : 4
  const count = number(fields, field + 4, offsetBytes, little)
  if (count > maxFields) throw new Error('The TIFF has too many sub-directories')
  const at = number(fields, value, offsetBytes, little)
  if (count <= 1) return [at]
  const list = await reader.read(at, count * offsetBytes)
  return Array.from({ length: Math.floor(list.length / offsetBytes) }, (_, index) =>
    number(list, index * offsetBytes, offsetBytes, little),
  )
}

function number(bytes: Buffer, at: number, size: number, little: boolean) {
  if (size === 8) return Number(little ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at))
  return little ? bytes.readUIntLE(at, size) : bytes.readUIntBE(at, size)
}

/** ICO and CUR: the directory says at most 256 × 256, so each picture's own header is read. */
export const walkIco: ImageWalk = async (reader, frame) => {
  const start = await reader.read(0, 6)
  if (start.length < 6) throw new Error('The icon has no header')
  const entries = await reader.read(6, 16 * start.readUInt16LE(4))
  for (let at = 0; at + 16 <= entries.length; at += 16) {
    const picture = await reader.read(entries.readUInt32LE(at + 12), 24)
    if (picture.length < 24) throw new Error('A picture of the icon is missing')
    if (picture.toString('latin1', 0, 8) === pngSignature) frame(picture.readUInt32BE(16), picture.readUInt32BE(20))
    else frame(Math.abs(picture.readInt32LE(4)), Math.ceil(Math.abs(picture.readInt32LE(8)) / 2))
  }
}

/**
 * HEIF and AVIF: every image spatial extent (`ispe`, ISO/IEC 23008-12 6.5.3) in the file's `meta` box, without the crop
 * (`clap`), which is applied after decoding.
 */
export const walkHeif: ImageWalk = async (reader, frame) => {
  const meta = await readTopLevelBox(reader, 'meta')
  if (!meta) throw new Error('The image has no meta box')
  for (let at = meta.indexOf('ispe'); at >= 0 && at + 16 <= meta.length; at = meta.indexOf('ispe', at + 16)) {
    frame(meta.readUInt32BE(at + 8), meta.readUInt32BE(at + 12))
  }
}

async function readTopLevelBox(reader: RandomReader, wanted: string) {
  let at = 0
  for (let step = 0; step < maxSegments && at + 8 <= reader.sizeBytes; step++) {
    const head = await reader.read(at, 16)
    const declared = head.readUInt32BE(0)
    const sizeBytes =
      declared === 0
        ? reader.sizeBytes - at
        : declared === 1 && head.length === 16
          ? Number(head.readBigUInt64BE(8))
          : declared
    if (head.toString('latin1', 4, 8) === wanted) return reader.read(at, Math.min(sizeBytes, maxMetaBytes))
    if (sizeBytes < 8) return undefined
    at += sizeBytes
  }
  return undefined
}
