import type { Output } from '@stowage/contract'
import type { CallOptions } from './operations.ts'
import type { OnProgress } from './progress.ts'
import type { KeptUpload, UploadMemory } from './upload-memory.ts'

export type Uploaded = Output<'assets.create'>

/** One upload on its way, as every road is told of it. */
export interface Transfer {
  /** What is said of the file: the fields of the operation that begins an upload. */
  fields: Record<string, unknown>
  /** Empty where it is not known. */
  mediaType: string
  options: CallOptions
  /** How many parts are sent at a time. */
  parallel: number
  onProgress: OnProgress | undefined
  onStart: ((start: UploadStart) => void) | undefined
  record: UploadRecord
}

export type Road = 'single' | 'parts' | 'resumable'

/** How an upload begins. */
export interface UploadStart {
  road: Road
  /** Bytes that an earlier attempt had brought; 0 for a new upload. */
  arrivedBytes: number
}

/** What an upload leaves for the next attempt, and by which it can be given up. */
export interface UploadRecord {
  find(road: KeptUpload['road']): Promise<KeptUpload | undefined>
  keep(upload: KeptUpload): Promise<void>
  forget(): Promise<void>
  /** The upload that was begun, or gone on with. */
  uploadId(): string | undefined
}

/** @param key undefined for an upload that is not gone on with */
export function createRecord(memory: UploadMemory | undefined, key: string | undefined): UploadRecord {
  const place = memory && key !== undefined ? { memory, key } : undefined
  let uploadId: string | undefined
  return {
    async find(road) {
      const kept = await place?.memory.find(place.key)
      if (kept?.road !== road) return undefined
      uploadId = kept.uploadId
      return kept
    },
    async keep(upload) {
      uploadId = upload.uploadId
      await place?.memory.keep(place.key, upload)
    },
    async forget() {
      await place?.memory.forget(place.key)
    },
    uploadId: () => uploadId,
  }
}

/** What an upload says of its file at the beginning. This type declares nothing, and asset types that take few list it not. */
export function described({ fields, mediaType }: Transfer): Record<string, unknown> {
  return mediaType === '' || mediaType === 'application/octet-stream' ? fields : { ...fields, mediaType }
}

/** Progress that never goes back, although bytes that were lost are sent again. */
export function monotonic(onProgress: OnProgress | undefined): OnProgress | undefined {
  let furthestBytes = -1
  return (
    onProgress &&
    (({ transferredBytes, totalBytes }) => {
      if (transferredBytes <= furthestBytes) return
      furthestBytes = transferredBytes
      onProgress({ transferredBytes, totalBytes })
    })
  )
}
