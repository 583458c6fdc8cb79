import fc from 'fast-check'
import { expect, test } from 'vitest'
import { boxOf, drawnSize } from './box.ts'

const length = fc.double({ min: 1e-6, max: 1e12, noNaN: true })
const side = fc.integer({ min: 1, max: 16_000 })

test('what has no size of its own fills the box, unless it would be too large', () => {
  const page = { width: 210, height: 297 }
  expect(drawnSize(page, { width: 320, height: 320, fit: 'inside' }, 1e9)).toEqual({ width: 226, height: 320 })
  expect(drawnSize(page, { width: 320, height: 320, fit: 'cover' }, 1e9)).toEqual({ width: 320, height: 453 })
  expect(drawnSize(page, { width: 320, height: 320, fit: 'cover' }, 10_000)).toEqual({ width: 84, height: 119 })
})

test('whatever its shape, it has bounded pixels and at least one', () => {
  const property = fc.property(length, length, side, side, fc.constantFrom('inside', 'cover'), (w, h, bw, bh, fit) => {
    const { width, height } = drawnSize({ width: w, height: h }, { width: bw, height: bh, fit }, 1_000_000)
    expect(Math.min(width, height)).toBeGreaterThanOrEqual(1)
    expect(width * height).toBeLessThanOrEqual(1_020_000)
  })
  fc.assert(property, { numRuns: 500, seed: 20_261_121 })
})

test('a box is as large as its format takes', () => {
  const wanted = { page: 1, width: 20_000, height: 100, fit: 'cover' } as const
  expect(boxOf({ ...wanted, format: 'avif' })).toEqual({ width: 2048, height: 100, fit: 'cover' })
  expect(boxOf({ ...wanted, format: 'webp' }).width).toBe(16_383)
  expect(boxOf({ ...wanted, format: 'jpeg' }).width).toBe(20_000)
})
