/** Bytes that came in pieces and are taken in others; copied only where what is taken lies across pieces. */
export interface ByteQueue {
  readonly bytes: number
  add(piece: Buffer): void
  /** The next `count` bytes, which are there. */
  take(count: number): Buffer
}

export function createByteQueue(): ByteQueue {
  let pieces: Buffer[] = []
  let bytes = 0
  return {
    get bytes() {
      return bytes
    },
    add(piece) {
      pieces.push(piece)
      bytes += piece.length
    },
    take(count) {
      bytes -= count
      let last = 0
      let missing = count
      while (last < pieces.length && pieces[last]!.length < missing) missing -= pieces[last++]!.length
      const piece = pieces[last] ?? Buffer.alloc(0)
      const taken = [...pieces.slice(0, last), piece.subarray(0, missing)]
      const rest = piece.subarray(missing)
      pieces = rest.length > 0 ? [rest, ...pieces.slice(last + 1)] : pieces.slice(last + 1)
      return taken.length === 1 ? taken[0]! : Buffer.concat(taken, count)
    },
  }
}
