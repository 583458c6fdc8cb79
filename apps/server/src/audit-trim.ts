import { trimEvents } from './features/audit/room.ts'
import type { Foundation } from './foundation.ts'
import { createPool } from './platform/database/connect.ts'
import { transaction } from './platform/database/transaction.ts'
import { enterSystem } from './platform/enter.ts'

/** Trims every organization's audit trail up to a moment. Prints one JSON line for each; answers the exit code. */
export async function trimEverything(foundation: Foundation, before: string | undefined): Promise<number> {
  const moment = new Date(before ?? '')
  if (Number.isNaN(moment.getTime())) throw new Error('Say up to when: stowage-server audit-trim 2026-01-31T00:00:00Z')
  const pool = createPool(foundation.app, 1, () => {})
  const sweep = createPool(foundation.sweep, 1, () => {})
  try {
    const { rows } = await sweep.query<{ all_tenants: string }>('select * from api.all_tenants()')
    for (const { all_tenants: tenantId } of rows) {
      const events = await transaction(pool, { enter: enterSystem(tenantId) }, (db) =>
        trimEvents(db, tenantId, moment, foundation.auditSigning, new Date()),
      )
      process.stdout.write(`${JSON.stringify({ tenantId, trimmed: events })}\n`)
    }
    return 0
  } finally {
    await pool.end()
    await sweep.end()
  }
}
