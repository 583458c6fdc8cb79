import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { destroyOnAbort, untilAborted } from './abort.ts'
import { chunksOf } from './body.ts'
import { createByteQueue } from './byte-queue.ts'
import { type Span, spanOf } from './byte-range.ts'
import {
  CHUNK_BYTES,
  type ChunkPlace,
  findChunks,
  findHead,
  findPlace,
  findSize,
  insertChunks,
  insertHead,
  insertWhole,
  isStillThere,
  listChunks,
  lockKey,
  type Query,
  removeHead,
  removeUnnamed,
} from './database-rows.ts'
import { NO_CAPABILITIES, noExtras } from './extras.ts'
import type { PackPlace, Packs } from './packs.ts'
import { limitOf } from './paging.ts'
import {
  type CallOptions,
  type GetOptions,
  type ListOptions,
  type ListPage,
  type ObjectStore,
  type PutOptions,
  type PutReceipt,
  type StoredInfo,
  type StoredObject,
  StoreError,
  type StoreErrorKind,
  type StoreKey,
} from './port.ts'
import { segmentsOf } from './store-key.ts'

/** Chunks that are written or read in one transaction: 1 MiB. */
const BATCH_CHUNKS = 4
const BATCH_BYTES = BATCH_CHUNKS * CHUNK_BYTES
/** Chunks that are removed in one transaction: 64 MiB. */
const REMOVED_CHUNKS = 256
const ABORT_GRACE_MS = 1000
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/**
 * Runs work in one transaction of an organization, in the schema of the service and under the policies. Resolves only
 * when it is durably committed.
 */
export type InTenant = <Result>(tenantId: string, work: (query: Query) => Promise<Result>) => Promise<Result>

/**
 * Opens the store that keeps bytes in the service's own database, in rows of `chunk`. Every operation needs
 * `tenantId`, and reaches that organization's keys alone; without it, it is `unsupported`.
 *
 * What fits in one chunk is one row, as are the small objects that an upload writes beside its own rows; where those lie
 * in a pack on disk instead, the row says so, they are read there, and overwritten before their row goes. More is
 * written in short transactions, 1 MiB each, as chunks of a put that nobody names; one last row under the key names
 * them, and only then are they an object. `delete` removes the key's unfinished chunks too, so that one that was
 * stopped half way is completed by the next; a put that is still running then fails with `unavailable`, as it does when
 * it is abandoned. A read whose object is deleted meanwhile fails with `notFound`.
 */
export function openDatabaseStore(options: { inTenant: InTenant; packs: Packs }): ObjectStore {
  const { packs } = options
  const at = (key: StoreKey, call?: CallOptions) => placeOf(options.inTenant, key, call)
  return {
    ...noExtras,
    capabilities: { ...NO_CAPABILITIES, ownDisk: true },
    put: (key, body, putOptions) => put(options.inTenant, key, body, putOptions),
    get: async (key, getOptions) => get(packs, at(key, getOptions), getOptions),
    head: async (key, call) => abortable(call?.signal, () => head(at(key, call))),
    delete: async (key, call) => abortable(call?.signal, () => erase(packs, at(key, call))),
    abandon: async (key, call) => abortable(call?.signal, () => remove(at(key, call), { finished: false })),
    list: async (list) => abortable(list.signal, () => listPage(options.inTenant, list)),
    close: async () => {},
  }
}

/** A key of one organization, and how to reach its rows. */
interface Place {
  key: ChunkPlace
  run: <Result>(work: (query: Query) => Promise<Result>) => Promise<Result>
}

function placeOf(inTenant: InTenant, key: StoreKey, options?: CallOptions): Place {
  segmentsOf(key)
  const tenantId = tenantOf(options)
  return { key: { tenantId, key }, run: (work) => onDatabase(() => inTenant(tenantId, work)) }
}

function tenantOf({ tenantId }: CallOptions = {}): string {
  if (tenantId !== undefined && UUID.test(tenantId)) return tenantId
  throw new StoreError('unsupported', 'The database store must be told the organization')
}

async function abortable<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  signal?.throwIfAborted()
  return untilAborted(work(), signal)
}

// ---- put

async function put(inTenant: InTenant, key: StoreKey, body: Readable, options: PutOptions = {}): Promise<PutReceipt> {
  const chunks = chunksOf(body, options)
  try {
    const place = placeOf(inTenant, key, options)
    options.signal?.throwIfAborted()
    return { storedBytes: await write(place, chunks, options.signal) }
  } catch (error) {
    body.destroy()
    throw error
  }
}

/** @returns how many bytes were written */
async function write(
  { key, run }: Place,
  chunks: AsyncIterable<Buffer>,
  signal: AbortSignal | undefined,
): Promise<number> {
  const queue = createByteQueue()
  const putId = randomUUID()
  let [sizeBytes, written] = [0, 0]
  for await (const chunk of chunks) {
    queue.add(chunk)
    sizeBytes += chunk.length
    while (queue.bytes > BATCH_BYTES) {
      const batch = Array.from({ length: BATCH_CHUNKS }, () => queue.take(CHUNK_BYTES))
      const writing = run((query) => continuePut(query, key, { putId, after: written, batch }))
      // An aborted write is given a moment to end, so that `abandon` finds its rows.
      await untilAborted(writing, signal, ABORT_GRACE_MS)
      written += batch.length
    }
  }
  if (sizeBytes <= CHUNK_BYTES) {
    await run(async (query) => refuseTaken(await insertWhole(query, key, queue.take(sizeBytes))))
    return sizeBytes
  }
  const batch: Buffer[] = []
  while (queue.bytes > 0) batch.push(queue.take(Math.min(CHUNK_BYTES, queue.bytes)))
  await run(async (query) => {
    await continuePut(query, key, { putId, after: written, batch })
    refuseTaken(await insertHead(query, key, { putId, sizeBytes }))
  })
  return sizeBytes
}

/**
 * Adds chunks to a put. Each goes only after the one before it, and they are removed from the last to the first: the
 * last one is there only if all are.
 */
async function continuePut(
  query: Query,
  key: ChunkPlace,
  { putId, after, batch }: { putId: string; after: number; batch: readonly Buffer[] },
): Promise<void> {
  const [, inserted] = await Promise.all([lockKey(query, key), insertChunks(query, key, putId, after, batch)])
  if (!inserted) throw new StoreError('unavailable', 'The write was abandoned before it was finished')
}

function refuseTaken(inserted: boolean): void {
  if (!inserted) throw new StoreError('exists', 'The store key is already taken')
}

// ---- get, head

async function get(packs: Packs, place: Place, { range, signal }: GetOptions = {}): Promise<StoredObject> {
  signal?.throwIfAborted()
  const found = await untilAborted(
    place.run((query) => findHead(query, place.key)),
    signal,
  )
  if (!found) throw notFound()
  const { start, length } = spanOf(range, found.sizeBytes)
  const end = start + length
  const body =
    'putId' in found ? readSpan(place, found, start, end) : streamOf(await smallPart(packs, found, { start, length }))
  destroyOnAbort(body, signal)
  return { body, sizeBytes: found.sizeBytes }
}

async function smallPart(
  packs: Packs,
  found: { bytes: Buffer } | { place: PackPlace },
  { start, length }: Span,
): Promise<Buffer> {
  if ('bytes' in found) return found.bytes.subarray(start, start + length)
  return length === 0 ? Buffer.alloc(0) : packs.read(found.place, { start, end: start + length - 1 })
}

function streamOf(bytes: Buffer): Readable {
  return Readable.from(bytes.length > 0 ? [bytes] : [], { objectMode: false })
}

interface Chunked {
  putId: string
  sizeBytes: number
}

function readSpan(place: Place, chunked: Chunked, start: number, end: number): Readable {
  let position = start
  const readNext = async (stream: Readable) => {
    if (position === end) return void stream.push(null)
    const first = Math.floor(position / CHUNK_BYTES)
    const last = Math.min(first + BATCH_CHUNKS, Math.ceil(end / CHUNK_BYTES)) - 1
    const bytes = await readChunks(place, chunked, first, last)
    const offset = first * CHUNK_BYTES
    const from = position - offset
    position = Math.min(offset + bytes.length, end)
    stream.push(bytes.subarray(from, position - offset))
  }
  return new Readable({
    highWaterMark: CHUNK_BYTES,
    read() {
      readNext(this).catch((error) => void this.destroy(error))
    },
  })
}

/** Reads chunks by their place in the object, counted from 0; those in the database are counted from 1. */
async function readChunks(
  { key, run }: Place,
  { putId, sizeBytes }: Chunked,
  first: number,
  last: number,
): Promise<Buffer> {
  return run(async (query) => {
    const chunks = await findChunks(query, key, putId, first + 1, last + 1)
    const bytes = Buffer.concat(chunks)
    const expected = Math.min((last + 1) * CHUNK_BYTES, sizeBytes) - first * CHUNK_BYTES
    const whole = chunks.slice(0, -1).every((chunk) => chunk.length === CHUNK_BYTES)
    if (bytes.length === expected && whole) return bytes
    if (!(await isStillThere(query, key, putId))) throw notFound()
    throw new StoreError('corrupt', `Chunks ${first + 1} to ${last + 1} do not hold ${expected} bytes`)
  })
}

async function head({ key, run }: Place): Promise<StoredInfo | undefined> {
  const found = await run((query) => findSize(query, key))
  return found && { key: key.key, ...found, unfinished: false }
}

function notFound(): StoreError {
  return new StoreError('notFound', 'Nothing is stored under the store key')
}

// ---- delete, abandon, list

/** What an interrupted delete has overwritten, nobody reads any more: its copy is being released. */
async function erase(packs: Packs, place: Place): Promise<void> {
  const packed = await place.run((query) => findPlace(query, place.key))
  if (packed) await packs.erase(packed)
  await remove(place, { finished: true })
}

async function remove({ key, run }: Place, { finished }: { finished: boolean }): Promise<void> {
  for (let removed = REMOVED_CHUNKS; removed === REMOVED_CHUNKS; ) {
    removed = await run(async (query) => {
      const [, , count] = await Promise.all([
        lockKey(query, key),
        finished && removeHead(query, key),
        removeUnnamed(query, key, REMOVED_CHUNKS),
      ])
      return count
    })
  }
}

async function listPage(inTenant: InTenant, options: ListOptions): Promise<ListPage> {
  const tenantId = tenantOf(options)
  const limit = limitOf(options)
  const { prefix = '' } = options
  const from = options.cursor === undefined ? undefined : parseCursor(options.cursor, prefix)
  const rows = await onDatabase(() =>
    inTenant(tenantId, (query) => listChunks(query, { tenantId, prefix, from, limit: limit + 1 })),
  )
  const items = rows.slice(0, limit).map(({ putId: _, ...info }) => info)
  const next = rows[limit]
  return next ? { items, nextCursor: `${next.putId}${next.key}` } : { items }
}

const UUID_LENGTH = 36

/** A cursor names the first row of the next page. */
function parseCursor(cursor: string, prefix: string): { key: string; putId: string } {
  const [putId, key] = [cursor.slice(0, UUID_LENGTH), cursor.slice(UUID_LENGTH)]
  if (UUID.test(putId) && key.startsWith(prefix)) return { key, putId }
  throw new StoreError('unsupported', 'That is no cursor of this list')
}

// ---- errors

const KINDS: readonly [sqlState: string, kind: StoreErrorKind][] = [
  ['53100', 'full'],
  ['42501', 'denied'],
  ['22', 'unsupported'],
]

async function onDatabase<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof StoreError) throw error
    const state = String((error as { code?: unknown } | null)?.code ?? '')
    const kind = KINDS.find(([prefix]) => state.startsWith(prefix))?.[1] ?? 'unavailable'
    throw new StoreError(kind, `The database did not do it (${state || 'no code'})`, { cause: error })
  }
}
