import { type FileHandle, open } from 'node:fs/promises'

/** Where the samples lie in a WAV file of the one kind that every engine takes: 16 kHz, one channel, 16 bits. */
export interface SpeechWav {
  path: string
  startsAt: number
  sizeBytes: number
}

export const SAMPLE_RATE = 16_000
const BYTES_PER_SAMPLE = 2
const BYTES_PER_MS = (SAMPLE_RATE * BYTES_PER_SAMPLE) / 1000
const HEADER_BYTES = 44
/** Before the samples; what has more is no recording of a call. */
const MAX_CHUNKS = 100

export function durationOf(sizeBytes: number): number {
  return Math.round(sizeBytes / BYTES_PER_MS)
}

/** How many bytes so much sound takes, a whole number of samples. */
export function bytesOf(durationMs: number): number {
  return Math.floor(durationMs) * BYTES_PER_MS
}

/** The longest sound that fits into a WAV file of so many bytes. */
export function longestIn(sizeBytes: number): number {
  return Math.floor(Math.max(0, sizeBytes - HEADER_BYTES) / BYTES_PER_MS)
}

/** Undefined for any other file. Multimedia Programming Interface 1.0, chapter 3. */
export async function findSpeechWav(path: string): Promise<SpeechWav | undefined> {
  const file = await open(path)
  try {
    const { size } = await file.stat()
    const start = await readAt(file, 0, 12)
    if (start.toString('latin1', 0, 4) !== 'RIFF' || start.toString('latin1', 8, 12) !== 'WAVE') return undefined
    return await findSamples(file, path, size)
  } finally {
    await file.close()
  }
}

async function findSamples(file: FileHandle, path: string, fileBytes: number): Promise<SpeechWav | undefined> {
  let isSpeech = false
  let at = 12
  for (let chunk = 0; chunk < MAX_CHUNKS; chunk += 1) {
    const head = await readAt(file, at, 8)
    if (head.length < 8) return undefined
    const [name, sizeBytes] = [head.toString('latin1', 0, 4), head.readUInt32LE(4)]
    at += 8
    if (name === 'data') {
      // Written to a pipe, its size is 0 or the largest there is.
      const left = fileBytes - at
      const stated = sizeBytes === 0 ? left : Math.min(sizeBytes, left)
      return isSpeech ? { path, startsAt: at, sizeBytes: stated - (stated % BYTES_PER_SAMPLE) } : undefined
    }
    if (name === 'fmt ') isSpeech = isSpeechFormat(await readAt(file, at, 16))
    at += sizeBytes + (sizeBytes % 2)
  }
  return undefined
}

function isSpeechFormat(format: Buffer): boolean {
  const PCM = 1
  return (
    format.length === 16 &&
    format.readUInt16LE(0) === PCM &&
    format.readUInt16LE(2) === 1 &&
    format.readUInt32LE(4) === SAMPLE_RATE &&
    format.readUInt16LE(14) === 8 * BYTES_PER_SAMPLE
  )
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position)
  return buffer.subarray(0, bytesRead)
}

/** What comes before so many bytes of samples. */
export function speechHeader(sizeBytes: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header.write('RIFF', 0, 'latin1')
  header.writeUInt32LE(HEADER_BYTES - 8 + sizeBytes, 4)
  header.write('WAVEfmt ', 8, 'latin1')
  header.writeUInt32LE(16, 16)
  header.writeUInt16LE(1, 20)
  header.writeUInt16LE(1, 22)
  header.writeUInt32LE(SAMPLE_RATE, 24)
  header.writeUInt32LE(SAMPLE_RATE * BYTES_PER_SAMPLE, 28)
  header.writeUInt16LE(BYTES_PER_SAMPLE, 32)
  header.writeUInt16LE(8 * BYTES_PER_SAMPLE, 34)
  header.write('data', 36, 'latin1')
  header.writeUInt32LE(sizeBytes, 40)
  return header
}
