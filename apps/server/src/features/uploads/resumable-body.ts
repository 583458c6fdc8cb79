import { createHash } from 'node:crypto'
import { Problem } from '../../domain/problem.ts'
import type { Writer } from './resumable-writers.ts'

/** What the sender says of the bytes of one request (tus 1.0, checksum extension). */
export interface Checksum {
  algorithm: string
  digest: Buffer
}

export interface Arrival {
  pieces: AsyncGenerator<Buffer>
  /** Why the body ended before its end; undefined while it has not. */
  cut(): Problem | undefined
  /** Whether the bytes that have arrived are those that were summed. */
  agrees(): boolean
}

const CUTS: ReadonlySet<string> = new Set(['request.aborted', 'request.stalled', 'request.malformed'])

/**
 * A body that ends, instead of failing, where its connection was cut or its writer was stopped: what has arrived until
 * then is whole.
 *
 * @param interrupted what to say to a sender whose writer was stopped
 */
export function arriving(
  body: AsyncGenerator<Buffer>,
  writer: Writer,
  checksum: Checksum | undefined,
  interrupted: () => Problem,
): Arrival {
  const hash = checksum && createHash(checksum.algorithm)
  let cut: Problem | undefined
  async function* pieces() {
    for (;;) {
      const next = await nextUnlessStopped(body, writer).catch((error) => {
        if (error instanceof Problem && CUTS.has(error.code)) return error
        throw error
      })
      if (next === undefined || next instanceof Problem) {
        cut = next ?? interrupted()
        return
      }
      if (next.done) return
      hash?.update(next.value)
      yield next.value
    }
  }
  return { pieces: pieces(), cut: () => cut, agrees: () => !checksum || checksum.digest.equals(hash!.digest()) }
}

/** Undefined once the writer is stopped. Not by `Promise.race`, which would hold every piece until the last. */
function nextUnlessStopped(
  body: AsyncGenerator<Buffer>,
  writer: Writer,
): Promise<IteratorResult<Buffer, void> | undefined> {
  if (writer.isStopped()) return Promise.resolve(undefined)
  return new Promise((settle, fail) => {
    writer.onStop(() => settle(undefined))
    body.next().then(settle, fail)
  })
}
