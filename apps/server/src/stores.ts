import { join } from 'node:path'
import type { Config } from './config.ts'
import { type Layout, parseLayout } from './domain/key-layout.ts'
import { LAYOUT_PRESETS } from './domain/key-layout-presets.ts'
import { SettingsError } from './platform/settings.ts'
import { encrypted } from './providers/stores/encrypted.ts'
import { openLocalStore } from './providers/stores/local.ts'
import { measured, type StoreObservation } from './providers/stores/measured.ts'
import { createMemoryStore } from './providers/stores/memory.ts'
import type { ObjectStore } from './providers/stores/port.ts'
import { retrying } from './providers/stores/retrying.ts'

const RETRIES = { attempts: 4, totalMs: 10_000, baseMs: 50, maxDelayMs: 2000 }

/** Opens the stores that the operator configured, each behind the decorators that every store gets. */
export async function openStores(config: Config, observe: (observation: StoreObservation) => void) {
  const plain =
    config.store === 'memory' ? createMemoryStore() : await openLocalStore({ directory: join(config.data, 'objects') })
  const isEncrypted = config.encryption && plain.capabilities.ownDisk
  const watched = retrying(measured(plain, { store: config.store, observe }), RETRIES)
  const store = isEncrypted ? encrypted(watched) : watched
  return {
    stores: new Map<string, ObjectStore>([[config.store, store]]),
    encryptedStores: new Set(isEncrypted ? [config.store] : []),
    defaultStoreId: config.store,
  }
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
