import { expect, test } from 'vitest'
import { release } from './release.ts'

test('a buffer that has its memory to itself is empty at once', () => {
  const bytes = Buffer.alloc(100_000, 1)
  const before = process.memoryUsage().arrayBuffers
  release(bytes)
  expect(bytes.length).toBe(0)
  expect(before - process.memoryUsage().arrayBuffers).toBeGreaterThanOrEqual(100_000)
  expect(() => release(bytes)).not.toThrow()
})

test('one that shares its memory with others is left alone', () => {
  const whole = Buffer.alloc(100_000, 1)
  release(whole.subarray(10))
  const pooled = Buffer.from('pooled')
  release(pooled)
  expect(whole.every((byte) => byte === 1)).toBe(true)
  expect(pooled.toString()).toBe('pooled')
})
