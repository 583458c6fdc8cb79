import type { Readable } from 'node:stream'
import { type PutOptions, StoreError } from './port.ts'

/**
 * The chunks of a body that a store is given, to be iterated once.
 *
 * Listens for the body's failure from the moment of the call, so that a body failing while its store still opens a file
 * is reported and does not bring the process down.
 *
 * @throws while iterating: the abort reason, the body's own failure, or StoreError `badSize`
 */
export function chunksOf(body: Readable, options: PutOptions = {}): AsyncGenerator<Buffer, void> {
  body.on('error', ignore)
  return readChunks(body, options)
}

async function* readChunks(body: Readable, { sizeBytes, signal }: PutOptions): AsyncGenerator<Buffer, void> {
  const stop = () => body.destroy()
  signal?.addEventListener('abort', stop, { once: true })
  let bytes = 0
  try {
    signal?.throwIfAborted()
    for await (const chunk of body) {
      if (chunk.length === 0) continue
      bytes += chunk.length
      if (sizeBytes !== undefined && bytes > sizeBytes) throw badSize(sizeBytes, 'more')
      yield Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk)
    }
    signal?.throwIfAborted()
    if (sizeBytes !== undefined && bytes < sizeBytes) throw badSize(sizeBytes, `only ${bytes}`)
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  } finally {
    signal?.removeEventListener('abort', stop)
  }
}

/** The failure of a body that is not of the size that its caller stated. */
export function badSize(sizeBytes: number, got: string): StoreError {
  return new StoreError('badSize', `The body was to hold ${sizeBytes} bytes and holds ${got}`)
}

function ignore(): void {}
