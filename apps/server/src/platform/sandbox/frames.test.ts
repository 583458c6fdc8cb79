import { expect, test } from 'vitest'
import { createReader, frame } from './frames.ts'

function read(chunks: Buffer[], maxBytes = 1000): unknown[] {
  const heard: unknown[] = []
  const reader = createReader(maxBytes, (message, sizeBytes) => heard.push(message, sizeBytes))
  for (const chunk of chunks) reader(chunk)
  return heard
}

test('messages are found however the pipe cuts them', () => {
  const bytes = Buffer.concat([frame({ kind: 'one' }), frame(null), frame('δύο')])
  const sizes = [frame({ kind: 'one' }), frame(null), frame('δύο')].map((one) => one.byteLength)
  const messages = [{ kind: 'one' }, sizes[0], null, sizes[1], 'δύο', sizes[2]]
  expect(read([bytes])).toEqual(messages)
  for (const length of [1, 2, 3, 7])
    expect(
      read(
        Array.from({ length: Math.ceil(bytes.length / length) }, (_, at) =>
          bytes.subarray(at * length, (at + 1) * length),
        ),
      ),
    ).toEqual(messages)
})

test('a message that is too long is refused by its length, before it has come', () => {
  expect(() => read([frame('x'.repeat(2000)).subarray(0, 4)])).toThrow('too long')
})

test('what is no message is refused', () => {
  expect(() => read([Buffer.from([4, 0, 0, 0, 65, 65, 65, 65])])).toThrow()
  expect(() => read([Buffer.from([0, 0, 0, 0])])).toThrow()
})
