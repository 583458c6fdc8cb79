import { type Selectable, sql } from 'kysely'
import { Problem } from '../../domain/problem.ts'
import { type Db, fixed, send } from '../../platform/database/connect.ts'
import type { AssetTable, VersionTable } from '../../platform/database/tables.ts'
import type { PackPlace } from '../../providers/stores/packs.ts'
import type { ScanFacts } from './uploads.rules.ts'

/** All SQL of the uploads room. */

/** What an upload must know of its organization. */
export interface Terms {
  default_visibility: number
  max_size_bytes: number | null
  keep_versions: number | null
  /** Of the asset type; null when the organization has none of that name. */
  rules: unknown
  /** Where its bytes go; null for where the installation says. */
  store_id: string | null
  /** Where a second copy of them goes. */
  second_store_id: string | null
}

const TERMS = fixed<Terms>(`
  select default_visibility, max_size_bytes, keep_versions, store_id, second_store_id, (
    select rules from asset_type t where t.tenant_id = o.tenant_id and t.name = $1) as rules
  from organization o where tenant_id = (select api.tenant())`)

/** Undefined only where no organization has been entered. */
export async function findTerms(db: Db, assetType: string): Promise<Terms | undefined> {
  return (await send(db, TERMS(assetType)))[0]
}

export interface CopyIntent {
  tenantId: string
  copyId: string
  scope: string
  placementId: string
  storeId: string
  key: string
  within: string
  encrypted: boolean
}

/** The record of intent: a copy in `writing`, before its first byte moves; the reaper's from `until` on. */
export function insertCopy(db: Db, intent: CopyIntent, until: Date): Promise<unknown> {
  return send(
    db,
    db.insertInto('copy').values({
      tenant_id: intent.tenantId,
      id: intent.copyId,
      scope: intent.scope,
      placement_id: intent.placementId,
      store_id: intent.storeId,
      key: intent.key,
      isolation: intent.within,
      state: 'writing',
      encrypted: intent.encrypted,
      writable_until: until,
      due_at: until,
    }),
  )
}

/** Who has a key in a store, and when the reaper may free it. */
export async function findHolder(db: Db, tenantId: string, storeId: string, key: string) {
  const { rows } = await sql<{ state: string; freeInSeconds: number }>`
    select state, coalesce(extract(epoch from due_at - now()), 0)::float8 as "freeInSeconds" from copy
    where tenant_id = ${tenantId} and store_id = ${storeId} and key = ${key} and state <> 'gone'`.execute(db)
  return rows[0]
}

export interface Reservation {
  tenantId: string
  uploadId: string
  copyId: string | null
  assetId: string | null
  principalId: string
  reservedBytes: number
  reservedFiles: number
  leaseUntil: Date
}

/** What a running upload holds of the quota. */
export function insertReservation(db: Db, reservation: Reservation): Promise<unknown> {
  return send(
    db,
    db.insertInto('upload').values({
      tenant_id: reservation.tenantId,
      id: reservation.uploadId,
      copy_id: reservation.copyId,
      asset_id: reservation.assetId,
      principal_id: reservation.principalId,
      reserved_bytes: reservation.reservedBytes,
      reserved_files: reservation.reservedFiles,
      lease_until: reservation.leaseUntil,
    }),
  )
}

/** Another copy takes the place of the one that could not be written. */
export async function turnReservation(db: Db, tenantId: string, uploadId: string, copyId: string): Promise<void> {
  await db
    .updateTable('upload')
    .set({ copy_id: copyId })
    .where('tenant_id', '=', tenantId)
    .where('id', '=', uploadId)
    .execute()
}

/** Asks for these bytes in another store as well, or, for a copy that lies away from home, instead. */
export function wantElsewhere(db: Db, tenantId: string, copyId: string, storeId: string, away: boolean) {
  return send(
    db,
    sql`update copy set wanted_in = ${storeId}, away = ${away}, wanted_at = now()
      where tenant_id = ${tenantId} and id = ${copyId} and state = 'live'`,
  )
}

/** A beat of a running upload: the reaper leaves its copy alone until then. False when it was taken already. */
export async function extendLease(
  db: Db,
  tenantId: string,
  copyId: string,
  uploadId: string | undefined,
  until: Date,
): Promise<boolean> {
  const extended = await db
    .updateTable('copy')
    .set({ writable_until: until, due_at: until })
    .where('tenant_id', '=', tenantId)
    .where('id', '=', copyId)
    .where('state', '=', 'writing')
    .executeTakeFirst()
  if (uploadId !== undefined) {
    await db
      .updateTable('upload')
      .set({ lease_until: until })
      .where('tenant_id', '=', tenantId)
      .where('id', '=', uploadId)
      .execute()
  }
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
  scan: ScanFacts
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
  /** Where they lie instead, and `bytes` are empty. */
  packed?: PackPlace | undefined
  usageId: string
  files: number
  /** What the quota is asked for. */
  share: Share
}

export interface Share {
  bytes: number
  files: number
}

/** Everything that an upload decides; the rest is as its default says. */
const ASSET_COLUMNS = [
  'tenant_id',
  'id',
  'name',
  'asset_type',
  'owner_id',
  'owner_kind',
  'visibility',
  'expires_at',
  'expiry_action',
  'current_n',
  'last_n',
  'media_type',
  'size_bytes',
  'sha256',
  'scan',
  'scan_reason',
  'folder',
  'project_id',
  'scan_result_id',
  'call_id',
  'session_id',
  'category',
  'classification',
  'metadata',
  'tags',
  'created_at',
  'updated_at',
] as const satisfies readonly (keyof AssetTable)[]

const VERSION_COLUMNS = [
  'tenant_id',
  'asset_id',
  'n',
  'sha256',
  'scope',
  'size_bytes',
  'media_type',
  'charset',
  'name',
  'created_by',
  'created_by_kind',
  'created_at',
] as const satisfies readonly (keyof VersionTable)[]

/** In the order of the arguments of api.commit_upload. */
function copyArguments(commit: CopyCommit): unknown[] {
  const { copyId, sha256, sizeBytes, scan, scope, placementId, storeId, key, encrypted, storedBytes, envelope } = commit
  const kept = [scope, placementId, storeId, key, encrypted, storedBytes, envelope]
  const { boundTo, bytes, packed, usageId, files, share } = commit
  const whereItIs = [bytes, packed?.packId ?? null, packed?.start ?? null]
  const place = [boundTo?.assetId ?? null, boundTo?.n ?? null, ...whereItIs, usageId, files, share.bytes, share.files]
  const verdict = [scan.status, scan.reason, scan.finding, scan.signatures]
  return [copyId, sha256, sizeBytes, ...verdict, ...kept, ...place]
}

const COPY_ARGUMENTS = 23

function placeholders(from: number, count: number): string {
  return Array.from({ length: count }, (_, index) => `$${from + index}`).join(', ')
}

function insertText(table: string, columns: readonly string[], from: number): string {
  return `insert into ${table} (${columns.join(', ')}) values (${placeholders(from, columns.length)})`
}

const [AFTER_VERSION, AFTER_ASSET] = [1 + VERSION_COLUMNS.length, 1 + VERSION_COLUMNS.length + ASSET_COLUMNS.length]
const NEW_VERSION = fixed(`with version as (${insertText('version', VERSION_COLUMNS, 1)})
  select api.commit_upload(${placeholders(AFTER_VERSION, COPY_ARGUMENTS)})`)
const NEW_ASSET = fixed(`with version as (${insertText('version', VERSION_COLUMNS, 1)}),
    asset as (${insertText('asset', ASSET_COLUMNS, AFTER_VERSION)})
  select api.commit_upload(${placeholders(AFTER_ASSET, COPY_ARGUMENTS)})`)

type VersionRow = Pick<Selectable<VersionTable>, (typeof VERSION_COLUMNS)[number]>
type NewAssetRow = Pick<Selectable<AssetTable>, (typeof ASSET_COLUMNS)[number]>

/**
 * A version with its copy and its share of the quota, and its asset where that is new: one statement, because to send
 * a statement costs as much as most of them do. Its foreign keys are checked when all of it is there.
 *
 * @throws Problem `quota.exceeded`, or `upload.lost` when the reaper has taken the copy
 */
export async function commitRows(
  db: Db,
  version: VersionRow,
  copy: CopyCommit,
  asset: NewAssetRow | undefined,
): Promise<void> {
  const versionValues = VERSION_COLUMNS.map((column) => version[column])
  const assetValues = asset && ASSET_COLUMNS.map((column) => asset[column])
  const statement = assetValues
    ? NEW_ASSET(...versionValues, ...assetValues, ...copyArguments(copy))
    : NEW_VERSION(...versionValues, ...copyArguments(copy))
  await send(db, statement).catch((error) => {
    throw refusals.get(error.code)?.() ?? error
  })
}

/** @throws Problem `upload.lost` when the staged upload was ended, or taken up anew, since */
export async function finishStaged(
  db: Db,
  staged: { uploadId: string; attempt: number },
  assetId: string,
): Promise<void> {
  await send(db, sql`select api.finish_staged(${staged.uploadId}, ${assetId}, ${staged.attempt})`).catch((error) => {
    throw refusals.get(error.code)?.() ?? error
  })
}

const refusals: ReadonlyMap<string, () => Problem> = new Map<string, () => Problem>([
  ['SW001', () => new Problem('quota.exceeded')],
  ['SW002', () => new Problem('upload.lost')],
])

export function deleteUpload(db: Db, tenantId: string, uploadId: string) {
  return send(db, db.deleteFrom('upload').where('tenant_id', '=', tenantId).where('id', '=', uploadId))
}

/** Asks the pipeline for a step; asking twice is asking once. */
export function insertStep(db: Db, tenantId: string, assetId: string, n: number, name: string, priority = 1) {
  const row = { tenant_id: tenantId, asset_id: assetId, n, name, state: 'waiting', priority }
  return send(
    db,
    db
      .insertInto('step')
      .values(row)
      .onConflict((conflict) => conflict.doNothing()),
  )
}
