import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { Problem } from '../../domain/problem.ts'
import { StoreError } from '../../providers/stores/port.ts'
import type { ScanTap } from './room.ts'

/** A body whose first bytes have been read: all of them when it is short. */
export type Opened = { complete: true; bytes: Buffer } | { complete: false; head: Buffer; rest: AsyncIterator<Buffer> }

/** The bytes of a body in two pieces: those that were read to look at them, and those that are still to come. */
export function sourceOf(opened: Opened): { head: Buffer; rest: AsyncIterator<Buffer> } {
  return opened.complete
    ? { head: opened.bytes, rest: { next: async () => ({ done: true, value: undefined }) } }
    : opened
}

const FIRST_BYTES = 16 * 1024

/**
 * Reads until the body ends or is known to be longer than `limitBytes`.
 *
 * @param sizeBytes of the body, where that is known
 * @param giveBack is given each piece once it has been copied
 */
export async function openBody(
  body: AsyncIterable<Buffer>,
  limitBytes: number,
  sizeBytes?: number,
  giveBack: (piece: Buffer) => void = () => {},
): Promise<Opened> {
  const rest = body[Symbol.asyncIterator]()
  // Copied piece by piece: those that waited for the last would outlive V8's new space, with a thousand callers 100 MB.
  let bytes: Buffer = Buffer.allocUnsafeSlow(Math.min(sizeBytes ?? FIRST_BYTES, limitBytes))
  let filled = 0
  for (;;) {
    const next = await rest.next()
    if (next.done) return { complete: true, bytes: bytes.subarray(0, filled) }
    const piece: Buffer = next.value
    const needed = filled + piece.length
    if (needed > limitBytes) return { complete: false, head: Buffer.concat([bytes.subarray(0, filled), piece]), rest }
    if (needed > bytes.length) bytes = grown(bytes, filled, Math.min(limitBytes, Math.max(needed, 2 * bytes.length)))
    piece.copy(bytes, filled)
    giveBack(piece)
    filled = needed
  }
}

function grown(bytes: Buffer, filled: number, sizeBytes: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(sizeBytes)
  bytes.copy(larger, 0, 0, filled)
  return larger
}

/** What is learnt while bytes stream by. Final once the stream has ended. */
export interface Tally {
  sizeBytes: number
  sha256: Buffer
}

/**
 * The bytes again, from the head on, counted and hashed on their way, and shown to a tap.
 *
 * @throws Problem `upload.tooLarge` in the stream as soon as one byte too many has arrived
 */
export function tallied(
  opened: { head: Buffer; rest: AsyncIterator<Buffer> },
  limitBytes: number,
  tap?: Pick<ScanTap, 'write'>,
): { stream: Readable; tally: Tally } {
  const hash = createHash('sha256')
  const tally: Tally = { sizeBytes: 0, sha256: Buffer.alloc(0) }
  async function* pieces() {
    for (let piece: Buffer | undefined = opened.head; piece; piece = (await opened.rest.next()).value) {
      tally.sizeBytes += piece.length
      if (tally.sizeBytes > limitBytes) throw new Problem('upload.tooLarge', { limitBytes })
      hash.update(piece)
      if (tap) await tap.write(piece)
      yield piece
    }
    tally.sha256 = hash.digest()
  }
  return { stream: Readable.from(pieces(), { highWaterMark: 4 }), tally }
}

/**
 * The body, failing when it stands still: a client that sends nothing must not hold an upload open.
 *
 * @throws Problem `request.stalled`, or `request.aborted` when the connection was lost
 */
export async function* steady(body: Readable, limitSeconds: number): AsyncGenerator<Buffer> {
  const pieces = body[Symbol.asyncIterator]()
  let timer: NodeJS.Timeout | undefined
  try {
    for (;;) {
      // While the last piece was being stored it was not the client that stood still.
      const stalled = new Promise<never>((_, fail) => {
        timer = setTimeout(() => fail(new Problem('request.stalled', { limitSeconds })), limitSeconds * 1000)
      })
      // A stalled body is left as it is: to destroy a request is to hang up before it was answered.
      const next = await Promise.race([pieces.next(), stalled])
      clearTimeout(timer)
      if (next.done) return
      yield next.value
    }
  } catch (error) {
    // A staged body comes from a store.
    throw error instanceof Problem || error instanceof StoreError ? error : connectionLost(error)
  } finally {
    clearTimeout(timer)
  }
}

function connectionLost(error: unknown): unknown {
  const code = (error as { code?: string }).code
  if (code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'EPIPE')
    return new Problem('request.aborted')
  // What else can fail while a body is read is the parser of its form.
  return new Problem('request.malformed', { reason: (error as Error).message })
}
