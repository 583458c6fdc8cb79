import type { FileHandle } from 'node:fs/promises'
import { PreviewError } from './port.ts'

/** Samples as they lie in a file. */
export interface Sound {
  fromByte: number
  frames: number
  /** Of all channels, one sample each. */
  frameBytes: number
  /** The farthest from silence of the samples that begin in a part, in which none is cut: 0 to 1, or more of a faulty one. */
  loudestIn(bytes: DataView, from: number, to: number): number
}

const BLOCK_BYTES = 256 * 1024
const MAX_CHUNKS = 1000
const MAX_CHANNELS = 64

/** Multimedia Programming Interface 1.0, chapter 3, and mmreg.h. */
const [INTEGER, FLOAT, EXTENSIBLE] = [1, 3, 0xfffe]

/** By kind and bits: loops of their own, because a call for each of a hundred million samples is slow. */
const MEASURES: Record<string, Sound['loudestIn']> = {
  [`${INTEGER} 8`]: (bytes, from, to) => {
    let loudest = 0
    for (let at = from; at < to; at += 1) loudest = Math.max(loudest, Math.abs(bytes.getUint8(at) - 0x80))
    return loudest / 0x80
  },
  [`${INTEGER} 16`]: (bytes, from, to) => {
    let loudest = 0
    for (let at = from; at < to; at += 2) loudest = Math.max(loudest, Math.abs(bytes.getInt16(at, true)))
    return loudest / 0x8000
  },
  // The lowest byte is not heard.
  [`${INTEGER} 24`]: (bytes, from, to) => {
    let loudest = 0
    for (let at = from; at < to; at += 3) loudest = Math.max(loudest, Math.abs(bytes.getInt16(at + 1, true)))
    return loudest / 0x8000
  },
  [`${INTEGER} 32`]: (bytes, from, to) => {
    let loudest = 0
    for (let at = from; at < to; at += 4) loudest = Math.max(loudest, Math.abs(bytes.getInt32(at, true)))
    return loudest / 0x8000_0000
  },
  [`${FLOAT} 32`]: (bytes, from, to) => {
    let loudest = 0
    for (let at = from; at < to; at += 4) loudest = louder(loudest, bytes.getFloat32(at, true))
    return loudest
  },
  [`${FLOAT} 64`]: (bytes, from, to) => {
    let loudest = 0
    for (let at = from; at < to; at += 8) loudest = louder(loudest, bytes.getFloat64(at, true))
    return loudest
  },
}

/** What is no number is not louder than anything. */
function louder(loudest: number, sample: number): number {
  const loudness = Math.abs(sample)
  return loudness > loudest ? loudness : loudest
}

/** One channel of 16 bits a sample, from the first byte to the last. */
export function plainSound(sizeBytes: number): Sound {
  return soundOf({ kind: INTEGER, channels: 1, bits: 16, frameBytes: 2 }, 0, sizeBytes)
}

/**
 * Finds the samples of a WAV file, whatever its other chunks say.
 *
 * @throws PreviewError `corrupt`, or `unsupported` for samples that are packed
 */
export async function findWavSound(file: FileHandle, sizeBytes: number): Promise<Sound> {
  const head = await readAt(file, 0, 12)
  if (!/^(?:RIFF|RF64)[\s\S]{4}WAVE$/.test(head.toString('latin1'))) {
    throw new PreviewError('corrupt', 'The file is no WAV file')
  }
  let format: Format | undefined
  for (let [at, chunks] = [head.length, 0]; chunks < MAX_CHUNKS; chunks += 1) {
    const chunk = await readAt(file, at, 8)
    if (chunk.length < 8) break
    const name = chunk.toString('latin1', 0, 4)
    const bytes = chunk.readUInt32LE(4)
    const begin = at + chunk.length
    if (name === 'fmt ') format = readFormat(await readAt(file, begin, Math.min(bytes, 40)))
    if (name === 'data' && format) {
      // A recorder that was cut off, and a file of more than 4 GiB (EBU Tech 3306), leave the length open.
      const isOpen = bytes === 0 || bytes === 0xffff_ffff
      return soundOf(format, begin, isOpen ? sizeBytes : Math.min(begin + bytes, sizeBytes))
    }
    at = begin + bytes + (bytes % 2)
  }
  throw new PreviewError('corrupt', 'The file has no samples, or does not say how they are written')
}

interface Format {
  kind: number
  channels: number
  bits: number
  frameBytes: number
}

function readFormat(bytes: Buffer): Format | undefined {
  if (bytes.length < 16) return undefined
  const kind = bytes.readUInt16LE(0)
  // The first two bytes of its long name are the short one.
  const isNamed = kind === EXTENSIBLE && bytes.length >= 26
  return {
    kind: isNamed ? bytes.readUInt16LE(24) : kind,
    channels: bytes.readUInt16LE(2),
    frameBytes: bytes.readUInt16LE(12),
    bits: bytes.readUInt16LE(14),
  }
}

function soundOf({ kind, channels, bits, frameBytes }: Format, from: number, to: number): Sound {
  const loudestIn = MEASURES[`${kind} ${bits}`]
  if (!loudestIn) throw new PreviewError('unsupported', `Samples of kind ${kind} with ${bits} bits are not read here`)
  if (channels < 1 || channels > MAX_CHANNELS || frameBytes !== (channels * bits) / 8) {
    throw new PreviewError('corrupt', 'The file does not say how its samples are written')
  }
  const frames = Math.max(0, Math.floor((to - from) / frameBytes))
  return { fromByte: from, frames, frameBytes, loudestIn }
}

/**
 * The loudest sample in each of so many equal parts of the sound, 0 to 1, of whatever channel. It holds one block of the
 * file at a time.
 */
export async function readPeaks(file: FileHandle, sound: Sound, count: number): Promise<Float32Array> {
  const { frames, frameBytes, loudestIn } = sound
  const peaks = new Float32Array(Math.min(count, frames))
  const block = Buffer.alloc(Math.max(1, Math.floor(BLOCK_BYTES / frameBytes)) * frameBytes)
  const view = new DataView(block.buffer, block.byteOffset, block.length)
  for (let first = 0; first < frames; ) {
    const wanted = Math.min(block.length, (frames - first) * frameBytes)
    const { bytesRead } = await file.read(block, 0, wanted, sound.fromByte + first * frameBytes)
    const end = first + Math.floor(bytesRead / frameBytes)
    if (end === first) break
    for (let frame = first; frame < end; ) {
      const part = Math.floor((frame / frames) * peaks.length)
      const partEnd = Math.min(end, Math.max(frame + 1, Math.ceil(((part + 1) / peaks.length) * frames)))
      const loudest = loudestIn(view, (frame - first) * frameBytes, (partEnd - first) * frameBytes)
      peaks[part] = Math.max(peaks[part]!, Math.min(loudest, 1))
      frame = partEnd
    }
    first = end
  }
  return peaks
}

async function readAt(file: FileHandle, at: number, bytes: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, at)
  return buffer.subarray(0, bytesRead)
}
