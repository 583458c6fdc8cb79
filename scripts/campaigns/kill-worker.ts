import { parseArgs } from 'node:util'
import { runKillWorker } from './inspection/kill-worker.ts'

/** Prints the figures as JSON; 1 when anything was understood otherwise, is still open, or was left behind. */
const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '1800' },
    'database-url': { type: 'string', default: process.env['DATABASE_URL'] ?? '' },
    clamd: { type: 'string', default: process.env['STOWAGE_TEST_CLAMD'] ?? '' },
  },
})
const figures = await runKillWorker({
  kills: Number(values.kills),
  seconds: Number(values.seconds),
  databaseUrl: values['database-url'] || undefined,
  clamd: values.clamd || undefined,
})
process.stdout.write(`${JSON.stringify(figures)}\n`)
const { uncounted, different, open, left, interrupted, bytes } = figures
const { missing, damaged, stray, pending } = bytes
const faults = [uncounted, different, open, left, missing, damaged, stray].flat()
process.exitCode = interrupted > 0 && faults.length + pending === 0 ? 0 : 1
