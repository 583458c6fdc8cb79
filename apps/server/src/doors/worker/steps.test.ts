import { setTimeout as pause } from 'node:timers/promises'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { StepId } from '../../features/inspection/room.ts'
import type { Jobs } from './jobs.ts'
import { workOnSteps } from './steps.ts'

let claims: string[]
let looks: number
let stop: () => Promise<void>

/** A worker for whom these steps are due for ever, and claimed only after a while. */
function workerFor(names: readonly string[]): Jobs {
  const due: StepId[] = names.map((name, index) => ({ tenant_id: 't', asset_id: `a${index}`, n: 1, name }))
  return {
    sweep: {
      query: async (_text: string, [count, without]: [number, string[]]) => {
        looks += 1
        return { rows: due.filter(({ name }) => !without.includes(name)).slice(0, count) }
      },
    },
    inspection: {
      steps: Object.fromEntries(names.map((name) => [name, async () => true])),
      platform: {
        inTenant: async () => {
          claims.push('claim')
          await pause(300)
          return undefined
        },
      },
    },
    log: pino({ level: 'silent' }),
  } as unknown as Jobs
}

beforeEach(() => {
  claims = []
  looks = 0
})
afterEach(() => stop())

test('a step that was begun and is not claimed yet is not begun again', async () => {
  stop = workOnSteps(workerFor(['extract', 'variants']))
  await pause(200)
  expect(claims).toHaveLength(2)
  expect(looks).toBeLessThan(5)
})

test('a few are worked on at the same time, and of those that take long one alone', async () => {
  stop = workOnSteps(workerFor(['transcribe', 'transcribe', 'extract', 'extract', 'extract', 'extract', 'extract']))
  await pause(200)
  expect(claims.length).toBeLessThanOrEqual(4)
  expect(claims.length).toBeGreaterThan(1)
})
