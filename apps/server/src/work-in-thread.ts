import { Worker } from 'node:worker_threads'
import type { Config } from './config.ts'
import type { BeginWork } from './open-doors.ts'
import type { Connection } from './platform/database/connect.ts'
import type { StoreObservation } from './providers/stores/measured.ts'
import { type Tally, tallyOf } from './tally.ts'

/** What the thread is given at its start. */
export interface Given {
  config: Config
  database: Connection
}

export type ToThread = 'finishUploads' | 'stop'

export type FromThread =
  | { kind: 'begun' }
  | { kind: 'store'; observation: StoreObservation }
  | { kind: 'storeEvent'; became: string }

const AT_THE_LATEST_MS = 60_000

/**
 * Works in a thread, with an app of its own: whatever the work waits for, such as the start of a process or the
 * clearing of its heap, no request waits with it. See docs/decisions/0023-worker-thread.md.
 *
 * @param fail is told when the thread ends by itself
 */
export function workInThread(fail: (reason: string) => void): BeginWork {
  return async (app, config, foundation, log) => {
    const given: Given = { config, database: foundation.owner }
    const thread = new Worker(new URL('./worker-thread.ts', import.meta.url), { workerData: given })
    const ended = new Promise<void>((resolve) => thread.once('exit', () => resolve()))
    await begun(thread, tallyOf(app.metrics))
    let stopping = false
    thread.on('error', (error) => log.error({ err: error }, 'the worker failed'))
    void ended.then(() => {
      if (!stopping) fail('the worker has ended')
    })
    const tell = (message: ToThread) => thread.postMessage(message)
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

/** @throws what kept the thread from beginning */
function begun(thread: Worker, tally: Tally): Promise<void> {
  return new Promise((resolve, reject) => {
    thread.once('error', reject)
    thread.on('message', (told: FromThread) => {
      if (told.kind === 'store') tally.store(told.observation)
      else if (told.kind === 'storeEvent') tally.storeEvent(told.became)
      else {
        thread.off('error', reject)
        resolve()
      }
    })
  })
}
