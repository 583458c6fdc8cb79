import { expect, test } from 'vitest'
import { createPlaces } from './places.ts'
import { ScanError } from './port.ts'

const never = new AbortController().signal

test('a place is free again once it was given back, and giving it back twice frees no other', async () => {
  const places = createPlaces(2)
  const [first] = [await places.take(never), await places.take(never)]
  first?.()
  first?.()
  expect(places.taken()).toBe(1)
  await places.take(never)
  expect(places.taken()).toBe(2)
})

test('whoever came first goes first', async () => {
  const places = createPlaces(1)
  let giveBack = await places.take(never)
  const order: number[] = []
  const taking = [1, 2, 3].map(async (number) => {
    const free = await places.take(never)
    order.push(number)
    giveBack = free
  })
  for (const taken of taking) {
    giveBack()
    await taken
  }
  expect(order).toEqual([1, 2, 3])
})

test('who gives up while waiting is passed over and takes no place', async () => {
  const places = createPlaces(1)
  const giveBack = await places.take(never)
  const impatient = new AbortController()
  const gaveUp = places.take(impatient.signal)
  const waiting = places.take(never)
  impatient.abort()
  await expect(gaveUp).rejects.toBeInstanceOf(ScanError)
  giveBack()
  ;(await waiting)()
  expect(places.taken()).toBe(0)
})

test('who has given up before takes no place', async () => {
  const places = createPlaces(1)
  await expect(places.take(AbortSignal.abort())).rejects.toBeInstanceOf(ScanError)
  expect(places.taken()).toBe(0)
})
