import { withClient } from '../../src/platform/database/client.ts'
import type { TestService } from '../test-service.ts'

/**
 * Gives a policy another rule.
 *
 * @param policy `name on stowage.table using (rule)`
 * @returns what puts the rule back in its place
 */
export async function loosen(service: Pick<TestService, 'database'>, policy: string): Promise<() => Promise<void>> {
  const before = await alter(service, policy)
  return async () => void (await alter(service, before))
}

/** @returns the policy as it was */
async function alter({ database }: Pick<TestService, 'database'>, policy: string): Promise<string> {
  const [name, , table] = policy.split(' ')
  const find =
    'select pg_get_expr(polqual, polrelid) as rule from pg_policy where polname = $1 and polrelid = $2::regclass'
  return withClient(database.owner, async (client) => {
    const { rows } = await client.query(find, [name, table])
    await client.query(`alter policy ${policy}`)
    return `${name} on ${table} using (${rows[0].rule})`
  })
}
