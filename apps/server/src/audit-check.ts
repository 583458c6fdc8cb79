import { readHeads } from './audit-heads.ts'
import { inEveryTenant } from './every-tenant.ts'
import { verifyChain } from './features/audit/room.ts'
import type { Foundation } from './foundation.ts'

/**
 * Checks every organization's audit chain, also against the heads that were kept outside the database: in the data
 * folder, or in a copy of that file. Prints one JSON line for each. Answers the exit code.
 */
export async function verifyEverything(
  foundation: Foundation,
  directory: string,
  file: string | undefined,
): Promise<number> {
  const heads = await readHeads(directory, file)
  const reports = await inEveryTenant(foundation, { readOnly: true }, async (db, tenantId) => {
    const kept = heads.get(tenantId) ?? []
    return { ...(await verifyChain(db, tenantId, foundation.auditSigning, kept)), keptHeads: kept.length }
  })
  for (const { tenantId, result } of reports) process.stdout.write(`${JSON.stringify({ tenantId, ...result })}\n`)
  return reports.every(({ result }) => result.intact) ? 0 : 1
}
