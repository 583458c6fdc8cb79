import type { Output, ProblemBody } from '@stowage/contract'
import type { Connection } from './connection.ts'
import { problemError, StowageError } from './error.ts'
import { callOperation, callRepeatedly } from './operations.ts'
import { pause } from './retry.ts'
import type { Uploaded } from './transfer.ts'

const FIRST_DELAY_MS = 200
const LONGEST_DELAY_MS = 3_000

type Signal = AbortSignal | undefined

/**
 * Waits until the service has checked and kept what was sent.
 *
 * @throws StowageError with the problem for which the file was refused; the signal's reason
 */
export async function awaitAsset(connection: Connection, uploadId: string, signal: Signal): Promise<Uploaded> {
  for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(LONGEST_DELAY_MS, delayMs * 1.5)) {
    const upload = await callOperation(connection, 'uploads.get', { uploadId }, { signal })
    if (upload.state === 'failed') throw problemError(upload.problem as ProblemBody)
    if (upload.state === 'done') {
      const assetId = upload.assetId as string
      return upload.asset ?? callOperation(connection, 'assets.get', { assetId }, { signal })
    }
    await pause(delayMs * (0.75 + Math.random() / 2), signal)
  }
}

/** Says that all was sent, and waits. Said twice it is said once. @throws like `awaitAsset` */
export async function completeUpload(connection: Connection, uploadId: string, signal: Signal): Promise<Uploaded> {
  await callRepeatedly(connection, 'uploads.complete', { uploadId }, { signal })
  return awaitAsset(connection, uploadId, signal)
}

/** How far an earlier attempt came; undefined when there is nothing to go on with. */
export async function findUpload(
  connection: Connection,
  uploadId: string,
  signal: Signal,
): Promise<Output<'uploads.get'> | undefined> {
  try {
    const upload = await callOperation(connection, 'uploads.get', { uploadId }, { signal })
    const over = upload.state === 'open' && Date.parse(upload.expiresAt) <= Date.now()
    return upload.state === 'failed' || over ? undefined : upload
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

/** Whether an upload is over for good: what is known of it is of no more use. */
export function isGone(error: unknown): boolean {
  return error instanceof StowageError && (error.status === 404 || error.status === 410)
}
