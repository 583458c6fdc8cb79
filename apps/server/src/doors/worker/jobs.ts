import { sql } from 'kysely'
import type pg from 'pg'
import type { Logger } from 'pino'
import { newUuid } from '../../domain/id.ts'
import { lockAssetRow } from '../../features/assets/room.ts'
import { type SealedHead, sealEvents } from '../../features/audit/room.ts'
import { purgeCached } from '../../features/delivery/room.ts'
import { expireAsset } from '../../features/retention/room.ts'
import { forgetOld, type StoreEvents, scrubIncident, takeFromInbox } from '../../features/stores/room.ts'
import { type Reaper, reapCopy } from '../../features/uploads/reaper.ts'
import { expireStaged, finishStaged, replicateCopy, type Uploads } from '../../features/uploads/room.ts'
import { pruneByRule } from '../../features/versions/room.ts'
import { type AuditTrail, auditOutcome } from '../../platform/audit-trail.ts'
import type { Db } from '../../platform/database/connect.ts'
import type { SecretKeys } from '../../platform/secrets.ts'
import type { Cdn } from '../../providers/cdn/port.ts'

/** What the service does by itself. The sweeper only finds; every change runs in its organization's own transaction. */
export interface Jobs {
  sweep: pg.Pool
  reaper: Reaper
  uploads: Uploads
  storeEvents: StoreEvents
  inTenant: <Result>(tenantId: string, work: (db: Db) => Promise<Result>) => Promise<Result>
  cdn: Cdn | undefined
  auditTrail: AuditTrail
  auditSigning: SecretKeys
  keepHead: (head: SealedHead) => Promise<void>
  options: { trashDays: number; releaseDelaySeconds: number }
  clock: () => Date
  log: Logger
}

const AT_ONCE = 500
/** A large file does not keep the others waiting. */
const FINISHED_AT_ONCE = 4
const MAX_ATTEMPTS = 8

/** Each job once, by name: what the schedule runs every minute. Answers how much each has done. */
export const jobs = {
  reap: async (worker: Jobs): Promise<number> => {
    const found = await find<{ tenant_id: string; id: string }>(worker, 'select * from api.due_copies($1)', [AT_ONCE])
    return countDone(
      worker,
      'reap',
      found,
      async (copy) => (await reapCopy(worker.reaper, copy.tenant_id, copy.id)) === 'gone',
    )
  },
  expire: async (worker: Jobs): Promise<number> => {
    const found = await find<{ tenant_id: string; id: string }>(worker, 'select * from api.due_assets($1)', [AT_ONCE])
    return countDone(worker, 'expire', found, (asset) => expireOne(worker, asset.tenant_id, asset.id))
  },
  seal: async (worker: Jobs): Promise<number> => {
    const tenants = await find<{ unsealed_tenants: string }>(worker, 'select * from api.unsealed_tenants()', [])
    return countDone(worker, 'seal', tenants, async ({ unsealed_tenants: tenantId }) => {
      const head = await worker.inTenant(tenantId, (db) =>
        sealEvents(db, tenantId, worker.auditSigning, worker.clock()),
      )
      if (head) await worker.keepHead(head)
      return head !== undefined
    })
  },
  fold: async (worker: Jobs): Promise<number> => {
    const tenants = await find<{ unfolded_tenants: string }>(worker, 'select * from api.unfolded_tenants()', [])
    return countDone(worker, 'fold', tenants, async ({ unfolded_tenants: tenantId }) => {
      await worker.inTenant(tenantId, (db) => sql`select api.fold_usage()`.execute(db))
      return true
    })
  },
  tidy: async (worker: Jobs): Promise<number> => {
    const tenants = await find<{ all_tenants: string }>(worker, 'select * from api.all_tenants()', [])
    return countDone(worker, 'tidy', tenants, ({ all_tenants: tenantId }) =>
      worker.inTenant(tenantId, (db) => tidy(db, tenantId)),
    )
  },
  staged: async (worker: Jobs): Promise<number> => {
    const text = 'select * from api.due_staged_uploads($1)'
    const found = await find<{ tenant_id: string; id: string }>(worker, text, [AT_ONCE])
    const run = async ({ tenant_id: tenantId, id }: { tenant_id: string; id: string }) => {
      if (await expireStaged(worker.uploads, tenantId, id)) return true
      const finished = await finishStaged(worker.uploads, tenantId, id, worker.log)
      return finished === 'done' || finished === 'failed'
    }
    return countDone(worker, 'staged', found, run, FINISHED_AT_ONCE)
  },
  replicate: async (worker: Jobs): Promise<number> => {
    const text = 'select * from api.wanted_copies($1)'
    const found = await find<{ tenant_id: string; id: string; wanted_in: string }>(worker, text, [AT_ONCE])
    const reachable = found.filter(({ wanted_in: storeId }) => worker.uploads.isUp(storeId))
    return countDone(worker, 'replicate', reachable, ({ tenant_id: tenantId, id }) =>
      replicateCopy(worker.uploads, tenantId, id, worker.options),
    )
  },
  purge: async (worker: Jobs): Promise<number> => {
    const text = 'select * from api.due_purges($1)'
    return purgeCached(worker, await find<{ tenant_id: string; id: string }>(worker, text, [AT_ONCE]))
  },
  ingest: async (worker: Jobs): Promise<number> => {
    const text = 'select * from api.due_inbox($1)'
    const found = await find<{ tenant_id: string; store_id: string; key: string }>(worker, text, [AT_ONCE])
    return countDone(worker, 'ingest', found, ({ tenant_id: tenantId, store_id: storeId, key }) =>
      takeFromInbox(worker.storeEvents, { tenantId, storeId, key }),
    )
  },
  scrub: async (worker: Jobs): Promise<number> => {
    const found = await find<{ tenant_id: string; id: string }>(worker, 'select * from api.due_scrubs($1)', [AT_ONCE])
    return countDone(worker, 'scrub', found, ({ tenant_id: tenantId, id }) =>
      scrubIncident(worker.storeEvents, tenantId, id),
    )
  },
  steps: async (worker: Jobs): Promise<number> => {
    const found = await find<StepId>(worker, 'select * from api.due_steps($1)', [AT_ONCE])
    return countDone(worker, 'steps', found, (step) => runStep(worker, step))
  },
} as const

export type JobName = keyof typeof jobs

async function find<Row extends object>(worker: Jobs, text: string, values: unknown[]): Promise<Row[]> {
  return (await worker.sweep.query<Row>(text, values)).rows
}

/** One item that fails is logged and left for the next run; the others go on. */
async function countDone<Item>(
  worker: Jobs,
  job: string,
  items: readonly Item[],
  run: (item: Item) => Promise<boolean>,
  atOnce = 1,
): Promise<number> {
  let done = 0
  const left = [...items]
  const work = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) {
      try {
        if (await run(item)) done += 1
      } catch (error) {
        worker.log.error({ err: error, job, item }, 'a job failed; it will be tried again')
      }
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return done
}

async function expireOne(worker: Jobs, tenantId: string, assetId: string): Promise<boolean> {
  const now = worker.clock()
  return worker.inTenant(tenantId, async (db) => {
    const outcome = await expireAsset(db, tenantId, assetId, now, worker.options)
    if (!outcome) return false
    const act = { principal: { kind: 'system' as const, id: null, tenantId }, subject: [assetId] }
    const call = { requestId: newUuid(), ip: null, userAgent: null }
    await Promise.all(worker.auditTrail.write(db, auditOutcome(`system.${outcome}`, call, act, now)))
    return true
  })
}

/** Answers that no repeated request can want any more, counted URLs that have expired, and old events of stores. */
async function tidy(db: Db, tenantId: string): Promise<boolean> {
  const answers = await db
    .deleteFrom('idempotency')
    .where('tenant_id', '=', tenantId)
    .where('expires_at', '<', sql<Date>`now()`)
    .executeTakeFirst()
  const urls = await db
    .deleteFrom('signed_url')
    .where('tenant_id', '=', tenantId)
    .where('expires_at', '<', sql<Date>`now()`)
    .executeTakeFirst()
  const forgotten = await forgetOld(db, tenantId)
  return forgotten || answers.numDeletedRows + urls.numDeletedRows > 0n
}

interface StepId {
  tenant_id: string
  asset_id: string
  n: number
  name: string
}

/** Runs a step in one transaction with its record, so that it is done once; failures back off and end as dead (R7). */
async function runStep(worker: Jobs, step: StepId): Promise<boolean> {
  try {
    return await worker.inTenant(step.tenant_id, async (db) => {
      const { rows } = await sql<{ name: string }>`select name from step
        where tenant_id = ${step.tenant_id} and asset_id = ${step.asset_id} and n = ${step.n} and name = ${step.name} and state = 'waiting'
        for update skip locked`.execute(db)
      if (rows.length === 0) return false
      await steps[step.name]?.(db, step, worker)
      await markStep(db, step, { state: 'done', error: null })
      return true
    })
  } catch (error) {
    await worker.inTenant(step.tenant_id, (db) => failStep(db, step, String(error)))
    throw error
  }
}

const steps: Record<string, (db: Db, step: StepId, worker: Jobs) => Promise<void>> = {
  async prune(db, step, worker) {
    const asset = await lockAssetRow(db, step.tenant_id, step.asset_id)
    if (!asset) return
    const keepVersions = await keptVersions(db, step.tenant_id, asset.asset_type)
    if (keepVersions !== null) await pruneByRule(db, asset, keepVersions, worker.options.releaseDelaySeconds)
  },
}

async function keptVersions(db: Db, tenantId: string, assetType: string): Promise<number | null> {
  const { rows } = await sql<{ kept: number | null }>`select coalesce(
      (select (rules ->> 'keepVersions')::int from asset_type where tenant_id = ${tenantId} and name = ${assetType}),
      (select keep_versions from organization where tenant_id = ${tenantId})) as kept`.execute(db)
  return rows[0]?.kept ?? null
}

async function markStep(db: Db, step: StepId, changes: { state: string; error: string | null }): Promise<void> {
  await db
    .updateTable('step')
    .set({ ...changes, updated_at: sql<Date>`now()` })
    .where('tenant_id', '=', step.tenant_id)
    .where('asset_id', '=', step.asset_id)
    .where('n', '=', step.n)
    .where('name', '=', step.name)
    .execute()
}

async function failStep(db: Db, step: StepId, error: string): Promise<void> {
  await sql`update step set attempts = attempts + 1, error = ${error.slice(0, 500)}, updated_at = now(),
      state = case when attempts + 1 >= ${MAX_ATTEMPTS} then 'dead' else 'waiting' end,
      due_at = now() + make_interval(secs => power(2, attempts) * (0.5 + random()))
    where tenant_id = ${step.tenant_id} and asset_id = ${step.asset_id} and n = ${step.n} and name = ${step.name}`.execute(
    db,
  )
}
