import type { Db } from '../../platform/database/connect.ts'
import { recordUsage, releaseCopies } from '../assets/room.ts'
import type { VersionId } from '../inspection/room.ts'
import type { KeptDerived } from '../uploads/room.ts'
import type { VariantId } from './variants.rules.ts'
import * as rows from './variants.sql.ts'

/** Points a variant at bytes that are in their place, and lets those go that it pointed at before. */
export async function putVariant(
  db: Db,
  of: VersionId,
  id: VariantId,
  kept: KeptDerived,
  releaseDelaySeconds: number,
): Promise<void> {
  const before = await rows.findVariantRow(db, of, id)
  await kept.commit(db)
  await letGo(db, of.tenant_id, before, releaseDelaySeconds)
}

/** @returns whether there was one */
export async function removeVariant(
  db: Db,
  of: VersionId,
  id: VariantId,
  releaseDelaySeconds: number,
): Promise<boolean> {
  const gone = await rows.deleteVariant(db, of, id)
  await letGo(db, of.tenant_id, gone, releaseDelaySeconds)
  return gone !== undefined
}

async function letGo(
  db: Db,
  tenantId: string,
  gone: rows.VariantRow | undefined,
  releaseDelaySeconds: number,
): Promise<void> {
  if (!gone?.sha256 || gone.scope === null || gone.size_bytes === null) return
  const { sha256, scope, size_bytes, attached } = gone
  const released = await releaseCopies(db, [{ sha256, scope, size_bytes }], releaseDelaySeconds)
  await recordUsage(db, tenantId, { bytes: attached ? -size_bytes : 0, files: 0, storedBytes: -released })
}
