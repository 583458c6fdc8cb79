import { newUuid } from '../../domain/id.ts'
import { Problem } from '../../domain/problem.ts'
import { beat } from '../../platform/beat.ts'
import type { Uploads } from './room.ts'
import * as rows from './staged.sql.ts'

/** How long nobody else may send to an upload after its writer's last sign of life. */
export const WRITER_LEASE_SECONDS = 15
/** When it is worth trying again: the writer has heard by then that it is waited for. */
const RETRY_AFTER_SECONDS = 3

/** One request that sends to a resumable upload. */
export interface Writer {
  readonly id: string
  isStopped(): boolean
  /** Ends its body where it is; what has arrived is kept. */
  stop(): void
  /** Calls back when it is to stop; another listener takes the place of the one before. */
  onStop(listener: () => void): void
  /** Says that nothing of the request is under way any more. */
  end(): void
  ended: Promise<void>
}

export function createWriter(): Writer {
  let stopped = false
  let listener = () => {}
  let end = () => {}
  const ended = new Promise<void>((settle) => {
    end = settle
  })
  return {
    id: newUuid(),
    isStopped: () => stopped,
    stop() {
      stopped = true
      listener()
    },
    onStop(next) {
      listener = next
    },
    end,
    ended,
  }
}

/** Who sends to which upload in this process: a request of one's own node is ended at once, that of another is asked. */
export type Writers = Map<string, Writer>

export function createWriters(): Writers {
  return new Map()
}

/** From now until its request ends, this is who sends to the upload. */
export function enter(writers: Writers, uploadId: string, writer: Writer): void {
  writers.set(uploadId, writer)
  void writer.ended.then(() => {
    if (writers.get(uploadId) === writer) writers.delete(uploadId)
  })
}

/** Ends a writer and waits, for so long at most, until what it had received is kept. */
export async function stopWriter(writer: Writer, withinMs: number): Promise<void> {
  writer.stop()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((settle) => {
    timer = setTimeout(settle, withinMs)
  })
  await Promise.race([writer.ended, late])
  clearTimeout(timer)
}

/** Keeps the lease of a writer; ends it when it is asked to end, or has lost the lease. */
export function beatWriter(
  uploads: Uploads,
  { tenant_id: tenantId, id: uploadId }: Pick<rows.StagedUpload, 'tenant_id' | 'id'>,
  writer: Writer,
  abort: AbortController,
): () => void {
  const of = { tenantId, uploadId, writerId: writer.id }
  return beat(WRITER_LEASE_SECONDS, async () => {
    const alive = await uploads.platform.inTenant(tenantId, (db) => rows.extendWriter(db, of, WRITER_LEASE_SECONDS))
    if (!alive) abort.abort(busy())
    if (!alive || alive.asked) writer.stop()
  })
}

export function busy(): Problem {
  return new Problem('upload.busy', { retryAfterSeconds: RETRY_AFTER_SECONDS })
}
