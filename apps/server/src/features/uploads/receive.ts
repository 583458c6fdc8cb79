import { Problem } from '../../domain/problem.ts'
import { release } from '../../domain/release.ts'
import type { Asset } from '../assets/room.ts'
import { openBody, steady } from './body.ts'
import { receiveLarge } from './large.ts'
import type { UploadRequest, Uploads } from './room.ts'
import { receiveSmall } from './small.ts'

/** Enough for the detectors, whatever the threshold for small objects. */
const HEAD_BYTES = 64 * 1024
/** A body that has not arrived by then gives its turn to others, so that nobody is held up by who sends slowly. */
const ARRIVED_WITHIN_MS = 1000

/**
 * The one way in for bytes: the first few are read, and the file goes the short way when they are all there is. Only so
 * many bodies are in memory at once; whoever comes then waits before anything of theirs is read.
 *
 * @returns the asset, durable and readable as its policy allows
 */
export async function receiveUpload(uploads: Uploads, request: UploadRequest): Promise<Asset> {
  const { options } = uploads
  if (request.sizeBytes !== undefined && request.sizeBytes > options.maxSizeBytes) {
    throw new Problem('upload.tooLarge', { limitBytes: options.maxSizeBytes })
  }
  // A per-version layout promises exact keys, which the database store does not have.
  const smallBytes = options.layout.keys === 'perVersion' ? 0 : options.smallObjectBytes
  const giveBack = await uploads.arriving.take()
  const late = setTimeout(giveBack, ARRIVED_WITHIN_MS)
  try {
    const body = steady(request.body, options.stallSeconds)
    const opened = await openBody(body, Math.max(smallBytes, HEAD_BYTES), request.sizeBytes, request.giveBack)
    clearTimeout(late)
    if (opened.complete && opened.bytes.length === 0) throw new Problem('upload.empty')
    if (opened.complete && opened.bytes.length <= smallBytes) {
      const asset = await receiveSmall(uploads, request, opened.bytes)
      // After a failure somebody may still be reading.
      release(opened.bytes)
      return asset
    }
    giveBack()
    return await receiveLarge(uploads, request, opened)
  } finally {
    clearTimeout(late)
    giveBack()
  }
}
