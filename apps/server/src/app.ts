import { createHash } from 'node:crypto'
import type { Logger } from 'pino'
import { keepHead } from './audit-heads.ts'
import { openCdn } from './cdn.ts'
import type { Config } from './config.ts'
import { createTurns } from './domain/turns.ts'
import type { Jobs } from './doors/worker/jobs.ts'
import { assetHandlers } from './features/assets/room.ts'
import { auditHandlers } from './features/audit/room.ts'
import { createDownloadCounter } from './features/delivery/room.ts'
import { quarantineHandlers, stepHandlers, understoodHandlers } from './features/inspection/room.ts'
import { sharingHandlers, sharingOperations } from './features/sharing/room.ts'
import { incidentHandlers } from './features/stores/room.ts'
import { tenantHandlers } from './features/tenants/room.ts'
import { createPlacements, stagedHandlers, stagedOperations, type Uploads } from './features/uploads/room.ts'
import { variantHandlers } from './features/variants/room.ts'
import { versionHandlers } from './features/versions/room.ts'
import type { Foundation } from './foundation.ts'
import { createInspection, lazySandbox, openScanner } from './inspection.ts'
import { inspector } from './inspector.ts'
import { createAuditTrail } from './platform/audit-trail.ts'
import { createBell } from './platform/bell.ts'
import { createPool } from './platform/database/connect.ts'
import { transaction } from './platform/database/transaction.ts'
import { enterSystem } from './platform/enter.ts'
import type { Handlers, Platform } from './platform/invoke.ts'
import { createLanes } from './platform/lanes.ts'
import { createMetrics, type Metrics } from './platform/metrics.ts'
import { createRateLimiter } from './platform/rate-limiter.ts'
import { createScopeKeyring } from './platform/scope-keys.ts'
import { createTokenReader } from './platform/tokens.ts'
import { statesOfPrograms } from './programs.ts'
import type { Cdn } from './providers/cdn/port.ts'
import type { StoreObservation } from './providers/stores/measured.ts'
import { createStoreEvents } from './store-events.ts'
import { chooseLayout, openStores, type Stores } from './stores.ts'
import { type Tally, tallyOf } from './tally.ts'
import { createVariants, wayOf } from './variants.ts'

/** With 64 KiB that Node reads of each ahead, some 50 MiB. */
const BODIES_IN_MEMORY = 256
const SYSTEM_CONNECTIONS = 4
const SWEEP_CONNECTIONS = 2
const FIRST_CONNECTIONS = 2

/**
 * One pool for requests, one for the service's own work, one that only finds: none can starve another. What is made on
 * first need, by whoever already holds a connection, has a pool of its own: out of the same one, all could wait for each
 * other.
 */
function openPools(config: Config, foundation: Foundation, log: Logger) {
  const lost = (error: Error) => log.warn({ err: error }, 'a database connection was lost')
  return {
    requests: createPool(foundation.app, config.databaseConnections, lost),
    system: createPool(foundation.app, SYSTEM_CONNECTIONS, lost),
    sweep: createPool(foundation.sweep, SWEEP_CONNECTIONS, lost),
    first: createPool(foundation.app, FIRST_CONNECTIONS, lost),
  }
}

function createPlatform(
  config: Config,
  foundation: Foundation,
  pools: ReturnType<typeof openPools>,
  metrics: Metrics,
  log: Logger,
  clock: () => Date,
  cdn: Cdn | undefined,
): Platform {
  return {
    pool: pools.requests,
    auditTrail: createAuditTrail(pools.system, log),
    rateLimiter: createRateLimiter(config.requestsPerMinute, clock),
    clock,
    cdn,
    cursorKey: createHash('sha256').update('cursor').update(foundation.urlSigning.current.secret).digest(),
    onUnauthenticated: (code) => metrics.unauthenticated.inc({ code }),
    inTenant: (tenantId, work) => transaction(pools.system, { enter: enterSystem(tenantId) }, work),
  }
}

function watchStores(tally: Tally, log: Logger) {
  return (observation: StoreObservation) => {
    tally.store(observation)
    log.debug(observation, 'store operation')
  }
}

function createHandlers(config: Config, foundation: Foundation, { stores, defaultStoreId }: Stores): Handlers {
  return {
    ...tenantHandlers(new Set(stores.keys())),
    ...assetHandlers(config),
    ...versionHandlers(config),
    ...stagedHandlers,
    ...sharingHandlers,
    ...stepHandlers,
    ...understoodHandlers,
    ...variantHandlers({ wayOf, options: config }),
    ...quarantineHandlers({ homeStoreId: defaultStoreId }),
    ...auditHandlers(foundation.auditSigning),
    ...incidentHandlers,
  }
}

/** Measured to be the best on one machine; elsewhere the database holds metadata alone, unless an operator asks. */
const SMALL_OBJECT_BYTES = 128 * 1024

function isEmbedded(config: Config): boolean {
  return config.databaseUrl === undefined && (config.store === 'local' || config.store === 'memory')
}

function uploadsOptions(config: Config, { defaultStoreId, fallbackStoreId }: Stores) {
  const { maxSizeBytes, stallSeconds } = config
  const layout = chooseLayout(config.layout)
  return {
    smallObjectBytes: config.smallObjectBytes ?? (isEmbedded(config) ? SMALL_OBJECT_BYTES : 0),
    packSmall: isEmbedded(config),
    maxSizeBytes,
    stallSeconds,
    leaseSeconds: config.uploadLeaseSeconds,
    storeId: defaultStoreId,
    secondStoreId: config.secondStore,
    fallbackStoreId,
    layout,
    encryptSmall: config.encryption,
  }
}

/**
 * Wires the rooms to their stores, database and doors: the only place that knows them all.
 *
 * @param elsewhere who takes down what happens, where nobody asks this app's own metrics
 */
export async function createApp(
  config: Config,
  foundation: Foundation,
  log: Logger,
  clock: () => Date = () => new Date(),
  elsewhere?: Tally,
) {
  const metrics = createMetrics()
  const tally = elsewhere ?? tallyOf(metrics)
  const cdn = await openCdn(config, log)
  const pools = openPools(config, foundation, log)
  const platform = createPlatform(config, foundation, pools, metrics, log, clock, cdn)
  const { inTenant, auditTrail } = platform
  const register = (packId: string) => pools.first.query('select api.begin_pack($1)', [packId])
  const opened = await openStores(config, watchStores(tally, log), inTenant, register, log)
  const { stores, encryptedStores, isUp, packs } = opened
  const scopeKeys = createScopeKeyring(pools.first, foundation.masterKeys)
  const downloads = createDownloadCounter(inTenant, log)
  const placements = createPlacements(pools.first)
  const options = uploadsOptions(config, opened)
  const scanner = openScanner(config, log)
  const sandbox = lazySandbox()
  const uploads: Uploads = {
    platform,
    stores,
    encryptedStores,
    scopeKeys,
    placements,
    inspector: config.extract ? inspector : { ...inspector, reads: () => false, draws: () => false },
    scanning: scanner,
    lanes: createLanes(),
    packs,
    arriving: createTurns(BODIES_IN_MEMORY),
    signing: foundation.urlSigning,
    isUp,
    finishing: createBell(),
    options,
  }
  const delivery = { platform, stores, scopeKeys, packs, downloads, redirects: config.redirects }
  const variants = createVariants(uploads, delivery, sandbox.get, config)
  const storeEvents = createStoreEvents(config, uploads, pools.sweep, tally, log)
  const worker: Jobs = {
    sweep: pools.sweep,
    reaper: { stores, inTenant, log },
    uploads,
    inspection: createInspection(config, uploads, scanner, variants, log),
    storeEvents,
    inTenant,
    cdn,
    auditTrail,
    auditSigning: foundation.auditSigning,
    keepHead: (head) => keepHead(config.data, head),
    options: config,
    clock,
    log,
  }
  return {
    platform,
    handlers: createHandlers(config, foundation, opened),
    storeHandlers: { ...stagedOperations(uploads), ...sharingOperations({ delivery, signing: foundation.urlSigning }) },
    uploads,
    storeEvents,
    delivery,
    variants,
    worker,
    metrics,
    stores,
    states: { stores: opened.states, scanner: () => scanner?.state() ?? 'none', programs: statesOfPrograms() },
    pools,
    tokens: createTokenReader(config),
    urlSigning: foundation.urlSigning,
    async close() {
      await downloads.stop()
      await auditTrail.stop()
      scanner?.close()
      await sandbox.close()
      await Promise.all([packs, ...stores.values()].map((store) => store.close()))
      await Promise.all(Object.values(pools).map((pool) => pool.end()))
    },
  }
}

export type App = Awaited<ReturnType<typeof createApp>>
