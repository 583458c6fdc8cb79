import { setImmediate as nextTurn } from 'node:timers/promises'
import type { FrameSink, ImageWalk } from './image-walk.ts'
import type { RandomReader } from './random-reader.ts'

const firstPieceBytes = 256
const largestPieceBytes = 64 * 1024
const turnEverySteps = 2_000
/** Chunks of one file that are looked at; honest ones have at most a few for each frame and each 8 KiB. */
const maxSteps = 200_000

type Size = { width: number; height: number }

/** PNG and APNG: IHDR, then fcTL for each frame; without acTL before the first IDAT it is a still image. */
export const walkPng: ImageWalk = async (reader, frame) => {
  const start = await reader.read(0, 33)
  if (start.length < 33 || start.toString('latin1', 12, 16) !== 'IHDR') throw new Error('The PNG has no header')
  const canvas = { width: start.readUInt32BE(16), height: start.readUInt32BE(20) }
  let animated = false
  let frames = 0
  for await (const { at, type } of chunks(reader, 33, readPngChunk)) {
    if (type === 'IEND' || (type === 'IDAT' && !animated)) break
    if (type === 'acTL') animated = true
    if (type !== 'fcTL') continue
    const data = await readPadded(reader, at + 12)
    reportOnCanvas(frame, canvas, data.readUInt32BE(0), data.readUInt32BE(4))
    frames += 1
  }
  if (frames === 0) frame(canvas.width, canvas.height)
}

/** WebP: the canvas of VP8X, then the still image (VP8, VP8L) or each ANMF frame. */
export const walkWebp: ImageWalk = async (reader, frame) => {
  const canvas = { width: 0, height: 0 }
  for await (const { at, type } of chunks(reader, 12, readRiffChunk)) {
    const data = await readPadded(reader, at + 8)
    if (type === 'VP8X') Object.assign(canvas, { width: 1 + data.readUIntLE(4, 3), height: 1 + data.readUIntLE(7, 3) })
    if (type === 'VP8 ') {
      reportOnCanvas(frame, canvas, data.readUInt16LE(6) & 0x3fff, data.readUInt16LE(8) & 0x3fff)
    }
    if (type === 'VP8L') {
      const bits = data.readUInt32LE(1)
      reportOnCanvas(frame, canvas, 1 + (bits & 0x3fff), 1 + ((bits >>> 14) & 0x3fff))
    }
    if (type === 'ANMF') reportOnCanvas(frame, canvas, 1 + data.readUIntLE(6, 3), 1 + data.readUIntLE(9, 3))
  }
}

/** GIF: every image descriptor, up to the trailer or the first byte that is no block (decoders stop there as well). */
export const walkGif: ImageWalk = async (reader, frame) => {
  const start = await reader.read(0, 13)
  if (start.length < 13) throw new Error('The GIF has no header')
  const canvas = { width: start.readUInt16LE(6), height: start.readUInt16LE(8) }
  let at = 13 + colourTableBytes(start[10]!)
  for (let step = 1; step < maxSteps; step++) {
    const block = await reader.read(at, 10)
    if (block[0] === 0x2c && block.length === 10) {
      reportOnCanvas(frame, canvas, block.readUInt16LE(5), block.readUInt16LE(7))
      at = await skipSubBlocks(reader, at + 11 + colourTableBytes(block[9]!))
    } else if (block[0] === 0x21) {
      at = await skipSubBlocks(reader, at + 2)
    } else {
      return
    }
    if (step % turnEverySteps === 0) await nextTurn()
  }
  throw new Error('The GIF has too many blocks')
}

function colourTableBytes(flags: number) {
  return flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0
}

/** Sub-blocks are at most 255 bytes, so they are stepped over in pieces rather than read one by one. */
async function skipSubBlocks(reader: RandomReader, start: number) {
  let pieceBytes = firstPieceBytes
  for (let at = start; ; pieceBytes = Math.min(largestPieceBytes, 16 * pieceBytes)) {
    const piece = await reader.read(at, pieceBytes)
    if (piece.length === 0) return at
    let step = 0
    while (step < piece.length) {
      if (piece[step] === 0) return at + step + 1
      step += piece[step]! + 1
    }
    at += step
  }
}

/** Decoders draw each frame on the whole canvas, so a frame costs whichever is larger. */
function reportOnCanvas(frame: FrameSink, canvas: Size, width: number, height: number) {
  if (width * height > canvas.width * canvas.height) frame(width, height)
  else frame(canvas.width, canvas.height)
}

/** A last chunk may be shorter than the widest header; what is missing reads as zero. */
async function readPadded(reader: RandomReader, at: number) {
  const data = Buffer.alloc(16)
  const read = await reader.read(at, data.length)
  read.copy(data)
  return data
}

type ReadChunk = (head: Buffer) => { type: string; totalBytes: number }
const readPngChunk: ReadChunk = (head) => ({
  type: head.toString('latin1', 4, 8),
  totalBytes: 12 + head.readUInt32BE(0),
})
const readRiffChunk: ReadChunk = (head) => {
  const dataBytes = head.readUInt32LE(4)
  return { type: head.toString('latin1', 0, 4), totalBytes: 8 + dataBytes + (dataBytes % 2) }
}

async function* chunks(reader: RandomReader, start: number, readChunk: ReadChunk) {
  let at = start
  for (let step = 1; at + 8 <= reader.sizeBytes; step++) {
    if (step > maxSteps) throw new Error('The image has too many chunks')
    const { type, totalBytes } = readChunk(await reader.read(at, 8))
    yield { at, type }
    at += totalBytes
    if (step % turnEverySteps === 0) await nextTurn()
  }
}
