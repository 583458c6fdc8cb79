import { type GcsClient, objectPath, send, sendForJson } from './gcs-client.ts'
import { type CallOptions, type StoredInfo, StoreError, type StoreKey } from './port.ts'

/** What is read of an object (JSON API reference, `Objects` resource). */
export interface ObjectResource {
  name: string
  generation: string
  metageneration: string
  size: string
  updated: string
  crc32c: string
  contentType?: string
  metadata?: Record<string, string>
  storageClass?: string
  temporaryHold?: boolean
  eventBasedHold?: boolean
  retention?: { mode: 'Locked' | 'Unlocked'; retainUntilTime: string }
  /** Where the bucket itself has a retention policy. */
  retentionExpirationTime?: string
}

/** @throws StoreError `notFound` and what every request throws */
export function getResource(client: GcsClient, key: StoreKey, what: string, { signal }: CallOptions = {}) {
  return sendForJson<ObjectResource>(client, { method: 'GET', path: objectPath(client, key), what, signal })
}

export async function findResource(
  client: GcsClient,
  key: StoreKey,
  options?: CallOptions,
): Promise<ObjectResource | undefined> {
  return getResource(client, key, 'a look', options).catch(undefinedIfMissing)
}

export function undefinedIfMissing(error: unknown): undefined {
  if (error instanceof StoreError && error.kind === 'notFound') return undefined
  throw error
}

/** Removes one generation and no other. */
export async function removeGeneration(client: GcsClient, key: StoreKey, generation: string): Promise<void> {
  const path = objectPath(client, key)
  await send(client, { method: 'DELETE', path, query: { ifGenerationMatch: generation }, what: 'undoing a put' })
}

export function listedInfo({ name, size, updated }: ObjectResource): StoredInfo {
  return { key: name, storedBytes: Number(size), modifiedAt: new Date(updated), unfinished: false }
}

export function fullInfo(object: ObjectResource): StoredInfo {
  const { metadata = {}, contentType, storageClass, temporaryHold, eventBasedHold } = object
  const until = object.retention?.retainUntilTime ?? object.retentionExpirationTime
  return {
    ...listedInfo(object),
    metadata,
    ...(contentType ? { contentType } : {}),
    ...(storageClass ? { storageClass } : {}),
    held: Boolean(temporaryHold || eventBasedHold),
    ...(until ? { retainUntil: new Date(until) } : {}),
  }
}
