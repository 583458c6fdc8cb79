import { DeleteObjectCommand, ListObjectVersionsCommand } from '@aws-sdk/client-s3'
import type { CallOptions, StoreKey } from './port.ts'
import type { S3Clients, S3Place } from './s3-client.ts'
import { asked, isKind } from './s3-errors.ts'
import { segmentsOf } from './store-key.ts'

/**
 * Removes what lies under a key: in a bucket with versions every one of them, for a marker would hide the bytes and
 * keep them.
 *
 * @param versioned whether the bucket is known to have versions, which is found out by what a deletion leaves
 */
export async function deleteObject(
  place: S3Place,
  versioned: { seen: boolean },
  key: StoreKey,
  options: CallOptions = {},
): Promise<void> {
  segmentsOf(key)
  const clients = await place.clientsFor(options)
  if (versioned.seen) return deleteVersions(place, clients, key, options)
  const marker = await deleteVersion(place, clients, key, options)
  if (marker === undefined) return
  versioned.seen = true
  try {
    await deleteVersions(place, clients, key, options, marker)
  } finally {
    // Last, and also when a version is locked, which would otherwise stay hidden.
    await deleteVersion(place, clients, key, options, marker)
  }
}

async function deleteVersions(
  place: S3Place,
  clients: S3Clients,
  key: StoreKey,
  options: CallOptions,
  except?: string,
): Promise<void> {
  for (const { versionId } of await versionsOf(place, clients, key, options)) {
    if (versionId !== except) await deleteVersion(place, clients, key, options, versionId)
  }
}

/** Every version of exactly this key, and every marker of a deletion. */
export async function versionsOf(
  place: S3Place,
  clients: S3Clients,
  key: StoreKey,
  { signal }: CallOptions,
): Promise<{ versionId: string | undefined; isMarker: boolean }[]> {
  const found: { versionId: string | undefined; isMarker: boolean }[] = []
  let marker: { KeyMarker?: string; VersionIdMarker?: string } = {}
  for (;;) {
    const request = { ...place.at, ...marker, Prefix: key, EncodingType: 'url' as const }
    const page = await asked(signal, (told) => clients.send.send(new ListObjectVersionsCommand(request), told))
    const { Versions = [], DeleteMarkers = [] } = page
    const entries = [
      ...Versions.map((version) => ({ ...version, isMarker: false })),
      ...DeleteMarkers.map((version) => ({ ...version, isMarker: true })),
    ]
    const ours = entries.filter(({ Key = '' }) => decodeKey(Key) === key)
    found.push(...ours.map(({ VersionId, isMarker }) => ({ versionId: VersionId, isMarker })))
    // Keys are in order, and this one comes first of those that begin with it.
    if (!page.IsTruncated || ours.length < entries.length) return found
    marker = { KeyMarker: key, VersionIdMarker: page.NextVersionIdMarker }
  }
}

/** @returns the version of the marker that was made, in a bucket with versions */
export async function deleteVersion(
  place: S3Place,
  clients: S3Clients,
  key: StoreKey,
  { signal }: CallOptions,
  VersionId?: string,
): Promise<string | undefined> {
  const request = { ...place.at, Key: key, VersionId }
  const gone = await asked(signal, (told) => clients.send.send(new DeleteObjectCommand(request), told)).catch(orGone)
  return VersionId === undefined && gone?.DeleteMarker ? gone.VersionId : undefined
}

/** What is to be removed and is not there is removed. */
export function orGone(error: unknown): undefined {
  if (!isKind(error, 'notFound')) throw error
}

/** A key as it is in lists that were asked for with `encoding-type=url`. */
export function decodeKey(key: string): string {
  return decodeURIComponent(key.replaceAll('+', ' '))
}
