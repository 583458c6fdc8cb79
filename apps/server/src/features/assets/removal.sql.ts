import { sql } from 'kysely'
import type { Db } from '../../platform/database/connect.ts'
import { recordUsage } from './usage.sql.ts'

/** What a version was, as far as its bytes and the usage go. */
interface RemovedVersion {
  n: number
  sha256: Buffer
  scope: string
  size_bytes: number
}

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
  let removal = db.deleteFrom('version').where('tenant_id', '=', tenantId).where('asset_id', '=', assetId)
  if (versions !== 'all') removal = removal.where('n', '=', sql<number>`any(${versions}::int[])`)
  const removed: RemovedVersion[] = await removal.returning(['n', 'sha256', 'scope', 'size_bytes']).execute()
  const released = await releaseCopies(db, removed, releaseDelaySeconds)
  return { bytes: removed.reduce((sum, version) => sum + version.size_bytes, 0), storedBytes: released }
}

/** Objects in ascending order of their hash, so that two removals never wait for each other crosswise. */
async function releaseCopies(db: Db, removed: readonly RemovedVersion[], delaySeconds: number): Promise<number> {
  const places = new Map(removed.map((version) => [`${version.sha256.toString('hex')} ${version.scope}`, version]))
  let bytes = 0
  for (const [, version] of [...places].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const { rows } = await sql<{ released: number }>`
      select api.release_copies(${version.sha256}, ${version.scope}, make_interval(secs => ${delaySeconds})) as released`.execute(
      db,
    )
    bytes += (rows[0]?.released ?? 0) * version.size_bytes
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
