import { createHash, createHmac } from 'node:crypto'
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Config } from './config.ts'
import { startHttp } from './doors/http/server.ts'
import type { Jobs } from './doors/worker/jobs.ts'
import { prepareSchedule, startWorker } from './doors/worker/schedule.ts'
import { assetHandlers } from './features/assets/room.ts'
import { auditHandlers, type SealedHead } from './features/audit/room.ts'
import { createDownloadCounter } from './features/delivery/room.ts'
import { sharingHandlers } from './features/sharing/room.ts'
import { tenantHandlers } from './features/tenants/room.ts'
import { createPlacements } from './features/uploads/room.ts'
import { versionHandlers } from './features/versions/room.ts'
import { inspector } from './inspector.ts'
import { createAuditTrail } from './platform/audit-trail.ts'
import { type Connection, createPool, type Db } from './platform/database/connect.ts'
import { transaction } from './platform/database/transaction.ts'
import { enterSystem } from './platform/enter.ts'
import type { Handlers, Platform } from './platform/invoke.ts'
import { createMetrics } from './platform/metrics.ts'
import { createRateLimiter } from './platform/rate-limiter.ts'
import { createScopeKeyring } from './platform/scope-keys.ts'
import type { SecretKeys } from './platform/secrets.ts'
import { createTokenReader } from './platform/tokens.ts'
import type { MasterKeys } from './providers/keys/port.ts'
import { chooseLayout, openStores } from './stores.ts'

/** The database and the keys that the service works with, ready for use. */
export interface Foundation {
  owner: Connection
  app: Connection
  sweep: Connection
  masterKeys: MasterKeys
  urlSigning: SecretKeys
  auditSigning: SecretKeys
  stop(): Promise<void>
}

const SYSTEM_CONNECTIONS = 4
const SWEEP_CONNECTIONS = 2

/** Wires the rooms to their stores, database and doors: the only place that knows them all. */
export async function createApp(
  config: Config,
  foundation: Foundation,
  log: Logger,
  clock: () => Date = () => new Date(),
) {
  const layout = chooseLayout(config.layout)
  const metrics = createMetrics()
  const lost = (error: Error) => log.warn({ err: error }, 'a database connection was lost')
  const pools = {
    requests: createPool(foundation.app, config.databaseConnections, lost),
    system: createPool(foundation.app, SYSTEM_CONNECTIONS, lost),
    sweep: createPool(foundation.sweep, SWEEP_CONNECTIONS, lost),
  }
  const inTenant = <Result>(tenantId: string, work: (db: Db) => Promise<Result>) =>
    transaction(pools.system, { enter: enterSystem(tenantId) }, work)
  const auditTrail = createAuditTrail(pools.system, log)
  const platform: Platform = {
    pool: pools.requests,
    auditTrail,
    rateLimiter: createRateLimiter(config.requestsPerMinute, clock),
    clock,
    cursorKey: createHash('sha256').update('cursor').update(foundation.urlSigning.current.secret).digest(),
    onUnauthenticated: (code) => metrics.unauthenticated.inc({ code }),
    inTenant,
  }
  const { stores, encryptedStores, defaultStoreId } = await openStores(
    config,
    ({ store, verb, key, bytes, durationMs, outcome }) => {
      metrics.storeOperations.observe({ store, verb, outcome }, durationMs / 1000)
      metrics.storeBytes.inc({ store, verb }, bytes ?? 0)
      log.debug({ store, verb, key, bytes, durationMs, outcome }, 'store operation')
    },
  )
  const scopeKeys = createScopeKeyring(pools.system, foundation.masterKeys)
  const downloads = createDownloadCounter(inTenant, log)
  const handlers: Handlers = {
    ...tenantHandlers,
    ...assetHandlers(config),
    ...versionHandlers(config),
    ...sharingHandlers(foundation.urlSigning),
    ...auditHandlers(foundation.auditSigning),
  }
  const uploads = {
    platform,
    stores,
    encryptedStores,
    scopeKeys,
    placements: createPlacements(pools.system),
    inspector,
    options: {
      smallObjectBytes: config.smallObjectBytes,
      maxSizeBytes: config.maxSizeBytes,
      stallSeconds: config.stallSeconds,
      leaseSeconds: config.uploadLeaseSeconds,
      storeId: defaultStoreId,
      layout,
      encryptSmall: config.encryption,
    },
  }
  const worker: Jobs = {
    sweep: pools.sweep,
    reaper: { stores, inTenant, log },
    inTenant,
    auditTrail,
    auditSigning: foundation.auditSigning,
    keepHead: (head) => keepHead(config.data, head),
    options: config,
    clock,
    log,
  }
  const delivery = { platform, stores, scopeKeys, downloads }
  return {
    platform,
    handlers,
    uploads,
    delivery,
    worker,
    metrics,
    stores,
    pools,
    tokens: createTokenReader({
      secret: config.jwtSecret,
      jwksUrl: config.jwksUrl,
      issuer: config.jwtIssuer,
      audience: config.jwtAudience,
      claims: config.jwtClaims,
    }),
    urlSigning: foundation.urlSigning,
    async close() {
      await downloads.stop()
      await auditTrail.stop()
      await Promise.all([...stores.values()].map((store) => store.close()))
      await Promise.all(Object.values(pools).map((pool) => pool.end()))
    },
  }
}

export type App = Awaited<ReturnType<typeof createApp>>

/** Opens every door of an app. Stops in the opposite order: no new requests, no new jobs, then what both use. */
export async function openDoors(app: App, config: Config, foundation: Foundation, log: Logger) {
  await prepareSchedule(foundation.owner)
  const stopWorker = await startWorker(app.worker, foundation.sweep, log)
  const http = await startHttp(app, config, log)
  return {
    url: http.url,
    async stop() {
      await http.stop()
      await stopWorker()
      await app.close()
      await foundation.stop()
    },
  }
}

/** The chain's heads are also kept outside the database, so that cutting its end off shows. */
async function keepHead(directory: string, head: SealedHead): Promise<void> {
  await appendFile(join(directory, 'audit-heads.jsonl'), `${JSON.stringify(head)}\n`, { mode: 0o600 })
}

/** A database role's password: the same on every node that has the same master key or data folder. */
export function rolePassword(secret: string, role: string): string {
  return createHmac('sha256', secret).update(`database role ${role}`).digest('base64url')
}
