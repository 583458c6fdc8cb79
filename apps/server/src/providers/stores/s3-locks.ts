import {
  type HeadObjectCommandOutput,
  type ObjectLockRetention,
  PutObjectLegalHoldCommand,
  PutObjectRetentionCommand,
} from '@aws-sdk/client-s3'
import { type CallOptions, type HoldOptions, type RetentionOptions, StoreError, type StoreKey } from './port.ts'
import type { S3Clients, S3Place } from './s3-client.ts'
import { asked } from './s3-errors.ts'
import { versionsOf } from './s3-versions.ts'
import { segmentsOf } from './store-key.ts'

/** Holds every version there is, for one that stays held would outlive the hold. */
export async function setHold(place: S3Place, key: StoreKey, options: HoldOptions): Promise<void> {
  segmentsOf(key)
  const clients = await place.clientsFor(options)
  const versions = (await versionsOf(place, clients, key, options)).filter(({ isMarker }) => !isMarker)
  if (versions.length === 0) throw new StoreError('notFound', 'Nothing is stored under the store key')
  for (const { versionId } of versions) await holdVersion(place, clients, key, options, options.held, versionId)
}

async function holdVersion(
  place: S3Place,
  clients: S3Clients,
  key: StoreKey,
  { signal }: CallOptions,
  held: boolean,
  VersionId?: string,
): Promise<void> {
  const request = { ...place.at, Key: key, VersionId, LegalHold: { Status: held ? ('ON' as const) : ('OFF' as const) } }
  await asked(signal, (told) => clients.send.send(new PutObjectLegalHoldCommand(request), told))
}

export async function setRetention(place: S3Place, key: StoreKey, options: RetentionOptions): Promise<void> {
  segmentsOf(key)
  const clients = await place.clientsFor(options)
  const Mode = options.mode === 'compliance' ? ('COMPLIANCE' as const) : ('GOVERNANCE' as const)
  await retain(place, clients, key, options, { Mode, RetainUntilDate: options.until })
}

async function retain(
  place: S3Place,
  clients: S3Clients,
  key: StoreKey,
  { signal }: CallOptions,
  Retention: ObjectLockRetention,
): Promise<void> {
  const request = { ...place.at, Key: key, Retention }
  await asked(signal, (told) => clients.send.send(new PutObjectRetentionCommand(request), told))
}

/** The members of a request that locks an object as another is locked; a retention that is over is none. */
export function locksOf(source: HeadObjectCommandOutput, now = new Date()) {
  const { ObjectLockLegalHoldStatus: hold, ObjectLockMode, ObjectLockRetainUntilDate } = source
  const isRetained = ObjectLockMode && ObjectLockRetainUntilDate && ObjectLockRetainUntilDate > now
  return {
    ...(hold === 'ON' ? { ObjectLockLegalHoldStatus: hold } : {}),
    ...(isRetained ? { ObjectLockMode, ObjectLockRetainUntilDate } : {}),
  }
}

/** Locks an object as `locksOf` says, where the server did not do so when it was told in the request. */
export async function lockAs(
  place: S3Place,
  clients: S3Clients,
  key: StoreKey,
  options: CallOptions,
  locks: ReturnType<typeof locksOf>,
): Promise<void> {
  const { ObjectLockLegalHoldStatus: hold, ObjectLockMode: Mode, ObjectLockRetainUntilDate: RetainUntilDate } = locks
  if (hold) await holdVersion(place, clients, key, options, true)
  if (Mode) await retain(place, clients, key, options, { Mode, RetainUntilDate })
}
