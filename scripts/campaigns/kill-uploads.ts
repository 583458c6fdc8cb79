import { parseArgs } from 'node:util'
import { addressOf } from '../../apps/server/test/real-services.ts'
import { runKillUploads } from './kill/uploads-campaign.ts'

/**
 * Needs an S3 server of scripts/services at STOWAGE_TEST_S3. Prints the figures as JSON; 1 when anything acknowledged
 * was lost or anything was left behind.
 */
const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '1800' },
    'database-url': { type: 'string', default: process.env['DATABASE_URL'] ?? '' },
  },
})
const endpoint = addressOf('s3')
if (!endpoint) throw new Error('STOWAGE_TEST_S3 must name an S3 server')
const figures = await runKillUploads({
  kills: Number(values.kills),
  seconds: Number(values.seconds),
  databaseUrl: values['database-url'] || undefined,
  endpoint,
})
process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`)
const { lost, stray, pending, openInStore } = figures
process.exitCode = lost.length + stray.length + pending + openInStore.length === 0 ? 0 : 1
