import { Readable } from 'node:stream'
import { createGunzip, createInflateRaw } from 'node:zlib'
import type { RandomReader } from './random-reader.ts'

const inputSliceBytes = 64 * 1024
const outputSliceBytes = 256 * 1024

export type Packing = 'deflate' | 'gzip'

/**
 * Unpacks a stretch of bytes slice by slice, off the main thread and under back-pressure: what is held does not grow
 * with the size of either side. The consumer stops it by leaving the loop.
 *
 * @throws zlib's error when the bytes are not what they claim to be, or the reader's
 */
export async function* unpack(reader: RandomReader, packing: Packing): AsyncGenerator<Buffer, void, void> {
  const source = Readable.from(slices(reader), { objectMode: false })
  const open = packing === 'deflate' ? createInflateRaw : createGunzip
  const inflate = open({ chunkSize: outputSliceBytes })
  source.on('error', (error) => inflate.destroy(error))
  source.pipe(inflate)
  try {
    for await (const slice of inflate) yield slice as Buffer
  } finally {
    source.destroy()
    inflate.destroy()
  }
}

async function* slices(reader: RandomReader) {
  for (let at = 0; at < reader.sizeBytes; at += inputSliceBytes) yield await reader.read(at, inputSliceBytes)
}

/**
 * Reads anywhere in bytes that can only be unpacked from the front. Going forwards skips, going backwards starts again,
 * so nothing is kept in memory or on disk; the price is work, which `open` is expected to count.
 */
export function replayReader(open: () => AsyncGenerator<Buffer, void, void>, sizeBytes: number) {
  let slices: AsyncGenerator<Buffer, void, void> | undefined
  let held: Buffer = Buffer.alloc(0)
  let heldStart = 0

  async function close() {
    await slices?.return()
    slices = undefined
    held = Buffer.alloc(0)
    heldStart = 0
  }

  async function advance(unpacked: AsyncGenerator<Buffer, void, void>) {
    const next = await unpacked.next()
    heldStart += held.length
    held = next.done ? Buffer.alloc(0) : next.value
    return !next.done
  }

  async function read(start: number, length: number) {
    if (start < heldStart) await close()
    slices ??= open()
    const end = Math.min(start + length, sizeBytes)
    const parts: Buffer[] = []
    for (let at = start; at < end; ) {
      const part = held.subarray(at - heldStart, end - heldStart)
      parts.push(part)
      at += part.length
      if (at < end && !(await advance(slices))) break
    }
    return Buffer.concat(parts)
  }

  return { sizeBytes, read, close }
}
