import { Readable } from 'node:stream'
import type { ProblemBody } from '@stowage/contract'
import type { Logger } from 'pino'
import { toId } from '../../domain/id.ts'
import { Problem, problemAnswer } from '../../domain/problem.ts'
import { backoffSeconds } from '../../platform/backoff.ts'
import { beat } from '../../platform/beat.ts'
import { type Call, ownCall } from '../../platform/invoke.ts'
import { storeProblem } from '../../platform/store-problem.ts'
import { StoreError } from '../../providers/stores/port.ts'
import { CONTENT, withinOf } from './placing.ts'
import { receiveUpload } from './receive.ts'
import type { StagedSource, UploadRequest, Uploads } from './room.ts'
import * as rows from './staged.sql.ts'
import { storeOf } from './target.ts'
import { finishStaged as endStaged } from './uploads.sql.ts'

const LEASE_SECONDS = 60
/** What passes by itself: tried again until the upload expires. */
const PASSING: ReadonlySet<string> = new Set([
  'store.unavailable',
  'store.full',
  'database.unavailable',
  'server.stopping',
  'request.stalled',
  'upload.lost',
  'recording.busy',
])
/** Whether bytes that were refused so may be taken later as they are. */
export function isPassing(code: string): boolean {
  return PASSING.has(code)
}

/** A fault of ours, or an object that was put in the place of the one that was being read. */
const FAULTS: ReadonlySet<string> = new Set(['internal.error', 'content.missing'])
/** How often such a one is tried again. */
const MAX_FAULTS = 8

export type Finished = 'done' | 'failed' | 'later' | 'notDue'

/**
 * Makes a version of what was staged: the staged bytes go the one way that all bytes go, with the rights that the
 * upload's maker has now. Safe to repeat and to be killed anywhere; whoever takes an upload anew shuts out the one before.
 */
export async function finishStaged(
  uploads: Uploads,
  tenantId: string,
  uploadId: string,
  log: Logger,
): Promise<Finished> {
  const { inTenant } = uploads.platform
  const staged = await inTenant(tenantId, (db) => rows.claimCompletion(db, tenantId, uploadId, LEASE_SECONDS))
  if (!staged) return 'notDue'
  const stopBeating = beat(LEASE_SECONDS, () =>
    inTenant(tenantId, (db) => rows.extendCompletion(db, staged, LEASE_SECONDS)),
  )
  let request: UploadRequest | undefined
  try {
    request = await requestFor(uploads, staged, log)
    await receiveUpload(uploads, request)
    return 'done'
  } catch (error) {
    const outcome = outcomeOf(error, staged)
    if ('failed' in outcome) log.info({ upload: uploadId, code: outcome.failed.code }, 'a staged upload was refused')
    else log.warn({ err: error, upload: uploadId }, 'a staged upload has to wait')
    await inTenant(tenantId, (db) => rows.endAttempt(db, staged, outcome))
    return 'failed' in outcome ? 'failed' : 'later'
  } finally {
    stopBeating()
    request?.body.destroy()
  }
}

function outcomeOf(error: unknown, staged: rows.StagedUpload): { failed: ProblemBody } | { againAfterSeconds: number } {
  const translated = storeProblem(error)
  const problem = translated instanceof Problem ? translated : new Problem('internal.error')
  const passing = isPassing(problem.code) && staged.expires_at.getTime() > Date.now()
  const fault = FAULTS.has(problem.code) && staged.attempts < MAX_FAULTS
  if (!passing && !fault) return { failed: problemAnswer(problem, toId('upload', staged.id)).body }
  return { againAfterSeconds: backoffSeconds(staged.attempts) }
}

async function requestFor(uploads: Uploads, staged: rows.StagedUpload, log: Logger): Promise<UploadRequest> {
  const source = staged.copy_id === null ? partsSource(uploads, staged) : await objectSource(uploads, staged)
  const credential = { kind: 'upload', tenantId: staged.tenant_id, uploadId: staged.id } as const
  return {
    call: ownCall(credential, staged.fields as Record<string, unknown>, log as Call['log']),
    operation: staged.asset_id === null ? 'assets.create' : 'versions.create',
    body: source.body,
    declaredType: staged.media_type ?? undefined,
    sizeBytes: source.sizeBytes,
    expectedSha256: undefined,
    generated: false,
    lateFields: async () => ({}),
    staged: {
      reserved: true,
      end: (db, assetId) => endStaged(db, { uploadId: staged.id, attempt: staged.attempts }, assetId),
      object: source.object,
    },
  }
}

interface Source {
  body: Readable
  sizeBytes: number | undefined
  object: StagedSource['object']
}

/** What was sent straight to the store; its parts, if it came in any, are joined there first. */
async function objectSource(uploads: Uploads, staged: rows.StagedUpload): Promise<Source> {
  const store = storeOf(uploads, staged.store_id)
  const key = staged.prefix + CONTENT
  const call = { within: withinOf(staged.prefix), tenantId: staged.tenant_id }
  if (staged.reference !== null && !(await store.head(key, call))) {
    const reference = staged.reference
    const parts = await store.listParts(key, { ...call, reference })
    await store.completeParts(key, { ...call, reference, parts })
  }
  const { body, sizeBytes } = await store.get(key, call)
  const most = staged.size_bytes as number
  const wrong = staged.strategy === 'post-policy' ? sizeBytes > most : sizeBytes !== most
  if (wrong) {
    body.destroy()
    throw new Problem('upload.wrongSize', { expected: most })
  }
  return { body, sizeBytes, object: { storeId: staged.store_id, key } }
}

/** What came through the service, one part after the other. */
function partsSource(uploads: Uploads, staged: rows.StagedUpload): Source {
  const { tenant_id: tenantId, id, scope } = staged
  async function* pieces() {
    const { parts, keys } = await uploads.platform.inTenant(tenantId, async (db) => ({
      parts: await rows.findPartCopies(db, tenantId, id),
      keys: await uploads.scopeKeys.wrapperOf(db, tenantId, scope),
    }))
    for (const part of parts) {
      const { body } = await storeOf(uploads, part.store_id).get(part.key, {
        tenantId,
        context: part.copy_id,
        within: withinOf(staged.prefix),
        ...(part.envelope && { keys, envelope: part.envelope }),
      })
      let sizeBytes = 0
      for await (const piece of body as AsyncIterable<Buffer>) {
        sizeBytes += piece.length
        yield piece
      }
      if (sizeBytes !== part.size_bytes) throw new StoreError('corrupt', `Part ${part.number} is not whole`)
    }
  }
  const sizeBytes = staged.strategy === 'post-policy' ? undefined : (staged.size_bytes ?? undefined)
  return { body: Readable.from(pieces(), { objectMode: true, highWaterMark: 4 }), sizeBytes, object: undefined }
}

/** Ends what nobody went on with, and forgets what ended long ago. */
export async function expireStaged(uploads: Uploads, tenantId: string, uploadId: string): Promise<boolean> {
  return uploads.platform.inTenant(tenantId, async (db) => {
    const staged = await rows.lockStaged(db, tenantId, uploadId)
    if (!staged || staged.state === 'completing' || staged.expires_at > uploads.platform.clock()) return false
    await rows.releaseStaged(db, uploadId)
    await rows.deleteStaged(db, tenantId, uploadId)
    return true
  })
}
