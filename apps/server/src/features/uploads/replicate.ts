import type { Readable } from 'node:stream'
import { sql } from 'kysely'
import { extensionOf } from '../../domain/asset-name.ts'
import { newUuid, toId } from '../../domain/id.ts'
import type { Db } from '../../platform/database/connect.ts'
import { isUniqueViolation } from '../../platform/database/transaction.ts'
import { type PutReceipt, StoreError } from '../../providers/stores/port.ts'
import type { Tally } from './body.ts'
import { openCopy, type StoredCopy } from './open-copy.ts'
import { type KeyFacts, quarantinePrefix } from './placing.ts'
import { ownerName } from './plan.ts'
import type { Uploads } from './room.ts'
import { besideBytes, makeTarget, type Place, placeOf, type Target } from './target.ts'
import { beatUpload, putThrough } from './transfer.ts'
import { type Owner, RECORDING, recordedAtOf } from './uploads.rules.ts'
import { insertCopy } from './uploads.sql.ts'

const RETRY_SECONDS = 60

interface Wanted extends StoredCopy {
  sha256: Buffer
  away: boolean
  quarantined: boolean
  wanted_in: string
  second_store_id: string | null
  size_bytes: number
  media_type: string
  slug: string
  asset_id: string
  asset_type: string
  call_id: string | null
  metadata: unknown
  owner_id: string | null
  owner_kind: string | null
  n: number
  name: string
  created_at: Date
  /** Another upload of the same bytes has brought them there. */
  is_there: boolean
}

/**
 * Brings a copy's bytes into the store that wants them: home from where they had fallen back to, or into a second
 * store. The new copy is written, verified by its hash and made live; only then is a copy that was away released. Safe
 * to repeat and to be killed anywhere.
 *
 * @returns false when it has to wait
 */
export async function replicateCopy(
  uploads: Uploads,
  tenantId: string,
  copyId: string,
  options: { releaseDelaySeconds: number },
): Promise<boolean> {
  const { inTenant } = uploads.platform
  let { releaseDelaySeconds } = options
  const begun = await inTenant(tenantId, async (db) => {
    const wanted = await claimWanted(db, tenantId, copyId)
    // What is harmful goes at once (R12).
    if (wanted?.quarantined) releaseDelaySeconds = 0
    if (wanted?.is_there) await place(db, undefined, wanted.id, undefined, undefined, releaseDelaySeconds)
    if (!wanted || wanted.is_there) return undefined
    return { wanted, target: await intendReplica(uploads, db, tenantId, wanted) }
  }).catch((error) => {
    // The key is still held by a write that failed: it is free once the reaper is sure that nobody writes there.
    if (isUniqueViolation(error)) return undefined
    throw error
  })
  if (!begun) return false
  const { wanted, target } = begun
  const { receipt, tally } = await copyAcross(uploads, wanted, target)
  if (!tally.sha256.equals(wanted.sha256)) {
    throw new StoreError('corrupt', `Copy ${wanted.id} in ${wanted.store_id} is not what it was`)
  }
  const wantsSecond = wanted.away && !wanted.quarantined
  const second = wantsSecond ? (wanted.second_store_id ?? uploads.options.secondStoreId) : undefined
  return inTenant(tenantId, (db) =>
    place(db, target, wanted.id, receipt, second === target.storeId ? undefined : second, releaseDelaySeconds),
  )
}

/** Takes a copy for a while, so that no two nodes carry it and one that cannot be carried waits its turn. */
async function claimWanted(db: Db, tenantId: string, copyId: string): Promise<Wanted | undefined> {
  const claimed = await sql`update copy set wanted_at = now() + make_interval(secs => ${RETRY_SECONDS})
    where tenant_id = ${tenantId} and id = ${copyId} and state = 'live' and wanted_in is not null and wanted_at <= now()`.execute(
    db,
  )
  if (claimed.numAffectedRows !== 1n) return undefined
  const { rows } = await sql<Wanted>`
    select c.id, c.sha256, c.scope, c.store_id, c.key, c.isolation, c.envelope, c.encrypted, c.away, c.quarantined, c.wanted_in, o.second_store_id, o.slug,
      v.size_bytes, v.media_type, v.asset_id, v.n, v.name, v.created_at, a.asset_type, a.call_id, a.metadata,
      a.owner_id, a.owner_kind,
      c.asset_id is null and exists (select from copy t where t.tenant_id = c.tenant_id and t.sha256 = c.sha256
        and t.scope = c.scope and t.state = 'live' and t.store_id = c.wanted_in and t.asset_id is null
        and t.quarantined = c.quarantined and t.id <> c.id) as is_there
    from copy c
      join organization o on o.tenant_id = c.tenant_id
      join version v on v.tenant_id = c.tenant_id and v.sha256 = c.sha256 and v.scope = c.scope
        and (c.asset_id is null or (v.asset_id = c.asset_id and v.n = c.n))
      join asset a on a.tenant_id = v.tenant_id and a.id = v.asset_id
    where c.tenant_id = ${tenantId} and c.id = ${copyId}
    order by v.created_at limit 1`.execute(db)
  return rows[0]
}

async function intendReplica(uploads: Uploads, db: Db, tenantId: string, wanted: Wanted): Promise<Target> {
  const recordedAt =
    wanted.asset_type === RECORDING ? recordedAtOf(wanted.metadata as Record<string, unknown>) : undefined
  const facts: KeyFacts = {
    organizationSlug: wanted.slug,
    assetType: wanted.asset_type,
    owner: ownerName({ id: wanted.owner_id, kind: wanted.owner_kind as Owner['kind'] }),
    assetId: wanted.asset_id,
    copyId: newUuid(),
    n: wanted.n,
    name: wanted.name,
    extension: extensionOf(wanted.name),
    // A recording whose call nobody knows any more still needs a place.
    callId: wanted.call_id ?? toId('asset', wanted.asset_id),
    createdAt: recordedAt ?? wanted.created_at,
  }
  const place = wanted.quarantined
    ? outOfReach(wanted, facts.copyId)
    : placeOf(uploads.options.layout, wanted.wanted_in, wanted.scope, facts, !wanted.away)
  const target = await makeTarget(uploads, db, tenantId, place)
  await insertCopy(db, target, new Date(Date.now() + uploads.options.leaseSeconds * 1000))
  return target
}

function outOfReach({ wanted_in: storeId, scope, slug }: Wanted, copyId: string): Place {
  const within = quarantinePrefix(slug)
  return { storeId, scope, copyId, key: within + toId('copy', copyId), within, reserve: true }
}

async function copyAcross(
  uploads: Uploads,
  wanted: Wanted,
  target: Target,
): Promise<{ receipt: PutReceipt; tally: Tally }> {
  const abort = new AbortController()
  const stopBeating = beatUpload(uploads, target, abort)
  let body: Readable | undefined
  try {
    body = await openCopy(uploads, target.tenantId, wanted, { signal: abort.signal })
    const source = { head: Buffer.alloc(0), rest: body[Symbol.asyncIterator]() }
    const options = { sizeBytes: wanted.size_bytes, ...besideBytes(target, wanted.media_type) }
    return await putThrough(uploads, target, source, Number.POSITIVE_INFINITY, options, abort)
  } finally {
    stopBeating()
    body?.destroy()
  }
}

async function place(
  db: Db,
  target: Target | undefined,
  sourceId: string,
  receipt: PutReceipt | undefined,
  second: string | undefined,
  delaySeconds: number,
): Promise<boolean> {
  const { rows } = await sql<{ placed: boolean }>`select api.place_copy(${target?.copyId ?? null}, ${sourceId},
    ${receipt?.storedBytes ?? null}, ${receipt?.envelope ?? null}, ${receipt?.envelope !== undefined}, ${second ?? null}, make_interval(secs => ${delaySeconds})) as placed`.execute(
    db,
  )
  return rows[0]?.placed === true
}
