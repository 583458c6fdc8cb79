import type { Db } from '../../platform/database/connect.ts'
import type { SecretKeys } from '../../platform/secrets.ts'
import * as rows from './audit.sql.ts'
import { GENESIS, headOf, rootOf, signHead } from './chain.rules.ts'

const EVENTS_PER_BATCH = 5000

export interface SealedHead {
  tenantId: string
  n: number
  head: string
  keyId: string
  signature: string
}

/**
 * Chains an organization's events that are in no batch yet, in whatever order they were committed, as one signed
 * batch. Runs in the service's own transaction; undefined when there is nothing to seal or another node is at it.
 */
export async function sealEvents(
  db: Db,
  tenantId: string,
  signing: SecretKeys,
  now: Date,
): Promise<SealedHead | undefined> {
  if (!(await rows.tryToLockChain(db, tenantId))) return undefined
  const events = await rows.findUnsealed(db, tenantId, EVENTS_PER_BATCH)
  if (events.length === 0) return undefined
  const last = await rows.findLastBatch(db, tenantId)
  const link = {
    tenantId,
    n: (last?.n ?? 0) + 1,
    kind: 'batch' as const,
    previous: last?.head ?? GENESIS,
    root: rootOf(events.map((event) => event.body)),
    count: events.length,
    sealedAt: now,
  }
  const head = headOf(link)
  const signature = signHead(head, signing.current.secret)
  const batch = {
    tenant_id: tenantId,
    n: link.n,
    previous: link.previous,
    root: link.root,
    count: link.count,
    head,
    key_id: signing.current.id,
    signature,
    sealed_at: now,
  }
  await rows.insertBatch(
    db,
    batch,
    events.map((event) => event.id),
  )
  return {
    tenantId,
    n: link.n,
    head: head.toString('hex'),
    keyId: signing.current.id,
    signature: signature.toString('hex'),
  }
}
