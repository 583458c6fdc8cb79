import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { Readable } from 'node:stream'
import { Storage } from '@google-cloud/storage'
import { z } from 'zod'
import { untilAborted } from './abort.ts'
import { failedOnTheWay, refusedBy, silent } from './gcs-errors.ts'

const SLICE_BYTES = 256 * 1024
const QUANTUM = 256 * 1024
const MIB = 1024 * 1024

const credentials = z.looseObject({ client_email: z.string(), private_key: z.string() })
const milliseconds = (fallback: number) => z.coerce.number().int().positive().default(fallback)

/** What a store in Cloud Storage is told. With neither `keyFile` nor `credentials`, application default ones are used. */
export const gcsSettings = z.object({
  bucket: z.string().min(3),
  projectId: z.string().min(1).optional(),
  /** Another address of the service than Google's own. */
  endpoint: z.url().optional(),
  /** The endpoint as those who send presigned requests reach it. */
  publicEndpoint: z.url().optional(),
  /** A file with a service account's key, or that key itself. */
  keyFile: z.string().min(1).optional(),
  credentials: credentials.optional(),
  /** The bucket was made with object retention. */
  objectLock: z.boolean().default(false),
  connections: z.coerce.number().int().min(1).default(50),
  connectTimeoutMs: milliseconds(5000),
  /** The longest silence of the service, waiting for one of `connections` included. */
  idleTimeoutMs: milliseconds(60_000),
  /** Size of the pieces of a large upload, and of what is kept in memory of one, about twice. */
  pieceBytes: z.coerce
    .number()
    .int()
    .min(QUANTUM)
    .multipleOf(QUANTUM)
    .default(8 * MIB),
})

/** Settings as they are written; `gcsSettings` fills in the defaults. */
export type GcsSettings = z.input<typeof gcsSettings>

export interface GcsClient {
  readonly bucket: string
  readonly storage: Storage
  readonly endpoint: string
  readonly publicEndpoint: string
  readonly pieceBytes: number
  readonly idleMs: number
  readonly agents: { http: HttpAgent; https: HttpsAgent }
}

export function createGcsClient(settings: z.output<typeof gcsSettings>): GcsClient {
  const { bucket, projectId, endpoint, keyFile, pieceBytes, idleTimeoutMs: idleMs } = settings
  const storage = new Storage({
    ...(projectId ? { projectId } : {}),
    ...(endpoint ? { apiEndpoint: endpoint } : {}),
    ...(keyFile ? { keyFilename: keyFile } : {}),
    ...(settings.credentials ? { credentials: settings.credentials } : {}),
    // For requests that the library makes on its own account, such as those for tokens.
    clientOptions: { transporterOptions: { timeout: idleMs } },
  })
  const pool = { keepAlive: true, maxSockets: settings.connections, proxyEnv: process.env }
  const agents = { http: new HttpAgent(pool), https: new HttpsAgent(pool) }
  limitConnecting(agents.http, settings.connectTimeoutMs)
  limitConnecting(agents.https, settings.connectTimeoutMs)
  const publicEndpoint = (settings.publicEndpoint ?? storage.apiEndpoint).replace(/\/+$/, '')
  return { bucket, storage, endpoint: storage.apiEndpoint, publicEndpoint, pieceBytes, idleMs, agents }
}

function limitConnecting(agent: HttpAgent, timeoutMs: number): void {
  const connect = agent.createConnection.bind(agent)
  agent.createConnection = (options, done) => {
    const socket = connect(options, done)
    const late = Object.assign(new Error(`no connection in ${timeoutMs} ms`), { code: 'ETIMEDOUT' })
    const timer = setTimeout(() => socket?.destroy(late), timeoutMs)
    for (const event of ['connect', 'close']) socket?.once(event, () => clearTimeout(timer))
    return socket
  }
}

export function closeGcsClient({ agents }: GcsClient): void {
  agents.http.destroy()
  agents.https.destroy()
}

export interface GcsRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below the endpoint, or a whole address. */
  path: string
  query?: Record<string, string | number | boolean | undefined>
  headers?: Record<string, string>
  /** A body as it is, in pieces, or to be sent as JSON. */
  body?: readonly Buffer[]
  json?: object
  /** What it is for, in an error's message. */
  what: string
  signal?: AbortSignal
  /** Statuses that are no failures, besides 2xx. */
  accepts?: readonly number[]
  idleMs?: number
}

export interface GcsAnswer {
  status: number
  headers: Headers
  text: string
}

/**
 * Sends one request and reads its answer.
 *
 * The SDK's own operations take no AbortSignal and end neither when a connection falls silent nor when their caller
 * goes away; so requests go through the authorised transport that the SDK itself stands on.
 *
 * @throws StoreError, or the signal's reason
 */
export async function send(client: GcsClient, request: GcsRequest): Promise<GcsAnswer> {
  const watch = watchFor(request.idleMs ?? client.idleMs, request.signal)
  try {
    const { status, headers, body } = await open(client, request, watch)
    return { status, headers, text: await readText(body, watch) }
  } catch (error) {
    watch.signal.throwIfAborted()
    throw failedOnTheWay(error, request.what)
  } finally {
    watch.stop()
  }
}

export async function sendForJson<T>(client: GcsClient, request: GcsRequest): Promise<T> {
  const { text } = await send(client, request)
  return JSON.parse(text) as T
}

export interface OpenAnswer {
  status: number
  headers: Headers
  body: Readable
}

/** The answer's head; its body is the caller's to read, and the watch the caller's to stop. */
export async function open(client: GcsClient, request: GcsRequest, watch: Watch): Promise<OpenAnswer> {
  const { agents } = client
  const { headers, payload } = payloadOf(request, watch)
  const url = addressOf(client, request)
  const options = {
    method: request.method,
    url,
    headers,
    data: payload,
    responseType: 'stream' as const,
    validateStatus: () => true,
    signal: watch.signal,
    timeout: 0,
    retry: false,
    redirect: 'manual' as const,
    agent: (address: URL) => (address.protocol === 'http:' ? agents.http : agents.https),
    // Bytes are wanted as they lie in the store.
    compress: false,
  }
  const response = await untilAborted(client.storage.authClient.request<Readable>(options), watch.signal)
  watch.moved()
  const answer = { status: response.status, headers: response.headers, body: response.data }
  const accepted = (answer.status >= 200 && answer.status < 300) || request.accepts?.includes(answer.status)
  if (accepted) return answer
  throw refusedBy(answer.status, await readText(answer.body, watch), request.what)
}

function addressOf({ endpoint }: GcsClient, { path, query = {} }: GcsRequest): string {
  const told = Object.entries(query).flatMap(([name, value]) => {
    return value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`]
  })
  const url = path.startsWith('/') ? endpoint + path : path
  return told.length > 0 ? `${url}?${told.join('&')}` : url
}

function payloadOf({ body, json, headers }: GcsRequest, watch: Watch) {
  const pieces = json ? [Buffer.from(JSON.stringify(json))] : body
  const told: Record<string, string> = { 'accept-encoding': 'gzip', ...headers }
  if (json) told['content-type'] = 'application/json; charset=UTF-8'
  if (!pieces) return { headers: told }
  const length = pieces.reduce((bytes, piece) => bytes + piece.length, 0)
  told['content-length'] = String(length)
  if (length <= SLICE_BYTES) return { headers: told, payload: Buffer.concat(pieces) }
  return { headers: told, payload: Readable.from(slicesOf(pieces, watch), { objectMode: false }) }
}

/** Small enough that each one that leaves shows that the connection moves. */
function* slicesOf(pieces: readonly Buffer[], watch: Watch): Generator<Buffer> {
  for (const piece of pieces) {
    for (let offset = 0; offset < piece.length; offset += SLICE_BYTES) {
      watch.moved()
      yield piece.subarray(offset, offset + SLICE_BYTES)
    }
  }
}

async function readText(body: Readable | undefined, watch: Watch): Promise<string> {
  const chunks: Buffer[] = []
  if (body) {
    for await (const chunk of body) {
      watch.moved()
      chunks.push(chunk as Buffer)
    }
  }
  return Buffer.concat(chunks).toString()
}

/** Aborts when nothing has moved for a while, or when the caller's signal does, with the reason for it. */
export interface Watch {
  readonly signal: AbortSignal
  moved(): void
  /** While nobody wants to read, silence is no failure. */
  pause(): void
  stop(): void
  abort(reason: unknown): void
}

export function watchFor(idleMs: number, outer?: AbortSignal): Watch {
  const controller = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const abort = (reason: unknown) => controller.abort(reason)
  const onAbort = () => abort(outer?.reason)
  const moved = () => {
    clearTimeout(timer)
    timer = setTimeout(() => abort(silent(idleMs)), idleMs)
  }
  if (outer?.aborted) onAbort()
  else outer?.addEventListener('abort', onAbort, { once: true })
  moved()
  return {
    signal: controller.signal,
    moved,
    abort,
    pause: () => clearTimeout(timer),
    stop: () => {
      clearTimeout(timer)
      outer?.removeEventListener('abort', onAbort)
    },
  }
}

/** JSON API: the address of the bucket's objects, or of one. */
export function objectPath({ bucket }: GcsClient, key?: string): string {
  const objects = `/storage/v1/b/${encodeURIComponent(bucket)}/o`
  return key === undefined ? objects : `${objects}/${encodeURIComponent(key)}`
}

/** XML API: the address of an object. */
export function xmlPath({ bucket }: GcsClient, key: string): string {
  return `/${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`
}
