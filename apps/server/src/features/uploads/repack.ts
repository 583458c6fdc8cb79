import type pg from 'pg'
import { type Db, fixed, send } from '../../platform/database/connect.ts'
import type { PackPlace, Packs } from '../../providers/stores/packs.ts'

/** Packs, and how to find and to change what points into them. */
export interface Repacking {
  uploads: { packs: Packs }
  /** Finds, across organizations. */
  sweep: pg.Pool
  inTenant: <Result>(tenantId: string, work: (db: Db) => Promise<Result>) => Promise<Result>
  options: { releaseDelaySeconds: number }
}

export interface PackInUse {
  pack_id: string
  used_bytes: number
  /** For how long it has been known that nothing points into it; null where that is new, or not so. */
  emptied_seconds: number | null
}

interface PackedRow {
  tenant_id: string
  key: string
  start: number
  size_bytes: number
}

const AT_ONCE = 32
const POINT_ELSEWHERE = fixed(`update chunk set pack_id = $5, pack_start = $6
  where tenant_id = $1 and key = $2 and pack_id = $3 and pack_start = $4 returning key`)

/** Whether more than half of a pack is dead weight, so that to write the rest anew gives back more than it takes. */
export function isSparse(usedBytes: number, sizeBytes: number): boolean {
  return 2 * usedBytes < sizeBytes || usedBytes === 0
}

/**
 * Takes a sparse pack one step further: what is still used is written to another one; then the pack is known to be
 * empty; and once that is longer ago than the release delay, so that rows of a backup still find their bytes, it is
 * removed. Whoever has just looked up a place in it can read there until then. Safe to repeat and to be killed
 * anywhere; what is deleted meanwhile stays deleted.
 *
 * @returns false when there was nothing to do yet
 */
export async function repack(worker: Repacking, pack: PackInUse): Promise<boolean> {
  const { pack_id: packId, used_bytes: usedBytes, emptied_seconds: emptiedSeconds } = pack
  if (usedBytes > 0) return moveAllOut(worker, packId)
  if (emptiedSeconds === null) {
    await worker.sweep.query('select api.empty_pack($1)', [packId])
    return true
  }
  if (emptiedSeconds < worker.options.releaseDelaySeconds) return false
  // Nothing new can point into it: what is moved goes to packs that are being added to.
  if (!(await worker.uploads.packs.remove(packId))) return false
  await worker.sweep.query('select api.forget_pack($1)', [packId])
  return true
}

async function moveAllOut(worker: Repacking, packId: string): Promise<boolean> {
  for (;;) {
    const text = 'select tenant_id, key, start::float8, size_bytes::float8 from api.packed($1, $2)'
    const { rows } = await worker.sweep.query<PackedRow>(text, [packId, AT_ONCE])
    if (rows.length === 0) return true
    await Promise.all(rows.map((row) => moveOut(worker, packId, row)))
  }
}

async function moveOut({ uploads: { packs }, inTenant }: Repacking, packId: string, row: PackedRow): Promise<void> {
  const { tenant_id: tenantId, key, start, size_bytes: sizeBytes } = row
  const from: PackPlace = { packId, start, sizeBytes }
  const { place: to, durable } = packs.append([await packs.read(from)])
  await durable
  const moved = await inTenant(tenantId, (db) =>
    send(db, POINT_ELSEWHERE(tenantId, key, from.packId, from.start, to.packId, to.start)),
  )
  if (moved.length === 0) await packs.erase(to)
}
