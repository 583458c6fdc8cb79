import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { newText, uploadText } from '../../../test/service.ts'
import { startTestService, type TestService } from '../../../test/test-service.ts'
import { toUuid } from '../../domain/id.ts'
import { type Outcome, runStep, type StepWork } from '../../features/inspection/pipeline.ts'
import { withClient } from '../../platform/database/client.ts'
import { jobs } from './jobs.ts'

let service: TestService
let step: { tenant_id: string; asset_id: string; n: number; name: string }
beforeAll(async () => {
  service = await startTestService()
})
afterAll(() => service?.stop())

beforeEach(async () => {
  const { json } = await uploadText(service.call, newText(1000))
  step = { tenant_id: toUuid(json.organizationId), asset_id: toUuid(json.id), n: 1, name: 'prune' }
  await onStep(
    'insert into stowage.step (tenant_id, asset_id, n, name, state) select tenant_id, id, 1, $2, $3 from stowage.asset where id = $1',
    [step.name, 'waiting'],
  )
})

async function onStep(text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  return (await withClient(service.database.owner, (client) => client.query(text, [step.asset_id, ...values]))).rows
}

const makeDue = () => onStep('update stowage.step set due_at = now() where asset_id = $1')
const theStep = async () =>
  (
    await onStep(
      'select state, attempts, failures, reason, due_at > now() as later from stowage.step where asset_id = $1',
    )
  )[0]

/** Runs the step with work of a test's own. */
function runWith(work: () => Promise<Outcome>): Promise<boolean> {
  const steps: Record<string, StepWork> = { [step.name]: async (_claim, _signal, end) => end(await work()) }
  return runStep({ ...service.app.worker.inspection, steps }, step)
}

describe('a step', () => {
  test('that somebody has taken is left to that one for as long as its lease lasts', async () => {
    const done = async (): Promise<Outcome> => ({ state: 'done' })
    const whileRunning: boolean[] = []
    const work = async () => {
      whileRunning.push(await runWith(done))
      return done()
    }
    expect([await runWith(work), whileRunning]).toEqual([true, [false]])
    expect(await theStep()).toMatchObject({ state: 'done', attempts: 1 })
  })

  test('has the effect of the attempt that ends it, and none of one that was overtaken', async () => {
    const applied: string[] = []
    const outcome = (name: string): Outcome => ({
      state: 'done',
      apply: async () => {
        applied.push(name)
      },
    })
    const [claimed, firstEnded] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    let second: Promise<boolean> | undefined
    const overtaken = async () => {
      await makeDue()
      second = runWith(async () => {
        claimed.resolve()
        await firstEnded.promise
        return outcome('second')
      })
      await claimed.promise
      return outcome('first')
    }
    expect(await runWith(overtaken)).toBe(false)
    firstEnded.resolve()
    expect(await second).toBe(true)
    expect(applied).toEqual(['second'])
  })

  test('that fails is put off each time, and after eight times is dead, with its last reason', async () => {
    for (let failures = 1; failures <= 8; failures += 1) {
      await makeDue()
      await runWith(() => Promise.reject(new Error(`failure ${failures}`)))
      const state = failures < 8 ? 'waiting' : 'dead'
      expect(await theStep()).toMatchObject({ state, failures, later: true, reason: `failure ${failures}` })
    }
    await makeDue()
    expect(await runWith(async () => ({ state: 'done' }))).toBe(false)
    expect(await theStep()).toMatchObject({ state: 'dead' })
  })

  test('that removes versions waits for whoever changes their asset', async () => {
    await withClient(service.database.owner, async (other) => {
      await other.query('begin')
      await other.query('select from stowage.asset where id = $1 for update', [step.asset_id])
      let ended = false
      const run = jobs.steps(service.app.worker).finally(() => {
        ended = true
      })
      let waited = false
      while (!ended && !waited) {
        const waiting = await other.query(
          'select from pg_stat_activity where pg_backend_pid() = any(pg_blocking_pids(pid))',
        )
        waited = waiting.rowCount !== 0
      }
      await other.query('rollback')
      expect([waited, await run]).toEqual([true, 1])
    })
  })
})
