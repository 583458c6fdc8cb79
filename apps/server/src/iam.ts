import { parseArgs } from 'node:util'
import type { Config } from './config.ts'
import type { Layout } from './domain/key-layout.ts'
import { explained, say } from './operator-words.ts'
import type { AccessNeeds } from './providers/stores/admin.ts'
import { type AdministeredStore, onEachStore, openAdministered } from './store-admins.ts'
import { chooseLayout } from './stores.ts'

/**
 * Prints the least rights that each part needs, and makes the roles with `--apply`. Layouts are the configured one and
 * those that `--layout` adds, under which older copies lie.
 */
export async function iam(config: Config, words: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: words,
    allowPositionals: true,
    options: {
      apply: { type: 'boolean' },
      layout: { type: 'string', multiple: true },
      trust: { type: 'string', multiple: true },
      'kms-key': { type: 'string' },
    },
  })
  const layouts = [...new Set([config.layout, ...(values.layout ?? [])])].map(chooseLayout)
  const stores = await openAdministered(config, positionals[0], { local: false })
  if (stores.length === 0) say('No store is configured that has rights of its own: files lie on this machine.')
  return onEachStore(stores, (each) =>
    explained(each, async () => {
      const needs = needsOf(config, each.storeId, layouts, values['kms-key'])
      return values.apply ? makeRoles(each, needs, values.trust ?? []) : printDocuments(each, needs)
    }),
  )
}

function needsOf(config: Config, storeId: string, layouts: Layout[], kmsKey: string | undefined): AccessNeeds {
  const { storeEventsSecret, storeEventsQueue: queueUrl, inbox } = config
  return {
    storeId,
    layouts,
    ...((storeEventsSecret || queueUrl) && { inbox }),
    ...(queueUrl && { queueUrl }),
    ...(kmsKey && { kmsKey }),
  }
}

async function printDocuments({ storeId, admin }: AdministeredStore, needs: AccessNeeds): Promise<number> {
  if (!admin) return 0
  say(`${storeId} (${admin.place})`)
  for (const { role, title, purpose, document } of admin.policies(needs)) {
    say(`\n# ${title}${role ? `: ${role}` : ''}\n# ${purpose}`)
    say(JSON.stringify(document, null, 2))
  }
  return 0
}

async function makeRoles(
  { storeId, admin }: AdministeredStore,
  needs: AccessNeeds,
  trusted: readonly string[],
): Promise<number> {
  if (!admin) return 0
  say(`${storeId} (${admin.place})`)
  for (const { name, outcome, reason } of await admin.createRoles(needs, trusted)) {
    say(`  ${outcome === 'cannot' ? '–' : '✓'} ${name}: ${outcome}${reason ? `, ${reason}` : ''}`)
  }
  return 0
}
