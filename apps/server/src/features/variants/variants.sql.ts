import { type Selectable, sql } from 'kysely'
import type { Db } from '../../platform/database/connect.ts'
import type { VariantTable } from '../../platform/database/tables.ts'
import { isOf, type VersionId } from '../inspection/room.ts'
import type { ImageSizes, VariantId } from './variants.rules.ts'

/** All SQL of the variants room. */

export type VariantRow = Selectable<VariantTable>

export function findVariants(db: Db, of: VersionId): Promise<VariantRow[]> {
  return db.selectFrom('variant').selectAll().where(isOf(of)).orderBy('name').orderBy('suffix').execute()
}

export async function findVariantRow(
  db: Db,
  of: VersionId,
  { name, suffix }: VariantId,
): Promise<VariantRow | undefined> {
  return db
    .selectFrom('variant')
    .selectAll()
    .where(isOf(of))
    .where('name', '=', name)
    .where('suffix', '=', suffix)
    .executeTakeFirst()
}

/** Asks for a variant; one that is made, or could not be made, stays as it is. */
export async function wantVariant(db: Db, of: VersionId, { name, suffix }: VariantId): Promise<void> {
  const { tenant_id, asset_id, n } = of
  await db
    .insertInto('variant')
    .values({ tenant_id, asset_id, n, name, suffix, state: 'wanted' })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

export async function failVariant(db: Db, of: VersionId, { name, suffix }: VariantId, reason: string): Promise<void> {
  const { tenant_id, asset_id, n } = of
  await sql`insert into variant as known (tenant_id, asset_id, n, name, suffix, state, reason)
    values (${tenant_id}, ${asset_id}, ${n}, ${name}, ${suffix}, 'failed', ${reason.slice(0, 500)})
    on conflict (tenant_id, asset_id, n, name, suffix) do update set state = 'failed', reason = excluded.reason
      where known.state <> 'made'`.execute(db)
}

/** @returns what it pointed at, if anything */
export async function deleteVariant(
  db: Db,
  of: VersionId,
  { name, suffix }: VariantId,
): Promise<VariantRow | undefined> {
  const [gone] = await db
    .deleteFrom('variant')
    .where(isOf(of))
    .where('name', '=', name)
    .where('suffix', '=', suffix)
    .returningAll()
    .execute()
  return gone
}

export async function countAttached(db: Db, of: VersionId): Promise<number> {
  const { rows } = await sql<{
    count: number
  }>`select count(*)::int as count from variant where ${isOf(of)} and attached`.execute(db)
  return rows[0]?.count ?? 0
}

/** What the organization says of pictures: the sizes it has named, and those an asset type asks for at upload. */
export async function findWishes(
  db: Db,
  of: VersionId,
): Promise<{ sizes: ImageSizes; assetType: string; rules: unknown }> {
  const { rows } = await sql<{ sizes: ImageSizes; asset_type: string; rules: unknown }>`
    select o.image_sizes as sizes, a.asset_type, t.rules
    from asset a
      join organization o on o.tenant_id = a.tenant_id
      left join asset_type t on t.tenant_id = a.tenant_id and t.name = a.asset_type
    where a.tenant_id = ${of.tenant_id} and a.id = ${of.asset_id}`.execute(db)
  const [found] = rows
  return { sizes: found?.sizes ?? {}, assetType: found?.asset_type ?? '', rules: found?.rules ?? undefined }
}
