import { findUploadRequestTransport } from './browser-upload.ts'
import { type Connection, lengthHeader, type OutgoingRequest } from './connection.ts'
import { failedAttempt, StowageError, storeRefusal } from './error.ts'
import { delayMs, pause, retryAfterMs } from './retry.ts'
import { countedPiece, type Piece } from './source.ts'
import type { KeptRequest } from './upload-memory.ts'

/** One part of a file and how it is sent. */
export interface PartToSend {
  piece: Piece
  /** A signed request; after `refused` another one, if there is any. */
  sign(refused: boolean): Promise<KeptRequest>
  /** How much of it has been handed to the network in this attempt. */
  onSent(bytes: number): void
  /** Whether what is there already is an answer that says so: an earlier attempt has arrived then. */
  onceOnly: boolean
}

/**
 * Sends one part, again where that may help.
 *
 * @throws StowageError `client.storeRefused`, or what the service answers; the signal's reason
 */
export async function sendPart(connection: Connection, part: PartToSend, signal: AbortSignal): Promise<void> {
  let waitedMs = 0
  let refused = false
  for (let attempts = 1; ; attempts++) {
    const request = await part.sign(refused)
    const failure = await attempt(connection, request, part, signal)
    if (!failure) return
    const { error } = failure
    refused = error.status === 403
    const told = { attempts, waitedMs, retryAfterMs: failure.retryAfterMs }
    const nextMs = isPassing(error) ? delayMs(connection.retry, told, Math.random) : undefined
    if (nextMs === undefined) throw error
    part.onSent(0)
    await pause(nextMs, signal)
    waitedMs += nextMs
  }
}

interface Failure {
  error: StowageError
  retryAfterMs: number | undefined
}

async function attempt(
  connection: Connection,
  { method, url: address, headers }: KeptRequest,
  { piece, onSent, onceOnly }: PartToSend,
  signal: AbortSignal,
): Promise<Failure | undefined> {
  const url = new URL(address)
  try {
    const onProgress = ({ transferredBytes }: { transferredBytes: number }) => onSent(transferredBytes)
    const ofBrowser = findUploadRequestTransport(connection.uploadRequestClass, piece, onProgress)
    const request: OutgoingRequest = { method, headers: sendable(headers), signal }
    const response = ofBrowser
      ? await ofBrowser(url, request)
      : await connection.transport(url, {
          ...request,
          headers: { ...request.headers, ...lengthHeader(piece.size) },
          body: countedPiece(piece, onProgress),
        })
    if (response.ok || (onceOnly && response.status === 412)) {
      await response.arrayBuffer()
      onSent(piece.size)
      return undefined
    }
    const error = await storeRefusal(response)
    return { error, retryAfterMs: retryAfterMs(response.headers.get('retry-after'), error, Date.now()) }
  } catch (cause) {
    if (signal.aborted) throw signal.reason
    if (cause instanceof StowageError) throw cause
    return { error: failedAttempt(url, cause), retryAfterMs: undefined }
  }
}

/** These two are the network's to say. */
function sendable(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !/^(host|content-length)$/i.test(name)))
}

/** After a 403 another signature may do: that of a long upload has expired. */
const PASSING = new Set([403, 408, 429, 500, 502, 503, 504])

function isPassing(error: StowageError): boolean {
  return error.code === 'client.unreachable' || PASSING.has(error.status)
}
