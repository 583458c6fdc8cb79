import { toId } from '../../domain/id.ts'
import type { Layout } from '../../domain/key-layout.ts'
import type { Db } from '../../platform/database/connect.ts'
import type { DataKeyWrapper } from '../../providers/stores/keyring.ts'
import { type CallOptions, type ObjectStore, StoreError } from '../../providers/stores/port.ts'
import { type KeyFacts, keyFor, prefixFor } from './placing.ts'
import type { Uploads } from './room.ts'

/** One copy that is to be written: where, under which key, and with what it is encrypted. */
export interface Target {
  tenantId: string
  copyId: string
  storeId: string
  placementId: string
  scope: string
  key: string
  /** The prefix that the layout promises, for credentials that reach no further. */
  within: string
  encrypted: boolean
  keys: DataKeyWrapper | undefined
  /** What lies beside the bytes, in stores that keep it: under a per-version layout alone (A9, R4). */
  metadata: Record<string, string> | undefined
}

export interface Place {
  storeId: string
  scope: string
  copyId: string
  key: string
  within: string
  metadata?: Record<string, string> | undefined
  /** Readers turn to it last. */
  reserve?: boolean
}

/** Where the layout puts a copy. @throws Problem `request.invalid` when it cannot make a key */
export function placeOf(layout: Layout, storeId: string, scope: string, facts: KeyFacts, reserve = false): Place {
  const { copyId, name, assetType, owner, assetId, n } = facts
  // A shared copy's metadata would say whose it was first (R4).
  const metadata =
    layout.keys === 'perVersion'
      ? { name, type: assetType, owner, asset: toId('asset', assetId), version: String(n) }
      : undefined
  return { storeId, scope, copyId, key: keyFor(layout, facts), within: prefixFor(layout, facts), metadata, reserve }
}

export async function makeTarget(uploads: Uploads, db: Db, tenantId: string, place: Place): Promise<Target> {
  const { layout } = uploads.options
  const { storeId, scope, copyId, key, within, metadata, reserve = false } = place
  const encrypted = uploads.encryptedStores.has(storeId)
  const placementId = await uploads.placements.idOf(db, tenantId, { storeId, layout, reserve })
  const keys = encrypted ? await uploads.scopeKeys.wrapperOf(db, tenantId, scope) : undefined
  return { tenantId, copyId, storeId, placementId, scope, key, within, encrypted, keys, metadata }
}

/** What a store that keeps such things is told of the bytes, so that a bucket alone can be read (A9). */
export function besideBytes(
  target: Target,
  mediaType: string,
): { metadata?: Record<string, string>; contentType?: string } {
  return target.metadata ? { metadata: target.metadata, contentType: mediaType } : {}
}

/** What every call on a copy's bytes says of it. */
export function copyOptions<Call extends CallOptions>(target: Target, call: Call) {
  const { copyId, tenantId, within, keys } = target
  return { ...call, context: copyId, tenantId, within, ...(keys && { keys }) }
}

/** @throws StoreError `unavailable` for a store that is not configured any more */
export function storeOf(uploads: Pick<Uploads, 'stores'>, storeId: string): ObjectStore {
  const store = uploads.stores.get(storeId)
  if (!store) throw new StoreError('unavailable', `The store ${storeId} is not configured`)
  return store
}

/** Where to write instead of a store that is down; undefined when there is nothing better. */
export function fallbackOf(uploads: Pick<Uploads, 'options' | 'isUp'>, storeId: string): string | undefined {
  const { fallbackStoreId } = uploads.options
  if (fallbackStoreId === undefined || fallbackStoreId === storeId) return undefined
  return uploads.isUp(fallbackStoreId) ? fallbackStoreId : undefined
}
