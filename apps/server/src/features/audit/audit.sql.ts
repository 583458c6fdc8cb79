import { type Insertable, type Selectable, type SqlBool, sql } from 'kysely'
import type { Db } from '../../platform/database/connect.ts'
import type { AuditBatchTable, AuditEventTable } from '../../platform/database/tables.ts'

/** All SQL of the audit room, apart from writing events, which every operation does (platform/audit-trail.ts). */

export interface EventFilter {
  action?: string | undefined
  outcome?: string | undefined
  principalId?: string | undefined
  subject?: string | undefined
  requestId?: string | undefined
  after?: string | undefined
  before?: string | undefined
}

export type EventRow = Selectable<AuditEventTable> & { ip: string | null }

export async function findEvents(
  db: Db,
  tenantId: string,
  filter: EventFilter,
  from: { at: string; id: string } | undefined,
  limit: number,
): Promise<EventRow[]> {
  const rows = await db
    .selectFrom('audit_event')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .$if(filter.action !== undefined, (query) => query.where('action', '=', filter.action as string))
    .$if(filter.outcome !== undefined, (query) => query.where('outcome', '=', filter.outcome as string))
    .$if(filter.principalId !== undefined, (query) => query.where('principal_id', '=', filter.principalId as string))
    .$if(filter.subject !== undefined, (query) => query.where('subject', '=', filter.subject as string))
    .$if(filter.requestId !== undefined, (query) => query.where('request_id', '=', filter.requestId as string))
    .$if(filter.after !== undefined, (query) => query.where(sql<SqlBool>`at >= ${filter.after}::timestamptz`))
    .$if(filter.before !== undefined, (query) => query.where(sql<SqlBool>`at < ${filter.before}::timestamptz`))
    .$if(from !== undefined, (query) =>
      query.where(sql<SqlBool>`(at, id) < (${from?.at}::timestamptz, ${from?.id}::uuid)`),
    )
    .orderBy('at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
  const ips = await findAddresses(db, tenantId, rows)
  return rows.map((row) => ({ ...row, ip: ips.get(personId(row.body)) ?? null }))
}

function personId(body: string): string {
  return (JSON.parse(body) as { person?: { id?: string } }).person?.id ?? ''
}

async function findAddresses(
  db: Db,
  tenantId: string,
  events: readonly { body: string }[],
): Promise<Map<string, string | null>> {
  const ids = [...new Set(events.map((event) => personId(event.body)))].filter((id) => id !== '')
  if (ids.length === 0) return new Map()
  const rows = await db
    .selectFrom('audit_person')
    .select(['id', 'personal'])
    .where('tenant_id', '=', tenantId)
    .where('id', '=', sql<string>`any(${ids}::uuid[])`)
    .execute()
  return new Map(rows.map((row) => [row.id, (row.personal as { ip?: string | null }).ip ?? null]))
}

export function findBatches(db: Db, tenantId: string, after: number, limit: number) {
  return db
    .selectFrom('audit_batch')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('n', '>', after)
    .orderBy('n')
    .limit(limit)
    .execute()
}

export function findLastBatch(db: Db, tenantId: string) {
  return db
    .selectFrom('audit_batch')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .orderBy('n', 'desc')
    .limit(1)
    .executeTakeFirst()
}

export function findBatchEvents(db: Db, tenantId: string, n: number) {
  return db
    .selectFrom('audit_event')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('batch', '=', n)
    .orderBy('id')
    .execute()
}

/** Batch numbers that events carry although no such batch is there. */
export async function findLostBatches(db: Db, tenantId: string): Promise<number[]> {
  const { rows } = await sql<{ batch: number }>`select distinct e.batch from audit_event e
    where e.tenant_id = ${tenantId} and e.batch is not null
      and not exists (select from audit_batch b where b.tenant_id = e.tenant_id and b.n = e.batch) limit 100`.execute(
    db,
  )
  return rows.map((row) => row.batch)
}

export async function countUnsealed(db: Db, tenantId: string): Promise<number> {
  const { count } = await db
    .selectFrom('audit_event')
    .select(sql<number>`count(*)`.as('count'))
    .where('tenant_id', '=', tenantId)
    .where('batch', 'is', null)
    .executeTakeFirstOrThrow()
  return count
}

/** One sealer at a time in an organization, on whichever node; the lock ends with the transaction. */
export async function tryToLockChain(db: Db, tenantId: string): Promise<boolean> {
  const { rows } = await sql<{
    locked: boolean
  }>`select pg_try_advisory_xact_lock(hashtextextended(${tenantId}, 4701)) as locked`.execute(db)
  return rows[0]?.locked === true
}

export function findUnsealed(db: Db, tenantId: string, limit: number) {
  return db
    .selectFrom('audit_event')
    .select(['id', 'body'])
    .where('tenant_id', '=', tenantId)
    .where('batch', 'is', null)
    .orderBy('id')
    .limit(limit)
    .execute()
}

export async function insertBatch(
  db: Db,
  row: Insertable<AuditBatchTable>,
  eventIds: readonly string[],
): Promise<void> {
  await db.insertInto('audit_batch').values(row).execute()
  await db
    .updateTable('audit_event')
    .set({ batch: row.n })
    .where('tenant_id', '=', row.tenant_id)
    .where('id', '=', sql<string>`any(${eventIds}::uuid[])`)
    .where('batch', 'is', null)
    .execute()
}
