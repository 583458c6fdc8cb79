import type { OutgoingRequest, Transport } from './connection.ts'
import type { OnProgress } from './progress.ts'
import type { Piece } from './source.ts'

/** The part of XMLHttpRequest that an upload needs: browsers report the progress of a body through nothing else. */
export interface UploadRequest {
  upload: { onprogress: ((event: { loaded: number; total: number }) => void) | null }
  onload: (() => void) | null
  onerror: (() => void) | null
  onabort: (() => void) | null
  readonly status: number
  readonly responseText: string
  open(method: string, url: string): void
  setRequestHeader(name: string, value: string): void
  getAllResponseHeaders(): string
  send(body: Blob): void
  abort(): void
}
export type UploadRequestClass = new () => UploadRequest

export function findUploadRequestClass(): UploadRequestClass | undefined {
  return (globalThis as { XMLHttpRequest?: UploadRequestClass }).XMLHttpRequest
}

/** What sends a piece and tells how far it has come; undefined outside of browsers, and for what is no blob. */
export function findUploadRequestTransport(
  Request: UploadRequestClass | undefined,
  piece: Piece,
  onProgress: OnProgress,
): Transport | undefined {
  return Request && piece instanceof Blob ? uploadRequestTransport(Request, piece, onProgress) : undefined
}

/** Sends a blob and tells how far it has come. */
export function uploadRequestTransport(Request: UploadRequestClass, blob: Blob, onProgress: OnProgress): Transport {
  return (url, request) =>
    new Promise((resolve, reject) => {
      const sender = new Request()
      const stop = () => sender.abort()
      const settle = (finish: () => void) => () => {
        request.signal?.removeEventListener('abort', stop)
        finish()
      }
      sender.onload = settle(() => resolve(answerOf(sender)))
      sender.onerror = settle(() => reject(new TypeError('the connection was lost')))
      sender.onabort = settle(() => reject(request.signal?.reason))
      sender.upload.onprogress = ({ loaded, total }) => onProgress({ transferredBytes: loaded, totalBytes: total })
      begin(sender, url, request, blob)
      if (request.signal?.aborted) stop()
      else request.signal?.addEventListener('abort', stop, { once: true })
    })
}

function begin(sender: UploadRequest, url: URL, request: OutgoingRequest, blob: Blob): void {
  sender.open(request.method, url.href)
  for (const [name, value] of Object.entries(request.headers)) sender.setRequestHeader(name, value)
  sender.send(blob)
}

function answerOf(sender: UploadRequest): Response {
  const headers = new Headers()
  for (const line of sender.getAllResponseHeaders().trim().split(/\r?\n/)) {
    const colon = line.indexOf(':')
    if (colon > 0) headers.append(line.slice(0, colon), line.slice(colon + 1).trim())
  }
  return new Response(sender.responseText, { status: sender.status, headers })
}
