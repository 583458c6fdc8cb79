import { getOperation, type Output } from '@stowage/contract'
import { type Connection, send } from './connection.ts'
import { bodyUnreadable } from './error.ts'
import { exchangeOf, readJson } from './operations.ts'
import type { RetryPolicy } from './retry.ts'
import { type FileSource, isStream, type Piece } from './source.ts'
import { awaitAsset, findUpload, isGone } from './staged-end.ts'
import { described, type Transfer, type Uploaded } from './transfer.ts'
import { tusRequests } from './tus.ts'

/** What a stream brings is held until it has arrived; a file is cut so that no proxy finds a request too large. */
const STREAM_CHUNK_BYTES = 8 * 1024 * 1024
const FILE_CHUNK_BYTES = 64 * 1024 * 1024
const TUS_VERSION = '1.0.0'

type Source = FileSource | ReadableStream<Uint8Array>

/**
 * Sends a file, or a stream of any length, by tus 1.0 (https://tus.io/protocols/resumable-upload): one request after
 * another, each going on where the last one got to.
 *
 * @throws StowageError; the signal's reason
 */
export async function sendResumably(connection: Connection, source: Source, transfer: Transfer): Promise<Uploaded> {
  const { record, options, onStart } = transfer
  const found = await findEarlier(connection, source, transfer)
  const { uploadId, arrivedBytes } = found ?? { uploadId: await begin(connection, source, transfer), arrivedBytes: 0 }
  onStart?.({ road: 'resumable', arrivedBytes })
  try {
    await sendByTus(connection, source, uploadId, transfer)
    return await awaitAsset(connection, uploadId, options.signal)
  } catch (error) {
    if (isGone(error)) await record.forget()
    throw error
  }
}

async function findEarlier(connection: Connection, source: Source, { record, options: { signal } }: Transfer) {
  const kept = await record.find('resumable')
  if (!kept) return undefined
  const upload = await findUpload(connection, kept.uploadId, signal)
  if (upload && !isStream(source) && upload.sizeBytes === source.size) {
    return { uploadId: kept.uploadId, arrivedBytes: upload.receivedBytes ?? 0 }
  }
  await record.forget()
  return undefined
}

async function begin(connection: Connection, source: Source, transfer: Transfer): Promise<string> {
  const { options, record } = transfer
  const exchange = exchangeOf(getOperation('resumable.create'), described(transfer), { signal: options.signal })
  const length: Record<string, string> = isStream(source)
    ? { 'Upload-Defer-Length': '1' }
    : { 'Upload-Length': String(source.size) }
  const headers = { ...exchange.headers, ...length, 'Tus-Resumable': TUS_VERSION }
  const begun = (await send(connection, { ...exchange, headers }, readJson)) as Output<'resumable.create'>
  await record.keep({ uploadId: begun.id, expiresAt: begun.expiresAt, road: 'resumable' })
  return begun.id
}

async function sendByTus(
  connection: Connection,
  source: Source,
  uploadId: string,
  { options: { signal }, onProgress }: Transfer,
): Promise<void> {
  const { Upload } = await import('tus-js-client')
  const chunkSize = isStream(source) ? STREAM_CHUNK_BYTES : FILE_CHUNK_BYTES
  const reader = isStream(source) ? streamReader(source) : fileReader(source)
  const totalBytes = isStream(source) ? undefined : source.size
  const { stack, lastFailure } = tusRequests(connection, signal)
  const { path } = exchangeOf(getOperation('resumable.append'), { uploadId }, {})
  await new Promise<void>((resolve, reject) => {
    const stop = () => {
      upload.abort()
      reject(signal?.reason)
    }
    const settle = (finish: () => void) => {
      signal?.removeEventListener('abort', stop)
      finish()
    }
    // Without an endpoint it begins no new upload where this one cannot be gone on with.
    const upload = new Upload(new Blob([]), {
      uploadUrl: connection.url.replace(/\/+$/, '') + path,
      chunkSize,
      uploadLengthDeferred: totalBytes === undefined,
      retryDelays: delaysOf(connection.retry),
      storeFingerprintForResuming: false,
      httpStack: stack,
      fileReader: { openFile: async () => reader },
      onProgress: (transferredBytes) => onProgress?.({ transferredBytes, totalBytes }),
      onSuccess: () => settle(resolve),
      onShouldRetry: ({ originalResponse }) =>
        lastFailure()?.code !== 'client.bodyUnreadable' && isPassing(originalResponse?.getStatus()),
      onError: (error) =>
        settle(() => reject(signal?.aborted ? signal.reason : (lastFailure() ?? bodyUnreadable(error)))),
    })
    if (signal?.aborted) return stop()
    signal?.addEventListener('abort', stop, { once: true })
    upload.start()
  })
}

/** After a 409 or 423 the service is asked again how far the upload is. */
const PASSING = new Set([408, 409, 423, 429, 500, 502, 503, 504])

function isPassing(status: number | undefined): boolean {
  return status === undefined || PASSING.has(status)
}

/** The delays of a policy, each spread, for the attempts after the first; bytes that arrive begin them anew. */
function delaysOf({ attempts, firstDelayMs, longestDelayMs }: RetryPolicy): number[] {
  const longest = (_: unknown, index: number) => Math.min(longestDelayMs, firstDelayMs * 2 ** index)
  return Array.from({ length: attempts - 1 }, longest).map((delayMs) => delayMs * (0.5 + Math.random() / 2))
}

interface Reader {
  size: number
  slice(start: number, end: number): Promise<{ value: Piece | null; done: boolean }>
  close(): void
}

function fileReader(source: FileSource): Reader {
  const slice = async (start: number, end: number) => {
    const value = source.slice(start, Math.min(end, source.size))
    return { value, done: end >= source.size }
  }
  return { size: source.size, slice, close: () => {} }
}

/** Holds what has been read from a stream and has not arrived yet. Reads ahead, so that the last piece is known to be it. */
function streamReader(stream: ReadableStream<Uint8Array>): Reader {
  const reader = stream.getReader()
  let held = new Blob([])
  let heldFrom = 0
  let ended = false
  const readUpTo = async (bytes: number) => {
    const fresh: Uint8Array<ArrayBuffer>[] = []
    for (let heldBytes = held.size; !ended && heldBytes <= bytes; ) {
      const { done, value } = await reader.read()
      ended = done
      if (done) break
      fresh.push(value as Uint8Array<ArrayBuffer>)
      heldBytes += value.byteLength
    }
    held = new Blob([held, ...fresh])
  }
  return {
    size: 0,
    async slice(start, end) {
      held = held.slice(start - heldFrom)
      heldFrom = start
      await readUpTo(end - start)
      const value = held.slice(0, end - start)
      return { value: value.size === 0 ? null : value, done: ended && held.size <= end - start }
    },
    close: () => reader.releaseLock(),
  }
}
