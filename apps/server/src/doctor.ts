import { parseArgs } from 'node:util'
import type { Config } from './config.ts'
import { explained, say } from './operator-words.ts'
import { adviceFor } from './providers/stores/advice.ts'
import { examine } from './providers/stores/examination.ts'
import { type AdministeredStore, onEachStore, openAdministered, wantedOf } from './store-admins.ts'

const MARKS = { passed: '✓', failed: '✗', skipped: '–' }

/** Does with each store what the service does, and says what to mend. The exit code is 1 when something failed. */
export async function doctor(config: Config, words: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: words,
    allowPositionals: true,
    options: { origin: { type: 'string', multiple: true } },
  })
  const { origins } = wantedOf(config, values)
  const stores = await openAdministered(config, positionals[0], { local: true })
  return onEachStore(stores, (each) => explained(each, () => examineOne(each, origins)))
}

async function examineOne({ storeId, store, admin }: AdministeredStore, origins: readonly string[]): Promise<number> {
  say(`${storeId}${admin ? ` (${admin.place})` : ''}`)
  let failed = 0
  for await (const { title, outcome, diagnosis, detail } of examine({ store, admin, origins, now: Date.now })) {
    say(`  ${MARKS[outcome]} ${title}${detail ? `: ${detail}` : ''}`)
    if (!diagnosis) continue
    failed += 1
    const { problem, next } = adviceFor(diagnosis, storeId)
    say(`      ${problem}\n      ${next}`)
  }
  say(failed === 0 ? '  all well' : `  ${failed} to mend`)
  return failed === 0 ? 0 : 1
}
