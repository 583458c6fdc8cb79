import { createHash, randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createSha256, createSha256Text } from '../src/sha256.ts'

function expected(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

describe('SHA-256 piece by piece', () => {
  test.each([0, 1, 3, 54, 55, 56, 57, 63, 64, 65, 119, 120, 128, 1000])('is right for %i bytes', (sizeBytes) => {
    const bytes = randomBytes(sizeBytes)
    const hash = createSha256()
    hash.update(bytes)
    expect(hash.digest('hex')).toBe(expected(bytes))
  })

  test('does not depend on where the pieces end', () => {
    const bytes = randomBytes(100_000)
    const hash = createSha256()
    for (let from = 0, step = 1; from < bytes.length; from += step, step = (step * 7 + 3) % 997) {
      hash.update(bytes.subarray(from, from + step))
    }
    expect(hash.digest('hex')).toBe(expected(bytes))
  })

  test('runs from its own text, as it does in a worker', () => {
    const made = new Function(`return (${createSha256Text})()`)() as ReturnType<typeof createSha256>
    made.update(new TextEncoder().encode('abc'))
    expect(made.digest('hex')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  })
})
