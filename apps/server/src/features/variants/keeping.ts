import type { Db } from '../../platform/database/connect.ts'
import { letVariantsGo } from '../assets/room.ts'
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
  if (before) await letVariantsGo(db, of.tenant_id, [before], releaseDelaySeconds)
}

/** @returns whether there was one */
export async function removeVariant(
  db: Db,
  of: VersionId,
  id: VariantId,
  releaseDelaySeconds: number,
): Promise<boolean> {
  const gone = await rows.deleteVariant(db, of, id)
  if (gone) await letVariantsGo(db, of.tenant_id, [gone], releaseDelaySeconds)
  return gone !== undefined
}
