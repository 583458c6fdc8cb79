import { parseArgs } from 'node:util'
import type { Config } from './config.ts'
import { explained, say } from './operator-words.ts'
import type { Step, WantedStore } from './providers/stores/admin.ts'
import { type AdministeredStore, onEachStore, openAdministered, WANTED_FLAGS, wantedOf } from './store-admins.ts'

/** Prints what is to be done to set each store up, and does it with `--apply`. Answers the exit code. */
export async function provision(config: Config, words: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: words,
    allowPositionals: true,
    options: { ...WANTED_FLAGS, apply: { type: 'boolean' }, 'dry-run': { type: 'boolean' } },
  })
  const wanted = wantedOf(config, values)
  const stores = await openAdministered(config, positionals[0], { local: false })
  if (stores.length === 0) say('No store is configured that needs setting up: files lie on this machine.')
  const doIt = values.apply === true && values['dry-run'] !== true
  return onEachStore(stores, (each) =>
    explained(each, () => provisionOne(each, { ...wanted, region: each.region }, doIt)),
  )
}

async function provisionOne(
  { storeId, admin }: AdministeredStore,
  wanted: WantedStore,
  doIt: boolean,
): Promise<number> {
  if (!admin) return 0
  say(`${storeId} (${admin.place})`)
  const steps = await admin.plan(wanted)
  const counts = { changed: 0, same: 0, cannot: 0, open: 0 }
  for (const step of steps) counts[doIt ? await applied(step) : printed(step)] += 1
  const parts = [
    `${counts.same} already so`,
    ...(doIt ? [`${counts.changed} changed`] : [`${counts.open} to do`]),
    ...(counts.cannot > 0 ? [`${counts.cannot} that cannot be done here`] : []),
  ]
  say(`  ${parts.join(', ')}${counts.open > 0 && !doIt ? '; --apply does it' : ''}`)
  return 0
}

function printed(step: Step): 'same' | 'cannot' | 'open' {
  if (step.state === 'done') {
    say(`  ✓ ${step.title}`)
    return 'same'
  }
  if (step.state === 'cannot') {
    say(`  – ${step.title}: ${step.reason}`)
    return 'cannot'
  }
  say(`  + ${step.title}${step.state === 'unknown' ? ` (${step.reason})` : ''}`)
  say(`      ${step.why}`)
  say(`      ${step.setting}`)
  return 'open'
}

async function applied(step: Step): Promise<'changed' | 'same' | 'cannot'> {
  const outcome = await step.apply()
  if (outcome.state === 'cannot') {
    say(`  – ${step.title}: ${outcome.reason}`)
    return 'cannot'
  }
  say(`  ✓ ${step.title}${outcome.changed ? ' (changed)' : ''}`)
  return outcome.changed ? 'changed' : 'same'
}
