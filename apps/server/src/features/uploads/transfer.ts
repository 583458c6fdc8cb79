import { newUuid } from '../../domain/id.ts'
import { Problem } from '../../domain/problem.ts'
import { beat } from '../../platform/beat.ts'
import {
  type CallOptions,
  type ObjectStore,
  type PutOptions,
  type PutReceipt,
  StoreError,
} from '../../providers/stores/port.ts'
import { type Opened, sourceOf, type Tally, tallied } from './body.ts'
import { replayable } from './body-replay.ts'
import { orBusy } from './exact-key.ts'
import type { KeyFacts } from './placing.ts'
import type { ScanTap, UploadRequest, Uploads } from './room.ts'
import { besideBytes, copyOptions, fallbackOf, makeTarget, placeOf, storeOf, type Target } from './target.ts'
import { type ContentFacts, NO_SCANNER, ZIP } from './uploads.rules.ts'
import * as rows from './uploads.sql.ts'

const TAIL_BYTES = 128 * 1024
/** How much of a body is kept for a second store, should the first one fail. */
const REPLAY_BYTES = 8 * 1024 * 1024
const OUTAGES: ReadonlySet<string> = new Set(['unavailable', 'throttled', 'full', 'denied', 'noCredentials'])

type Detected = { mediaType: string; encoding?: string }
type Source = ReturnType<typeof sourceOf>

/** What the first transaction has settled of the bytes that are to come. */
export interface Transfer {
  target: Target
  facts: KeyFacts
  uploadId: string
  limitBytes: number
  /** What the first bytes show. */
  first: Detected
}

export interface StoredContent {
  /** Where they lie: not where they were to, if that store failed and another one took them. */
  target: Target
  facts: ContentFacts
  receipt: PutReceipt
}

/**
 * Streams the bytes once through limit and hash into the store and looks at them there. A store that fails is replaced
 * by the one to fall back to, as long as what it was given can be sent again.
 */
export async function storeBytes(
  uploads: Uploads,
  request: UploadRequest,
  opened: Opened,
  transfer: Transfer,
): Promise<StoredContent> {
  const instead = fallbackOf(uploads, transfer.target.storeId)
  const replay = replayable(sourceOf(opened), instead === undefined ? 0 : REPLAY_BYTES)
  try {
    return await storeIn(uploads, request, opened, replay.open(), transfer)
  } catch (error) {
    const outage = error instanceof StoreError && OUTAGES.has(error.kind)
    if (!outage || instead === undefined || !replay.whole()) throw error
    request.call.log.error(
      { err: error, store: transfer.target.storeId, instead },
      'a store failed; another one is used',
    )
    const target = await intendInstead(uploads, transfer, instead)
    return storeIn(uploads, request, opened, replay.open(), { ...transfer, target })
  }
}

/** The failed copy is left to the reaper; the upload goes on with a new one. */
async function intendInstead(uploads: Uploads, transfer: Transfer, storeId: string): Promise<Target> {
  const { tenantId, scope } = transfer.target
  const facts = { ...transfer.facts, copyId: newUuid() }
  return uploads.platform.inTenant(tenantId, async (db) => {
    const place = placeOf(uploads.options.layout, storeId, scope, facts, true)
    const target = await makeTarget(uploads, db, tenantId, place)
    const until = new Date(Date.now() + uploads.options.leaseSeconds * 1000)
    await orBusy(facts, rows.insertCopy(db, target, until))
    await rows.turnReservation(db, tenantId, transfer.uploadId, target.copyId)
    return target
  })
}

async function storeIn(
  uploads: Uploads,
  request: UploadRequest,
  opened: Opened,
  source: Source,
  transfer: Transfer,
): Promise<StoredContent> {
  const { target } = transfer
  const store = storeOf(uploads, target.storeId)
  const abort = new AbortController()
  const call = { requestId: request.call.requestId, signal: abort.signal }
  const stopBeating = beatUpload(uploads, { ...target, uploadId: transfer.uploadId }, abort)
  const tap = uploads.scanning?.begin()
  try {
    const stagedKey = stagedThere(request, target, store)
    // Its head has been read, and the rest goes from place to place inside the store.
    if (stagedKey !== undefined) request.body.destroy()
    const { receipt, tally } =
      stagedKey === undefined
        ? await putThrough(uploads, target, source, transfer.limitBytes, putOptions(request, transfer), abort, tap)
        : await copyStaged(store, stagedKey, opened, request.sizeBytes as number, transfer, call, tap)
    const reader = storeReader(store, target, receipt, tally.sizeBytes, call)
    const detected = await settleType(uploads, transfer, opened, reader)
    await uploads.inspector.checkBounds(detected.mediaType, reader, abort.signal)
    const scan = (await tap?.verdict()) ?? NO_SCANNER
    const { mediaType, encoding = null } = detected
    return { target, receipt, facts: { ...tally, scan, detected: mediaType, charset: encoding } }
  } finally {
    tap?.cancel()
    stopBeating()
  }
}

/** The key of what was staged, where the store can copy it by itself. */
function stagedThere(request: UploadRequest, target: Target, store: ObjectStore): string | undefined {
  const staged = request.staged?.object
  const copies = staged?.storeId === target.storeId && !target.encrypted && store.capabilities.serverCopy
  return copies && request.sizeBytes !== undefined ? staged.key : undefined
}

/** Streams bytes once through limit and hash into their copy, in memory that does not grow with them. */
export async function putThrough(
  uploads: Uploads,
  target: Target,
  source: Source,
  limitBytes: number,
  options: PutOptions,
  abort: AbortController,
  tap?: ScanTap,
): Promise<{ receipt: PutReceipt; tally: Tally }> {
  const { stream, tally } = tallied(source, limitBytes, tap)
  const stopWatching = watchProgress(tally, uploads.options.stallSeconds, abort)
  try {
    const call = { ...options, signal: abort.signal }
    const receipt = await storeOf(uploads, target.storeId).put(target.key, stream, copyOptions(target, call))
    // What was hashed may still wait in the stream.
    if (!stream.readableEnded) throw new StoreError('unavailable', 'The store did not take every byte')
    return { receipt, tally }
  } finally {
    stopWatching()
  }
}

function putOptions({ call, sizeBytes }: UploadRequest, transfer: Transfer): PutOptions {
  return {
    requestId: call.requestId,
    ...besideBytes(transfer.target, transfer.first.mediaType),
    ...(sizeBytes !== undefined && { sizeBytes }),
  }
}

/**
 * The store copies what was staged under the final key, which no URL was ever signed for, and that copy is hashed: what
 * was checked is what is kept, whoever may still write to the staged key (R13).
 */
async function copyStaged(
  store: ObjectStore,
  stagedKey: string,
  opened: Opened,
  sizeBytes: number,
  transfer: Transfer,
  call: CallOptions,
  tap: ScanTap | undefined,
): Promise<{ receipt: PutReceipt; tally: Tally }> {
  const { target, limitBytes } = transfer
  const options = {
    ...copyOptions(target, call),
    ...besideBytes(transfer.target, transfer.first.mediaType),
    to: target.key,
    sizeBytes,
  }
  const receipt = await store.copy(stagedKey, options)
  const { body } = await store.get(target.key, copyOptions(target, call))
  const { stream, tally } = tallied({ head: Buffer.alloc(0), rest: body[Symbol.asyncIterator]() }, limitBytes, tap)
  const head = opened.complete ? opened.bytes : opened.head
  let seenBytes = 0
  for await (const piece of stream as AsyncIterable<Buffer>) {
    // Its type was told by the first bytes: others behind them would pass for what they are not.
    const expected = head.subarray(seenBytes, seenBytes + piece.length)
    if (!piece.subarray(0, expected.length).equals(expected)) throw new Problem('upload.lost')
    seenBytes += piece.length
  }
  return { receipt, tally }
}

/** Gives a store up that takes nothing for twice as long as a client may stand still, for which `steady` watches. */
function watchProgress(tally: { sizeBytes: number }, stallSeconds: number, abort: AbortController): () => void {
  let seenBytes = -1
  const timer = setInterval(() => {
    if (tally.sizeBytes === seenBytes) abort.abort(new StoreError('unavailable', 'The store stands still'))
    seenBytes = tally.sizeBytes
  }, 2000 * stallSeconds)
  return () => clearInterval(timer)
}

interface Beating {
  tenantId: string
  copyId: string
  /** None for a part, whose staged upload lives by itself. */
  uploadId?: string
}

/** Tells the reaper that the upload lives; stops it when the reaper has taken its copy. */
export function beatUpload(
  uploads: Uploads,
  { tenantId, copyId, uploadId }: Beating,
  abort: AbortController,
): () => void {
  const { leaseSeconds } = uploads.options
  return beat(leaseSeconds, async () => {
    const until = new Date(Date.now() + leaseSeconds * 1000)
    const alive = await uploads.platform.inTenant(tenantId, (db) =>
      rows.extendLease(db, tenantId, copyId, uploadId, until),
    )
    if (!alive) abort.abort(new Problem('upload.lost'))
  })
}

/** Reads back what was stored: an archive's directory lies at its end, which had not arrived when the head was looked at. */
function storeReader(store: ObjectStore, target: Target, receipt: PutReceipt, sizeBytes: number, call: CallOptions) {
  return {
    sizeBytes,
    async read(start: number, length: number): Promise<Buffer> {
      if (length <= 0 || start >= sizeBytes) return Buffer.alloc(0)
      const { body } = await store.get(target.key, {
        range: { start, end: Math.min(start + length, sizeBytes) - 1 },
        ...copyOptions(target, call),
        ...(receipt.envelope && { envelope: receipt.envelope }),
      })
      return Buffer.concat(await body.toArray())
    },
  }
}

async function settleType(
  uploads: Uploads,
  { first, facts }: Transfer,
  opened: Opened,
  reader: { sizeBytes: number; read(start: number, length: number): Promise<Buffer> },
): Promise<Detected> {
  if (first.mediaType !== ZIP || opened.complete) return first
  const tail = await reader.read(Math.max(0, reader.sizeBytes - TAIL_BYTES), TAIL_BYTES)
  return uploads.inspector.detect(opened.head, { name: facts.name, complete: false, tail })
}
