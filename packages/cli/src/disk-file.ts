import { type FileHandle, open, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import type { FileSource, Piece } from '@stowage/client'
import { LocalError } from './failure.ts'

const STEP_BYTES = 256 * 1024

/**
 * A file on disk, read when it is needed and from where it is needed. Reading fails once it is another than it was here.
 * (Node's own blobs of files count their bytes modulo 4 GiB.)
 *
 * @throws LocalError for what is not a file
 */
export async function openDiskFile(path: string): Promise<FileSource> {
  const found = await stat(path)
  if (!found.isFile()) throw new LocalError('This is not a file.')
  const { size, mtimeMs } = found
  const slice = (start: number, end: number): Piece => ({
    size: end - start,
    stream: () => ReadableStream.from(read(path, { size, mtimeMs }, start, end)) as ReadableStream<Uint8Array>,
  })
  return { ...slice(0, size), name: basename(path), lastModified: Math.trunc(mtimeMs), slice }
}

interface Version {
  size: number
  mtimeMs: number
}

async function* read(path: string, version: Version, start: number, end: number): AsyncGenerator<Uint8Array> {
  const file = await open(path).catch((cause) => {
    throw changed(cause)
  })
  try {
    for (let from = start; from < end; ) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(Math.min(STEP_BYTES, end - from)), {
        position: from,
      })
      if (bytesRead === 0) throw changed()
      yield buffer.subarray(0, bytesRead)
      from += bytesRead
    }
    await requireSame(file, version)
  } finally {
    await file.close()
  }
}

async function requireSame(file: FileHandle, { size, mtimeMs }: Version): Promise<void> {
  const found = await file.stat()
  if (found.size !== size || found.mtimeMs !== mtimeMs) throw changed()
}

function changed(cause?: unknown): DOMException {
  return new DOMException('The file has changed', { name: 'NotReadableError', cause })
}
