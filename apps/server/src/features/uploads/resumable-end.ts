import type { Output, ProblemBody, ProblemCode } from '@stowage/contract'
import { Problem, problemOf } from '../../domain/problem.ts'
import type { Call } from '../../platform/invoke.ts'
import type { Uploads } from './room.ts'
import * as rows from './staged.sql.ts'
import { shownStaged } from './staged.ts'
import { finishStaged } from './staged-finish.ts'

/** How long the last request waits for the file to be checked and kept. */
const FINISH_MS = 20_000
const LOOK_AGAIN_MS = 150

/** A resumable upload as its sender is told of it. */
export type ResumableUpload = Output<'uploads.get'> & {
  tenantId: string
  offsetBytes: number
  /** Upload-Metadata as it was said. */
  metadata: string | null
}

/**
 * Sees a complete upload through to its end, as far as that comes soon; otherwise the worker does.
 *
 * @throws Problem why the file was refused
 */
export async function awaitEnd(
  uploads: Uploads,
  call: Call,
  tenantId: string,
  uploadId: string,
): Promise<ResumableUpload> {
  const until = Date.now() + FINISH_MS
  for (;;) {
    const finishing = finishStaged(uploads, tenantId, uploadId, call.log).catch((error) =>
      call.log.warn({ err: error, upload: uploadId }, 'a resumable upload could not be finished now'),
    )
    await within(finishing, until - Date.now())
    const staged = await uploads.platform.inTenant(tenantId, (db) => rows.findStaged(db, tenantId, uploadId))
    if (!staged) throw new Problem('upload.notFound')
    if (staged.problem) throw refusalOf(staged.problem as ProblemBody)
    if (staged.state !== 'completing' || Date.now() >= until) return shown(staged, staged.size_bytes as number)
    await new Promise((settle) => setTimeout(settle, LOOK_AGAIN_MS))
  }
}

async function within(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((settle) => {
    timer = setTimeout(settle, ms)
  })
  await Promise.race([work, late])
  clearTimeout(timer)
}

/** A refusal again, as it was kept with the upload. */
export function refusalOf({ type, title, status, detail, instance, code, ...members }: ProblemBody): Problem {
  return problemOf(code as ProblemCode, members)
}

export function shown(staged: rows.StagedUpload, receivedBytes: number): ResumableUpload {
  const ended = staged.state === 'done' || staged.state === 'completing'
  const offsetBytes = ended ? (staged.size_bytes as number) : receivedBytes
  const record = shownStaged(staged, [{ size_bytes: offsetBytes }])
  return { ...record, tenantId: staged.tenant_id, offsetBytes, metadata: staged.tus_metadata }
}
