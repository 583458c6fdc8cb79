import { sql } from 'kysely'
import type { Db } from '../../platform/database/connect.ts'
import { recordUsage } from './usage.sql.ts'

/** What pointed at an object, as far as its bytes and the usage go. */
export interface Pointer {
  sha256: Buffer
  scope: string
  size_bytes: number
}

/** One that is not made, or could not be, points at nothing. */
export type VariantPointer = { [Key in keyof Pointer]: Pointer[Key] | null } & { attached: boolean }

/** The organization's holds may not change while something is removed for good (R11). */
export async function shareHoldGuard(db: Db, tenantId: string): Promise<void> {
  await sql`select from guard where tenant_id = ${tenantId} and name = 'hold' for share`.execute(db)
}

/**
 * Removes versions of an asset whose row the caller has locked, and releases the copies that nothing else needs. Their
 * bytes go when the reaper comes, `releaseDelaySeconds` later at the earliest.
 */
export async function removeVersions(
  db: Db,
  tenantId: string,
  assetId: string,
  versions: 'all' | readonly number[],
  releaseDelaySeconds: number,
): Promise<{ bytes: number; storedBytes: number }> {
  const chosen = sql<boolean>`tenant_id = ${tenantId} and asset_id = ${assetId}
    and (${versions === 'all'}::boolean or n = any(${versions === 'all' ? [] : versions}::int[]))`
  const derived = await db
    .deleteFrom('variant')
    .where(chosen)
    .returning(['attached', 'sha256', 'scope', 'size_bytes'])
    .execute()
  const removed = await db.deleteFrom('version').where(chosen).returning(['sha256', 'scope', 'size_bytes']).execute()
  return letGo(db, removed, derived, releaseDelaySeconds)
}

/** The same for the bytes of variants that are no more, and their usage. */
export async function letVariantsGo(
  db: Db,
  tenantId: string,
  gone: readonly VariantPointer[],
  releaseDelaySeconds: number,
): Promise<void> {
  const freed = await letGo(db, [], gone, releaseDelaySeconds)
  await recordUsage(db, tenantId, { bytes: -freed.bytes, files: 0, storedBytes: -freed.storedBytes })
}

/** @returns what it frees: nobody is held to the bytes of pictures that were drawn */
async function letGo(
  db: Db,
  versions: readonly Pointer[],
  variants: readonly VariantPointer[],
  releaseDelaySeconds: number,
): Promise<{ bytes: number; storedBytes: number }> {
  const made = variants.filter((variant): variant is VariantPointer & Pointer => variant.sha256 !== null)
  const storedBytes = await releaseCopies(db, [...versions, ...made], releaseDelaySeconds)
  const counted = [...versions, ...made.filter(({ attached }) => attached)]
  return { bytes: counted.reduce((sum, { size_bytes }) => sum + size_bytes, 0), storedBytes }
}

/** Objects in ascending order of their hash, so that two removals never wait for each other crosswise. */
async function releaseCopies(db: Db, removed: readonly Pointer[], delaySeconds: number): Promise<number> {
  const places = new Map(removed.map((pointer) => [`${pointer.sha256.toString('hex')} ${pointer.scope}`, pointer]))
  let bytes = 0
  for (const [, { sha256, scope, size_bytes }] of [...places].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const { rows } = await sql<{ released: number }>`
      select api.release_copies(${sha256}, ${scope}, make_interval(secs => ${delaySeconds})) as released`.execute(db)
    bytes += (rows[0]?.released ?? 0) * size_bytes
  }
  return bytes
}

/** Removes an asset for good, with everything that hangs on it, and its usage. The caller has locked its row. */
export async function purgeAsset(
  db: Db,
  tenantId: string,
  assetId: string,
  releaseDelaySeconds: number,
): Promise<void> {
  const freed = await removeVersions(db, tenantId, assetId, 'all', releaseDelaySeconds)
  await db.deleteFrom('asset').where('tenant_id', '=', tenantId).where('id', '=', assetId).execute()
  // Last, because what a CDN is to forget depends on the URLs that were signed.
  for (const table of ['asset_access', 'signed_url', 'step'] as const) {
    await db.deleteFrom(table).where('tenant_id', '=', tenantId).where('asset_id', '=', assetId).execute()
  }
  await recordUsage(db, tenantId, { bytes: -freed.bytes, files: -1, storedBytes: -freed.storedBytes })
}
