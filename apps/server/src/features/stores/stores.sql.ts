import { type Selectable, type SqlBool, sql } from 'kysely'
import type pg from 'pg'
import type { StoreEvent } from '../../domain/store-event.ts'
import type { Db } from '../../platform/database/connect.ts'
import type { IncidentTable, StoreEventTable } from '../../platform/database/tables.ts'
import type { StoredCopy } from '../uploads/room.ts'
import type { KnownCopy } from './events.rules.ts'

/** All SQL of the stores room. */

export type EventRow = Selectable<StoreEventTable>
export type IncidentRow = Selectable<IncidentTable>

export interface Place {
  tenantId: string
  storeId: string
  key: string
}

/** The copies under a key, whosever they are. */
export async function findCopiesAt(sweep: pg.Pool, storeId: string, key: string) {
  const text = 'select * from api.copies_at($1, $2)'
  return (await sweep.query<{ tenant_id: string; id: string }>(text, [storeId, key])).rows
}

export async function findTenant(sweep: pg.Pool, slug: string): Promise<string | undefined> {
  const text = 'select api.tenant_of_slug($1) as id'
  return (await sweep.query<{ id: string | null }>(text, [slug])).rows[0]?.id ?? undefined
}

export async function countIncidents(sweep: pg.Pool) {
  const text = 'select * from api.count_incidents()'
  return (await sweep.query<{ kind: string; outcome: string; count: number }>(text)).rows
}

/** What is remembered of a key, locked; undefined when this event is the first, which is remembered at once. */
export async function rememberFirst(db: Db, place: Place, event: StoreEvent): Promise<EventRow | undefined> {
  const { tenantId: tenant_id, storeId: store_id, key } = place
  const { kind, at, order } = event
  const inserted = await db
    .insertInto('store_event')
    .values({ tenant_id, store_id, key, kind, at, sequencer: order ?? null })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  if (inserted.numInsertedOrUpdatedRows === 1n) return undefined
  return remembered(db, place).forUpdate().executeTakeFirstOrThrow()
}

function remembered(db: Db, { tenantId, storeId, key }: Place) {
  return db
    .selectFrom('store_event')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('store_id', '=', storeId)
    .where('key', '=', key)
}

type Changes = Partial<Pick<EventRow, 'kind' | 'at' | 'sequencer' | 'suspected' | 'state'>>

export async function changeRemembered(db: Db, place: Place, changes: Changes): Promise<void> {
  await db
    .updateTable('store_event')
    .set({ ...changes, seen_at: sql<Date>`now()` })
    .where('tenant_id', '=', place.tenantId)
    .where('store_id', '=', place.storeId)
    .where('key', '=', place.key)
    .execute()
}

/** Asks for an object of the inbox to be made an asset; whoever has an older one under that key in hand is shut out. */
export async function wantIngested(db: Db, { tenantId, storeId, key }: Place): Promise<void> {
  await sql`update store_event set state = 'waiting', claim = claim + 1, failures = 0, due_at = now(), asset_id = null
    where tenant_id = ${tenantId} and store_id = ${storeId} and key = ${key}`.execute(db)
}

/** Takes an object of the inbox for a while, so that no two nodes have it. */
export async function claimInbox(
  db: Db,
  { tenantId, storeId, key }: Place,
  leaseSeconds: number,
): Promise<EventRow | undefined> {
  const { rows } = await sql<EventRow>`update store_event
    set claim = claim + 1, due_at = now() + make_interval(secs => ${leaseSeconds})
    where tenant_id = ${tenantId} and store_id = ${storeId} and key = ${key} and due_at <= now() and state in ('waiting', 'deleting')
    returning *`.execute(db)
  return rows[0]
}

/** Puts off the next attempt at what is in hand: for a beat of this one, or because this one has failed. */
export async function putOffInbox(db: Db, row: EventRow, seconds: number, failures = row.failures): Promise<void> {
  await sql`update store_event set due_at = now() + make_interval(secs => ${seconds}), failures = ${failures}
    where tenant_id = ${row.tenant_id} and store_id = ${row.store_id} and key = ${row.key} and claim = ${row.claim}
      and due_at is not null`.execute(db)
}

/** False when somebody else has it by now. */
export async function endInboxAs(db: Db, row: EventRow, state: 'done' | 'refused' | 'gone'): Promise<boolean> {
  const { numAffectedRows } = await sql`update store_event set state = ${state}, due_at = null
    where tenant_id = ${row.tenant_id} and store_id = ${row.store_id} and key = ${row.key} and claim = ${row.claim}`.execute(
    db,
  )
  return numAffectedRows === 1n
}

export async function findCopy(db: Db, tenantId: string, copyId: string): Promise<KnownCopy | undefined> {
  return db
    .selectFrom('copy')
    .select(['state', 'stored_bytes', 'created_at'])
    .where('tenant_id', '=', tenantId)
    .where('id', '=', copyId)
    .executeTakeFirst()
}

export interface ScrubbedCopy extends StoredCopy {
  state: string
  sha256: Buffer | null
}

export async function findScrubbed(db: Db, tenantId: string, copyId: string): Promise<ScrubbedCopy | undefined> {
  return db
    .selectFrom('copy')
    .select(['id', 'store_id', 'key', 'state', 'sha256', 'scope', 'isolation', 'envelope', 'encrypted'])
    .where('tenant_id', '=', tenantId)
    .where('id', '=', copyId)
    .executeTakeFirst()
}

/** The stores in which the same bytes lie as well. */
export async function findOtherStores(db: Db, tenantId: string, copy: ScrubbedCopy): Promise<string[]> {
  const found = await db
    .selectFrom('copy')
    .select('store_id')
    .where('tenant_id', '=', tenantId)
    .where('sha256', '=', copy.sha256)
    .where('scope', '=', copy.scope)
    .where('state', '=', 'live')
    .where('id', '<>', copy.id)
    .orderBy('store_id')
    .execute()
  return found.map((row) => row.store_id)
}

type NewIncident = Pick<IncidentRow, 'tenant_id' | 'id' | 'kind' | 'store_id' | 'key' | 'copy_id' | 'at' | 'detail'>

/** With a copy it is to be looked into; without one there is nothing more to find out. */
export async function insertIncident(db: Db, incident: NewIncident): Promise<void> {
  const now = sql<Date>`now()`
  const settled = incident.copy_id === null ? { outcome: 'left', settled_at: now } : { due_at: now }
  await db
    .insertInto('incident')
    .values({ ...incident, ...settled })
    .execute()
}

export async function claimScrub(
  db: Db,
  tenantId: string,
  incidentId: string,
  leaseSeconds: number,
): Promise<IncidentRow | undefined> {
  const { rows } = await sql<IncidentRow>`update incident
    set attempts = attempts + 1, due_at = now() + make_interval(secs => ${leaseSeconds})
    where tenant_id = ${tenantId} and id = ${incidentId} and due_at <= now() returning *`.execute(db)
  return rows[0]
}

export async function putOffScrub(db: Db, incident: IncidentRow, seconds: number): Promise<void> {
  await sql`update incident set due_at = now() + make_interval(secs => ${seconds})
    where tenant_id = ${incident.tenant_id} and id = ${incident.id} and attempts = ${incident.attempts} and due_at is not null`.execute(
    db,
  )
}

/** False when it was settled by somebody else. */
export async function settleIncident(
  db: Db,
  incident: IncidentRow,
  finding: { outcome: string; other_copies: number | null; detail: string | null },
): Promise<boolean> {
  const settled = await db
    .updateTable('incident')
    .set({ ...finding, settled_at: sql<Date>`now()`, due_at: null })
    .where('tenant_id', '=', incident.tenant_id)
    .where('id', '=', incident.id)
    .where('outcome', 'is', null)
    .executeTakeFirst()
  return settled.numUpdatedRows === 1n
}

export type ListedIncident = IncidentRow & { asset_ids: string[] }

export async function findIncidents(
  db: Db,
  tenantId: string,
  filter: { kind?: string | undefined; outcome?: string | undefined },
  from: { at: string; id: string } | undefined,
  limit: number,
): Promise<ListedIncident[]> {
  return db
    .selectFrom('incident as i')
    .selectAll('i')
    .select(
      sql<string[]>`array(
        select distinct v.asset_id from copy c join version v on v.tenant_id = c.tenant_id and v.sha256 = c.sha256
            and v.scope = c.scope and (c.asset_id is null or (v.asset_id = c.asset_id and v.n = c.n))
          where c.tenant_id = i.tenant_id and c.id = i.copy_id order by v.asset_id limit 10)`.as('asset_ids'),
    )
    .where('i.tenant_id', '=', tenantId)
    .$if(filter.kind !== undefined, (query) => query.where('i.kind', '=', filter.kind as string))
    .$if(filter.outcome !== undefined, (query) => query.where('i.outcome', '=', filter.outcome as string))
    .$if(from !== undefined, (query) =>
      query.where(sql<SqlBool>`(i.seen_at, i.id) < (${from?.at}::timestamptz, ${from?.id}::uuid)`),
    )
    .orderBy('i.seen_at', 'desc')
    .orderBy('i.id', 'desc')
    .limit(limit)
    .execute()
}

/** Forgets keys of which nothing was heard for longer than any queue keeps a message. */
export async function forgetOld(db: Db, tenantId: string): Promise<boolean> {
  const forgotten = await db
    .deleteFrom('store_event')
    .where('tenant_id', '=', tenantId)
    .where('seen_at', '<', sql<Date>`now() - interval '15 days'`)
    .where('due_at', 'is', null)
    .executeTakeFirst()
  return forgotten.numDeletedRows > 0n
}
