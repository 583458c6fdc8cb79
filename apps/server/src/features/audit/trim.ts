import { sql } from 'kysely'
import { PERSON_TRUSTED_MS } from '../../platform/audit-trail.ts'
import type { Db } from '../../platform/database/connect.ts'
import type { SecretKeys } from '../../platform/secrets.ts'
import { insertBatch, tryToLockChain } from './audit.sql.ts'
import { headOf, rootOf, signHead } from './chain.rules.ts'

const PERSONS_KEPT_MS = 2 * PERSON_TRUSTED_MS

/**
 * Removes the batches that were sealed before a moment, with their events, and leaves a signed checkpoint in the place
 * of the last one, so that the chain still verifies from there on. Runs in the service's own transaction.
 *
 * @returns how many events were removed; 0 when there was nothing to trim or another node is at the chain
 */
export async function trimEvents(
  db: Db,
  tenantId: string,
  before: Date,
  signing: SecretKeys,
  now: Date,
): Promise<number> {
  if (!(await tryToLockChain(db, tenantId))) return 0
  const last = await db
    .selectFrom('audit_batch')
    .select(['n', 'head', 'kind', 'previous'])
    .where('tenant_id', '=', tenantId)
    .where('sealed_at', '<', before)
    .orderBy('n', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (!last || last.kind === 'checkpoint') return 0
  const removed = await db
    .deleteFrom('audit_event')
    .where('tenant_id', '=', tenantId)
    .where('batch', '<=', last.n)
    .executeTakeFirst()
  await db.deleteFrom('audit_batch').where('tenant_id', '=', tenantId).where('n', '<=', last.n).execute()
  const link = {
    tenantId,
    n: last.n,
    kind: 'checkpoint' as const,
    previous: last.head,
    root: rootOf([]),
    count: 0,
    sealedAt: now,
  }
  const head = headOf(link)
  const row = {
    tenant_id: tenantId,
    n: link.n,
    kind: link.kind,
    previous: link.previous,
    root: link.root,
    count: link.count,
    head,
    key_id: signing.current.id,
    signature: signHead(head, signing.current.secret),
    sealed_at: now,
  }
  await insertBatch(db, row, [])
  // What is personal goes with the last event of its principal, unless its writer may still count on the row.
  if (before.getTime() < now.getTime() - PERSONS_KEPT_MS) await deleteUnused(db, tenantId, before)
  return Number(removed.numDeletedRows)
}

async function deleteUnused(db: Db, tenantId: string, before: Date): Promise<void> {
  await sql`delete from audit_person p where p.tenant_id = ${tenantId} and p.created_at < ${before} and not exists (
    select from audit_event e where e.tenant_id = p.tenant_id and e.principal_id is not distinct from p.principal_id)`.execute(
    db,
  )
}
