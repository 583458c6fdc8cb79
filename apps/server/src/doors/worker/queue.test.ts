import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { poll } from '../../../test/acceptance/poll.ts'
import { type SqsServer, startSqsServer } from '../../../test/sqs-server.ts'
import { openSqsQueue } from '../../providers/events/sqs.ts'
import { startQueue } from './queue.ts'

let server: SqsServer
let stop: () => Promise<void>
let take: (body: string) => Promise<unknown>
const taken: string[] = []

beforeEach(async () => {
  taken.length = 0
  take = async (body) => taken.push(body)
  server = await startSqsServer()
  const queue = openSqsQueue({ url: server.url, credentials: { accessKeyId: 'key', secretAccessKey: 'secret' } })
  stop = startQueue(queue, (body) => take(body), pino({ level: 'silent' }))
})
afterEach(async () => {
  await stop()
  await server.close()
})

const emptied = () => poll(async () => server.kept().length === 0)

describe('startQueue', () => {
  test('takes every message and removes it', async () => {
    for (const body of ['a', 'b', 'c']) server.send(body)
    await emptied()
    expect(taken).toEqual(['a', 'b', 'c'])
  })

  test('removes no message before its effect is durable', async () => {
    const durable = Promise.withResolvers<void>()
    take = async (body) => {
      taken.push(body)
      await durable.promise
    }
    server.send('a')
    await poll(async () => taken.length === 1)
    expect(server.asked['DeleteMessage']).toBeUndefined()
    durable.resolve()
    await emptied()
  })

  test('leaves a message that cannot be taken, takes the others, and tries it again when it comes again', async () => {
    take = async (body) => {
      taken.push(body)
      if (body === 'bad' && taken.length < 3) throw new Error('not now')
    }
    server.send('bad')
    server.send('good')
    await poll(async () => server.kept().length === 1)
    expect(server.kept()).toEqual(['bad'])
    server.endLeases()
    await emptied()
    expect(taken.filter((body) => body === 'bad').length).toBeGreaterThan(1)
  })

  test('goes on after the queue could not be asked', async () => {
    server.fail(4)
    server.send('a')
    await emptied()
    expect(taken).toEqual(['a'])
  })

  test('stops after the message in hand, and takes no more', async () => {
    const entered = Promise.withResolvers<void>()
    const durable = Promise.withResolvers<void>()
    take = async (body) => {
      taken.push(body)
      entered.resolve()
      await durable.promise
    }
    server.send('a')
    await entered.promise
    server.send('b')
    const stopped = stop()
    durable.resolve()
    await stopped
    expect(taken).toEqual(['a'])
    expect(server.kept()).toContain('b')
  })
})
