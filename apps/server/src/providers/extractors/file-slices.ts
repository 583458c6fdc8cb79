import { open } from 'node:fs/promises'

const SLICE_BYTES = 64 * 1024

/** Reads a file from its start, slice by slice, as fast as they are taken; whoever leaves the loop closes it. */
export async function* readSlices(path: string): AsyncGenerator<Buffer, void, void> {
  const handle = await open(path)
  try {
    while (true) {
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(SLICE_BYTES), 0, SLICE_BYTES)
      if (bytesRead === 0) return
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await handle.close()
  }
}
