import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { MessageQueue } from '../../providers/events/port.ts'

const MAX_BACKOFF_MS = 30_000

/**
 * Takes messages from a queue, one after the other, for as long as this process works. One is removed when `take` has
 * made its effect durable; one that fails stays, is delivered again, and after the queue's own count of deliveries lies
 * on its dead-letter queue.
 *
 * @returns takes no more, and waits for the one in hand
 */
export function startQueue(
  queue: MessageQueue,
  take: (body: string) => Promise<unknown>,
  log: Logger,
): () => Promise<void> {
  const stopping = new AbortController()
  const { signal } = stopping
  const running = run()

  async function run(): Promise<void> {
    let failures = 0
    while (!signal.aborted) {
      try {
        const messages = await queue.receive(signal)
        const taken = await takeAll(messages)
        failures = messages.length > 0 && taken === 0 ? failures + 1 : 0
      } catch (error) {
        if (signal.aborted) return
        failures += 1
        log.warn({ err: error }, 'the queue of store events could not be asked')
      }
      if (failures > 0) await pause(failures)
    }
  }

  async function takeAll(messages: Awaited<ReturnType<MessageQueue['receive']>>): Promise<number> {
    let taken = 0
    for (const { handle, body } of messages) {
      if (signal.aborted) break
      try {
        await take(body)
        await queue.done(handle)
        taken += 1
      } catch (error) {
        log.error({ err: error }, 'a message of a store could not be taken; it stays in its queue')
      }
    }
    return taken
  }

  async function pause(failures: number): Promise<void> {
    const ms = Math.min(MAX_BACKOFF_MS, 500 * 2 ** failures) * (0.5 + Math.random() / 2)
    await wait(ms, undefined, { signal }).catch(() => undefined)
  }

  return async () => {
    stopping.abort()
    await running
    queue.close()
  }
}
