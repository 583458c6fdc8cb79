import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { KillWorkerFigures } from '../../../../scripts/campaigns/inspection/kill-worker.ts'
import type { InspectionFigures } from '../../../../scripts/campaigns/inspection.ts'
import { times } from '../effort.ts'

/** A tenth of the campaigns, with the real servers alone: their files are the corpus. */
const isWanted = times(0, 1) === 1
const CAMPAIGNS = join(import.meta.dirname, '../../../../scripts/campaigns')
const [MUTATED, EXTERNAL, KILLS] = ['200', '10', '10']

describe.skipIf(!isWanted)('a server that is sent hostile files', () => {
  test('comes to a result for each, stays alive and leaves nothing behind', { timeout: 1_320_000 }, async () => {
    const words = ['--mutated', MUTATED, '--external', EXTERNAL, '--seconds', '1200']
    const figures = await run<InspectionFigures>('inspection.ts', words)
    // How fast it answers meanwhile is the campaign's to judge, on a machine that does nothing else.
    expect(figures).toMatchObject({
      unanswered: [],
      unsettled: [],
      dead: [],
      left: [],
      status: 0,
      livez: { failed: 0 },
    })
    expect(figures.accepted).toBeGreaterThan(0)
    expect(figures.unscanned.filter((name) => !name.startsWith('bomb-'))).toEqual([])
  })
})

describe.skipIf(!isWanted)('a worker that is killed at any moment', () => {
  test('leaves every file understood once, as if nothing had been', { timeout: 900_000 }, async () => {
    const figures = await run<KillWorkerFigures>('kill-worker.ts', ['--kills', KILLS, '--seconds', '600'])
    expect(figures).toMatchObject({ kills: Number(KILLS), uncounted: [], different: [], open: [], left: [] })
    expect(figures.bytes).toEqual({ missing: [], damaged: [], stray: [], pending: 0 })
    expect(figures.interrupted).toBeGreaterThan(0)
  })
})

function run<Figures>(campaign: string, words: string[]): Promise<Figures> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [join(CAMPAIGNS, campaign), ...words], (error, output, errors) => {
      if (output) resolve(JSON.parse(output) as Figures)
      else reject(error ?? new Error(errors))
    })
  })
}
