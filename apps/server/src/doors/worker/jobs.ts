import { sql } from 'kysely'
import type pg from 'pg'
import type { Logger } from 'pino'
import { type SealedHead, sealEvents } from '../../features/audit/room.ts'
import { purgeCached } from '../../features/delivery/room.ts'
import { askRescan, type Inspection, runStep, type StepId, type VersionId } from '../../features/inspection/room.ts'
import { expireAsset } from '../../features/retention/room.ts'
import { forgetOld, type StoreEvents, scrubIncident, takeFromInbox } from '../../features/stores/room.ts'
import { type Reaper, reapCopy } from '../../features/uploads/reaper.ts'
import { isSparse, type PackInUse, repack } from '../../features/uploads/repack.ts'
import { expireStaged, finishStaged, replicateCopy, type Uploads } from '../../features/uploads/room.ts'
import { type AuditTrail, auditOwnAct } from '../../platform/audit-trail.ts'
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
  inspection: Inspection
  options: { trashDays: number; releaseDelaySeconds: number; rescansPerMinute: number }
  clock: () => Date
  log: Logger
}

const AT_ONCE = 500
/** In each minute, chosen by lot: how much of a pack is used is summed up row by row. */
const PACKS_EXAMINED = 16
/** A large file does not keep the others waiting. */
const FINISHED_AT_ONCE = 4
const STEPS_AT_ONCE = 4
/** Few, so that what is urgent does not wait behind them. */
const STEPS_FOUND = 16
const READY_WITHIN_MS = 10_000

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
  repack: async (worker: Jobs): Promise<number> => {
    const packs = await worker.uploads.packs.list()
    const settled = sample(
      packs.filter((pack) => pack.settled),
      PACKS_EXAMINED,
    )
    const text = 'select pack_id, used_bytes::float8, emptied_seconds::float8 from api.packs_in_use($1)'
    const used = await find<PackInUse>(worker, text, [settled.map(({ packId }) => packId)])
    const sizes = new Map(settled.map(({ packId, sizeBytes }) => [packId, sizeBytes]))
    const sparse = used.filter((pack) => isSparse(pack.used_bytes, sizes.get(pack.pack_id) ?? 0))
    return countDone(worker, 'repack', sparse, (pack) => repack(worker, pack))
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
    const found = await find<StepId>(worker, 'select * from api.due_steps($1, $2)', [STEPS_FOUND, []])
    return countDone(worker, 'steps', found, (step) => runStep(worker.inspection, step), STEPS_AT_ONCE)
  },
  rescan: async (worker: Jobs): Promise<number> => {
    const { scanner } = worker.inspection
    const signatures = await scanner?.ready(AbortSignal.timeout(READY_WITHIN_MS)).catch(() => undefined)
    if (signatures === undefined) return 0
    const stale = await find<VersionId>(worker, 'select * from api.stale_verdicts($1, $2)', [
      signatures,
      worker.options.rescansPerMinute,
    ])
    return countDone(worker, 'rescan', stale, (version) => askRescan(worker.inspection, version))
  },
} as const

export type JobName = keyof typeof jobs

function sample<Item>(items: readonly Item[], count: number): Item[] {
  const left = [...items]
  const drawn = () => left.splice(Math.floor(Math.random() * left.length), 1)
  return Array.from({ length: Math.min(count, left.length) }, drawn).flat()
}

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
    await auditOwnAct(worker.auditTrail, db, `system.${outcome}`, { tenantId, subject: [assetId] }, now)
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
