import { Transform } from 'node:stream'
import { badSize } from './body.ts'
import type { Span } from './byte-range.ts'
import { StoreError } from './port.ts'
import {
  CHUNK_BYTES,
  checkHeader,
  HEADER,
  type OpenChunk,
  SEALED_CHUNK_BYTES,
  type SealChunk,
  type Shape,
  sealedChunkBytes,
} from './sealed-format.ts'

const BUFFERED_BYTES = 256 * 1024
// Out come chunks, counted as such: a reader of a byte stream is given what has piled up in one piece, copied together.
const CHUNKS_OUT = { writableHighWaterMark: BUFFERED_BYTES, readableObjectMode: true, readableHighWaterMark: 4 }

/** Plain bytes in, header and sealed chunks out. Fails with StoreError `badSize` when `sizeBytes` is not what came. */
export function sealingStream(seal: SealChunk, sizeBytes?: number): Transform {
  // Each chunk is put together in the same place: sealing it makes a buffer of its own.
  const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  let filled = 0
  let index = 0
  let received = 0
  return new Transform({
    ...CHUNKS_OUT,
    transform(piece: Buffer, _encoding, done) {
      received += piece.length
      if (sizeBytes !== undefined && received > sizeBytes) return done(badSize(sizeBytes, 'more'))
      for (let taken = 0; taken < piece.length; ) {
        // A full chunk waits for the next byte: only then is it known not to be the last.
        if (filled === CHUNK_BYTES) {
          pushChunk(this, seal, index++, false, chunk)
          filled = 0
        }
        const copied = piece.copy(chunk, filled, taken)
        filled += copied
        taken += copied
      }
      done()
    },
    flush(done) {
      if (sizeBytes !== undefined && received < sizeBytes) return done(badSize(sizeBytes, `only ${received}`))
      pushChunk(this, seal, index, true, chunk.subarray(0, filled))
      done()
    },
  })
}

function pushChunk(stream: Transform, seal: SealChunk, index: number, final: boolean, plain: Buffer): void {
  // Whoever gets the pieces may give them back.
  if (index === 0) stream.push(Buffer.from(HEADER))
  for (const part of seal(index, final, plain)) stream.push(part)
}

/**
 * The sealed chunks that hold a span in, the header before them when the first is among them; the span's plain bytes
 * out. Fails with StoreError `corrupt` when chunks are missing or not authentic.
 *
 * @param giveBack is given each piece that came in, once nothing of it is needed
 */
export function openingStream(
  open: OpenChunk,
  shape: Shape,
  span: Span,
  giveBack: (piece: Buffer) => void = () => {},
): Transform {
  const end = span.start + span.length
  let index = Math.floor(span.start / CHUNK_BYTES)
  let headerDue = index === 0
  const lastIndex = span.length === 0 ? index : Math.floor((end - 1) / CHUNK_BYTES)
  const units = createUnits()
  const openNext = (sealed: Buffer) => {
    const chunkStart = index * CHUNK_BYTES
    const plain = open(index, index === shape.lastIndex, sealed)
    index += 1
    return plain.subarray(Math.max(0, span.start - chunkStart), end - chunkStart)
  }
  return new Transform({
    ...CHUNKS_OUT,
    transform(piece: Buffer, _encoding, done) {
      try {
        units.begin(piece)
        if (headerDue) {
          const header = units.next(HEADER.length)
          if (header) checkHeader(header)
          headerDue = header === undefined
        }
        while (!headerDue && index <= lastIndex) {
          const sealed = units.next(sealedChunkBytes(shape, index))
          if (!sealed) break
          this.push(openNext(sealed))
        }
        units.end()
        giveBack(piece)
        done()
      } catch (error) {
        done(error as Error)
      }
    },
    flush(done) {
      const complete = index > lastIndex && !units.isBegun()
      done(
        complete ? null : new StoreError('corrupt', `Encrypted bytes end before, or go on after, chunk ${lastIndex}`),
      )
    },
  })
}

/**
 * Takes units of at most a sealed chunk from pieces of any size. One that lies across pieces is put together in a place
 * of its own, which the next one takes over: what `next` gives holds until it is asked again or the piece ends.
 */
function createUnits() {
  const across = Buffer.allocUnsafeSlow(SEALED_CHUNK_BYTES)
  let begun = 0
  let surplus = false
  let rest: Buffer = EMPTY
  return {
    begin(piece: Buffer) {
      rest = piece
    },
    /** Undefined when the piece ends before the unit. */
    next(bytes: number): Buffer | undefined {
      const missing = bytes - begun
      if (rest.length < missing) return undefined
      const unit = rest.subarray(0, missing)
      rest = rest.subarray(missing)
      if (begun === 0) return unit
      unit.copy(across, begun)
      begun = 0
      return across.subarray(0, bytes)
    },
    /** Keeps what is left of the piece for the next unit. More than one can hold is more than anybody asks for. */
    end() {
      surplus ||= begun + rest.length > across.length
      begun += rest.copy(across, begun)
      rest = EMPTY
    },
    isBegun: () => surplus || begun > 0,
  }
}

const EMPTY = Buffer.alloc(0)
