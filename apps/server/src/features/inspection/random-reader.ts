/** Bytes that can be read anywhere: a buffer, a store's ranges, or a member of an archive. Used by one caller at a time. */
export type RandomReader = {
  readonly sizeBytes: number
  /** Reads up to `length` bytes from `start`; fewer only where the bytes end. */
  read(start: number, length: number): Promise<Buffer>
}

/** The source could not be read, or the caller gave up: never a statement about the bytes. */
export class SourceFailure extends Error {
  constructor(cause: unknown) {
    super('The bytes could not be read', { cause })
  }
}

/** Reads from bytes in memory. */
export function bufferReader(buffer: Buffer): RandomReader {
  return { sizeBytes: buffer.length, read: async (start, length) => buffer.subarray(start, start + length) }
}

/** Reads one stretch of another reader as if it were everything. */
export function sliceReader(reader: RandomReader, offset: number, sizeBytes: number): RandomReader {
  return {
    sizeBytes,
    read: (start, length) => reader.read(offset + start, Math.max(0, Math.min(length, sizeBytes - start))),
  }
}

/**
 * Guards a caller's reader: every read stays inside the bytes, honours `signal` and is complete.
 *
 * @throws SourceFailure whose cause is the reader's own error, the signal's reason, or "ended early"
 */
export function guardedReader(reader: RandomReader, signal: AbortSignal): RandomReader {
  return {
    sizeBytes: reader.sizeBytes,
    async read(start, length) {
      const wanted = Math.max(0, Math.min(length, reader.sizeBytes - start))
      if (signal.aborted) throw new SourceFailure(signal.reason)
      if (wanted === 0) return Buffer.alloc(0)
      const bytes = await reader.read(start, wanted).catch((error: unknown) => {
        throw new SourceFailure(error)
      })
      if (bytes.length < wanted) throw new SourceFailure(new Error('The source ended early'))
      return bytes.subarray(0, wanted)
    },
  }
}

/**
 * Reads whole blocks and keeps the last few, so that many small reads cost few reads of the source.
 *
 * @param blockBytes 256 KiB for archives (sequential), less where reads jump.
 */
export function blockReader(reader: RandomReader, blockBytes: number, blocksKept = 4): RandomReader {
  const kept = new Map<number, Buffer>()
  async function block(index: number) {
    const found = kept.get(index)
    if (found) return found
    const bytes = await reader.read(index * blockBytes, blockBytes)
    kept.set(index, bytes)
    for (const oldest of kept.keys()) {
      if (kept.size <= blocksKept) break
      kept.delete(oldest)
    }
    return bytes
  }
  async function read(start: number, length: number) {
    const end = Math.min(start + length, reader.sizeBytes)
    const parts: Buffer[] = []
    for (let at = start; at < end; ) {
      const index = Math.floor(at / blockBytes)
      const bytes = await block(index)
      const part = bytes.subarray(at - index * blockBytes, end - index * blockBytes)
      if (part.length === 0) break
      parts.push(part)
      at += part.length
    }
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
  }
  return { sizeBytes: reader.sizeBytes, read }
}
