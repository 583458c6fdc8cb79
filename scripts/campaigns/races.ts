import { pathToFileURL } from 'node:url'
import { startService } from '../../apps/server/test/service.ts'
import { raceNames, runRaces, twoMasterKeys } from './race-rounds.ts'

/**
 * Runs every race 1,000 times on the database that DATABASE_URL names and prints the figures as JSON; fails when one
 * round left something that may not be. `--rounds N` for another number, `--race NAME` for one race alone.
 */
async function main(words: string[]): Promise<number> {
  const rounds = words.includes('--rounds') ? Number(words[words.indexOf('--rounds') + 1]) : 1000
  const only = words.includes('--race') ? words[words.indexOf('--race') + 1] : undefined
  const masterKeys = twoMasterKeys()
  const service = await startService({
    STOWAGE_MASTER_KEY: masterKeys.before,
    STOWAGE_SMALL_OBJECT_BYTES: '1024',
    STOWAGE_UPLOAD_LEASE_SECONDS: '2',
    STOWAGE_DATABASE_CONNECTIONS: '20',
  })
  try {
    const names = raceNames.filter((name) => only === undefined || name === only)
    const figures = await runRaces(service, masterKeys.after, names, rounds)
    process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`)
    return figures.faults.length === 0 ? 0 : 1
  } finally {
    await service.stop()
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.exitCode = await main(process.argv.slice(2))
