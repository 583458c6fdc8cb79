import { verifyChain } from './features/audit/room.ts'
import type { Foundation } from './foundation.ts'
import { createPool } from './platform/database/connect.ts'
import { transaction } from './platform/database/transaction.ts'
import { enterSystem } from './platform/enter.ts'

/** Checks every organization's audit chain and prints one JSON line for each. Answers the exit code. */
export async function verifyEverything(foundation: Foundation): Promise<number> {
  const pool = createPool(foundation.app, 1, () => {})
  const sweep = createPool(foundation.sweep, 1, () => {})
  try {
    const { rows } = await sweep.query<{ all_tenants: string }>('select * from api.all_tenants()')
    let broken = 0
    for (const { all_tenants: tenantId } of rows) {
      const report = await transaction(pool, { readOnly: true, enter: enterSystem(tenantId) }, (db) =>
        verifyChain(db, tenantId, foundation.auditSigning),
      )
      if (!report.intact) broken += 1
      process.stdout.write(`${JSON.stringify({ tenantId, ...report })}\n`)
    }
    return broken === 0 ? 0 : 1
  } finally {
    await pool.end()
    await sweep.end()
  }
}
