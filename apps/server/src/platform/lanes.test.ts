import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createLanes } from './lanes.ts'

const done = (value: string) => ({ status: 'fulfilled' as const, value })

/** Work that ends when it is told to, and remembers what it was given. */
function recordedWork() {
  const groups: { items: readonly string[]; end: () => void; fail: (reason: unknown) => void }[] = []
  const work = (items: readonly string[]) =>
    new Promise<PromiseSettledResult<string>[]>((resolve, fail) => {
      groups.push({ items, end: () => resolve(items.map((item) => done(`${item} done`))), fail })
    })
  return { groups, work, items: () => groups.map((group) => group.items) }
}

test('nobody waits for company; who finds two groups under way waits, and goes with the others', async () => {
  const { groups, work, items } = recordedWork()
  const lanes = createLanes()
  const results = ['a', 'b', 'c', 'd', 'e'].map((item) => lanes.add('lane', item, 1, work))
  expect(items()).toEqual([['a'], ['b']])
  groups[1]?.end()
  expect(await results[1]).toBe('b done')
  expect(items()).toEqual([['a'], ['b'], ['c', 'd', 'e']])
  for (const group of groups) group.end()
  expect(await Promise.all(results)).toEqual(['a done', 'b done', 'c done', 'd done', 'e done'])
})

test('lanes know nothing of each other, and one that was empty is free again', async () => {
  const { groups, work, items } = recordedWork()
  const lanes = createLanes()
  const results = ['a', 'b', 'c'].map((name) => lanes.add(name, name, 1, work))
  expect(items()).toEqual([['a'], ['b'], ['c']])
  for (const group of groups) group.end()
  await Promise.all(results)
  const again = [lanes.add('a', 'd', 1, work), lanes.add('a', 'e', 1, work)]
  expect(items().slice(3)).toEqual([['d'], ['e']])
  for (const group of groups) group.end()
  await Promise.all(again)
})

test.each([
  ['64 items', 130, 1, [64, 64]],
  ['4 MiB', 130, 256 * 1024, [16, 16]],
  ['one, however large it is', 5, 5 * 1024 * 1024, [1, 1]],
])('a group is no more than %s', async (_title, count, sizeBytes, next) => {
  const { groups, work, items } = recordedWork()
  const lanes = createLanes()
  const results = Array.from({ length: count }, (_, index) => lanes.add('lane', String(index), sizeBytes, work))
  for (const group of groups) group.end()
  await turn()
  expect(items().slice(2, 4)).toEqual(
    next.map((length, group) => Array.from({ length }, (_, index) => String(2 + group * length + index))),
  )
  for (let index = 2; index < groups.length; index += 1) {
    groups[index]?.end()
    await turn()
  }
  expect((await Promise.all(results)).length).toBe(count)
})

test('each is told what became of it, and a group that fails fails alone', async () => {
  const lanes = createLanes()
  const { groups, work } = recordedWork()
  const first = [lanes.add('lane', 'a', 1, work), lanes.add('lane', 'b', 1, work)]
  const mixed = async (items: readonly string[]) =>
    items.map((item) => (item === 'bad' ? { status: 'rejected' as const, reason: 'no' } : done(item)))
  const waiting = ['bad', 'good'].map((item) => lanes.add('lane', item, 1, mixed))
  groups[0]?.fail('broken')
  expect(await Promise.allSettled([first[0]])).toEqual([{ status: 'rejected', reason: 'broken' }])
  groups[1]?.end()
  expect(await first[1]).toBe('b done')
  // Those who waited are given to whoever was at work.
  await turn()
  groups[2]?.end()
  expect(await Promise.all(waiting)).toEqual(['bad done', 'good done'])
  expect(await Promise.allSettled(['bad', 'good'].map((item) => lanes.add('other', item, 1, mixed)))).toEqual([
    { status: 'rejected', reason: 'no' },
    done('good'),
  ])
})
