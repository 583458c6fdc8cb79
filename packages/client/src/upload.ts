import { getOperation, type Input } from '@stowage/contract'
import { type Connection, send } from './connection.ts'
import { keptOtherwise } from './error.ts'
import { hashFile } from './hashing.ts'
import { type CallInput, type CallOptions, callOperation, exchangeOf, readJson } from './operations.ts'
import { sendInParts } from './parts.ts'
import type { OnProgress } from './progress.ts'
import { sendResumably } from './resumable.ts'
import { sendWhole } from './single-request.ts'
import { type FileSource, isStream, openStream, sourceOf, type UploadBody } from './source.ts'
import { isGone } from './staged-end.ts'
import {
  createRecord,
  monotonic,
  type Road,
  type Transfer,
  type Uploaded,
  type UploadRecord,
  type UploadStart,
} from './transfer.ts'
import { type UploadMemory, uploadKey } from './upload-memory.ts'

/** What is small goes in one request. */
const SINGLE_UP_TO_BYTES = 8 * 1024 * 1024
const PARALLEL_PARTS = 3

export interface TransferOptions extends CallOptions {
  /** Default: the type that the body carries. It is a hint: the service looks at name and bytes itself. */
  mediaType?: string
  /** Bytes of the whole that were handed to the network; it never goes back. */
  onProgress?: OnProgress
  /** Called once it is known how the file travels, and what of it an earlier attempt has brought. */
  onStart?: (start: UploadStart) => void
  /**
   * How the bytes travel. `auto`: up to 8 MiB in one request (`single`), larger files in `parts`, larger streams by tus
   * (`resumable`); with `ifMatch`, which only a single request can carry, in one.
   */
  road?: Road | 'auto'
  /** How many parts are sent at a time. Default: 3. */
  parallel?: number
  /** Where to remember this upload, or false to begin anew and remember nothing. Default: the client's memory. */
  memory?: UploadMemory | false
}
/** A new asset, or with `assetId` a new version of one. A `File` brings its name. */
export type UploadInput = ((CallInput<'assets.create'> & { assetId?: undefined }) | CallInput<'versions.create'>) &
  TransferOptions
export type TextInput = Input<'assets.create'> & CallOptions

/** An upload on its way: what it comes to, and how to stop it. */
export interface Upload extends Promise<Uploaded> {
  /** Stops sending. What has arrived is kept, and the same file, uploaded again, goes on from there; unless it is forgotten. */
  pause(options?: { forget?: boolean }): Promise<void>
  /** Stops sending and has the service remove what has arrived. @throws StowageError `upload.notOpen` when it is too late */
  cancel(): Promise<void>
}

/** Begins at once. It rejects with an `AbortError` when it is paused or cancelled. */
export function startUpload(connection: Connection, body: UploadBody, input: UploadInput): Upload {
  const stop = new AbortController()
  const signal = input.signal ? AbortSignal.any([input.signal, stop.signal]) : stop.signal
  let record: UploadRecord | undefined
  const done = uploadBytes(connection, body, { ...input, signal }, (made) => {
    record = made
  })
  const halt = async (why: string) => {
    stop.abort(new DOMException(why, 'AbortError'))
    return done.then(
      () => false,
      () => true,
    )
  }
  return Object.assign(done, {
    async pause({ forget = false } = {}) {
      if ((await halt('The upload was paused')) && forget) await record?.forget()
    },
    async cancel() {
      const uploadId = (await halt('The upload was cancelled')) ? record?.uploadId() : undefined
      if (uploadId === undefined) return
      await record?.forget()
      await callOperation(connection, 'uploads.cancel', { uploadId }, {}).catch((error) => {
        if (!isGone(error)) throw error
      })
    },
  })
}

async function uploadBytes(
  connection: Connection,
  body: UploadBody,
  input: UploadInput,
  onRecord: (record: UploadRecord) => void,
): Promise<Uploaded> {
  const { mediaType, onProgress, onStart, signal, idempotencyKey, ifMatch, road, parallel, memory, ...given } = input
  const { source, chosen } = await chooseRoad(connection, body, road ?? 'auto', ifMatch)
  const file = isStream(source) ? undefined : source
  const fields: Record<string, unknown> = { ...(file?.name && { name: file.name }), ...withoutNulls(given) }
  const remembering = memory === false || chosen === 'single' ? undefined : (memory ?? connection.memory)
  const place = [connection.url, connection.organization ?? null, connection.actFor ?? null, fields]
  const key = remembering && file && !isStream(sourceOf(body)) ? await uploadKey(file, place) : undefined
  const record = createRecord(remembering, key)
  onRecord(record)
  const transfer: Transfer = {
    fields,
    mediaType: mediaType || file?.type || '',
    options: { signal, idempotencyKey, ifMatch },
    parallel: parallel ?? PARALLEL_PARTS,
    onProgress: monotonic(onProgress),
    onStart,
    record,
  }
  if (chosen === 'single') {
    onStart?.({ road: 'single', arrivedBytes: 0 })
    return sendWhole(connection, source, transfer)
  }
  return checked(connection, source, transfer, (hashed) =>
    chosen === 'parts' && !isStream(hashed)
      ? sendInParts(connection, hashed, transfer)
      : sendResumably(connection, hashed, transfer),
  )
}

interface Chosen {
  source: FileSource | ReadableStream<Uint8Array>
  chosen: Road
}

/** @throws TypeError for a road that cannot carry what is asked for */
async function chooseRoad(
  connection: Connection,
  body: UploadBody,
  road: Road | 'auto',
  ifMatch: string | undefined,
): Promise<Chosen> {
  if (ifMatch !== undefined && (road === 'parts' || road === 'resumable')) {
    throw new TypeError('ifMatch can be asked of a single request only')
  }
  const given = sourceOf(body)
  if (isStream(given) && road === 'resumable') return { source: given, chosen: road }
  const source = isStream(given) ? await settled(connection, given, road) : given
  if (road !== 'auto') {
    if (isStream(source) && road === 'parts') throw new TypeError('A stream has no size, so it cannot be sent in parts')
    return { source, chosen: road }
  }
  if (ifMatch !== undefined) return { source, chosen: 'single' }
  if (isStream(source)) return { source, chosen: 'resumable' }
  return { source, chosen: source.size <= SINGLE_UP_TO_BYTES ? 'single' : 'parts' }
}

/** Browsers send no streams over HTTP/1.1, and keep a large blob on disk. A stream that ends soon is as good as a file. */
async function settled(
  connection: Connection,
  stream: ReadableStream<Uint8Array>,
  road: Road | 'auto',
): Promise<Chosen['source']> {
  if (connection.uploadRequestClass) return new Response(stream as ReadableStream<Uint8Array<ArrayBuffer>>).blob()
  if (road !== 'auto') return stream
  const opening = await openStream(stream, SINGLE_UP_TO_BYTES)
  return 'whole' in opening ? opening.whole : opening.stream
}

/** Hashes what is sent while it is sent, and compares with what was kept. */
async function checked(
  connection: Connection,
  source: Chosen['source'],
  transfer: Transfer,
  sendIt: (source: Chosen['source']) => Promise<Uploaded>,
): Promise<Uploaded> {
  const over = new AbortController()
  const given = transfer.fields['sha256']
  const { source: hashed, sha256 } =
    given === undefined ? hashing(connection, source, over.signal) : { source, sha256: async () => String(given) }
  try {
    const asset = await sendIt(hashed)
    await transfer.record.forget()
    const expected = await sha256()
    if (asset.sha256 !== expected) throw keptOtherwise(asset.id, expected, asset.sha256)
    return asset
  } finally {
    over.abort()
  }
}

function hashing(connection: Connection, source: Chosen['source'], signal: AbortSignal) {
  if (!isStream(source)) {
    const hashed = hashFile(source, connection.createHash, signal)
    // A file that cannot be sent is told of by the sending.
    hashed.catch(() => {})
    return { source, sha256: () => hashed }
  }
  const hash = connection.createHash()
  const tap = new TransformStream<Uint8Array, Uint8Array>({
    transform(bytes, controller) {
      hash.update(bytes)
      controller.enqueue(bytes)
    },
  })
  return { source: source.pipeThrough(tap), sha256: async () => hash.digest('hex') }
}

/** In a query null has no way to be said; a new asset has none of these fields anyway. */
function withoutNulls(fields: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([_field, value]) => value !== null && value !== undefined))
}

/** Saves a text that a program made, as JSON. */
export async function saveGeneratedText(connection: Connection, content: string, input: TextInput): Promise<Uploaded> {
  const { signal, idempotencyKey, ifMatch, ...fields } = input
  const exchange = exchangeOf(getOperation('assets.create'), {}, { signal, idempotencyKey, ifMatch })
  const headers = { ...exchange.headers, 'Content-Type': 'application/json' }
  const json = JSON.stringify({ ...fields, content })
  return send(connection, { ...exchange, headers, body: () => json }, readJson) as Promise<Uploaded>
}
