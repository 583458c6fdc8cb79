import { sql } from 'kysely'
import type { Db } from '../../platform/database/connect.ts'

/** All SQL of the sharing room. */

/** @param row.max_uses null for a URL that is not counted, but by which a CDN keeps the bytes */
export function insertSignedUrl(
  db: Db,
  row: { tenant_id: string; id: string; asset_id: string; max_uses: number | null; expires_at: Date },
) {
  return db.insertInto('signed_url').values(row).execute()
}

/** Takes one use of a counted URL, in one conditional statement; false when none is left (R14). */
export async function takeUse(db: Db, tenantId: string, id: string): Promise<boolean> {
  const taken = await db
    .updateTable('signed_url')
    .set((url) => ({ uses: url('uses', '+', 1) }))
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .where((url) => url('uses', '<', url.ref('max_uses')))
    .executeTakeFirst()
  return taken.numUpdatedRows === 1n
}

/** Every URL signed before names an older epoch, and is refused from now on. */
export async function raiseEpoch(db: Db, tenantId: string, assetId: string): Promise<void> {
  await db
    .updateTable('asset')
    .set({ url_epoch: sql<number>`url_epoch + 1` })
    .where('tenant_id', '=', tenantId)
    .where('id', '=', assetId)
    .execute()
  await db.deleteFrom('signed_url').where('tenant_id', '=', tenantId).where('asset_id', '=', assetId).execute()
}
