import { expect, test } from 'vitest'
import { makeZip } from '../../src/features/inspection/hostile-files.ts'
import { mutated } from './mutations.ts'
import { randomFrom } from './random.ts'

const text = Buffer.from('The harbour office keeps a register. '.repeat(20))
const archive = makeZip(['one.xml', 'two.xml'].map((name) => ({ name, data: text })))

test.each([
  ['a text', text],
  ['a text of one byte', Buffer.from('x')],
  ['an archive', archive],
])('%s can be broken in any number of ways, the same in every run', async (_, bytes) => {
  const [random, again] = [randomFrom(1), randomFrom(1)]
  const before = Buffer.from(bytes)
  const made = new Set<string>()
  for (let time = 0; time < 200; time += 1) {
    const broken = await mutated(bytes, random)
    expect(broken.equals(await mutated(bytes, again))).toBe(true)
    made.add(broken.toString('latin1'))
  }
  expect(bytes.equals(before)).toBe(true)
  expect(made.size).toBeGreaterThan(bytes.length > 1 ? 150 : 10)
})
