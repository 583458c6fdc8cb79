import { describe, expect, test } from 'vitest'
import { withClient } from '../../src/platform/database/client.ts'
import { runCampaign } from './campaign.ts'
import { askedOperations } from './compare.ts'
import { findStrayRows } from './rows.ts'
import { openWorld, type World } from './world.ts'

const WITHIN_ASSET = '(select api.only()) is null or id = (select api.only())'

/** Policies that let too much through, and the table in which that must show. */
const looser = {
  'no rule for private assets': {
    table: 'asset',
    policy: `read on stowage.asset using (tenant_id = (select api.tenant()) and (${WITHIN_ASSET}))`,
  },
  'no organization in the rule for assets': {
    table: 'asset',
    policy: `read on stowage.asset using ((${WITHIN_ASSET}) and (visibility > 0 or (select api.rank()) >= 3))`,
  },
  'no organization in the rule for versions': { table: 'version', policy: 'tenant on stowage.version using (true)' },
  'no role in the rule for keys': {
    table: 'api_key',
    policy: 'admin on stowage.api_key using (tenant_id = (select api.tenant()))',
  },
  'no organization in the rule for keys': {
    table: 'api_key',
    policy: 'admin on stowage.api_key using ((select api.rank()) >= 3)',
  },
  'no maker in the rule for uploads': {
    table: 'staged_upload',
    policy: 'mine on stowage.staged_upload using (tenant_id = (select api.tenant()))',
  },
  'no role in the rule for the audit trail': {
    table: 'audit_event',
    policy: 'read on stowage.audit_event using (tenant_id = (select api.tenant()))',
  },
}

async function loosen({ service }: World, policy: string): Promise<void> {
  await withClient(service.database.owner, (client) => client.query(`alter policy ${policy}`))
}

describe('the comparison with the matrix', () => {
  test('finds no stray row while every policy is in place', async () => {
    const world = await openWorld()
    expect(await findStrayRows(world)).toBeUndefined()
    await world.service.stop()
  })

  test.each(Object.entries(looser))('finds stray rows with %s', async (_title, { table, policy }) => {
    const world = await openWorld()
    await loosen(world, policy)
    expect((await findStrayRows(world))?.table).toBe(table)
    await world.service.stop()
  })

  test.each([
    ['no rule for private assets', /^(assets|versions)\./],
    ['no maker in the rule for uploads', /^resumable\./],
  ] as const)('finds a difference in the answers with %s', async (title, asked) => {
    const { policy } = looser[title]
    const operations = askedOperations.filter((name) => asked.test(name))
    const prepare = (world: World) => loosen(world, policy)
    const { difference } = await runCampaign({ steps: 400, seed: 1, operations, prepare })
    expect(difference).toBeDefined()
    expect(difference).toHaveProperty('operation', expect.stringMatching(asked))
  })
})
