import type { HttpRequest, HttpResponse, HttpStack } from 'tus-js-client'
import { findUploadRequestTransport } from './browser-upload.ts'
import { type Connection, credentials, lengthHeader } from './connection.ts'
import { failedAttempt, refusal, type StowageError } from './error.ts'
import { countedPiece, type Piece } from './source.ts'

/** What the requests of one upload came to. */
export interface TusRequests {
  stack: HttpStack
  /** Why the last request failed. */
  lastFailure(): StowageError | undefined
}

/** The requests of the tus protocol, made by this client's own means and with its credentials. */
export function tusRequests(connection: Connection, signal: AbortSignal | undefined): TusRequests {
  let failure: StowageError | undefined
  const send = async (
    url: URL,
    method: string,
    headers: Record<string, string>,
    piece: Piece | null,
    sending: Sending,
  ) => {
    failure = undefined
    const stop = signal ? AbortSignal.any([signal, sending.stop.signal]) : sending.stop.signal
    const request = { method, headers: { ...(await credentials(connection)), ...headers }, signal: stop }
    try {
      const response = await transfer(connection, url, request, piece, sending.onSent)
      const text = await response.clone().text()
      if (!response.ok) failure = await refusal(response)
      return answerOf(response, text)
    } catch (cause) {
      failure = failedAttempt(url, cause)
      throw failure
    }
  }
  return {
    lastFailure: () => failure,
    stack: {
      getName: () => 'stowage',
      createRequest: (method, address) => requestOf(method, address, send),
    },
  }
}

interface Sending {
  stop: AbortController
  onSent: (bytes: number) => void
}

async function transfer(
  connection: Connection,
  url: URL,
  request: { method: string; headers: Record<string, string>; signal: AbortSignal },
  piece: Piece | null,
  onSent: (bytes: number) => void,
): Promise<Response> {
  if (!piece) return connection.transport(url, request)
  const onProgress = ({ transferredBytes }: { transferredBytes: number }) => onSent(transferredBytes)
  const ofBrowser = findUploadRequestTransport(connection.uploadRequestClass, piece, onProgress)
  if (ofBrowser) return ofBrowser(url, request)
  const headers = { ...request.headers, ...lengthHeader(piece.size) }
  return connection.transport(url, { ...request, headers, body: countedPiece(piece, onProgress) })
}

type Send = (
  url: URL,
  method: string,
  headers: Record<string, string>,
  piece: Piece | null,
  sending: Sending,
) => Promise<HttpResponse>

function requestOf(method: string, address: string, send: Send): HttpRequest {
  const headers: Record<string, string> = {}
  const sending: Sending = { stop: new AbortController(), onSent: () => {} }
  return {
    getMethod: () => method,
    getURL: () => address,
    setHeader: (name, value) => {
      headers[name] = value
    },
    getHeader: (name) => headers[name],
    setProgressHandler: (handler) => {
      sending.onSent = handler
    },
    send: (piece: Piece | null | undefined) => send(new URL(address), method, headers, piece ?? null, sending),
    abort: async () => sending.stop.abort(),
    getUnderlyingObject: () => undefined,
  }
}

function answerOf(response: Response, text: string): HttpResponse {
  return {
    getStatus: () => response.status,
    getHeader: (name) => response.headers.get(name) ?? undefined,
    getBody: () => text,
    getUnderlyingObject: () => response,
  }
}
