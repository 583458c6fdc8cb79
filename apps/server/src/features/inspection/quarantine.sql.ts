import { type Selectable, sql } from 'kysely'
import { type Principal, principalKind } from '../../domain/principal.ts'
import type { Db } from '../../platform/database/connect.ts'
import type { QuarantineEntryTable } from '../../platform/database/tables.ts'
import type { VariantPointer } from '../assets/room.ts'
import type { VersionId } from './steps.sql.ts'

/** All SQL of the quarantine and of its report. */

export type Entry = Selectable<QuarantineEntryTable> & { asset_ids: string[] }

const ASSETS_OF = sql<string[]>`array(select distinct p.asset_id from pointer p
  where p.tenant_id = q.tenant_id and p.sha256 = q.sha256 limit 100)`

export interface EntryFilter {
  state?: string | undefined
  id?: string | undefined
  from?: Date
  to?: Date
}

export async function findEntries(
  db: Db,
  tenantId: string,
  filter: EntryFilter,
  before: { at: string; id: string } | undefined,
  limit: number,
): Promise<Entry[]> {
  return db
    .selectFrom('quarantine_entry as q')
    .selectAll('q')
    .select(ASSETS_OF.as('asset_ids'))
    .where('q.tenant_id', '=', tenantId)
    .$if(filter.id !== undefined, (query) => query.where('q.id', '=', filter.id as string))
    .$if(filter.state !== undefined, (query) => query.where('q.state', '=', filter.state as string))
    .$if(filter.from !== undefined, (query) => query.where('q.found_at', '>=', filter.from as Date))
    .$if(filter.to !== undefined, (query) => query.where('q.found_at', '<', filter.to as Date))
    .$if(before !== undefined, (query) =>
      query.where(sql<boolean>`(q.found_at, q.id) < (${before?.at}::timestamptz, ${before?.id}::uuid)`),
    )
    .orderBy('q.found_at', 'desc')
    .orderBy('q.id', 'desc')
    .limit(limit)
    .execute()
}

/** Locks an entry, so that it is ended once, and before it the assets and the object that it is about (R11). */
export async function lockEntry(
  db: Db,
  tenantId: string,
  id: string,
): Promise<Selectable<QuarantineEntryTable> | undefined> {
  const entry = () =>
    db.selectFrom('quarantine_entry').selectAll().where('tenant_id', '=', tenantId).where('id', '=', id)
  const found = await entry().executeTakeFirst()
  if (!found) return undefined
  await sql`select from asset where tenant_id = ${tenantId} and id in (
      select asset_id from pointer where tenant_id = ${tenantId} and sha256 = ${found.sha256})
    order by id for update`.execute(db)
  await sql`select from object where tenant_id = ${tenantId} and sha256 = ${found.sha256} for update`.execute(db)
  return entry().forUpdate().executeTakeFirst()
}

interface Ending {
  state: 'held' | 'released' | 'purged'
  reason: string | null
  by: Principal
  at: Date
}

export async function turnEntry(
  db: Db,
  tenantId: string,
  id: string,
  { state, reason, by, at }: Ending,
): Promise<void> {
  await db
    .updateTable('quarantine_entry')
    .set({ state, reason, ended_by: by.id, ended_by_kind: principalKind(by), ended_at: at })
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .execute()
}

interface Finding {
  sha256: Buffer
  finding: string
}

/**
 * Believes an admin rather than the scanner: the bytes are clean, their assets are what they were before, and their
 * copies are to be moved back to where new ones go.
 */
export async function releaseBytes(
  db: Db,
  tenantId: string,
  { sha256, finding }: Finding,
  by: { principal: Principal; reason: string },
  homeStoreId: string,
): Promise<void> {
  const { principal, reason } = by
  await sql`insert into false_positive (tenant_id, sha256, finding, reason, created_by, created_by_kind)
    values (${tenantId}, ${sha256}, ${finding}, ${reason}, ${principal.id}, ${principalKind(principal)})
    on conflict do nothing`.execute(db)
  await sql`update object set scan = 'clean', scan_reason = 'released', finding = null
    where tenant_id = ${tenantId} and sha256 = ${sha256}`.execute(db)
  await sql`update asset set scan = 'clean', scan_reason = 'released',
      state = case state when 'quarantined' then coalesce(state_before, 'active') else state end,
      state_before = case state when 'trashed' then 'active' end
    where tenant_id = ${tenantId} and sha256 = ${sha256}
      and (state = 'quarantined' or (state = 'trashed' and state_before = 'quarantined'))`.execute(db)
  await sql`update copy set quarantined = false, away = true, wanted_at = now(), wanted_in = coalesce(
      (select store_id from organization where tenant_id = ${tenantId}), ${homeStoreId})
    where tenant_id = ${tenantId} and sha256 = ${sha256} and state = 'live' and quarantined`.execute(db)
}

/** Believes the scanner again. What follows from it is the pipeline's to do. */
export async function condemnBytes(db: Db, tenantId: string, { sha256, finding }: Finding): Promise<void> {
  await sql`delete from false_positive where tenant_id = ${tenantId} and sha256 = ${sha256} and finding = ${finding}`.execute(
    db,
  )
  await sql`update object set scan = 'infected', scan_reason = null, finding = ${finding}
    where tenant_id = ${tenantId} and sha256 = ${sha256}`.execute(db)
}

export interface Holder {
  asset_id: string
  /** Of the versions with these bytes. */
  numbers: number[]
  /** The newest version with other bytes, if there is one. */
  left: number | null
}

/** Whose versions hold these bytes, in the order in which assets are locked. */
export async function findHolders(db: Db, tenantId: string, sha256: Buffer): Promise<Holder[]> {
  const { rows } = await sql<Holder>`
    select v.asset_id, array_agg(v.n::int order by v.n) as numbers,
      (select max(other.n) from version other where other.tenant_id = v.tenant_id and other.asset_id = v.asset_id
        and other.sha256 <> v.sha256) as left
    from version v where v.tenant_id = ${tenantId} and v.sha256 = ${sha256}
    group by v.tenant_id, v.asset_id, v.sha256 order by v.asset_id`.execute(db)
  return rows
}

/** A version with these bytes, or with a file attached that has them. */
export async function findBearer(db: Db, tenantId: string, sha256: Buffer): Promise<VersionId | undefined> {
  const { rows } = await sql<VersionId>`
    select tenant_id, asset_id, n::int as n from version where tenant_id = ${tenantId} and sha256 = ${sha256}
    union all
    select tenant_id, asset_id, n::int from variant where tenant_id = ${tenantId} and sha256 = ${sha256} and attached
    limit 1`.execute(db)
  return rows[0]
}

/** Removes what has these bytes beside a version, drawn or attached. */
export async function deleteVariants(db: Db, tenantId: string, sha256: Buffer): Promise<VariantPointer[]> {
  const { rows } = await sql<VariantPointer>`
    delete from variant where tenant_id = ${tenantId} and sha256 = ${sha256}
    returning sha256, scope, size_bytes, attached`.execute(db)
  return rows
}

/** What an asset is once the current version is gone: its newest other one. */
export async function makeLeftCurrent(db: Db, tenantId: string, assetId: string, n: number): Promise<void> {
  await sql`update asset a set current_n = v.n, media_type = v.media_type, size_bytes = v.size_bytes, sha256 = v.sha256,
      scan = o.scan, scan_reason = o.scan_reason, updated_at = now(),
      state = case when a.state = 'quarantined' and o.scan <> 'infected' then coalesce(a.state_before, 'active') else a.state end,
      state_before = case when a.state = 'quarantined' and o.scan <> 'infected' then null else a.state_before end
    from version v join object o on o.tenant_id = v.tenant_id and o.sha256 = v.sha256
    where a.tenant_id = ${tenantId} and a.id = ${assetId}
      and v.tenant_id = a.tenant_id and v.asset_id = a.id and v.n = ${n}`.execute(db)
}

export interface ScanCounts {
  scan: string
  scan_reason: string | null
  count: number
}

/** Contents that came in within a period, by what is known of them now. */
export async function countScans(db: Db, tenantId: string, from: Date, to: Date): Promise<ScanCounts[]> {
  const { rows } = await sql<ScanCounts>`select scan, scan_reason, count(*)::int as count from object
    where tenant_id = ${tenantId} and created_at >= ${from} and created_at < ${to} group by 1, 2`.execute(db)
  return rows
}

/** What was found within a period, by finding and by what became of it. */
export async function countFindings(
  db: Db,
  tenantId: string,
  from: Date,
  to: Date,
): Promise<{ finding: string; state: string; count: number }[]> {
  const { rows } = await sql<{ finding: string; state: string; count: number }>`
    select finding, state, count(*)::int as count from quarantine_entry
    where tenant_id = ${tenantId} and found_at >= ${from} and found_at < ${to} group by 1, 2`.execute(db)
  return rows
}
