import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { openBody } from './body.ts'

const KIB = 1024

async function* inPieces(bytes: Buffer, pieceBytes: number) {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
}

describe('a body', () => {
  test.each([0, 1, 1000, 16 * KIB, 16 * KIB + 1, 100_000, 128 * KIB])(
    'of %d bytes is read whole',
    async (sizeBytes) => {
      const bytes = randomBytes(sizeBytes)
      for (const pieceBytes of [1000, 64 * KIB]) {
        for (const said of [undefined, sizeBytes, 1, 128 * KIB]) {
          const opened = await openBody(inPieces(bytes, pieceBytes), 128 * KIB, said)
          expect(opened.complete && opened.bytes.equals(bytes)).toBe(true)
        }
      }
    },
  )

  test('needs none of its pieces once they have been copied', async () => {
    const bytes = randomBytes(200_000)
    const giveBack = (piece: Buffer) => void piece.fill(0)
    const whole = await openBody(inPieces(Buffer.from(bytes), 30_000), 200_000, undefined, giveBack)
    expect(whole.complete && whole.bytes.equals(bytes)).toBe(true)
    const longer = await openBody(inPieces(Buffer.from(bytes), 30_000), 128 * KIB, 200_000, giveBack)
    expect(!longer.complete && longer.head.equals(bytes.subarray(0, 150_000))).toBe(true)
  })

  test('that is longer than the limit is given as it was read so far, and the rest behind it', async () => {
    const bytes = randomBytes(200_000)
    const opened = await openBody(inPieces(bytes, 30_000), 128 * KIB, 200_000)
    if (opened.complete) throw new Error('it is not complete')
    const pieces = [opened.head]
    for (let next = await opened.rest.next(); !next.done; next = await opened.rest.next()) pieces.push(next.value)
    expect(opened.head.length).toBeGreaterThan(128 * KIB)
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true)
  })
})
