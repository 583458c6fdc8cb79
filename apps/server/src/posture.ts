import { parseArgs } from 'node:util'
import type { Config } from './config.ts'
import { explained, say } from './operator-words.ts'
import type { WantedStore } from './providers/stores/admin.ts'
import { type AdministeredStore, onEachStore, openAdministered, WANTED_FLAGS, wantedOf } from './store-admins.ts'

/** Reads each store's live settings and judges them. The exit code is 1 when one is wrong. */
export async function posture(config: Config, words: string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args: words, allowPositionals: true, options: WANTED_FLAGS })
  const wanted = wantedOf(config, values)
  const stores = await openAdministered(config, positionals[0], { local: false })
  if (stores.length === 0) say('No store is configured that has settings to check: files lie on this machine.')
  return onEachStore(stores, (each) => explained(each, () => judge(each, { ...wanted, region: each.region })))
}

async function judge({ storeId, admin }: AdministeredStore, wanted: WantedStore): Promise<number> {
  if (!admin) return 0
  say(`${storeId} (${admin.place})`)
  const findings = await admin.posture(wanted)
  for (const { title, verdict, reason, mend } of findings) {
    const mark = { ok: '✓', wrong: '✗', unknown: '–' }[verdict]
    say(`  ${mark} ${title}${reason ? `: ${reason}` : ''}`)
    if (mend) say(`      mend: ${mend}`)
  }
  const wrong = findings.filter(({ verdict }) => verdict === 'wrong').length
  const unknown = findings.filter(({ verdict }) => verdict === 'unknown').length
  say(`  ${findings.length - wrong - unknown} right, ${wrong} wrong, ${unknown} that cannot be told`)
  return wrong > 0 ? 1 : 0
}
