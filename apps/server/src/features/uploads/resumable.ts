import type { Readable } from 'node:stream'
import type { ProblemBody } from '@stowage/contract'
import { toUuid } from '../../domain/id.ts'
import type { Principal } from '../../domain/principal.ts'
import { Problem, Refusal } from '../../domain/problem.ts'
import { refuseBetween } from '../../platform/failure.ts'
import { type Call, type Context, invoke } from '../../platform/invoke.ts'
import { storeProblem } from '../../platform/store-problem.ts'
import { MAX_PARTS } from '../../providers/stores/port.ts'
import { reserve } from '../assets/room.ts'
import { steady } from './body.ts'
import { planUpload, termsAhead } from './plan.ts'
import { type Arrival, arriving, type Checksum } from './resumable-body.ts'
import { awaitEnd, type ResumableUpload, refusalOf, shown } from './resumable-end.ts'
import {
  beatWriter,
  busy,
  createWriter,
  enter,
  stopWriter,
  WRITER_LEASE_SECONDS,
  type Writer,
  type Writers,
} from './resumable-writers.ts'
import type { Fields, Uploads } from './room.ts'
import * as rows from './staged.sql.ts'
import { beginStaged } from './staged.ts'
import { intendStagedCopy, requireOpen, storePart } from './staged-parts.ts'
import type { Target } from './target.ts'

/** How long a request waits for one that it ends to keep what it had received. */
const HAND_OVER_MS = 10_000
const MAX_TAKE_OVERS = 3

/** One request's share of a file. */
export interface Piece {
  offsetBytes: number
  body: Readable
  /** Exact size in bytes of the body, where the sender said it beforehand. */
  sizeBytes: number | undefined
  /** The size of the whole file, where it is said with this request. */
  lengthBytes: number | undefined
  checksum: Checksum | undefined
}

/**
 * Begins an upload whose bytes come by any number of requests, each of which may be cut.
 *
 * @param metadata what is to be told again as it was said
 * @throws Problem `upload.empty` for a size of 0, and like `beginStaged`
 */
export function beginResumable(uploads: Uploads, call: Call, metadata: string | null): Promise<ResumableUpload> {
  return invoke<'resumable.create', ResumableUpload>(
    uploads.platform,
    'resumable.create',
    call,
    async (context, input) => {
      if (input.sizeBytes === 0) throw new Problem('upload.empty')
      const { id, tenantId } = await beginStaged(context, uploads, input, 'resumable')
      const uploadId = toUuid(id)
      if (metadata !== null) await rows.keepTusMetadata(context.db, tenantId, uploadId, metadata)
      return shown((await rows.findStaged(context.db, tenantId, uploadId)) as rows.StagedUpload, 0)
    },
  )
}

/**
 * How far an upload is. Who asks is about to go on with it: a request that is still sending to it from this process,
 * by a connection that may be dead, ends here and keeps what it has. Waits for a file that is being checked.
 *
 * @throws Problem `upload.notFound` | `upload.expired`, or why the file was refused
 */
export async function readResumable(uploads: Uploads, writers: Writers, call: Call): Promise<ResumableUpload> {
  const read = () =>
    invoke<'uploads.get', ResumableUpload>(uploads.platform, 'uploads.get', call, async (context, { uploadId }) => {
      const staged = await rows.findStaged(context.db, context.tenantId, toUuid(uploadId))
      if (staged?.strategy !== 'resumable') throw new Problem('upload.notFound')
      if (staged.state === 'open') requireOpen(staged, context.now)
      const { receivedBytes } = await rows.findProgress(context.db, context.tenantId, staged.id)
      return shown(staged, receivedBytes)
    })
  const found = await read()
  const running = writers.get(toUuid(found.id))
  if (running) await stopWriter(running, HAND_OVER_MS)
  if (found.state === 'completing') return awaitEnd(uploads, call, found.tenantId, toUuid(found.id))
  const upload = running ? await read() : found
  if (upload.problem) throw refusalOf(upload.problem)
  return upload
}

/**
 * Takes the bytes that follow those that have arrived. A body that is cut keeps what it had sent; a newer request ends
 * an older one. With the last byte the file is checked and kept, for which this waits a while.
 *
 * @throws Problem `upload.wrongOffset` | `upload.busy` | `upload.wrongSize` | `upload.tooLarge` |
 *   `upload.checksumMismatch`, or why the file was refused
 */
export async function appendResumable(
  uploads: Uploads,
  writers: Writers,
  call: Call,
  piece: Piece,
): Promise<ResumableUpload> {
  const writer = createWriter()
  try {
    const turn = await takeTurn(uploads, writers, call, piece, writer)
    const reached = turn.target ? await receivePiece(uploads, call, turn, turn.target, piece, writer) : turn
    writer.end()
    if (reached.complete) return await awaitEnd(uploads, call, turn.staged.tenant_id, turn.staged.id)
    return shown(turn.staged, reached.offsetBytes)
  } finally {
    writer.end()
  }
}

interface Reached {
  offsetBytes: number
  complete: boolean
}

/** What is settled before the bytes of a request are read. */
interface Turn extends Reached {
  principal: Principal
  staged: rows.StagedUpload
  partCount: number
  /** The most bytes that this request may bring. */
  mostBytes: number
  /** What to say of a byte more. */
  overrun: Problem
  /** Where they go; none for a request without a body. */
  target: Target | undefined
}

async function takeTurn(uploads: Uploads, writers: Writers, call: Call, piece: Piece, writer: Writer): Promise<Turn> {
  for (let attempt = 0; attempt < MAX_TAKE_OVERS; attempt += 1) {
    const taken = await invoke<'resumable.append', Turn | { running: Writer }>(
      uploads.platform,
      'resumable.append',
      call,
      (context, { uploadId }) => openTurn(uploads, writers, context, toUuid(uploadId), piece, writer),
      { audited: false },
    )
    if (!('running' in taken)) return taken
    await stopWriter(taken.running, HAND_OVER_MS)
  }
  throw busy()
}

async function openTurn(
  uploads: Uploads,
  writers: Writers,
  context: Context,
  uploadId: string,
  piece: Piece,
  writer: Writer,
): Promise<Turn | { running: Writer } | Refusal> {
  const { db, tenantId } = context
  const found = await rows.lockStaged(db, tenantId, uploadId)
  if (found?.strategy !== 'resumable') throw new Problem('upload.notFound')
  const progress = await rows.findProgress(db, tenantId, uploadId)
  refuseEnded(found, piece, context.now)
  // Bytes that are kept stay kept: no writer under way can make this offset right.
  if (piece.offsetBytes < progress.receivedBytes) throw wrongOffset(progress.receivedBytes)
  if (progress.busy) {
    const running = writers.get(uploadId)
    if (running && running.id === found.writer) return { running }
    await rows.askWriter(db, tenantId, uploadId)
    return new Refusal(busy())
  }
  if (piece.offsetBytes !== progress.receivedBytes) throw wrongOffset(progress.receivedBytes)
  if (progress.partCount >= MAX_PARTS) throw new Problem('upload.tooManyParts', { limit: MAX_PARTS })
  const staged = await settleSize(uploads, context, found, piece)
  const turn = { ...(await boundsOf(uploads, context, staged, piece)), principal: context.principal, staged }
  const { partCount, receivedBytes: offsetBytes } = progress
  if (piece.sizeBytes === 0) {
    const complete = offsetBytes === staged.size_bytes
    if (complete) await rows.markCompleting(db, tenantId, uploadId)
    return { ...turn, partCount, offsetBytes, complete, target: undefined }
  }
  await rows.takeWriter(db, { tenantId, uploadId, writerId: writer.id }, WRITER_LEASE_SECONDS)
  // Before anybody can read in the row that it is this one.
  enter(writers, uploadId, writer)
  const target = await intendStagedCopy(uploads, context, staged)
  return { ...turn, partCount, offsetBytes, complete: false, target }
}

function wrongOffset(offset: number): Problem {
  return new Problem('upload.wrongOffset', { offset })
}

/** A request that is repeated after the last one succeeded is told how far the upload is: there, its sender finds the end. */
function refuseEnded(staged: rows.StagedUpload, { offsetBytes }: Piece, now: Date): void {
  if (staged.problem) throw refusalOf(staged.problem as ProblemBody)
  const ended = staged.state !== 'open'
  if (ended && offsetBytes !== staged.size_bytes) throw wrongOffset(staged.size_bytes as number)
  requireOpen(staged, now)
}

/** A size that was not said at the beginning may be said once, with any later request. */
async function settleSize(
  uploads: Uploads,
  context: Context,
  staged: rows.StagedUpload,
  { lengthBytes, offsetBytes }: Piece,
): Promise<rows.StagedUpload> {
  if (lengthBytes === undefined) return staged
  if (staged.size_bytes !== null) {
    if (staged.size_bytes !== lengthBytes) throw new Problem('upload.wrongSize', { expected: staged.size_bytes })
    return staged
  }
  if (lengthBytes === 0) throw new Problem('upload.empty')
  if (lengthBytes < offsetBytes) throw new Problem('upload.wrongSize', { expected: offsetBytes })
  const limitBytes = await limitOf(uploads, context, staged)
  if (lengthBytes > limitBytes) throw new Problem('upload.tooLarge', { limitBytes })
  if (!(await reserve(context.db, lengthBytes - offsetBytes, 0))) throw new Problem('quota.exceeded')
  await rows.declareSize(context.db, context.tenantId, staged.id, lengthBytes)
  return { ...staged, size_bytes: lengthBytes }
}

async function limitOf(uploads: Uploads, context: Context, staged: rows.StagedUpload): Promise<number> {
  const fields = staged.fields as Fields
  const terms = await termsAhead(context.db, fields)
  return (await planUpload(context, fields, { generated: false }, uploads.options, terms)).limitBytes
}

async function boundsOf(
  uploads: Uploads,
  context: Context,
  staged: rows.StagedUpload,
  { sizeBytes = 0, offsetBytes }: Piece,
): Promise<Pick<Turn, 'mostBytes' | 'overrun'>> {
  const limitBytes = staged.size_bytes ?? (await limitOf(uploads, context, staged))
  const overrun =
    staged.size_bytes === null
      ? new Problem('upload.tooLarge', { limitBytes })
      : new Problem('upload.wrongSize', { expected: limitBytes })
  const mostBytes = limitBytes - offsetBytes
  if (sizeBytes > mostBytes) throw overrun
  if (staged.size_bytes === null && !(await reserve(context.db, sizeBytes, 0))) throw new Problem('quota.exceeded')
  return { mostBytes, overrun }
}

async function receivePiece(
  uploads: Uploads,
  call: Call,
  turn: Turn,
  target: Target,
  piece: Piece,
  writer: Writer,
): Promise<Reached> {
  const abort = new AbortController()
  const stopBeating = beatWriter(uploads, turn.staged, writer, abort)
  const body = steady(piece.body, uploads.options.stallSeconds)
  const arrival = arriving(body, writer, piece.checksum, busy)
  let reached: Reached
  try {
    const stored = await storeArriving(uploads, turn, target, arrival, call.requestId, abort)
    const cut = arrival.cut()
    // What was summed can be checked only whole.
    if (cut && piece.checksum) throw cut
    if (!arrival.agrees()) throw new Problem('upload.checksumMismatch')
    reached = await keepPiece(uploads, turn, target, stored, writer)
  } catch (error) {
    await letGo(uploads, turn.staged, writer)
    const overran = error instanceof Problem && error.code === 'upload.tooLarge'
    const refused = overran ? turn.overrun : storeProblem(error)
    throw await refuseBetween(uploads.platform, 'resumable.append', call, turn.principal, refused)
  } finally {
    stopBeating()
  }
  const cut = arrival.cut()
  if (cut) throw cut
  return reached
}

type Stored = Awaited<ReturnType<typeof storePart>>

/** @returns undefined where not one byte has arrived */
async function storeArriving(
  uploads: Uploads,
  turn: Turn,
  target: Target,
  { pieces }: Arrival,
  requestId: string,
  abort: AbortController,
): Promise<Stored | undefined> {
  const first = await pieces.next()
  if (first.done) return undefined
  const stored = await storePart(uploads, target, resumed(first.value, pieces), turn.mostBytes, requestId, abort)
  if (stored.tally.sha256.length === 0) throw new Problem('upload.lost')
  return stored
}

async function* resumed(first: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  yield first
  yield* rest
}

/** Makes what has arrived part of the upload, unless another request has taken its place meanwhile. */
async function keepPiece(
  uploads: Uploads,
  turn: Turn,
  target: Target,
  stored: Stored | undefined,
  writer: Writer,
): Promise<Reached> {
  const { tenant_id: tenantId, id: uploadId, size_bytes: sizeBytes } = turn.staged
  const arrivedBytes = stored?.tally.sizeBytes ?? 0
  const offsetBytes = turn.offsetBytes + arrivedBytes
  const complete = offsetBytes === sizeBytes
  await uploads.platform.inTenant(tenantId, async (db) => {
    const staged = await rows.lockStaged(db, tenantId, uploadId)
    if (!staged) throw new Problem('upload.notFound')
    requireOpen(staged, uploads.platform.clock())
    if (staged.writer !== writer.id) throw busy()
    if (sizeBytes === null) {
      if (!(await reserve(db, arrivedBytes, 0))) throw new Problem('quota.exceeded')
      await rows.setReserved(db, tenantId, uploadId, offsetBytes)
    }
    if (stored) {
      const part = {
        tenant_id: tenantId,
        upload_id: uploadId,
        number: turn.partCount + 1,
        copy_id: target.copyId,
        offset_bytes: turn.offsetBytes,
        size_bytes: arrivedBytes,
        etag: stored.tally.sha256.toString('hex'),
      }
      const { envelope = null, storedBytes } = stored.receipt
      const kept = await rows.keepPart(db, part, { envelope, storedBytes, until: staged.expires_at })
      if (!kept) throw new Problem('upload.lost')
    }
    await rows.releaseWriter(db, { tenantId, uploadId, writerId: writer.id })
    if (complete) await rows.markCompleting(db, tenantId, uploadId)
  })
  return { offsetBytes, complete }
}

/** Spares the next request the wait for the lease to end; where this fails, it ends by itself. */
async function letGo(uploads: Uploads, { tenant_id: tenantId, id }: rows.StagedUpload, writer: Writer): Promise<void> {
  const of = { tenantId, uploadId: id, writerId: writer.id }
  await uploads.platform.inTenant(tenantId, (db) => rows.releaseWriter(db, of)).catch(() => undefined)
}
