import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Config } from './config.ts'
import { type Layout, parseLayout } from './domain/key-layout.ts'
import { LAYOUT_PRESETS } from './domain/key-layout-presets.ts'
import { DATABASE_STORE } from './features/uploads/room.ts'
import { fixed, send } from './platform/database/connect.ts'
import type { Platform } from './platform/invoke.ts'
import { readMembers, SettingsError } from './platform/settings.ts'
import { type BreakerState, type BreakingStore, breaking } from './providers/stores/breaking.ts'
import { openDatabaseStore } from './providers/stores/database.ts'
import { encrypted } from './providers/stores/encrypted.ts'
import { openLocalStore } from './providers/stores/local.ts'
import { measured, type StoreObservation } from './providers/stores/measured.ts'
import { createMemoryStore } from './providers/stores/memory.ts'
import { openPacks, type Packs } from './providers/stores/packs.ts'
import { type ObjectStore, StoreError } from './providers/stores/port.ts'
import { retrying } from './providers/stores/retrying.ts'

const RETRIES = { attempts: 4, totalMs: 10_000, baseMs: 50, maxDelayMs: 2000 }
const BREAKER = { failures: 5, openMs: 10_000 }
/** The store on this machine's own disk. */
export const LOCAL_STORE = 'local'
const BUILT_IN: ReadonlySet<string> = new Set([LOCAL_STORE, 'memory', DATABASE_STORE])
const CREDENTIALS_WITHIN_MS = 10_000

export interface Stores {
  /** Beside the database store, whose rows point into them. */
  packs: Packs
  stores: Map<string, ObjectStore>
  encryptedStores: ReadonlySet<string>
  defaultStoreId: string
  fallbackStoreId: string | undefined
  isUp: (storeId: string) => boolean
  states: () => Record<string, BreakerState>
}

type Observe = (observation: StoreObservation) => void
type Open = (settings: unknown, name: string) => Promise<ObjectStore>

/** A cloud's SDK is loaded only where its store is used. */
const kinds: Record<string, Open> = {
  s3: async (settings, name) => {
    const { openS3Store, s3Settings } = await import('./providers/stores/s3.ts')
    return openS3Store(readMembers(s3Settings, settings, name))
  },
  gcs: async (settings, name) => {
    const { gcsSettings, openGcsStore } = await import('./providers/stores/gcs.ts')
    return openGcsStore(readMembers(gcsSettings, settings, name))
  },
  azure: async (settings, name) => {
    const { azureSettings, openAzureStore } = await import('./providers/stores/azure.ts')
    return openAzureStore(readMembers(azureSettings, settings, name))
  },
}

/**
 * Opens every store that the operator configured, each behind the decorators that every store gets. The local one and
 * the database are always there: what an earlier configuration put into them stays readable.
 *
 * @throws SettingsError naming the store and what is wrong with its settings
 */
export async function openStores(
  config: Config,
  observe: Observe,
  inTenant: Platform['inTenant'],
  register: (packId: string) => Promise<unknown>,
  log: Logger,
): Promise<Stores> {
  const packs = openPacks({ directory: join(config.data, 'packs'), register })
  const plain = new Map<string, ObjectStore>([
    [LOCAL_STORE, await openLocal(config)],
    [DATABASE_STORE, databaseStore(inTenant, packs)],
    ...(config.store === 'memory' ? [['memory', createMemoryStore()] as const] : []),
  ])
  for (const [storeId, settings] of configured(config)) plain.set(storeId, await openKind(storeId, settings))
  const stores = new Map<string, ObjectStore>()
  const guards = new Map<string, BreakingStore>()
  const encryptedStores = new Set<string>()
  for (const [storeId, store] of plain) {
    const guard = breaking(retrying(measured(store, { store: storeId, observe }), RETRIES), BREAKER, (state) =>
      log[state === 'closed' ? 'info' : 'error']({ store: storeId, state }, 'the state of a store has changed'),
    )
    guards.set(storeId, guard)
    const isEncrypted = config.encryption && store.capabilities.ownDisk
    if (isEncrypted) encryptedStores.add(storeId)
    stores.set(storeId, isEncrypted ? encrypted(guard) : guard)
  }
  for (const name of ['store', 'fallbackStore', 'secondStore', 'quarantineStore'] as const)
    requireKnown(config, name, stores)
  const defaultStoreId = (await hasCredentials(config.store, plain, log)) ? config.store : LOCAL_STORE
  return {
    packs,
    stores,
    encryptedStores,
    defaultStoreId,
    fallbackStoreId: defaultStoreId === LOCAL_STORE ? undefined : fallbackOf(config),
    isUp: (storeId) => guards.get(storeId)?.state() !== 'open',
    states: () => Object.fromEntries([...guards].map(([storeId, guard]) => [storeId, guard.state()])),
  }
}

/** With nothing to show to a cloud, files lie on local disk (A7); whatever else is wrong with it shows when it is used. */
async function hasCredentials(storeId: string, plain: ReadonlyMap<string, ObjectStore>, log: Logger): Promise<boolean> {
  const store = plain.get(storeId) as ObjectStore
  if (BUILT_IN.has(storeId)) return true
  const signal = AbortSignal.timeout(CREDENTIALS_WITHIN_MS)
  const failure = await store.list({ limit: 1, signal }).then(
    () => undefined,
    (error) => error,
  )
  if (!(failure instanceof StoreError && failure.kind === 'noCredentials')) return true
  log.warn({ store: storeId }, 'there are no credentials for the store: files are kept on local disk instead')
  return false
}

/** The stores of `STOWAGE_STORES`, and the one that `STOWAGE_STORE` alone describes. */
export function configured(config: Config): [string, Record<string, unknown>][] {
  const named = Object.entries(config.stores)
  const { store, bucket, region, endpoint } = config
  if (!(store in kinds) || store in config.stores) return named
  const place = store === 'azure' ? { container: bucket } : { bucket }
  const where = { ...(region && store === 's3' && { region }), ...(endpoint && { endpoint, pathStyle: true }) }
  return [...named, [store, { kind: store, ...place, ...where }]]
}

/** One store as it is, without decorators. @throws SettingsError */
export async function openKind(storeId: string, { kind, ...settings }: Record<string, unknown>): Promise<ObjectStore> {
  const open = kinds[String(kind)]
  if (!open)
    throw new SettingsError([`STOWAGE_STORES ${storeId}: kind must be one of ${Object.keys(kinds).join(', ')}`])
  try {
    return await open(settings, `store ${storeId}`)
  } catch (error) {
    if (error instanceof SettingsError) throw error
    throw new SettingsError([`store ${storeId}: ${(error as Error).message.replaceAll('\n', ' ')}`])
  }
}

function requireKnown(
  config: Config,
  name: 'store' | 'fallbackStore' | 'secondStore' | 'quarantineStore',
  stores: ReadonlyMap<string, unknown>,
): void {
  const storeId = config[name]
  if (storeId === undefined || stores.has(storeId) || (name === 'fallbackStore' && storeId === 'none')) return
  const variable = {
    store: 'STOWAGE_STORE',
    fallbackStore: 'STOWAGE_FALLBACK_STORE',
    secondStore: 'STOWAGE_SECOND_STORE',
    quarantineStore: 'STOWAGE_QUARANTINE_STORE',
  }
  throw new SettingsError([
    `${variable[name]}=${storeId}: there is no such store; there are ${[...stores.keys()].join(', ')}`,
  ])
}

/** Where files go while the store for new ones is down; undefined for nowhere else. */
export function fallbackOf(config: Config): string | undefined {
  const storeId = config.fallbackStore ?? (config.store === 'memory' ? 'none' : LOCAL_STORE)
  return storeId === 'none' || storeId === config.store ? undefined : storeId
}

export async function openLocal(config: Config): Promise<ObjectStore> {
  return openLocalStore({ directory: join(config.data, 'objects') })
}

function databaseStore(inTenant: Platform['inTenant'], packs: Packs): ObjectStore {
  return openDatabaseStore({
    packs,
    inTenant: (tenantId, work) =>
      inTenant(tenantId, (db) => work((text, values) => send(db, fixed<never>(text)(...values)))),
  })
}

/** @throws SettingsError saying what is wrong with the layout, and where */
export function chooseLayout(text: string): Layout {
  const preset = LAYOUT_PRESETS.find((layout) => layout.name === text)
  if (preset) return preset
  if (!text.trimStart().startsWith('{')) {
    const names = LAYOUT_PRESETS.map((layout) => layout.name).join(', ')
    throw new SettingsError([`STOWAGE_LAYOUT=${text}: must be one of ${names}, or a layout as JSON`])
  }
  const parsed = parseLayout(parseJson(text))
  if ('layout' in parsed) return parsed.layout
  throw new SettingsError(parsed.problems.map((problem) => `STOWAGE_LAYOUT ${problem.at}: ${problem.message}`))
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new SettingsError([`STOWAGE_LAYOUT is not JSON: ${(error as Error).message}`])
  }
}
