import { PgBoss } from 'pg-boss'
import type { Logger } from 'pino'
import { type Bell, createBell } from '../../platform/bell.ts'
import { withClient } from '../../platform/database/client.ts'
import type { Connection } from '../../platform/database/connect.ts'
import { SWEEP_ROLE } from '../../platform/database/roles.ts'
import { type JobName, type Jobs, jobs } from './jobs.ts'
import { workOnSteps } from './steps.ts'

const SCHEMA = 'pgboss'
const EVERY_MINUTE = '* * * * *'
const POLL_MS = 500

/** What somebody waits for: this process looks for it all the time. */
const POLLED = ['staged', 'purge', 'ingest', 'scrub'] as const satisfies readonly JobName[]
const scheduled = Object.keys(jobs).filter(
  (name) => name !== 'steps' && !POLLED.includes(name as 'staged'),
) as JobName[]

/** Makes the queue's tables and schedules, as the owner; at work it is the sweeper's role, which owns nothing. */
export async function prepareSchedule(owner: Connection): Promise<void> {
  const boss = new PgBoss({ ...owner, schema: SCHEMA, supervise: false, schedule: false, max: 2 })
  boss.on('error', () => undefined)
  await boss.start()
  try {
    for (const name of scheduled) {
      if (!(await boss.getQueue(name)))
        await boss.createQueue(name, { policy: 'singleton', expireInSeconds: 300, retryLimit: 0 })
      await boss.schedule(name, EVERY_MINUTE)
    }
  } finally {
    await boss.stop({ graceful: false, close: true })
  }
  await withClient(owner, async (client) => {
    await client.query(`grant usage on schema ${SCHEMA} to ${SWEEP_ROLE}`)
    await client.query(`grant select, insert, update, delete on all tables in schema ${SCHEMA} to ${SWEEP_ROLE}`)
    await client.query(`grant execute on all functions in schema ${SCHEMA} to ${SWEEP_ROLE}`)
  })
}

/**
 * Runs the scheduled jobs, each on one node at a time, and the pipeline's steps, for which this process polls.
 *
 * @returns stops taking work and waits for what is running
 */
export async function startWorker(worker: Jobs, sweep: Connection, log: Logger): Promise<() => Promise<void>> {
  const boss = new PgBoss({
    ...sweep,
    schema: SCHEMA,
    migrate: false,
    createSchema: false,
    max: 2,
    cronMonitorIntervalSeconds: 30,
  })
  boss.on('error', (error) => log.warn({ err: error }, 'the schedule had to wait'))
  await boss.start()
  for (const name of scheduled) await boss.work(name, { pollingIntervalSeconds: 5 }, () => jobs[name](worker))
  const stops = POLLED.map((name) => {
    const bell = name === 'staged' ? worker.uploads.finishing : createBell()
    return poll(() => jobs[name](worker), bell, log)
  })
  stops.push(workOnSteps(worker))
  return async () => {
    await Promise.all(stops.map((stop) => stop()))
    await boss.stop({ graceful: true, timeout: 5000, close: true })
  }
}

/** Runs a job again and again, with a pause between. @returns waits for the run under way, and begins no other */
function poll(job: () => Promise<number>, bell: Bell, log: Logger): () => Promise<void> {
  let stopped = false
  const run = async () => {
    for (;;) {
      if (stopped) return
      const done = await job().catch((error) => {
        log.warn({ err: error }, 'work could not be looked for')
        return 0
      })
      // Where there was work, there may be more.
      if (done === 0) await bell.wait(POLL_MS)
    }
  }
  const running = run()
  return async () => {
    stopped = true
    bell.ring()
    await running
  }
}
