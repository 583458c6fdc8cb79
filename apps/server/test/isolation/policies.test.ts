import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runCampaign } from './campaign.ts'
import { askedOperations } from './compare.ts'
import { loosen } from './loosen.ts'
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

describe('the comparison of rows with the matrix', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld()
  })
  afterAll(() => world?.service.stop())

  test.each(Object.entries(looser))('finds stray rows with %s', async (_title, { table, policy }) => {
    const tighten = await loosen(world.service, policy)
    const stray = await findStrayRows(world).finally(tighten)
    expect(stray?.table).toBe(table)
  })

  test('finds no stray row while every policy is in place', async () => {
    expect(await findStrayRows(world)).toBeUndefined()
  })
})

describe('the comparison of answers with the matrix', () => {
  test.each([
    ['no rule for private assets', /^(assets|versions)\./],
    ['no maker in the rule for uploads', /^resumable\./],
  ] as const)('finds a difference in the answers with %s', async (title, asked) => {
    const { policy } = looser[title]
    const operations = askedOperations.filter((name) => asked.test(name))
    const prepare = async ({ service }: World) => void (await loosen(service, policy))
    const { difference } = await runCampaign({ steps: 400, seed: 1, operations, prepare })
    expect(difference).toBeDefined()
    expect(difference).toHaveProperty('operation', expect.stringMatching(asked))
  })
})
