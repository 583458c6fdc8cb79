import { type Selectable, type SqlBool, sql, type Updateable } from 'kysely'
import { type Db, send } from '../../platform/database/connect.ts'
import type { AssetAccessTable, AssetTable } from '../../platform/database/tables.ts'

/** All SQL of the assets room. Who sees which row is the policies' business; nothing here repeats it. */

export type AssetRow = Selectable<AssetTable> & {
  [Field in 'downloads' | 'last_at']: Selectable<AssetAccessTable>[Field] | null
} & {
  /** What the pipeline has yet to do, or gave up, with its current version; null where it is through. */
  pipeline: 'processing' | 'failed' | null
}

const PIPELINE = sql<AssetRow['pipeline']>`(
  select case when bool_or(step.state in ('waiting', 'running')) then 'processing' when bool_or(step.state = 'dead') then 'failed' end
  from step where step.tenant_id = asset.tenant_id and step.asset_id = asset.id and step.n = asset.current_n)`

function assets(db: Db, tenantId: string) {
  return db
    .selectFrom('asset')
    .leftJoin('asset_access', (join) =>
      join.onRef('asset_access.tenant_id', '=', 'asset.tenant_id').onRef('asset_access.asset_id', '=', 'asset.id'),
    )
    .selectAll('asset')
    .select(['asset_access.downloads', 'asset_access.last_at'])
    .select(PIPELINE.as('pipeline'))
    .where('asset.tenant_id', '=', tenantId)
}

export function findAsset(db: Db, tenantId: string, id: string): Promise<AssetRow | undefined> {
  return assets(db, tenantId).where('asset.id', '=', id).executeTakeFirst()
}

/** Locks the asset's row until the transaction ends (R11: guard, asset, object, copy). */
export function lockAsset(db: Db, tenantId: string, id: string) {
  return db
    .selectFrom('asset')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst()
}

export interface AssetFilter {
  assetType?: string | undefined
  ownerId?: string | null | undefined
  projectId?: string | undefined
  scanResultId?: string | undefined
  callId?: string | undefined
  sessionId?: string | undefined
  tag?: string | undefined
  folder?: string | undefined
  category?: string | undefined
  classification?: string | undefined
  visibility?: number | undefined
  state: string
  mediaType?: string | undefined
  namePrefix?: string | undefined
  createdAfter?: string | undefined
  createdBefore?: string | undefined
}

export const sortColumns = {
  createdAt: 'created_at',
  updatedAt: 'updated_at',
  name: 'name',
  sizeBytes: 'size_bytes',
} as const

export interface AssetOrder {
  sort: keyof typeof sortColumns
  order: 'asc' | 'desc'
  after?: { value: string | number; id: string } | undefined
  limit: number
}

const equalities = {
  assetType: 'asset.asset_type',
  projectId: 'asset.project_id',
  scanResultId: 'asset.scan_result_id',
  callId: 'asset.call_id',
  sessionId: 'asset.session_id',
  category: 'asset.category',
  classification: 'asset.classification',
  visibility: 'asset.visibility',
  mediaType: 'asset.media_type',
  state: 'asset.state',
} as const

/** Only operators that are leakproof, so that the policy may be checked after the index (R9). */
export function findAssets(db: Db, tenantId: string, filter: AssetFilter, order: AssetOrder): Promise<AssetRow[]> {
  let query = assets(db, tenantId)
  for (const [field, column] of Object.entries(equalities)) {
    const value = filter[field as keyof typeof equalities]
    if (value !== undefined) query = query.where(column, '=', value as never)
  }
  if (filter.ownerId === null) query = query.where('asset.owner_id', 'is', null)
  else if (filter.ownerId !== undefined) query = query.where('asset.owner_id', '=', filter.ownerId)
  if (filter.folder !== undefined) {
    const below = `${filter.folder}/`
    query = query.where(sql<SqlBool>`(asset.folder = ${filter.folder} or asset.folder ^@ ${below})`)
  }
  if (filter.namePrefix !== undefined) query = query.where(sql<SqlBool>`asset.name ^@ ${filter.namePrefix}`)
  if (filter.createdAfter !== undefined)
    query = query.where(sql<SqlBool>`asset.created_at >= ${filter.createdAfter}::timestamptz`)
  if (filter.createdBefore !== undefined)
    query = query.where(sql<SqlBool>`asset.created_at < ${filter.createdBefore}::timestamptz`)
  const tag = filter.tag
  if (tag !== undefined) {
    query = query.where((has) =>
      has.exists(
        has
          .selectFrom('asset_tag')
          .whereRef('asset_tag.tenant_id', '=', 'asset.tenant_id')
          .whereRef('asset_tag.asset_id', '=', 'asset.id')
          .where('asset_tag.tag', '=', tag),
      ),
    )
  }
  const column = `asset.${sortColumns[order.sort]}` as const
  if (order.after) {
    const compare = sql.raw(order.order === 'desc' ? '<' : '>')
    const type = sql.raw(
      { createdAt: 'timestamptz', updatedAt: 'timestamptz', name: 'text', sizeBytes: 'bigint' }[order.sort],
    )
    query = query.where(
      sql<SqlBool>`(${sql.ref(column)}, asset.id) ${compare} (${order.after.value}::${type}, ${order.after.id}::uuid)`,
    )
  }
  return query.orderBy(column, order.order).orderBy('asset.id', order.order).limit(order.limit).execute()
}

export async function updateAsset(
  db: Db,
  tenantId: string,
  id: string,
  changes: Updateable<AssetTable>,
  at: Date,
): Promise<boolean> {
  const statement = db
    .updateTable('asset')
    .set({ ...changes, updated_at: at })
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .returning('id')
  return (await send(db, statement)).length === 1
}

export async function replaceTags(db: Db, tenantId: string, assetId: string, tags: readonly string[]): Promise<void> {
  await db.deleteFrom('asset_tag').where('tenant_id', '=', tenantId).where('asset_id', '=', assetId).execute()
  await insertTags(db, tenantId, assetId, tags)
}

export async function insertTags(db: Db, tenantId: string, assetId: string, tags: readonly string[]): Promise<void> {
  if (tags.length === 0) return
  const statement = sql`insert into asset_tag (tenant_id, asset_id, tag)
    select ${tenantId}, ${assetId}, tag from unnest(${tags}::text[]) as tag on conflict do nothing`
  await send(db, statement)
}

export function findCopies(db: Db, tenantId: string, assetId: string) {
  return db
    .selectFrom('version')
    .innerJoin('copy', (join) =>
      join
        .onRef('copy.tenant_id', '=', 'version.tenant_id')
        .onRef('copy.sha256', '=', 'version.sha256')
        .onRef('copy.scope', '=', 'version.scope'),
    )
    .select(['copy.id', 'copy.store_id', 'copy.key', 'copy.state', 'copy.storage_class'])
    .distinct()
    .where('version.tenant_id', '=', tenantId)
    .where('version.asset_id', '=', assetId)
    .where('copy.state', '<>', 'gone')
    .where((copy) => copy.or([copy('copy.asset_id', 'is', null), copy('copy.asset_id', '=', assetId)]))
    .limit(1000)
    .execute()
}
