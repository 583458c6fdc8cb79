import { sql } from 'kysely'
import { type Db, fixed, send } from '../../platform/database/connect.ts'

/** All SQL of the delivery room. */

export interface Placed {
  asset_id: string
  asset_name: string
  state: string
  visibility: number
  owner_id: string | null
  updated_at: Date
  n: number
  name: string
  media_type: string
  charset: string | null
  size_bytes: number
  sha256: Buffer
  scope: string
  created_at: Date
  scan: string
  scan_reason: string | null
  readable_unscanned: string[]
  copy_id: string | null
  store_id: string | null
  key: string | null
  /** What credentials that are narrowed to it reach. */
  isolation: string | null
  envelope: Buffer | null
  encrypted: boolean | null
  /** Of a small object, which lies beside its rows; the driver's own form of bytes takes twice the time to read. */
  base64: string | null
  /** Where they lie on disk instead. */
  pack_id: string | null
  pack_start: number | null
  packed_bytes: number | null
}

/** The best live copy of the bytes that a row points at: its own before a shared one, then by the rank of its placement. */
const copyOf = (row: string) => `
    left join lateral (
      select copy.id, copy.store_id, copy.key, copy.isolation, copy.envelope, copy.encrypted
      from copy join placement p on p.tenant_id = copy.tenant_id and p.id = copy.placement_id
      where copy.tenant_id = ${row}.tenant_id and copy.sha256 = ${row}.sha256 and copy.scope = ${row}.scope and copy.state = 'live'
      order by (copy.asset_id = ${row}.asset_id and copy.n = ${row}.n) is true desc, p.rank
      limit 1
    ) c on true
    left join chunk small on c.store_id = 'database' and small.tenant_id = a.tenant_id and small.key = c.key
      and small.put_id = '00000000-0000-0000-0000-000000000000' and small.n = 0 and small.chunks_of is null`

const OF_COPY = `c.id as copy_id, c.store_id, c.key, c.isolation, c.envelope, c.encrypted, encode(small.bytes, 'base64') as base64,
  small.pack_id, small.pack_start, small.size_bytes as packed_bytes`

const FIND_CONTENT = fixed<Placed>(`
  select a.id as asset_id, a.name as asset_name, a.state, a.visibility, a.owner_id, a.updated_at, v.n, v.name, v.media_type, v.charset,
    v.size_bytes, v.sha256, v.scope, v.created_at, o.scan, o.scan_reason, org.readable_unscanned, ${OF_COPY}
  from asset a
    join version v on v.tenant_id = a.tenant_id and v.asset_id = a.id and v.n = coalesce($2::int, a.current_n)
    join object o on o.tenant_id = v.tenant_id and o.sha256 = v.sha256
    join organization org on org.tenant_id = a.tenant_id
    ${copyOf('v')}
  where a.tenant_id = (select api.tenant()) and a.id = $1`)

/** Where the variant is not made, its own columns are null. */
export type PlacedVariant = Placed & {
  variant_state: string | null
  variant_reason: string | null
  source_type: string
  asset_type: string
}

/** Its source's verdict is a variant's; its own bytes count when they were found to be harmful as somebody's file. */
const FIND_VARIANT = fixed<PlacedVariant>(`
  select a.id as asset_id, a.name as asset_name, a.asset_type, a.state, a.visibility, a.owner_id, a.updated_at, v.n, v.name,
    d.media_type, null as charset, d.size_bytes, d.sha256, d.scope, d.created_at,
    case when own.scan = 'infected' then own.scan else o.scan end as scan, o.scan_reason, org.readable_unscanned,
    d.state as variant_state, d.reason as variant_reason, v.media_type as source_type, ${OF_COPY}
  from asset a
    join version v on v.tenant_id = a.tenant_id and v.asset_id = a.id and v.n = coalesce($2::int, a.current_n)
    join object o on o.tenant_id = v.tenant_id and o.sha256 = v.sha256
    join organization org on org.tenant_id = a.tenant_id
    left join variant d on d.tenant_id = v.tenant_id and d.asset_id = v.asset_id and d.n = v.n and d.name = $3 and d.suffix = $4
    left join object own on own.tenant_id = d.tenant_id and own.sha256 = d.sha256
    ${copyOf('d')}
  where a.tenant_id = (select api.tenant()) and a.id = $1`)

/**
 * A version, its verdict, and the live copy to read it from: its own before a shared one, then the placement that ranks
 * first (R1). One statement; the policies decide whether there is anything to find.
 */
export async function findContent(db: Db, assetId: string, n: number | null): Promise<Placed | undefined> {
  return (await send(db, FIND_CONTENT(assetId, n)))[0]
}

/** Likewise a variant of a version. */
export async function findVariant(
  db: Db,
  assetId: string,
  n: number | null,
  { name, suffix }: { name: string; suffix: string },
): Promise<PlacedVariant | undefined> {
  return (await send(db, FIND_VARIANT(assetId, n, name, suffix)))[0]
}

/** The other live copies of the same bytes, as good as the one that was found, best first. */
export async function findOtherCopies(
  db: Db,
  tenantId: string,
  { sha256, scope, copy_id: copyId }: Pick<Placed, 'sha256' | 'scope' | 'copy_id'>,
): Promise<Pick<Placed, 'copy_id' | 'store_id' | 'key' | 'isolation' | 'envelope' | 'encrypted'>[]> {
  return db
    .selectFrom('copy as c')
    .innerJoin('placement as p', (join) =>
      join.onRef('p.tenant_id', '=', 'c.tenant_id').onRef('p.id', '=', 'c.placement_id'),
    )
    .select(['c.id as copy_id', 'c.store_id', 'c.key', 'c.isolation', 'c.envelope', 'c.encrypted'])
    .where('c.tenant_id', '=', tenantId)
    .where('c.sha256', '=', sha256)
    .where('c.scope', '=', scope)
    .where('c.state', '=', 'live')
    .where('c.id', '<>', copyId)
    .orderBy('p.rank')
    .execute()
}

export async function assetExists(db: Db, tenantId: string, assetId: string): Promise<boolean> {
  const row = await db
    .selectFrom('asset')
    .select('id')
    .where('tenant_id', '=', tenantId)
    .where('id', '=', assetId)
    .executeTakeFirst()
  return row !== undefined
}

/** Adds downloads to the counters, sorted so that two nodes never wait for each other crosswise. */
export async function addDownloads(
  db: Db,
  tenantId: string,
  downloads: readonly { assetId: string; count: number; lastAt: Date }[],
) {
  await sql`insert into asset_access as known (tenant_id, asset_id, downloads, last_at)
    select ${tenantId}, row.asset_id, row.count, row.last_at
    from jsonb_to_recordset(${JSON.stringify(downloads.map((each) => ({ asset_id: each.assetId, count: each.count, last_at: each.lastAt })))}::jsonb)
      as row(asset_id uuid, count bigint, last_at timestamptz)
    where exists (select from asset where tenant_id = ${tenantId} and id = row.asset_id)
    order by row.asset_id
    on conflict (tenant_id, asset_id) do update
      set downloads = known.downloads + excluded.downloads, last_at = greatest(known.last_at, excluded.last_at)`.execute(
    db,
  )
}

export interface Purge {
  id: string
  asset_id: string
  last_n: number
  url_epoch: number
}

/**
 * Takes purges that are due, so that no other node sends them too. Each is due again later, twice as long each time and
 * an hour at most, unless it is deleted before: nothing else is to be done when one fails, or when this process ends.
 */
export async function takePurges(db: Db, tenantId: string, ids: readonly string[]): Promise<Purge[]> {
  const { rows } = await sql<Purge>`update cdn_purge
    set attempts = attempts + 1, due_at = now() + make_interval(secs => least(3600, 60 * power(2, least(attempts, 10))))
    where tenant_id = ${tenantId} and id = any(${ids}::uuid[]) and due_at <= now()
    returning id, asset_id, last_n, url_epoch`.execute(db)
  return rows
}

export async function deletePurges(db: Db, tenantId: string, ids: readonly string[]): Promise<void> {
  await sql`delete from cdn_purge where tenant_id = ${tenantId} and id = any(${ids}::uuid[])`.execute(db)
}
