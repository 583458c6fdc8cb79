import type { UploadRequestClass } from './browser-upload.ts'
import { failedAttempt, refusal, StowageError } from './error.ts'
import { nextDelayMs, pause, type RetryPolicy, retryAfterMs } from './retry.ts'
import type { IncrementalHash } from './sha256.ts'
import type { UploadMemory } from './upload-memory.ts'

/** A server and how to speak to it. */
export interface Connection {
  url: string
  token: () => Promise<string>
  organization: string | undefined
  actFor: string | undefined
  transport: Transport
  /** In browsers: what reports the progress of an upload. */
  uploadRequestClass: UploadRequestClass | undefined
  retry: RetryPolicy
  /** Where unfinished uploads are remembered. */
  memory: UploadMemory | undefined
  /** SHA-256. */
  createHash: () => IncrementalHash
}

export interface OutgoingRequest {
  method: string
  headers: Record<string, string>
  body?: Blob | string | ReadableStream<Uint8Array>
  signal: AbortSignal | undefined
}

/** One attempt. It rejects only when no answer arrives. */
export type Transport = (url: URL, request: OutgoingRequest) => Promise<Response>

export interface Exchange {
  method: string
  /** From the root of the API, query included. */
  path: string
  headers?: Record<string, string>
  /** Called for each attempt; undefined when there is no body. */
  body?: () => OutgoingRequest['body']
  /** The length of a body that is a stream, where it is known. */
  bodySizeBytes?: number
  /** The body can be read only once, so there is only one attempt. */
  once?: boolean
  /** Sending it twice has the effect of sending it once. */
  repeatable: boolean
  signal: AbortSignal | undefined
  transport?: Transport
}

/**
 * Sends a request, again if that is safe and may help, and reads the answer.
 *
 * @param read runs inside the attempt: an answer that breaks off counts as a lost connection
 * @throws StowageError; the signal's reason
 */
export async function send<T>(
  connection: Connection,
  exchange: Exchange,
  read: (response: Response) => Promise<T>,
): Promise<T> {
  const attempts = exchange.once ? 1 : connection.retry.attempts
  let waitedMs = 0
  for (let attempt = 1; ; attempt++) {
    const outcome = await attemptOnce(connection, exchange, read)
    if ('value' in outcome) return outcome.value
    const failed = { ...outcome, attempts: attempt, waitedMs, repeatable: exchange.repeatable }
    const delayMs = nextDelayMs({ ...connection.retry, attempts }, failed, Math.random)
    if (delayMs === undefined) throw outcome.error
    await pause(delayMs, exchange.signal)
    waitedMs += delayMs
  }
}

type Outcome<T> = { value: T } | { error: StowageError; retryAfterMs: number | undefined }

async function attemptOnce<T>(
  connection: Connection,
  exchange: Exchange,
  read: (response: Response) => Promise<T>,
): Promise<Outcome<T>> {
  const url = new URL(connection.url.replace(/\/+$/, '') + exchange.path)
  const request: OutgoingRequest = {
    method: exchange.method,
    headers: { ...(await credentials(connection)), ...exchange.headers, ...lengthHeader(exchange.bodySizeBytes) },
    body: exchange.body?.(),
    signal: exchange.signal,
  }
  try {
    const response = await (exchange.transport ?? connection.transport)(url, request)
    if (response.ok) return { value: await read(response) }
    const error = await refusal(response)
    return { error, retryAfterMs: retryAfterMs(response.headers.get('retry-after'), error, Date.now()) }
  } catch (cause) {
    if (exchange.signal?.aborted) throw exchange.signal.reason
    if (cause instanceof StowageError) throw cause
    return { error: failedAttempt(url, cause), retryAfterMs: undefined }
  }
}

export async function credentials(connection: Connection): Promise<Record<string, string>> {
  const headers: Record<string, string> = { Authorization: `Bearer ${await connection.token()}` }
  if (connection.organization !== undefined) headers['Stowage-Organization'] = connection.organization
  if (connection.actFor !== undefined) headers['Stowage-User'] = connection.actFor
  return headers
}

/** Only Node takes the length of a stream from here; it lets the service refuse a file before its bytes are sent. */
export function lengthHeader(sizeBytes: number | undefined): Record<string, string> {
  return sizeBytes === undefined ? {} : { 'Content-Length': String(sizeBytes) }
}
