import type { ProblemCode } from '@stowage/contract'
import { sql } from 'kysely'
import { Problem } from '../../domain/problem.ts'
import { backoffSeconds } from '../../platform/backoff.ts'
import { beat } from '../../platform/beat.ts'
import { type Db, send } from '../../platform/database/connect.ts'
import { ownCall } from '../../platform/invoke.ts'
import { storeProblem } from '../../platform/store-problem.ts'
import { type StoredInfo, StoreError } from '../../providers/stores/port.ts'
import { isPassing, receiveUpload, storeOf, type UploadRequest } from '../uploads/room.ts'
import { folderProblem, type InboxPlace, inboxPlace } from './events.rules.ts'
import { raiseIncident } from './incidents.ts'
import type { StoreEvents } from './room.ts'
import * as rows from './stores.sql.ts'

const LEASE_SECONDS = 60
/** How often a fault of ours is tried again. */
const MAX_FAULTS = 8
const TAKEN_ANEW = 'SW002'

/**
 * Makes an asset of an object in the inbox: its bytes go the one way that all bytes go, and the object is removed once
 * the asset is committed. Safe to repeat and to be killed anywhere: that it was ingested is recorded with the asset, in
 * one transaction.
 *
 * @returns false when it has to wait
 */
export async function takeFromInbox(events: StoreEvents, place: rows.Place): Promise<boolean> {
  const { inTenant } = events.platform
  const row = await inTenant(place.tenantId, (db) => rows.claimInbox(db, place, LEASE_SECONDS))
  if (!row) return false
  const stopBeating = beat(LEASE_SECONDS, () =>
    inTenant(place.tenantId, (db) => rows.putOffInbox(db, row, LEASE_SECONDS)),
  )
  try {
    if (row.state === 'deleting') return await removeIngested(events, row)
    const read = await ingest(events, row)
    return read === undefined || (await removeIngested(events, { ...row, ...read }))
  } catch (error) {
    const seconds = backoffSeconds(row.failures)
    events.log.warn({ err: error, store: row.store_id, key: row.key }, 'an object in the inbox has to wait')
    await inTenant(place.tenantId, (db) => rows.putOffInbox(db, row, seconds, row.failures + 1))
    return false
  } finally {
    stopBeating()
  }
}

type Read = { read_bytes: number; read_modified_at: Date }

/** @returns of which object it is, when it is to be removed now */
async function ingest(events: StoreEvents, row: rows.EventRow): Promise<Read | undefined> {
  const place = inboxPlace(events.inbox, row.key)
  try {
    const problem = place && folderProblem(place)
    if (problem !== undefined) throw new Problem('upload.nameInvalid', { reason: problem })
    const info = place && (await storeOf(events.uploads, row.store_id).head(row.key))
    if (!info) {
      await events.platform.inTenant(row.tenant_id, (db) => rows.endInboxAs(db, row, 'gone'))
      return undefined
    }
    await receive(events, row, place, info)
    return readOf(info)
  } catch (error) {
    const refusal = refusalOf(error, row)
    if (!refusal) throw error
    await refuse(events, row, refusal)
    return undefined
  }
}

async function receive(events: StoreEvents, row: rows.EventRow, place: InboxPlace, info: StoredInfo): Promise<void> {
  const { body, sizeBytes } = await storeOf(events.uploads, row.store_id).get(row.key)
  const request: UploadRequest = {
    call: ownCall(
      { kind: 'inbox', tenantId: row.tenant_id },
      { name: place.name, ...(place.folder !== undefined && { folder: place.folder }) },
      events.log,
    ),
    operation: 'assets.create',
    body,
    declaredType: undefined,
    sizeBytes,
    expectedSha256: undefined,
    generated: false,
    lateFields: async () => ({}),
    staged: {
      reserved: false,
      end: (db, assetId) => endInbox(db, row, assetId, readOf(info)),
      object: { storeId: row.store_id, key: row.key },
    },
  }
  try {
    await receiveUpload(events.uploads, request)
  } finally {
    body.destroy()
  }
}

/** @throws Problem `upload.lost` when another attempt has it, or another object came in its place */
async function endInbox(db: Db, row: rows.EventRow, assetId: string, read: Read): Promise<void> {
  const statement = sql`select api.end_inbox(${row.store_id}, ${row.key}, ${row.claim}, ${assetId}, ${read.read_bytes},
    ${read.read_modified_at})`
  await send(db, statement).catch((error) => {
    throw error.code === TAKEN_ANEW ? new Problem('upload.lost') : error
  })
}

function readOf({ storedBytes, modifiedAt }: StoredInfo): Read {
  return { read_bytes: storedBytes, read_modified_at: modifiedAt }
}

/** Why an object is not taken, ever; undefined for what may pass by itself. */
function refusalOf(error: unknown, row: rows.EventRow): Problem | undefined {
  if (error instanceof StoreError && error.kind === 'badKey') {
    return new Problem('upload.nameInvalid', { reason: 'The key of the object is none that a store is asked for.' })
  }
  const translated = storeProblem(error)
  const problem = translated instanceof Problem ? translated : new Problem('internal.error')
  // Removed while it was read: the next look finds nothing.
  if (isPassing(problem.code) || problem.code === 'content.missing') return undefined
  if (problem.code === ('internal.error' satisfies ProblemCode) && row.failures < MAX_FAULTS) return undefined
  return problem
}

async function refuse(events: StoreEvents, row: rows.EventRow, problem: Problem): Promise<void> {
  const { tenant_id: tenantId, store_id: storeId, key, at } = row
  const { reason } = problem.members as { reason?: unknown }
  const detail = `${problem.code}: ${problem.message}${reason === undefined ? '' : ` (${reason})`}`.slice(0, 1000)
  await events.platform.inTenant(tenantId, async (db) => {
    if (!(await rows.endInboxAs(db, row, 'refused'))) return
    await raiseIncident(events, db, { tenantId, storeId, key, kind: 'refused', copyId: null, at, detail })
  })
}

/** Removes the object that was ingested, unless another one lies under its key by now. */
async function removeIngested(events: StoreEvents, row: rows.EventRow): Promise<boolean> {
  const store = storeOf(events.uploads, row.store_id)
  const info = await store.head(row.key)
  const isSame = info?.storedBytes === row.read_bytes && info.modifiedAt.getTime() === row.read_modified_at?.getTime()
  if (isSame) await store.delete(row.key)
  return events.platform.inTenant(row.tenant_id, (db) => rows.endInboxAs(db, row, 'done'))
}
