import { ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3'
import { type Contact, isInsecure, type StoreAdmin, type WantedStore } from './admin.ts'
import { findingsOf, planOf } from './bucket-settings.ts'
import { StoreError } from './port.ts'
import { ask, bucketArn, bucketRows, existence, nameOf, versioningOf } from './s3-bucket.ts'
import { openS3Place, type S3Place } from './s3-client.ts'
import { diagnoseS3 } from './s3-diagnosis.ts'
import { isKind } from './s3-errors.ts'
import { accessDocuments } from './s3-policies.ts'
import { createRoles, excessRights, type Identity, openIdentity } from './s3-roles.ts'
import type { S3Settings } from './s3-settings.ts'

/** Sets up and judges a bucket of Amazon S3 or of a server that speaks its protocol, with the store's own credentials. */
export function openS3Admin(
  settings: S3Settings,
  place: S3Place = openS3Place(settings),
  identity: Identity = openIdentity(place),
): StoreAdmin {
  const rowsOf = (wanted: WantedStore) => {
    const all = { ...wanted, objectLock: wanted.objectLock || settings.objectLock }
    return [existence(place, all), bucketRows(place, all)] as const
  }
  return {
    place: `s3://${settings.bucket}`,
    plan: (wanted) => planOf(...rowsOf(wanted)),
    posture: (wanted) => findingsOf(...rowsOf(wanted)),
    policies: (needs) => accessDocuments(settings, needs),
    createRoles: (needs, trusted) => createRoles(place, identity, needs, trusted),
    contact: () => contact(place),
    diagnose: (error) => diagnoseS3(place, error),
    refusesWrongChecksum: (key) => refusesWrongChecksum(place, key),
    excessRights: () => excessRights(identity, bucketArn(place)),
    close: async () => place.close(),
  }
}

const NOT_S3 = Object.assign(new Error('not S3'), { name: 'NotS3' })

async function contact(place: S3Place): Promise<Contact> {
  const { region, endpoint, publicEndpoint } = place.settings
  const request = { ...place.at, MaxKeys: 1 }
  // Every server of the protocol names the bucket in a list of it, and the reason in a refusal.
  const list = ask(place, (client) => client.send(new ListObjectsV2Command(request)))
  const { Name } = await list.catch((error: unknown) => {
    if (nameOf(error) === 'NotFound') return { Name: undefined }
    throw error
  })
  if (Name === undefined)
    throw new StoreError('unavailable', 'The answer is not that of an S3 server', { cause: NOT_S3 })
  return {
    // Another region than this one would have refused the signature.
    ...(!endpoint && { region }),
    versioning: await versioningOf(place).catch(() => 'unknown' as const),
    insecure: [endpoint, publicEndpoint].filter(isInsecure),
  }
}

/** SHA-256 of something else, in a header that a server which knows checksums compares. */
async function refusesWrongChecksum(place: S3Place, Key: string): Promise<boolean> {
  const ChecksumSHA256 = Buffer.alloc(32, 1).toString('base64')
  try {
    await ask(place, (client) => client.send(new PutObjectCommand({ ...place.at, Key, Body: 'probe', ChecksumSHA256 })))
  } catch (error) {
    // BadDigest is what the store takes for bytes that were changed on their way.
    if (isKind(error, 'unavailable', 'unsupported', 'corrupt')) return true
    throw error
  }
  return false
}
