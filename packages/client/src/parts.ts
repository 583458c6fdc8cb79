import type { Output } from '@stowage/contract'
import type { Connection } from './connection.ts'
import { callOperation, callRepeatedly } from './operations.ts'
import { type PartToSend, sendPart } from './part-requests.ts'
import type { FileSource } from './source.ts'
import { completeUpload, findUpload, isGone } from './staged-end.ts'
import { described, type Transfer, type Uploaded } from './transfer.ts'
import type { KeptRequest } from './upload-memory.ts'

/** How many requests are signed at a time, and for how long they are used here: less than the hour they are good for. */
const SIGNED_AT_A_TIME = 16
const SIGNED_FOR_SECONDS = 3_600
const USED_FOR_MS = 1_800_000

/** An upload that is open, and what of it has arrived. */
interface Open {
  uploadId: string
  partBytes: number
  partCount: number
  /** Where the whole upload is one request. */
  request: KeptRequest | undefined
  arrived: ReadonlySet<number>
}

/**
 * Sends a file in parts, some at a time, straight to the store where the service says so. What an earlier attempt has
 * brought is not sent again.
 *
 * @throws StowageError; the signal's reason
 */
export async function sendInParts(connection: Connection, source: FileSource, transfer: Transfer): Promise<Uploaded> {
  const { signal } = transfer.options
  const found = await findEarlier(connection, source, transfer)
  if (found && 'asset' in found) return found.asset
  const open = found ?? (await begin(connection, source, transfer))
  try {
    await sendMissing(connection, source, open, transfer)
    return await completeUpload(connection, open.uploadId, signal)
  } catch (error) {
    if (isGone(error)) await transfer.record.forget()
    throw error
  }
}

async function findEarlier(
  connection: Connection,
  source: FileSource,
  { record, options: { signal } }: Transfer,
): Promise<Open | { asset: Uploaded } | undefined> {
  const kept = await record.find('parts')
  if (!kept) return undefined
  const { uploadId, request } = kept
  const upload = await findUpload(connection, uploadId, signal)
  if (!upload || upload.sizeBytes !== source.size) {
    await record.forget()
    return undefined
  }
  if (upload.state !== 'open') return { asset: await completeUpload(connection, uploadId, signal) }
  const sizes = sizesOf(upload, source.size)
  const { items } = await callOperation(connection, 'uploads.parts', { uploadId }, { signal })
  const parts = items.map((part) => ({ ...part, number: Number(part.number) }))
  const whole = parts.filter((part) => part.sizeBytes === partSize(sizes, source.size, part.number))
  return { uploadId, request, ...sizes, arrived: new Set(whole.map((part) => part.number)) }
}

async function begin(connection: Connection, source: FileSource, transfer: Transfer): Promise<Open> {
  const { options, record } = transfer
  const { signal, idempotencyKey } = options
  const input = { ...described(transfer), sizeBytes: source.size }
  const begun = await callOperation(connection, 'uploads.create', input, { signal, idempotencyKey })
  const { id: uploadId, expiresAt, request } = begun
  await record.keep({ uploadId, expiresAt, road: 'parts', ...(request && { request }) })
  return { uploadId, request, ...sizesOf(begun, source.size), arrived: new Set() }
}

type Sizes = Pick<Open, 'partBytes' | 'partCount'>

function sizesOf(upload: Pick<Output<'uploads.get'>, 'partBytes' | 'partCount'>, sizeBytes: number): Sizes {
  return { partBytes: upload.partBytes ?? sizeBytes, partCount: upload.partCount ?? 1 }
}

function partSize({ partBytes, partCount }: Sizes, sizeBytes: number, number: number): number {
  return number < partCount ? partBytes : sizeBytes - (partCount - 1) * partBytes
}

async function sendMissing(
  connection: Connection,
  source: FileSource,
  open: Open,
  { parallel, onProgress, onStart, options }: Transfer,
): Promise<void> {
  const numbers = Array.from({ length: open.partCount }, (_, index) => index + 1)
  const missing = numbers.filter((number) => !open.arrived.has(number))
  const sizeOf = (number: number) => partSize(open, source.size, number)
  const sent = new Map([...open.arrived].map((number) => [number, sizeOf(number)]))
  const tell = () => {
    const transferredBytes = [...sent.values()].reduce((sum, bytes) => sum + bytes, 0)
    onProgress?.({ transferredBytes, totalBytes: source.size })
  }
  onStart?.({ road: 'parts', arrivedBytes: [...sent.values()].reduce((sum, bytes) => sum + bytes, 0) })
  tell()
  const stop = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal
  const sign = signerOf(connection, open, missing, signal)
  const partOf = (number: number): PartToSend => ({
    piece: source.slice((number - 1) * open.partBytes, (number - 1) * open.partBytes + sizeOf(number)),
    sign: (refused) => sign(number, refused),
    onSent: (bytes) => {
      sent.set(number, bytes)
      tell()
    },
    onceOnly: open.request !== undefined,
  })
  await inParallel(missing, parallel, stop, (number) => sendPart(connection, partOf(number), signal))
}

/** Works on some at a time, in order. The first failure stops the others, and is thrown. */
async function inParallel(
  numbers: readonly number[],
  parallel: number,
  stop: AbortController,
  work: (number: number) => Promise<void>,
): Promise<void> {
  const waiting = [...numbers]
  const lane = async () => {
    for (let number = waiting.shift(); number !== undefined; number = waiting.shift()) {
      stop.signal.throwIfAborted()
      await work(number)
    }
  }
  const failures: unknown[] = []
  const lanes = Array.from({ length: parallel }, () =>
    lane().catch((error) => {
      failures.push(error)
      stop.abort(error)
    }),
  )
  await Promise.all(lanes)
  if (failures.length > 0) throw failures[0]
}

type Sign = (number: number, refused: boolean) => Promise<KeptRequest>

/** Requests are signed when they are about to be used, some ahead; an old one, or one that was refused, is signed again. */
function signerOf(connection: Connection, open: Open, missing: readonly number[], signal: AbortSignal): Sign {
  const { uploadId, request } = open
  if (request) return async () => request
  const signed = new Map<number, { request: KeptRequest; atMs: number }>()
  const isUsable = (number: number) => performance.now() - (signed.get(number)?.atMs ?? -USED_FOR_MS) < USED_FOR_MS
  let asking: Promise<void> | undefined
  const ask = async (from: number) => {
    const numbers = missing.filter((number) => number >= from && !isUsable(number)).slice(0, SIGNED_AT_A_TIME)
    const input = { uploadId, numbers, expiresInSeconds: SIGNED_FOR_SECONDS }
    const { items } = await callRepeatedly(connection, 'uploads.signParts', input, { signal })
    for (const { number, method, url, headers } of items) {
      signed.set(Number(number), { request: { method, url, headers }, atMs: performance.now() })
    }
  }
  return async (number, refused) => {
    if (refused) signed.delete(number)
    while (!isUsable(number)) {
      asking ??= ask(number).finally(() => {
        asking = undefined
      })
      await asking
    }
    return (signed.get(number) as { request: KeptRequest }).request
  }
}
