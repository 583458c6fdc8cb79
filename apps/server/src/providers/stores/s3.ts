import { noExtras } from './extras.ts'
import type { ObjectStore, StoreCapabilities, StoreExtras } from './port.ts'
import { openS3Place, type S3Place } from './s3-client.ts'
import { copyObject, setStorageClass } from './s3-copy.ts'
import { abandonUploads, listAll } from './s3-list.ts'
import { setHold, setRetention } from './s3-locks.ts'
import { completeParts, listParts, startParts } from './s3-parts.ts'
import { presignGet, presignPart, presignPost, presignPut } from './s3-presign.ts'
import { getObject, headObject } from './s3-read.ts'
import type { S3Settings } from './s3-settings.ts'
import { putObject } from './s3-upload.ts'
import { deleteObject } from './s3-versions.ts'

export { type S3Settings, s3Settings } from './s3-settings.ts'

/**
 * Opens a store in a bucket of Amazon S3 or of a server that speaks its protocol. A key is the object's key as it is.
 *
 * `put` sends with `If-None-Match: *`; a body beyond one part goes as a multipart upload, which stays open when it fails
 * and is ended by `abandon`. The bucket may have versions: `delete` removes every one of a key. Nothing is tried again
 * here; `retrying` does that. Where `roleArn` is set, operations that are told `within` use credentials that reach those
 * keys alone. The bucket must be there and its CORS rules are the operator's: those who send parts from a browser must
 * be shown `ETag`.
 */
export function openS3Store(settings: S3Settings): ObjectStore {
  const place = openS3Place(settings)
  const versioned = { seen: settings.objectLock }
  return {
    ...extrasOf(place),
    capabilities: capabilitiesOf(settings),
    put: (key, body, options) => putObject(place, key, body, options),
    get: (key, options) => getObject(place, key, options),
    head: (key, options) => headObject(place, key, options),
    delete: (key, options) => deleteObject(place, versioned, key, options),
    abandon: (key, options) => abandonUploads(place, key, options),
    list: (options) => listAll(place, options),
    close: async () => place.close(),
  }
}

function capabilitiesOf({ conditionalCreate, storageClasses, objectLock }: S3Settings): StoreCapabilities {
  return {
    ownDisk: false,
    conditionalCreate,
    presignedGet: true,
    presignedPut: true,
    presignedPost: true,
    presignedParts: true,
    serverCopy: true,
    storageClasses,
    objectLock,
    metadata: true,
  }
}

function extrasOf(place: S3Place): StoreExtras {
  const { storageClasses, objectLock } = place.settings
  return {
    copy: (key, options) => copyObject(place, key, options),
    presignGet: (key, options) => presignGet(place, key, options),
    presignPut: (key, options) => presignPut(place, key, options),
    presignPost: (key, options) => presignPost(place, key, options),
    startParts: (key, options) => startParts(place, key, options),
    presignPart: (key, options) => presignPart(place, key, options),
    listParts: (key, options) => listParts(place, key, options),
    completeParts: (key, options) => completeParts(place, key, options),
    setStorageClass: (key, options) => setStorageClass(place, key, options),
    setHold: (key, options) => setHold(place, key, options),
    setRetention: (key, options) => setRetention(place, key, options),
    ...(storageClasses.length > 0 ? {} : { setStorageClass: noExtras.setStorageClass }),
    ...(objectLock ? {} : { setHold: noExtras.setHold, setRetention: noExtras.setRetention }),
  }
}
