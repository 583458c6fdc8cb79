import type { Foundation } from './foundation.ts'
import { createPool, type Db } from './platform/database/connect.ts'
import { transaction } from './platform/database/transaction.ts'
import { enterSystem } from './platform/enter.ts'

/** Runs an operator's command in every organization, one after the other, each in a transaction of its own. */
export async function inEveryTenant<Result>(
  foundation: Foundation,
  options: { readOnly?: boolean },
  work: (db: Db, tenantId: string) => Promise<Result>,
): Promise<{ tenantId: string; result: Result }[]> {
  const pool = createPool(foundation.app, 1, () => {})
  const sweep = createPool(foundation.sweep, 1, () => {})
  try {
    const { rows } = await sweep.query<{ all_tenants: string }>('select * from api.all_tenants()')
    const done: { tenantId: string; result: Result }[] = []
    for (const { all_tenants: tenantId } of rows) {
      const result = await transaction(pool, { ...options, enter: enterSystem(tenantId) }, (db) => work(db, tenantId))
      done.push({ tenantId, result })
    }
    return done
  } finally {
    await pool.end()
    await sweep.end()
  }
}
