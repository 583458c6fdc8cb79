import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { Logger } from 'pino'
import { type App, createApp } from './app.ts'
import type { Config } from './config.ts'
import { jobs } from './doors/worker/jobs.ts'
import { inEveryTenant } from './every-tenant.ts'
import { askSteps, countSteps } from './features/inspection/room.ts'
import type { Foundation } from './foundation.ts'

const REPEATABLE = ['scan', 'extract', 'transcribe', 'classify', 'variants']
const LOOK_AGAIN_MS = 1000

/**
 * Has a step of the pipeline done again for a selection of versions, and works on it until none of it waits. Others that
 * work on the same database help; what somebody waits for goes first.
 *
 * @returns the exit code: 1 when a step was given up
 */
export async function reprocess(config: Config, foundation: Foundation, log: Logger, words: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: words,
    allowPositionals: true,
    options: {
      organization: { type: 'string' },
      'media-type': { type: 'string' },
      current: { type: 'boolean', default: false },
    },
  })
  const [step = ''] = positionals
  if (!REPEATABLE.includes(step))
    throw new Error(`Say what to do again: stowage-server reprocess ${REPEATABLE.join('|')}`)
  const selection = {
    organization: values.organization,
    mediaType: values['media-type'],
    currentOnly: values.current,
  }
  const app = await createApp(config, foundation, log)
  try {
    const asked = await inEveryTenant(foundation, {}, (db, tenantId) => askSteps(db, tenantId, step, selection))
    const total = asked.reduce((sum, { result }) => sum + result, 0)
    return await workOff(app, step, total)
  } finally {
    await app.close()
  }
}

async function workOff(app: App, step: string, total: number): Promise<number> {
  for (;;) {
    const { waiting, dead } = await left(app, step)
    process.stderr.write(
      `\r${step}: ${Math.max(0, total - waiting)} of ${total} done${dead > 0 ? `, ${dead} given up` : ''} `,
    )
    if (waiting === 0) {
      process.stderr.write('\n')
      process.stdout.write(`${JSON.stringify({ step, asked: total, dead })}\n`)
      return dead > 0 ? 1 : 0
    }
    if ((await jobs.steps(app.worker)) === 0) await wait(LOOK_AGAIN_MS)
  }
}

async function left(app: App, step: string): Promise<{ waiting: number; dead: number }> {
  const counted = (await countSteps(app.pools.sweep)).filter(({ name }) => name === step)
  const dead = counted.find(({ state }) => state === 'dead')?.count ?? 0
  const all = counted.reduce((sum, { count }) => sum + Number(count), 0)
  return { waiting: all - Number(dead), dead: Number(dead) }
}
