import { setTimeout as wait } from 'node:timers/promises'
import type { Client, VariantName } from '@stowage/client'
import { exitCodes, LocalError } from './failure.ts'

/** One version of an asset, by what it must turn out to be. */
export interface Content {
  assetId: string
  version: number
  name: string
  sizeBytes: number
  sha256: string
  /** A variant of it. */
  variant?: VariantName
}

export interface Piece {
  bytes: Uint8Array
  /** Where it belongs in the content. A service that honours no range begins again at 0. */
  position: number
  etag: string | undefined
}

/** Attempts in a row that bring nothing. */
const FRUITLESS_ATTEMPTS = 5
const DELAY_MS = 200

/**
 * The bytes from `start` on. A connection that breaks is taken up again where it broke.
 *
 * @throws StowageError; LocalError when it keeps breaking
 */
export async function* piecesOf(
  client: Client,
  content: Content,
  start: number,
  etag: string | undefined,
): AsyncGenerator<Piece> {
  let position = start
  let known = etag
  for (let fruitless = 0; position < content.sizeBytes; fruitless++) {
    if (fruitless > FRUITLESS_ATTEMPTS) throw new LocalError('The connection keeps breaking.', exitCodes.unreachable)
    if (fruitless > 1) await wait(DELAY_MS * fruitless)
    const part = await client.download(content.assetId, {
      version: content.version,
      ...(content.variant && { variant: content.variant }),
      range: position > 0 ? { start: position } : undefined,
      ifRange: known,
    })
    position = part.start
    known = part.etag
    try {
      for await (const bytes of part.stream) {
        yield { bytes, position, etag: known }
        position += bytes.byteLength
        fruitless = 0
      }
    } catch (error) {
      if (!isLostConnection(error)) throw error
    }
  }
}

/** Fetch reports an answer that breaks off as a TypeError. */
function isLostConnection(error: unknown): boolean {
  return error instanceof TypeError
}
