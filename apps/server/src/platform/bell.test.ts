import { expect, test } from 'vitest'
import { createBell } from './bell.ts'

const NEVER_MS = 2_000_000_000

test('a bell wakes who waits', async () => {
  const bell = createBell()
  const woken = bell.wait(NEVER_MS)
  bell.ring()
  await woken
})

test('a bell that was rung while nobody waited wakes the next, and only that one', async () => {
  const bell = createBell()
  bell.ring()
  bell.ring()
  await bell.wait(NEVER_MS)
  let woken = false
  const later = bell.wait(NEVER_MS).then(() => {
    woken = true
  })
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(woken).toBe(false)
  bell.ring()
  await later
})

test('who waits goes on by itself when it never rings', async () => {
  await createBell().wait(1)
})
