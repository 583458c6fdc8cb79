import { Transform } from 'node:stream'
import { badSize } from './body.ts'
import { createByteQueue } from './byte-queue.ts'
import type { Span } from './byte-range.ts'
import { StoreError } from './port.ts'
import {
  CHUNK_BYTES,
  checkHeader,
  HEADER,
  type OpenChunk,
  type SealChunk,
  type Shape,
  sealedChunkBytes,
} from './sealed-format.ts'

const BUFFERED_BYTES = 256 * 1024
// Out come chunks, counted as such: a reader of a byte stream is given what has piled up in one piece, copied together.
const CHUNKS_OUT = { writableHighWaterMark: BUFFERED_BYTES, readableObjectMode: true, readableHighWaterMark: 4 }

/** Plain bytes in, header and sealed chunks out. Fails with StoreError `badSize` when `sizeBytes` is not what came. */
export function sealingStream(seal: SealChunk, sizeBytes?: number): Transform {
  const queue = createByteQueue()
  let index = 0
  let received = 0
  return new Transform({
    ...CHUNKS_OUT,
    transform(chunk: Buffer, _encoding, done) {
      received += chunk.length
      if (sizeBytes !== undefined && received > sizeBytes) return done(badSize(sizeBytes, 'more'))
      queue.add(chunk)
      // A full chunk waits for the next byte: only then is it known not to be the last.
      while (queue.bytes > CHUNK_BYTES) pushChunk(this, seal, index++, false, queue.take(CHUNK_BYTES))
      done()
    },
    flush(done) {
      if (sizeBytes !== undefined && received < sizeBytes) return done(badSize(sizeBytes, `only ${received}`))
      pushChunk(this, seal, index, true, queue.take(queue.bytes))
      done()
    },
  })
}

function pushChunk(stream: Transform, seal: SealChunk, index: number, final: boolean, plain: Buffer): void {
  if (index === 0) stream.push(HEADER)
  for (const part of seal(index, final, plain)) stream.push(part)
}

/**
 * The sealed chunks that hold a span in, the header before them when the first is among them; the span's plain bytes
 * out. Fails with StoreError `corrupt` when chunks are missing or not authentic.
 */
export function openingStream(open: OpenChunk, shape: Shape, span: Span): Transform {
  const queue = createByteQueue()
  const end = span.start + span.length
  let index = Math.floor(span.start / CHUNK_BYTES)
  let headerDue = index === 0
  const lastIndex = span.length === 0 ? index : Math.floor((end - 1) / CHUNK_BYTES)
  const openNext = () => {
    const chunkStart = index * CHUNK_BYTES
    const plain = open(index, index === shape.lastIndex, queue.take(sealedChunkBytes(shape, index)))
    index += 1
    return plain.subarray(Math.max(0, span.start - chunkStart), end - chunkStart)
  }
  return new Transform({
    ...CHUNKS_OUT,
    transform(chunk: Buffer, _encoding, done) {
      queue.add(chunk)
      try {
        if (headerDue && queue.bytes >= HEADER.length) {
          checkHeader(queue.take(HEADER.length))
          headerDue = false
        }
        while (!headerDue && index <= lastIndex && queue.bytes >= sealedChunkBytes(shape, index)) this.push(openNext())
        done()
      } catch (error) {
        done(error as Error)
      }
    },
    flush(done) {
      const complete = index > lastIndex && queue.bytes === 0
      done(
        complete ? null : new StoreError('corrupt', `Encrypted bytes end before, or go on after, chunk ${lastIndex}`),
      )
    },
  })
}
