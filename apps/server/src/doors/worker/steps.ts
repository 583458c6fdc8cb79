import { NotNow, runStep, type StepId } from '../../features/inspection/room.ts'
import { createBell } from '../../platform/bell.ts'
import type { Jobs } from './jobs.ts'

/** How many steps this process works on at the same time. */
const AT_ONCE = 4
/** Of those that may take many minutes, so that the others have places left. */
const LONG_AT_ONCE = 1
const LONG: readonly string[] = ['transcribe']
const POLL_MS = 500

/**
 * Works on the pipeline's steps, a few at the same time, for as long as this process works; one that takes long keeps
 * none of the others waiting.
 *
 * @returns begins no other, and calls off what is under way: it is done again, here or elsewhere
 */
export function workOnSteps(worker: Jobs): () => Promise<void> {
  const stopping = new AbortController()
  const running = new Map<string, { name: string; over: Promise<void> }>()
  const bell = createBell()
  const begin = (step: StepId) => {
    const key = keyOf(step)
    const over = runStep(worker.inspection, step, stopping.signal)
      .catch((error) => worker.log.error({ err: error, step }, 'a step failed; it will be tried again'))
      .then(() => {
        running.delete(key)
        bell.ring()
      })
    running.set(key, { name: step.name, over })
  }
  const working = work()

  async function work(): Promise<void> {
    while (!stopping.signal.aborted) {
      const begun = await beginDue().catch((error) => {
        worker.log.warn({ err: error }, 'work could not be looked for')
        return 0
      })
      if (begun === 0) await bell.wait(POLL_MS)
    }
  }

  async function beginDue(): Promise<number> {
    const places = AT_ONCE - running.size
    if (places === 0) return 0
    let long = [...running.values()].filter(({ name }) => LONG.includes(name)).length
    const text = 'select * from api.due_steps($1, $2)'
    const { rows } = await worker.sweep.query<StepId>(text, [AT_ONCE, long < LONG_AT_ONCE ? [] : LONG])
    let begun = 0
    for (const step of rows) {
      if (begun === places) break
      // Begun a moment ago, and not claimed yet.
      if (running.has(keyOf(step))) continue
      if (LONG.includes(step.name) && ++long > LONG_AT_ONCE) continue
      begin(step)
      begun += 1
    }
    return begun
  }

  return async () => {
    stopping.abort(new NotNow('the worker stops'))
    bell.ring()
    await working
    await Promise.all([...running.values()].map(({ over }) => over))
  }
}

function keyOf({ tenant_id, asset_id, n, name }: StepId): string {
  return [tenant_id, asset_id, n, name].join(' ')
}
