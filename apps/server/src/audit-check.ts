import { inEveryTenant } from './every-tenant.ts'
import { verifyChain } from './features/audit/room.ts'
import type { Foundation } from './foundation.ts'

/** Checks every organization's audit chain and prints one JSON line for each. Answers the exit code. */
export async function verifyEverything(foundation: Foundation): Promise<number> {
  const reports = await inEveryTenant(foundation, { readOnly: true }, (db, tenantId) =>
    verifyChain(db, tenantId, foundation.auditSigning),
  )
  for (const { tenantId, result } of reports) process.stdout.write(`${JSON.stringify({ tenantId, ...result })}\n`)
  return reports.every(({ result }) => result.intact) ? 0 : 1
}
