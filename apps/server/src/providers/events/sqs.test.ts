import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type SqsServer, startSqsServer } from '../../../test/sqs-server.ts'
import type { MessageQueue } from './port.ts'
import { openSqsQueue } from './sqs.ts'

const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' }
const forever = new AbortController().signal

let server: SqsServer
let queue: MessageQueue

beforeEach(async () => {
  server = await startSqsServer()
  queue = openSqsQueue({ url: server.url, credentials })
})
afterEach(async () => {
  queue.close()
  await server.close()
})

/** Against a server of our own that was written from the API reference; see test/sqs-server.ts. */
describe('openSqsQueue', () => {
  test('delivers what was sent, at most ten at once, until it is done', async () => {
    for (let n = 0; n < 12; n++) server.send(`{"n":${n}}`)
    const first = await queue.receive(forever)
    expect(first.map(({ body }) => body)).toEqual(Array.from({ length: 10 }, (_, n) => `{"n":${n}}`))
    for (const { handle } of first) await queue.done(handle)
    expect(server.kept()).toEqual(['{"n":10}', '{"n":11}'])
    expect(await queue.receive(forever)).toHaveLength(2)
  })

  test('waits for a message that is not there yet', async () => {
    const received = queue.receive(forever)
    server.send('late')
    expect(await received).toMatchObject([{ body: 'late' }])
    expect(server.asked['ReceiveMessage']).toBe(1)
  })

  test('takes a message whose lease has ended for done', async () => {
    server.send('slow')
    const [message] = await queue.receive(forever)
    server.endLeases()
    await queue.done(message?.handle as string)
    expect(server.kept()).toEqual(['slow'])
  })

  test("stops waiting, with the signal's reason", async () => {
    const stopping = new AbortController()
    const received = queue.receive(stopping.signal)
    const reason = new Error('stopping')
    stopping.abort(reason)
    await expect(received).rejects.toBe(reason)
  })
})
