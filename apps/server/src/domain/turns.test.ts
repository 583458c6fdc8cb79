import { expect, test } from 'vitest'
import { createTurns } from './turns.ts'

const never = new AbortController().signal
const reason = new Error('given up')

test('a turn is free again once it was given back, and giving it back twice frees no other', async () => {
  const turns = createTurns(2)
  const [first] = [await turns.take(never), await turns.take(never)]
  first?.()
  first?.()
  expect(turns.taken()).toBe(1)
  await turns.take(never)
  expect(turns.taken()).toBe(2)
})

test('whoever came first goes first', async () => {
  const turns = createTurns(1)
  let giveBack = await turns.take(never)
  const order: number[] = []
  const taking = [1, 2, 3].map(async (number) => {
    const free = await turns.take(never)
    order.push(number)
    giveBack = free
  })
  for (const taken of taking) {
    giveBack()
    await taken
  }
  expect(order).toEqual([1, 2, 3])
})

test('who gives up while waiting is passed over and takes no turn', async () => {
  const turns = createTurns(1)
  const giveBack = await turns.take(never)
  const impatient = new AbortController()
  const gaveUp = turns.take(impatient.signal)
  const waiting = turns.take(never)
  impatient.abort(reason)
  await expect(gaveUp).rejects.toBe(reason)
  giveBack()
  ;(await waiting)()
  expect(turns.taken()).toBe(0)
})

test('who has given up before takes no turn', async () => {
  const turns = createTurns(1)
  await expect(turns.take(AbortSignal.abort(reason))).rejects.toBe(reason)
  expect(turns.taken()).toBe(0)
})

test('who will not wait takes a free turn or none, and never one that somebody waits for', async () => {
  const turns = createTurns(1)
  const giveBack = turns.tryTake()
  expect(turns.tryTake()).toBeUndefined()
  const waiting = turns.take()
  giveBack?.()
  expect(turns.tryTake()).toBeUndefined()
  ;(await waiting)()
  expect(turns.tryTake()).toBeDefined()
})
