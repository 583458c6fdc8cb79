import { type Selectable, sql } from 'kysely'
import { type Principal, principalKind } from '../../domain/principal.ts'
import type { Db } from '../../platform/database/connect.ts'
import type { VersionTable } from '../../platform/database/tables.ts'

/** All SQL of the versions room. */

export type VersionRow = Selectable<VersionTable>

export function findVersions(
  db: Db,
  tenantId: string,
  assetId: string,
  before: number | undefined,
  limit: number,
): Promise<VersionRow[]> {
  return db
    .selectFrom('version')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('asset_id', '=', assetId)
    .$if(before !== undefined, (query) => query.where('n', '<', before as number))
    .orderBy('n', 'desc')
    .limit(limit)
    .execute()
}

export function findVersion(db: Db, tenantId: string, assetId: string, n: number): Promise<VersionRow | undefined> {
  return db
    .selectFrom('version')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('asset_id', '=', assetId)
    .where('n', '=', n)
    .executeTakeFirst()
}

/** A version that points at the bytes of another; the object is locked so that they cannot be released meanwhile. */
export async function repeatVersion(
  db: Db,
  from: VersionRow,
  n: number,
  by: { principal: Principal; now: Date },
): Promise<void> {
  await sql`select from object where tenant_id = ${from.tenant_id} and sha256 = ${from.sha256} for key share`.execute(
    db,
  )
  await db
    .insertInto('version')
    .values({
      ...from,
      n,
      made_from: from.n,
      created_by: by.principal.id,
      created_by_kind: principalKind(by.principal),
      created_at: by.now,
    })
    .execute()
}

/** The repeated version has every variant of the one before. Answers what of them counts towards the quota. */
export async function repeatVariants(db: Db, from: VersionRow, n: number): Promise<number> {
  const { rows } = await sql<{ bytes: number }>`
    with repeated as (
      insert into variant (tenant_id, asset_id, n, name, suffix, state, attached, reason, recipe, sha256, scope, size_bytes,
        media_type, width, height)
      select tenant_id, asset_id, ${n}, name, suffix, state, attached, reason, recipe, sha256, scope, size_bytes, media_type,
        width, height
      from variant
      where tenant_id = ${from.tenant_id} and asset_id = ${from.asset_id} and n = ${from.n} and state <> 'wanted'
      returning attached, size_bytes)
    select coalesce(sum(size_bytes), 0)::bigint as bytes from repeated where attached`.execute(db)
  return rows[0]?.bytes ?? 0
}

/** A copy that belonged to the repeated version alone now serves two, so it belongs to neither alone. */
export async function shareCopies(db: Db, from: VersionRow): Promise<void> {
  await db
    .updateTable('copy')
    .set({ asset_id: null, n: null })
    .where('tenant_id', '=', from.tenant_id)
    .where('sha256', '=', from.sha256)
    .where('scope', '=', from.scope)
    .where('asset_id', '=', from.asset_id)
    .where('n', '=', from.n)
    .where('state', '=', 'live')
    .execute()
}

/** How many versions the organization keeps of assets of a type; null for all of them. */
export async function keptVersions(db: Db, tenantId: string, assetType: string): Promise<number | null> {
  const { rows } = await sql<{ kept: number | null }>`select coalesce(
      (select (rules ->> 'keepVersions')::int from asset_type where tenant_id = ${tenantId} and name = ${assetType}),
      (select keep_versions from organization where tenant_id = ${tenantId})) as kept`.execute(db)
  return rows[0]?.kept ?? null
}

/** Numbers of the versions that a rule would remove: beyond the newest `keepLast`, older than `before`, never the current. */
export async function findPrunable(
  db: Db,
  asset: { tenant_id: string; id: string; current_n: number },
  rule: { keepLast?: number | undefined; before?: Date | undefined },
): Promise<number[]> {
  const rows = await db
    .selectFrom('version')
    .select('n')
    .where('tenant_id', '=', asset.tenant_id)
    .where('asset_id', '=', asset.id)
    .where('n', '<>', asset.current_n)
    .$if(rule.before !== undefined, (query) => query.where('created_at', '<', rule.before as Date))
    .$if(rule.keepLast !== undefined, (query) =>
      query.where('n', 'not in', (newest) =>
        newest
          .selectFrom('version')
          .select('n')
          .where('tenant_id', '=', asset.tenant_id)
          .where('asset_id', '=', asset.id)
          .orderBy('n', 'desc')
          .limit(rule.keepLast as number),
      ),
    )
    .orderBy('n')
    .execute()
  return rows.map((row) => row.n)
}
