import type { Readable } from 'node:stream'
import { newUuid, toId, toUuid } from '../../domain/id.ts'
import { Problem } from '../../domain/problem.ts'
import { type Call, type Context, invoke } from '../../platform/invoke.ts'
import { storeProblem } from '../../platform/store-problem.ts'
import type { PutReceipt } from '../../providers/stores/port.ts'
import { steady, type Tally } from './body.ts'
import { withinOf } from './placing.ts'
import type { Uploads } from './room.ts'
import { partSize } from './staged.rules.ts'
import * as rows from './staged.sql.ts'
import { fallbackOf, makeTarget, type Target } from './target.ts'
import { beatUpload, putThrough } from './transfer.ts'
import { insertCopy } from './uploads.sql.ts'

type Operation = 'uploads.put' | 'uploads.post' | 'uploads.putPart'

/** Bytes that come by one of the service's own signed requests. */
export interface PartRequest {
  call: Call
  operation: Operation
  body: Readable
  /** Exact size in bytes, where the sender said it beforehand. */
  sizeBytes: number | undefined
  expectedSha256: string | undefined
}

const STRATEGIES = {
  'uploads.put': 'single-put',
  'uploads.post': 'post-policy',
  'uploads.putPart': 'multipart',
} as const

interface Intended {
  target: Target
  staged: rows.StagedUpload
  number: number
  leastBytes: number
  mostBytes: number
}

/**
 * Takes one part of a staged upload. Sent again, it replaces the first; a part that did not arrive whole is as if it
 * had not been sent.
 *
 * @returns its ETag
 */
export async function receivePart(uploads: Uploads, request: PartRequest): Promise<string> {
  const { call, operation } = request
  const intended = await invoke<Operation, Intended>(
    uploads.platform,
    operation,
    call,
    (context, input) => intendPart(uploads, context, operation, input),
    { audited: false },
  )
  const { target, leastBytes, mostBytes } = intended
  if (request.sizeBytes !== undefined && (request.sizeBytes > mostBytes || request.sizeBytes < leastBytes)) {
    throw new Problem('upload.wrongSize', { expected: mostBytes })
  }
  try {
    const body = steady(request.body, uploads.options.stallSeconds)
    const { receipt, tally } = await storePart(uploads, target, body, mostBytes, call.requestId)
    if (tally.sizeBytes < leastBytes) throw new Problem('upload.wrongSize', { expected: mostBytes })
    const actual = tally.sha256.toString('hex')
    if (request.expectedSha256 !== undefined && request.expectedSha256 !== actual) {
      throw new Problem('upload.digestMismatch', { expected: request.expectedSha256, actual })
    }
    await keep(uploads, intended, receipt, tally)
    return actual
  } catch (error) {
    throw storeProblem(error)
  }
}

async function intendPart(
  uploads: Uploads,
  context: Context,
  operation: Operation,
  input: { uploadId: string; number?: number },
): Promise<Intended> {
  const staged = await rows.findStaged(context.db, context.tenantId, toUuid(input.uploadId))
  if (!staged || staged.copy_id !== null || staged.strategy !== STRATEGIES[operation])
    throw new Problem('upload.notFound')
  requireOpen(staged, context.now)
  const number = input.number ?? 1
  const whole = staged.size_bytes as number
  const exact = staged.part_bytes === null ? whole : partSize(whole, staged.part_bytes, number)
  if (exact === undefined) throw new Problem('upload.notFound')
  const target = await intendStagedCopy(uploads, context, staged)
  const leastBytes = operation === 'uploads.post' ? 1 : exact
  return { target, staged, number, leastBytes, mostBytes: exact }
}

/** @throws Problem `upload.notOpen` | `upload.expired` */
export function requireOpen(staged: rows.StagedUpload, now: Date): void {
  if (staged.state !== 'open') throw new Problem('upload.notOpen', { state: staged.state })
  if (staged.expires_at <= now) throw new Problem('upload.expired')
}

/** The record of intent for one piece of a staged upload: a copy of its own, with a data key of its own. */
export async function intendStagedCopy(uploads: Uploads, context: Context, staged: rows.StagedUpload): Promise<Target> {
  const copyId = newUuid()
  const storeId = uploads.isUp(staged.store_id)
    ? staged.store_id
    : (fallbackOf(uploads, staged.store_id) ?? staged.store_id)
  const target = await makeTarget(uploads, context.db, context.tenantId, {
    storeId,
    scope: staged.scope,
    copyId,
    key: `${staged.prefix}${toId('copy', copyId)}`,
    within: withinOf(staged.prefix),
    reserve: storeId !== staged.store_id,
  })
  const until = new Date(context.now.getTime() + uploads.options.leaseSeconds * 1000)
  context.atCommit(insertCopy(context.db, target, until))
  return target
}

/** Streams a piece into its copy, in memory that does not grow with it. */
export async function storePart(
  uploads: Uploads,
  target: Target,
  body: AsyncIterable<Buffer>,
  limitBytes: number,
  requestId: string,
  abort: AbortController = new AbortController(),
): Promise<{ receipt: PutReceipt; tally: Tally }> {
  const stopBeating = beatUpload(uploads, target, abort)
  try {
    const source = { head: Buffer.alloc(0), rest: body[Symbol.asyncIterator]() }
    return await putThrough(uploads, target, source, limitBytes, { requestId }, abort)
  } finally {
    stopBeating()
  }
}

async function keep(uploads: Uploads, intended: Intended, receipt: PutReceipt, tally: Tally): Promise<void> {
  const { tenant_id: tenantId, id, expires_at: until, part_bytes: partBytes } = intended.staged
  await uploads.platform.inTenant(tenantId, async (db) => {
    const staged = await rows.lockStaged(db, tenantId, id)
    if (!staged) throw new Problem('upload.notFound')
    requireOpen(staged, uploads.platform.clock())
    const part = {
      tenant_id: tenantId,
      upload_id: id,
      number: intended.number,
      copy_id: intended.target.copyId,
      offset_bytes: (intended.number - 1) * (partBytes ?? 0),
      size_bytes: tally.sizeBytes,
      etag: tally.sha256.toString('hex'),
    }
    const copy = { envelope: receipt.envelope ?? null, storedBytes: receipt.storedBytes, until }
    if (!(await rows.keepPart(db, part, copy))) throw new Problem('upload.lost')
  })
}
