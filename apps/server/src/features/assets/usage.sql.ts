import { sql } from 'kysely'
import { newUuid } from '../../domain/id.ts'
import { type Db, send } from '../../platform/database/connect.ts'

/** Whether so much more fits the quota; near the limit it takes turns with other uploads (R6). */
export async function reserve(db: Db, bytes: number, files: number): Promise<boolean> {
  const [row] = await send<{ reserved: boolean }>(
    db,
    sql<{ reserved: boolean }>`select api.reserve(${bytes}, ${files}) as reserved`,
  )
  return row?.reserved === true
}

/** What changes in an organization's usage is a row of its own, which no other request touches (R6). */
export async function recordUsage(
  db: Db,
  tenantId: string,
  change: { bytes: number; files: number; storedBytes: number },
) {
  await db
    .insertInto('usage_delta')
    .values({
      tenant_id: tenantId,
      id: newUuid(),
      bytes: change.bytes,
      files: change.files,
      stored_bytes: change.storedBytes,
    })
    .execute()
}
