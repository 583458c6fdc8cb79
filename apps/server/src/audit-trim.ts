import { inEveryTenant } from './every-tenant.ts'
import { trimEvents } from './features/audit/room.ts'
import type { Foundation } from './foundation.ts'

/** Trims every organization's audit trail up to a moment. Prints one JSON line for each; answers the exit code. */
export async function trimEverything(foundation: Foundation, before: string | undefined): Promise<number> {
  const moment = new Date(before ?? '')
  if (Number.isNaN(moment.getTime())) throw new Error('Say up to when: stowage-server audit-trim 2026-01-31T00:00:00Z')
  const trimmed = await inEveryTenant(foundation, {}, (db, tenantId) =>
    trimEvents(db, tenantId, moment, foundation.auditSigning, new Date()),
  )
  for (const { tenantId, result } of trimmed) process.stdout.write(`${JSON.stringify({ tenantId, trimmed: result })}\n`)
  return 0
}
