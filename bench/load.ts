import { Agent } from 'node:http'
import { actions } from './actions.ts'
import type { Action } from './rows.ts'

/** What one slice asks for; it ends with the first of its limits. */
export interface Work {
  action: Action
  port: number
  /** Undefined for a bare server. */
  key: string | undefined
  organization: string | undefined
  callers: number
  sizeBytes: number
  ids: readonly string[]
  seconds: number
  maxRequests: number
}

export interface Done {
  requests: number
  failed: number
  firstFailure: string | undefined
  seconds: number
  latenciesMs: Float64Array
  /** Of what was uploaded. */
  ids: string[]
}

/** Runs the callers: each sends its next request when the last one's answer has ended. */
async function perform(work: Work): Promise<Done> {
  const agent = new Agent({ keepAlive: true, maxSockets: Infinity })
  const line = { agent, port: work.port, key: work.key, organization: work.organization }
  const latencies: number[] = []
  const done: Omit<Done, 'seconds' | 'latenciesMs'> = { requests: 0, failed: 0, firstFailure: undefined, ids: [] }
  const began = performance.now()
  const deadline = began + work.seconds * 1000
  let started = 0
  const caller = async () => {
    while (started < work.maxRequests && performance.now() < deadline) {
      started++
      const id = work.ids[Math.floor(Math.random() * work.ids.length)]
      const act = actions[work.action]({ id, sizeBytes: work.sizeBytes })
      const sentAt = performance.now()
      try {
        const made = await act(line)
        latencies.push(performance.now() - sentAt)
        done.requests++
        if (made !== undefined) done.ids.push(made)
      } catch (error) {
        done.failed++
        done.firstFailure ??= String(error)
      }
    }
  }
  await Promise.all(Array.from({ length: work.callers }, caller))
  agent.destroy()
  return { ...done, seconds: (performance.now() - began) / 1000, latenciesMs: Float64Array.from(latencies) }
}

process.on('message', async (work: Work) => {
  process.send?.(await perform(work))
})
