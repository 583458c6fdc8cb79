import { type Selectable, sql } from 'kysely'
import type { Db } from '../../platform/database/connect.ts'
import type { StagedPartTable, StagedUploadTable } from '../../platform/database/tables.ts'

/** All SQL of staged uploads. */

export type StagedUpload = Selectable<StagedUploadTable>
export type StagedPart = Selectable<StagedPartTable>

type New = Pick<
  StagedUpload,
  | 'tenant_id'
  | 'id'
  | 'strategy'
  | 'principal_id'
  | 'key_id'
  | 'platform'
  | 'rank'
  | 'scopes'
  | 'fields'
  | 'asset_id'
  | 'size_bytes'
  | 'media_type'
  | 'part_bytes'
  | 'store_id'
  | 'scope'
  | 'prefix'
  | 'copy_id'
  | 'expires_at'
>

export async function insertStaged(db: Db, staged: New): Promise<void> {
  await db
    .insertInto('staged_upload')
    .values({ ...staged, fields: JSON.stringify(staged.fields), due_at: staged.expires_at } as never)
    .execute()
}

export async function findStaged(db: Db, tenantId: string, id: string): Promise<StagedUpload | undefined> {
  return db
    .selectFrom('staged_upload')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .executeTakeFirst()
}

/** The row, locked: parts, offsets and the end of an upload are decided one at a time. */
export async function lockStaged(db: Db, tenantId: string, id: string): Promise<StagedUpload | undefined> {
  return db
    .selectFrom('staged_upload')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst()
}

export async function updateStaged(
  db: Db,
  tenantId: string,
  id: string,
  changes: Partial<Pick<StagedUpload, 'reference' | 'size_bytes'>>,
): Promise<void> {
  await db.updateTable('staged_upload').set(changes).where('tenant_id', '=', tenantId).where('id', '=', id).execute()
}

export async function findParts(db: Db, tenantId: string, uploadId: string): Promise<StagedPart[]> {
  return db
    .selectFrom('staged_part')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('upload_id', '=', uploadId)
    .orderBy('number')
    .execute()
}

export interface PartCopy {
  number: number
  size_bytes: number
  copy_id: string
  store_id: string
  key: string
  envelope: Buffer | null
}

/** Where the parts lie, in order. */
export async function findPartCopies(db: Db, tenantId: string, uploadId: string): Promise<PartCopy[]> {
  return db
    .selectFrom('staged_part as p')
    .innerJoin('copy as c', (join) => join.onRef('c.tenant_id', '=', 'p.tenant_id').onRef('c.id', '=', 'p.copy_id'))
    .select(['p.number', 'p.size_bytes', 'p.copy_id', 'c.store_id', 'c.key', 'c.envelope'])
    .where('p.tenant_id', '=', tenantId)
    .where('p.upload_id', '=', uploadId)
    .orderBy('p.number')
    .execute()
}

/**
 * Until when the staged copy may be written by those who hold a signed request. One that is being finished has no date
 * of its own any more.
 */
export async function keepWritable(db: Db, tenantId: string, copyId: string, until: Date): Promise<void> {
  await sql`update copy set writable_until = greatest(writable_until, ${until}::timestamptz), due_at = greatest(due_at, ${until}::timestamptz)
    where tenant_id = ${tenantId} and id = ${copyId} and state = 'writing' and due_at is not null`.execute(db)
}

/**
 * Keeps a part that has arrived, in place of one of the same number. Its copy stays in `writing` until `until`: the
 * upload's end, or the reaper, takes it.
 *
 * @returns false when the reaper has taken the copy
 */
export async function keepPart(
  db: Db,
  part: StagedPart,
  copy: { envelope: Buffer | null; storedBytes: number; until: Date },
): Promise<boolean> {
  const { tenant_id: tenantId, upload_id: uploadId, number, copy_id: copyId } = part
  const kept = await db
    .updateTable('copy')
    .set({ envelope: copy.envelope, stored_bytes: copy.storedBytes, writable_until: copy.until, due_at: copy.until })
    .where('tenant_id', '=', tenantId)
    .where('id', '=', copyId)
    .where('state', '=', 'writing')
    .executeTakeFirst()
  if (kept.numUpdatedRows !== 1n) return false
  await sql`update copy set state = 'releasing', due_at = now(), writable_until = null, epoch = epoch + 1
    where tenant_id = ${tenantId} and state = 'writing' and id in (select copy_id from staged_part
      where tenant_id = ${tenantId} and upload_id = ${uploadId} and number = ${number})`.execute(db)
  await db
    .insertInto('staged_part')
    .values(part)
    .onConflict((conflict) =>
      conflict.columns(['tenant_id', 'upload_id', 'number']).doUpdateSet({
        copy_id: part.copy_id,
        offset_bytes: part.offset_bytes,
        size_bytes: part.size_bytes,
        etag: part.etag,
      }),
    )
    .execute()
  return true
}

/** Takes an upload that is to be finished, for so long; the attempt's number is what its end must name. */
export async function claimCompletion(
  db: Db,
  tenantId: string,
  id: string,
  leaseSeconds: number,
): Promise<StagedUpload | undefined> {
  const { rows } = await sql<StagedUpload>`
    update staged_upload set attempts = attempts + 1, due_at = now() + make_interval(secs => ${leaseSeconds})
    where tenant_id = ${tenantId} and id = (
      select id from staged_upload where tenant_id = ${tenantId} and id = ${id} and state = 'completing' and due_at <= now()
      for update skip locked)
    returning *`.execute(db)
  return rows[0]
}

/** A sign of life of whoever finishes it. False when another one has taken it. */
export async function extendCompletion(
  db: Db,
  staged: Pick<StagedUpload, 'tenant_id' | 'id' | 'attempts'>,
  leaseSeconds: number,
): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update staged_upload set due_at = now() + make_interval(secs => ${leaseSeconds})
    where tenant_id = ${staged.tenant_id} and id = ${staged.id} and attempts = ${staged.attempts} and state = 'completing'`.execute(
    db,
  )
  return numAffectedRows === 1n
}

/** Ends an attempt that did not succeed: for good, or until later. */
export async function endAttempt(
  db: Db,
  staged: Pick<StagedUpload, 'tenant_id' | 'id' | 'attempts' | 'expires_at'>,
  outcome: { failed: unknown } | { againAfterSeconds: number },
): Promise<void> {
  const failed = 'failed' in outcome
  const { numAffectedRows } = await sql`
    update staged_upload set
      state = ${failed ? 'failed' : 'completing'},
      problem = ${failed ? JSON.stringify(outcome.failed) : null}::jsonb,
      due_at = ${failed ? staged.expires_at : new Date(Date.now() + outcome.againAfterSeconds * 1000)}
    where tenant_id = ${staged.tenant_id} and id = ${staged.id} and attempts = ${staged.attempts} and state = 'completing'`.execute(
    db,
  )
  if (failed && numAffectedRows === 1n) await releaseStaged(db, staged.id)
}

/** Gives back what an upload holds. */
export async function releaseStaged(db: Db, uploadId: string): Promise<void> {
  await sql`select api.release_staged(${uploadId})`.execute(db)
}

export async function deleteStaged(db: Db, tenantId: string, id: string): Promise<void> {
  await db.deleteFrom('staged_upload').where('tenant_id', '=', tenantId).where('id', '=', id).execute()
}

/** How far a resumable upload is, and whether somebody is sending to it now. */
export interface Progress {
  receivedBytes: number
  partCount: number
  busy: boolean
}

export async function findProgress(db: Db, tenantId: string, id: string): Promise<Progress> {
  const { rows } = await sql<Progress>`
    select coalesce(sum(p.size_bytes), 0)::bigint as "receivedBytes", count(p.number)::int as "partCount",
      coalesce(u.writer_until > clock_timestamp(), false) as busy
    from staged_upload u left join staged_part p on p.tenant_id = u.tenant_id and p.upload_id = u.id
    where u.tenant_id = ${tenantId} and u.id = ${id} group by u.writer_until`.execute(db)
  return rows[0] ?? { receivedBytes: 0, partCount: 0, busy: false }
}

export async function keepTusMetadata(db: Db, tenantId: string, id: string, text: string): Promise<void> {
  await sql`update staged_upload set tus_metadata = ${text} where tenant_id = ${tenantId} and id = ${id}`.execute(db)
}

interface WriterOf {
  tenantId: string
  uploadId: string
  writerId: string
}

/** From now on, and as long as it gives signs of life, nobody else sends to this upload. The row must be locked. */
export async function takeWriter(db: Db, { tenantId, uploadId, writerId }: WriterOf, seconds: number): Promise<void> {
  await sql`update staged_upload set writer = ${writerId}, writer_asked = false,
      writer_until = clock_timestamp() + make_interval(secs => ${seconds})
    where tenant_id = ${tenantId} and id = ${uploadId}`.execute(db)
}

/** Asks whoever is sending, on whichever node, to end and keep what it has. */
export async function askWriter(db: Db, tenantId: string, id: string): Promise<void> {
  await sql`update staged_upload set writer_asked = true where tenant_id = ${tenantId} and id = ${id}`.execute(db)
}

/** A sign of life of who is sending. Undefined when it is another one, or the upload has ended. */
export async function extendWriter(
  db: Db,
  { tenantId, uploadId, writerId }: WriterOf,
  seconds: number,
): Promise<{ asked: boolean } | undefined> {
  const { rows } = await sql<{ asked: boolean }>`
    update staged_upload set writer_until = clock_timestamp() + make_interval(secs => ${seconds})
    where tenant_id = ${tenantId} and id = ${uploadId} and writer = ${writerId} and state = 'open'
    returning writer_asked as asked`.execute(db)
  return rows[0]
}

export async function releaseWriter(db: Db, { tenantId, uploadId, writerId }: WriterOf): Promise<void> {
  await sql`update staged_upload set writer = null, writer_until = null, writer_asked = false
    where tenant_id = ${tenantId} and id = ${uploadId} and writer = ${writerId}`.execute(db)
}

/** A size that was said late, and what it reserves of the quota. */
export async function declareSize(db: Db, tenantId: string, id: string, sizeBytes: number): Promise<void> {
  await updateStaged(db, tenantId, id, { size_bytes: sizeBytes })
  await setReserved(db, tenantId, id, sizeBytes)
}

/** What an upload of unknown size holds of the quota: what has arrived of it. */
export async function setReserved(db: Db, tenantId: string, id: string, reservedBytes: number): Promise<void> {
  await db
    .updateTable('upload')
    .set({ reserved_bytes: reservedBytes })
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .execute()
}

/** Every byte is there: a version may be made of them. */
export async function markCompleting(db: Db, tenantId: string, id: string): Promise<void> {
  await sql`update staged_upload set state = 'completing', due_at = now()
    where tenant_id = ${tenantId} and id = ${id} and state = 'open'`.execute(db)
  await sql`select api.hold_staged(${id})`.execute(db)
}
