import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Figures } from '../../../../scripts/campaigns/kill/campaign.ts'
import { times } from '../effort.ts'

const CAMPAIGN = join(import.meta.dirname, '../../../../scripts/campaigns/kill.ts')
const kills = Number(process.env['STOWAGE_TEST_KILLS'] ?? times(2, 4))

test(
  'a server killed at any moment, alone or with its database, keeps all that it acknowledged and leaves nothing stray',
  async () => {
    const figures = await run(['--kills', String(kills)])
    expect(figures).toMatchObject({ kills, lost: [], stray: [], pending: 0 })
    expect(figures.acknowledged).toBeGreaterThan(0)
    expect(figures.cut).toBeGreaterThan(0)
  },
  120_000 + kills * 20_000,
)

function run(words: string[]): Promise<Figures> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [CAMPAIGN, ...words], (error, output, errors) => {
      if (output) resolve(JSON.parse(output) as Figures)
      else reject(error ?? new Error(errors))
    })
  })
}
