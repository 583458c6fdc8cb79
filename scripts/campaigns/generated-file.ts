import { createHash, randomBytes } from 'node:crypto'

const MEBIBYTE = 1024 * 1024

/** A file of any size that needs no room: each mebibyte is made when it is asked for. */
export interface Generated {
  sizeBytes: number
  /** The bytes of one MiB of it: random, and unlike every other. */
  piece(index: number): Buffer
}

export function generated(mib: number): Generated {
  const pattern = randomBytes(MEBIBYTE)
  return {
    sizeBytes: mib * MEBIBYTE,
    piece(index) {
      const piece = Buffer.from(pattern)
      piece.writeBigUInt64BE(BigInt(index), 1000)
      return piece
    },
  }
}

/** The pieces from one byte to another, both of them at the border of two pieces. */
export function* piecesOf(file: Generated, start = 0, end = file.sizeBytes): Generator<Buffer> {
  for (let index = start / MEBIBYTE; index < end / MEBIBYTE; index += 1) yield file.piece(index)
}

export function hashOfFile(file: Generated): string {
  const hash = createHash('sha256')
  for (const piece of piecesOf(file)) hash.update(piece)
  return hash.digest('hex')
}
