import type { Db } from '../../platform/database/connect.ts'
import { lockAssetRow, purgeAsset, shareHoldGuard, trashAsset } from '../assets/room.ts'

/**
 * What becomes of an asset whose time has come: out of the trash for good, or past its expiry into the trash, or, when
 * it was made to be temporary, for good at once. Undefined when somebody was faster.
 */
export async function expireAsset(
  db: Db,
  tenantId: string,
  assetId: string,
  now: Date,
  options: { trashDays: number; releaseDelaySeconds: number },
): Promise<'purged' | 'trashed' | undefined> {
  await shareHoldGuard(db, tenantId)
  const asset = await lockAssetRow(db, tenantId, assetId)
  if (!asset) return undefined
  const expired = asset.expires_at !== null && asset.expires_at <= now
  const trashIsOver = asset.purge_after !== null && asset.purge_after <= now
  if (trashIsOver || (expired && asset.expiry_action === 'purge')) {
    await purgeAsset(db, tenantId, assetId, options.releaseDelaySeconds)
    return 'purged'
  }
  if (!expired || asset.state === 'trashed') return undefined
  await trashAsset(db, asset, now, options.trashDays)
  return 'trashed'
}
