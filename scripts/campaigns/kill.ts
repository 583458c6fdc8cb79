import { parseArgs } from 'node:util'
import { runKillCampaign } from './kill/campaign.ts'

/** Prints the figures as JSON; 1 when anything acknowledged was lost or anything was left behind. */
const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '1800' },
    'database-url': { type: 'string', default: process.env['DATABASE_URL'] ?? '' },
  },
})
const figures = await runKillCampaign({
  kills: Number(values.kills),
  seconds: Number(values.seconds),
  databaseUrl: values['database-url'] || undefined,
})
process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`)
process.exitCode = figures.lost.length + figures.stray.length + figures.pending === 0 ? 0 : 1
