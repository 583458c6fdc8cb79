import { createReadStream, createWriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Writable } from 'node:stream'
import type { Piece } from '../../providers/extractors/port.ts'

export type TextPiece = Extract<Piece, { kind: 'text' }>

/** A file of pieces, a line each: what was read lies there until it is written down, however much it is. */
export interface Spool {
  write(piece: Piece): Promise<void>
  end(): Promise<void>
}

export function createSpool(path: string): Spool {
  const output = createWriteStream(path, { mode: 0o600 })
  return {
    write: (piece) => writeLine(output, piece),
    end: () => new Promise((resolve) => output.end(() => resolve())),
  }
}

/** Node's readline takes these for ends of lines, too; JSON may say them as they are. */
const LINE_ENDS = /[\u2028\u2029]/g
const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16)}`

async function writeLine(output: Writable, piece: Piece): Promise<void> {
  const line = JSON.stringify(piece, (_, value) => (typeof value === 'string' ? storable(value) : value))
  if (output.write(`${line.replaceAll(LINE_ENDS, escaped)}\n`)) return
  await new Promise((resolve) => output.once('drain', resolve))
}

/** PostgreSQL: a text holds every character but U+0000; half a pair of surrogates is none. */
export function storable(text: string): string {
  return text.replaceAll('\0', '').toWellFormed()
}

export async function* readSpool(path: string): AsyncGenerator<Piece> {
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line !== '') yield JSON.parse(line) as Piece
  }
}

/** Puts texts that were found later where they stand: before the first text of a later page. */
export async function* inPageOrder(pieces: AsyncIterable<Piece>, later: readonly TextPiece[]): AsyncGenerator<Piece> {
  let next = 0
  for await (const piece of pieces) {
    if (piece.kind === 'text') {
      for (; next < later.length && pageOf(later[next]!) < pageOf(piece); next += 1) yield later[next]!
    }
    yield piece
  }
  yield* later.slice(next)
}

function pageOf({ place }: TextPiece): number {
  return place.page ?? 0
}
