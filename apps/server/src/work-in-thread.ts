import { Worker } from 'node:worker_threads'
import type { BeginWork } from './app.ts'
import type { Config } from './config.ts'
import type { Connection } from './platform/database/connect.ts'
import type { StoreObservation } from './providers/stores/measured.ts'
import { tallyOf } from './tally.ts'

/** What the thread is given at its start. */
export interface Given {
  config: Config
  database: Connection
}

export type ToThread = 'finishUploads' | 'stop'

export type FromThread = { kind: 'store'; observation: StoreObservation } | { kind: 'storeEvent'; became: string }

const AT_THE_LATEST_MS = 60_000

/**
 * Works in a thread, with an app of its own: whatever the work waits for, such as the start of a process or the
 * clearing of its heap, no request waits with it. See docs/decisions/0023-worker-thread.md.
 *
 * @param fail is told when the thread cannot begin, or ends by itself
 */
export function workInThread(fail: (reason: string) => void): BeginWork {
  return async (app, config, foundation, log) => {
    const given: Given = { config, database: foundation.owner }
    const thread = new Worker(new URL('./worker-thread.ts', import.meta.url), { workerData: given })
    const tell = (message: ToThread) => thread.postMessage(message)
    let stopping = false
    const tally = tallyOf(app.metrics)
    thread.on('message', (told: FromThread) => {
      if (told.kind === 'store') tally.store(told.observation)
      else tally.storeEvent(told.became)
    })
    thread.on('error', (error) => log.error({ err: error }, 'the worker failed'))
    const ended = new Promise<void>((resolve) => {
      thread.once('exit', () => {
        resolve()
        if (!stopping) fail('the worker has ended')
      })
    })
    const { finishing } = app.uploads
    const relay = async () => {
      while (!stopping) {
        await finishing.wait(AT_THE_LATEST_MS)
        tell('finishUploads')
      }
    }
    void relay()
    return async () => {
      stopping = true
      finishing.ring()
      tell('stop')
      await ended
    }
  }
}
