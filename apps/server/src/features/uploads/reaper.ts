import { sql } from 'kysely'
import type { Logger } from 'pino'
import type { Db } from '../../platform/database/connect.ts'
import type { ObjectStore } from '../../providers/stores/port.ts'
import { CONTENT, isSentStraight } from './placing.ts'

/** The only place that removes bytes: what is `releasing`, and what was left in `writing` past its lease (R5). */
export interface Reaper {
  stores: ReadonlyMap<string, ObjectStore>
  inTenant: <Result>(tenantId: string, work: (db: Db) => Promise<Result>) => Promise<Result>
  log: Logger
}

interface DueCopy {
  id: string
  store_id: string
  key: string
  state: string
  sha256: Buffer | null
  still_writable: boolean
}

/**
 * Takes one due copy to its end, or as far as it can be taken now. Safe to repeat and to be killed anywhere: the state
 * `releasing` is committed before a byte is touched, and `gone` only after the last moment anyone may still write.
 *
 * @returns what became of it
 */
export async function reapCopy(
  reaper: Reaper,
  tenantId: string,
  copyId: string,
): Promise<'gone' | 'waiting' | 'notDue'> {
  const copy = await reaper.inTenant(tenantId, (db) => takeCopy(db, tenantId, copyId))
  if (!copy) return 'notDue'
  const store = reaper.stores.get(copy.store_id)
  if (!store) {
    reaper.log.error({ copy: copyId, store: copy.store_id }, 'a copy cannot be removed: its store is not configured')
    return 'waiting'
  }
  await store.abandon(copy.key, { tenantId })
  await store.delete(copy.key, { tenantId })
  if (isSentStraight(copy.key)) await deleteBelow(store, copy.key.slice(0, -CONTENT.length), tenantId)
  return reaper.inTenant(tenantId, (db) => settle(db, tenantId, copy))
}

/** A form may be posted under any name below the upload's own prefix: nothing of it stays. */
async function deleteBelow(store: ObjectStore, prefix: string, tenantId: string): Promise<void> {
  const { items } = await store.list({ prefix, tenantId })
  for (const { key, unfinished } of items) {
    await (unfinished ? store.abandon(key, { tenantId }) : store.delete(key, { tenantId }))
  }
}

/** Marks an abandoned upload's copy as releasing; its epoch moves on, so that a late commit is lost. */
async function takeCopy(db: Db, tenantId: string, copyId: string): Promise<DueCopy | undefined> {
  const { rows } = await sql<DueCopy>`
    update copy set state = 'releasing', epoch = epoch + case state when 'writing' then 1 else 0 end
    where tenant_id = ${tenantId} and id = ${copyId} and state in ('writing', 'releasing') and due_at <= now()
    returning id, store_id, key, state, sha256, coalesce(writable_until > now(), false) as still_writable`.execute(db)
  if (rows[0]) await db.deleteFrom('upload').where('tenant_id', '=', tenantId).where('copy_id', '=', copyId).execute()
  return rows[0]
}

async function settle(db: Db, tenantId: string, copy: DueCopy): Promise<'gone' | 'waiting'> {
  if (copy.still_writable) {
    await sql`update copy set due_at = writable_until where tenant_id = ${tenantId} and id = ${copy.id}`.execute(db)
    return 'waiting'
  }
  // The object first, then its copy (R11); the row goes once nothing points at it.
  if (copy.sha256)
    await sql`select from object where tenant_id = ${tenantId} and sha256 = ${copy.sha256} for update`.execute(db)
  await db
    .updateTable('copy')
    .set({ state: 'gone', sha256: null, envelope: null, due_at: null })
    .where('tenant_id', '=', tenantId)
    .where('id', '=', copy.id)
    .execute()
  if (copy.sha256) {
    await sql`delete from object o where tenant_id = ${tenantId} and sha256 = ${copy.sha256}
      and not exists (select from pointer p where p.tenant_id = o.tenant_id and p.sha256 = o.sha256)
      and not exists (select from copy c where c.tenant_id = o.tenant_id and c.sha256 = o.sha256)`.execute(db)
  }
  return 'gone'
}
