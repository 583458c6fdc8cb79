import { randomUUID } from 'node:crypto'
import type { Readable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import { untilAborted } from './abort.ts'
import { chunksOf } from './body.ts'
import { createByteQueue } from './byte-queue.ts'
import { type GcsAnswer, type GcsClient, objectPath, send } from './gcs-client.ts'
import { createCrc32c } from './gcs-crc32c.ts'
import { isSilence } from './gcs-errors.ts'
import { type ObjectResource, removeGeneration } from './gcs-objects.ts'
import { type PutOptions, type PutReceipt, StoreError, type StoreKey } from './port.ts'

/** How long a put that was aborted waits for the request that would have finished it, so that it can be undone. */
const ABORT_GRACE_MS = 5000
/** How often a piece goes on after a passing failure, and the longest wait before the first time. */
const RESUMES = 3
const RESUME_MS = 500

const PUT = 'a put'

interface Piece {
  bytes: Buffer
  last: boolean
}

/**
 * Stores a body under a key that is free: in one request if it fits one piece, else by a resumable session.
 *
 * Nothing is readable before the last piece has arrived whole ("Resumable uploads"); the session states that no object
 * is there (`ifGenerationMatch=0`). A piece that fails in passing is continued from where the service says it stopped.
 * CRC32C is sent with the bytes, for the service to check. The request that would finish the object is not cut when
 * the signal aborts: what it made is removed again.
 */
export async function putObject(
  client: GcsClient,
  key: StoreKey,
  body: Readable,
  options: PutOptions,
): Promise<PutReceipt> {
  const pieces = piecesOf(chunksOf(body, options), client.pieceBytes)
  try {
    const first = (await pieces.next()).value!
    return first.last
      ? await putWhole(client, key, first.bytes, options)
      : await putPieces(client, key, first, pieces, options)
  } catch (error) {
    body.destroy()
    throw error
  } finally {
    await pieces.return(undefined)
  }
}

/** Pieces of one size, of which the last is shorter or as long; an empty body is one empty piece. */
async function* piecesOf(chunks: AsyncIterable<Buffer>, pieceBytes: number): AsyncGenerator<Piece, undefined> {
  const queue = createByteQueue()
  for await (const chunk of chunks) {
    queue.add(chunk)
    while (queue.bytes > pieceBytes) yield { bytes: queue.take(pieceBytes), last: false }
  }
  yield { bytes: queue.take(queue.bytes), last: true }
}

function describe(key: StoreKey, { metadata, contentType, storageClass }: PutOptions): object {
  return {
    name: key,
    contentType: contentType ?? 'application/octet-stream',
    ...(metadata ? { metadata } : {}),
    ...(storageClass ? { storageClass } : {}),
  }
}

/** JSON API reference, `Objects: insert`, multipart upload. */
async function putWhole(client: GcsClient, key: StoreKey, bytes: Buffer, options: PutOptions): Promise<PutReceipt> {
  const sum = createCrc32c()
  sum.update(bytes)
  const crc32c = sum.value()
  const boundary = randomUUID()
  const description = JSON.stringify({ ...describe(key, options), crc32c })
  const json = `--${boundary}\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n${description}\r\n`
  const media = `--${boundary}\r\ncontent-type: application/octet-stream\r\n\r\n`
  return committed(client, key, crc32c, options.signal, () => {
    return send(client, {
      method: 'POST',
      path: `/upload${objectPath(client)}`,
      query: { uploadType: 'multipart', ifGenerationMatch: 0 },
      headers: { 'content-type': `multipart/related; boundary=${boundary}` },
      body: [Buffer.from(json + media), bytes, Buffer.from(`\r\n--${boundary}--`)],
      what: PUT,
    })
  })
}

async function putPieces(
  client: GcsClient,
  key: StoreKey,
  first: Piece,
  rest: AsyncIterable<Piece>,
  options: PutOptions,
): Promise<PutReceipt> {
  const session = await startSession(client, key, options)
  try {
    const sum = createCrc32c()
    let offset = 0
    for await (const piece of precededBy(first, rest)) {
      sum.update(piece.bytes)
      const crc32c = sum.value()
      const placed = { ...piece, session, offset, crc32c }
      if (piece.last) return await committed(client, key, crc32c, options.signal, () => sendPiece(client, placed))
      await sendPiece(client, placed, options.signal)
      offset += piece.bytes.length
    }
    throw new StoreError('unavailable', 'The body had no last piece')
  } catch (error) {
    // Nobody waits for it: a session that stays holds nothing readable, and ends by itself within a week.
    send(client, { method: 'DELETE', path: session, accepts: [499], what: PUT }).catch(ignore)
    throw error
  }
}

async function* precededBy(first: Piece, rest: AsyncIterable<Piece>): AsyncGenerator<Piece> {
  yield first
  yield* rest
}

/** "Performing resumable uploads", initiate. */
async function startSession(client: GcsClient, key: StoreKey, options: PutOptions): Promise<string> {
  const { headers } = await send(client, {
    method: 'POST',
    path: `/upload${objectPath(client)}`,
    query: { uploadType: 'resumable', ifGenerationMatch: 0 },
    json: describe(key, options),
    what: PUT,
    signal: options.signal,
  })
  const session = headers.get('location')
  if (!session) throw new StoreError('unavailable', 'Cloud Storage named no session for an upload')
  return session
}

interface PlacedPiece extends Piece {
  session: string
  offset: number
  /** Of everything up to the end of this piece. */
  crc32c: string
}

/**
 * "Performing resumable uploads", multiple chunk upload: 308 says how far the bytes have been kept, and what follows is
 * sent from there.
 */
async function sendPiece(client: GcsClient, piece: PlacedPiece, signal?: AbortSignal): Promise<GcsAnswer> {
  const end = piece.offset + piece.bytes.length
  let from: number | undefined = piece.offset
  for (let failures = 0; ; ) {
    try {
      const answer: GcsAnswer = await sendFrom(client, piece, from, signal)
      if (answer.status !== 308) return answer
      const kept = keptBytes(answer)
      if (kept === end && !piece.last) return answer
      if (kept < piece.offset || kept > end || kept === from) {
        throw new StoreError('unavailable', `Cloud Storage kept ${kept} bytes of an upload`)
      }
      from = kept
    } catch (error) {
      const passing = error instanceof StoreError && error.retryable && !isSilence(error)
      if (!passing || ++failures > RESUMES) throw error
      await wait(Math.random() * RESUME_MS * 2 ** failures, undefined, { signal }).catch(ignore)
      signal?.throwIfAborted()
      from = undefined
    }
  }
}

/** @param from undefined asks how far the service has come */
function sendFrom(
  client: GcsClient,
  { session, bytes, offset, last, crc32c }: PlacedPiece,
  from: number | undefined,
  signal?: AbortSignal,
): Promise<GcsAnswer> {
  const end = offset + bytes.length
  const range = from === undefined || from === end ? '*' : `${from}-${end - 1}`
  return send(client, {
    method: 'PUT',
    path: session,
    headers: {
      'content-range': `bytes ${range}/${last ? end : '*'}`,
      ...(last ? { 'x-goog-hash': `crc32c=${crc32c}` } : {}),
    },
    body: [bytes.subarray((from ?? end) - offset)],
    accepts: [308],
    what: PUT,
    signal,
  })
}

function keptBytes({ headers }: GcsAnswer): number {
  const last = /^bytes=0-(\d+)$/.exec(headers.get('range') ?? '')?.[1]
  return last === undefined ? 0 : Number(last) + 1
}

/** Finishes an object, and removes it again if the signal has aborted meanwhile or other bytes were stored. */
function committed(
  client: GcsClient,
  key: StoreKey,
  crc32c: string,
  signal: AbortSignal | undefined,
  finish: () => Promise<GcsAnswer>,
): Promise<PutReceipt> {
  const finishing = async () => {
    const object = JSON.parse((await finish()).text) as ObjectResource
    if (!signal?.aborted && object.crc32c === crc32c) return { storedBytes: Number(object.size) }
    await removeGeneration(client, key, object.generation)
    signal?.throwIfAborted()
    throw new StoreError('corrupt', `Cloud Storage stored other bytes than were sent under ${key}`)
  }
  return untilAborted(finishing(), signal, ABORT_GRACE_MS)
}

function ignore(): void {}
