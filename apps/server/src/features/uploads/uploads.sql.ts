import { type Insertable, sql } from 'kysely'
import { type Db, send } from '../../platform/database/connect.ts'
import type { AssetTable, VersionTable } from '../../platform/database/tables.ts'

/** All SQL of the uploads room. */

/** What an upload must know of its organization, in one statement. */
export async function findTerms(db: Db, tenantId: string, assetType: string) {
  return db
    .selectFrom('organization')
    .select(['default_visibility', 'max_size_bytes', 'keep_versions'])
    .select((query) =>
      query
        .selectFrom('asset_type')
        .select('rules')
        .whereRef('asset_type.tenant_id', '=', 'organization.tenant_id')
        .where('asset_type.name', '=', assetType)
        .as('rules'),
    )
    .where('tenant_id', '=', tenantId)
    .executeTakeFirstOrThrow()
}

export interface Intent {
  tenantId: string
  uploadId: string
  copyId: string
  assetId: string | null
  principalId: string
  scope: string
  placementId: string
  storeId: string
  key: string
  encrypted: boolean
  reservedBytes: number
  leaseUntil: Date
}

/** The record of intent: a copy in `writing`, before its first byte moves. */
export function insertIntent(db: Db, intent: Intent): Promise<unknown>[] {
  return [
    send(
      db,
      db.insertInto('copy').values({
        tenant_id: intent.tenantId,
        id: intent.copyId,
        scope: intent.scope,
        placement_id: intent.placementId,
        store_id: intent.storeId,
        key: intent.key,
        state: 'writing',
        encrypted: intent.encrypted,
        writable_until: intent.leaseUntil,
        due_at: intent.leaseUntil,
      }),
    ),
    send(
      db,
      db.insertInto('upload').values({
        tenant_id: intent.tenantId,
        id: intent.uploadId,
        copy_id: intent.copyId,
        asset_id: intent.assetId,
        principal_id: intent.principalId,
        reserved_bytes: intent.reservedBytes,
        lease_until: intent.leaseUntil,
      }),
    ),
  ]
}

/** A beat of a running upload: the reaper leaves its copy alone until then. False when it was taken already. */
export async function extendLease(
  db: Db,
  tenantId: string,
  copyId: string,
  uploadId: string,
  until: Date,
): Promise<boolean> {
  const extended = await db
    .updateTable('copy')
    .set({ writable_until: until, due_at: until })
    .where('tenant_id', '=', tenantId)
    .where('id', '=', copyId)
    .where('state', '=', 'writing')
    .executeTakeFirst()
  await db
    .updateTable('upload')
    .set({ lease_until: until })
    .where('tenant_id', '=', tenantId)
    .where('id', '=', uploadId)
    .execute()
  return extended.numUpdatedRows === 1n
}

/** Takes the next version number of an asset whose key must be known before its bytes arrive. */
export async function takeVersionNumber(db: Db, tenantId: string, assetId: string): Promise<number> {
  const { last_n } = await db
    .updateTable('asset')
    .set((asset) => ({ last_n: asset('last_n', '+', 1) }))
    .where('tenant_id', '=', tenantId)
    .where('id', '=', assetId)
    .returning('last_n')
    .executeTakeFirstOrThrow()
  return last_n
}

export interface CopyCommit {
  copyId: string
  sha256: Buffer
  sizeBytes: number
  scan: { status: string; reason: string | null }
  scope: string
  placementId: string
  storeId: string
  key: string
  encrypted: boolean
  storedBytes: number
  envelope: Buffer | null
  /** The one version that a copy of a per-version layout belongs to. */
  boundTo: { assetId: string; n: number } | null
  /** A small object's bytes, as they are to be stored. */
  bytes: Buffer | null
  usageId: string
  files: number
}

export async function commitCopy(db: Db, commit: CopyCommit): Promise<'live' | 'deduplicated' | 'lost'> {
  const statement = sql<{ outcome: 'live' | 'deduplicated' | 'lost' }>`select api.commit_copy(
    ${commit.copyId}, ${commit.sha256}, ${commit.sizeBytes}, ${commit.scan.status}, ${commit.scan.reason},
    ${commit.scope}, ${commit.placementId}, ${commit.storeId}, ${commit.key}, ${commit.encrypted},
    ${commit.storedBytes}, ${commit.envelope}, 0, ${commit.boundTo?.assetId ?? null}, ${commit.boundTo?.n ?? null},
    ${commit.bytes}, ${commit.usageId}, ${commit.files}) as outcome`
  const [row] = await send(db, statement)
  return (row as { outcome: 'live' | 'deduplicated' | 'lost' }).outcome
}

export function insertAsset(db: Db, row: Insertable<AssetTable>) {
  return send(db, db.insertInto('asset').values(row))
}

export function insertVersion(db: Db, row: Insertable<VersionTable>) {
  return send(db, db.insertInto('version').values(row))
}

export function deleteUpload(db: Db, tenantId: string, uploadId: string) {
  return db.deleteFrom('upload').where('tenant_id', '=', tenantId).where('id', '=', uploadId).execute()
}

/** Asks the pipeline for a step; asking twice is asking once. */
export function insertStep(db: Db, tenantId: string, assetId: string, n: number, name: string) {
  const row = { tenant_id: tenantId, asset_id: assetId, n, name, state: 'waiting' }
  return send(
    db,
    db
      .insertInto('step')
      .values(row)
      .onConflict((conflict) => conflict.doNothing()),
  )
}
