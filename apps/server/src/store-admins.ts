import type { Config } from './config.ts'
import { readMembers, SettingsError } from './platform/settings.ts'
import type { StoreAdmin, WantedStore } from './providers/stores/admin.ts'
import type { ObjectStore } from './providers/stores/port.ts'
import { configured, fallbackOf, LOCAL_STORE, openKind, openLocal } from './stores.ts'

/** One store as its operator sees it: without decorators, so that each failure is the store's own. */
export interface AdministeredStore {
  storeId: string
  store: ObjectStore
  /** None for stores on this machine. */
  admin: StoreAdmin | undefined
  /** Where its bucket is to lie. */
  region?: string
  close(): Promise<void>
}

const admins: Record<string, (settings: unknown, name: string) => Promise<StoreAdmin>> = {
  s3: async (settings, name) => {
    const [{ s3Settings }, { openS3Admin }] = await Promise.all([
      import('./providers/stores/s3-settings.ts'),
      import('./providers/stores/s3-admin.ts'),
    ])
    return openS3Admin(readMembers(s3Settings, settings, name))
  },
  gcs: async (settings, name) => {
    const [{ gcsSettings }, { openGcsAdmin }] = await Promise.all([
      import('./providers/stores/gcs-client.ts'),
      import('./providers/stores/gcs-admin.ts'),
    ])
    return openGcsAdmin(readMembers(gcsSettings, settings, name))
  },
  azure: async (settings, name) => {
    const [{ azureSettings }, { openAzureAdmin }] = await Promise.all([
      import('./providers/stores/azure-client.ts'),
      import('./providers/stores/azure-admin.ts'),
    ])
    return openAzureAdmin(readMembers(azureSettings, settings, name))
  },
}

/**
 * The stores that an operator's command is about: the one that is named, or every configured one.
 *
 * @throws SettingsError where there is no such store, or its settings are wrong
 */
export async function openAdministered(
  config: Config,
  name: string | undefined,
  options: { local: boolean },
): Promise<AdministeredStore[]> {
  const clouds = configured(config)
  const withLocal = options.local && usesLocal(config)
  const known = [...(withLocal ? [LOCAL_STORE] : []), ...clouds.map(([storeId]) => storeId)]
  if (name !== undefined && !known.includes(name)) {
    const there = known.length > 0 ? `there are ${known.join(', ')}` : 'there is none of its kind'
    throw new SettingsError([`${name}: there is no such store; ${there}`])
  }
  const opened: AdministeredStore[] = []
  if (withLocal && (name ?? LOCAL_STORE) === LOCAL_STORE) opened.push(await administerLocal(config))
  for (const [storeId, settings] of clouds) {
    if ((name ?? storeId) === storeId) opened.push(await openCloud(config, storeId, settings))
  }
  return opened
}

function usesLocal(config: Config): boolean {
  return [config.store, fallbackOf(config), config.secondStore].includes(LOCAL_STORE)
}

async function administerLocal(config: Config): Promise<AdministeredStore> {
  const store = await openLocal(config)
  return { storeId: LOCAL_STORE, store, admin: undefined, close: () => store.close() }
}

async function openCloud(
  config: Config,
  storeId: string,
  settings: Record<string, unknown>,
): Promise<AdministeredStore> {
  const store = await openKind(storeId, settings)
  const { kind, ...rest } = settings
  const admin = await admins[String(kind)]?.(rest, `store ${storeId}`)
  const close = async () => {
    await Promise.all([store.close(), admin?.close()])
  }
  const region = settings['region'] ?? (storeId === config.store ? config.region : undefined)
  return { storeId, store, admin, ...(typeof region === 'string' && { region }), close }
}

/** Runs a command on each store, one after the other. The exit code is the worst. */
export async function onEachStore(
  stores: readonly AdministeredStore[],
  work: (store: AdministeredStore) => Promise<number>,
): Promise<number> {
  let worst = 0
  try {
    for (const each of stores) worst = Math.max(worst, await work(each))
  } finally {
    await Promise.all(stores.map((each) => each.close()))
  }
  return worst
}

/** What the flags of a command ask for. Pages of the service itself are an origin, too. */
export function wantedOf(
  config: Config,
  flags: { 'kms-key'?: string; versioning?: boolean; 'object-lock'?: boolean; origin?: string[] },
): WantedStore {
  const own = config.publicUrl ? [new URL(config.publicUrl).origin] : []
  const named = (config.corsOrigins ?? '').split(',').flatMap((origin) => origin.trim() || [])
  return {
    ...(flags['kms-key'] !== undefined && { kmsKey: flags['kms-key'] }),
    versioning: flags.versioning ?? false,
    objectLock: flags['object-lock'] ?? false,
    origins: [...new Set([...own, ...named, ...(flags.origin ?? [])])],
  }
}

/** The flags that say how a store is wanted. */
export const WANTED_FLAGS = {
  'kms-key': { type: 'string' },
  versioning: { type: 'boolean' },
  'object-lock': { type: 'boolean' },
  origin: { type: 'string', multiple: true },
} as const
