import { CRC32C } from '@google-cloud/storage'
import { expect, test } from 'vitest'
import { createCrc32c } from './gcs-crc32c.ts'

test.each([
  ['', 'AAAAAA=='],
  ['123456789', '4waSgw=='],
])('sums %j as its specification does', (text, expected) => {
  const sum = createCrc32c()
  sum.update(Buffer.from(text))
  expect(sum.value()).toBe(expected)
})

test('sums bytes that come in pieces as the SDK sums them whole', () => {
  const bytes = Buffer.from(Array.from({ length: 5000 }, (_, index) => (index * index) % 251))
  const sum = createCrc32c()
  for (const [start, end] of [
    [0, 1],
    [1, 17],
    [17, 17],
    [17, 4096],
    [4096, 5000],
  ])
    sum.update(bytes.subarray(start, end))
  const whole = new CRC32C()
  whole.update(bytes)
  expect(sum.value()).toBe(whole.toString())
})
