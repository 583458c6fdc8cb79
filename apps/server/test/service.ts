import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { type App, createApp } from '../src/app.ts'
import { type Config, readConfig } from '../src/config.ts'
import { startHttp } from '../src/doors/http/server.ts'
import { type Foundation, layFoundation } from '../src/foundation.ts'

/** The service in this process, with its HTTP door on a free port. */
export interface Service {
  url: string
  app: App
  config: Config
  foundation: Foundation
  adminKey: string
  /** What was logged as an error. */
  errors: string[]
  call: Caller
  stop(): Promise<void>
}

export interface Ask {
  method?: string
  /** Raw bytes, or a value that is sent as JSON. */
  body?: Buffer | ReadableStream<Uint8Array> | Record<string, unknown>
  headers?: Record<string, string>
  /** The id or slug of the organization that the platform key enters. */
  organization?: string
  /** Another credential than the platform key; empty for none. */
  secret?: string
}

export interface Answer {
  status: number
  headers: Headers
  bytes: Buffer
  /** The body as JSON; an empty object where it is none. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look at one field or another of any answer
  json: any
}

export type Caller = (path: string, ask?: Ask) => Promise<Answer>

/** Opens an app and its HTTP door. The foundation stays the caller's to stop. */
export async function openService(
  foundation: Foundation,
  adminKey: string,
  config: Config,
  clock: () => Date = () => new Date(),
): Promise<Service> {
  const errors: string[] = []
  const log = pino({ level: 'error' }, { write: (line: string) => void errors.push(line) })
  const app = await createApp(config, foundation, log, clock)
  const http = await startHttp(app, config, log)
  return {
    url: http.url,
    app,
    config,
    foundation,
    adminKey,
    errors,
    call: callerOf(http.url, adminKey),
    async stop() {
      await http.stop()
      await app.close()
    },
  }
}

/** A configuration for this process alone: a free port, a folder of its own, and what is given. */
export function configFor(data: string, settings: Record<string, string> = {}): Config {
  return readConfig({
    STOWAGE_DATA: data,
    STOWAGE_HOST: '127.0.0.1',
    STOWAGE_PORT: '0',
    STOWAGE_SMALL_OBJECT_BYTES: String(128 * 1024),
    // Tests that are not about it do not wait for it.
    STOWAGE_EXTRACT: 'off',
    ...settings,
  })
}

/** The service as a campaign runs it: on the database that DATABASE_URL names, else on an embedded one. */
export async function startService(settings: Record<string, string> = {}): Promise<Service> {
  const data = await mkdtemp(join(tmpdir(), 'stowage-campaign-'))
  const adminKey = randomBytes(24).toString('base64url')
  const config = configFor(data, {
    STOWAGE_ADMIN_KEY: adminKey,
    ...(process.env['DATABASE_URL'] && { DATABASE_URL: process.env['DATABASE_URL'] }),
    ...settings,
  })
  const foundation = await layFoundation(config, pino({ level: 'silent' }), () => {})
  const service = await openService(foundation, adminKey, config)
  return {
    ...service,
    async stop() {
      await service.stop()
      await foundation.stop()
      await rm(data, { recursive: true, force: true })
    },
  }
}

export function callerOf(url: string, adminKey: string): Caller {
  return async (path, ask = {}) => {
    const { body } = ask
    const isJson = body !== undefined && !Buffer.isBuffer(body) && !(body instanceof ReadableStream)
    const secret = ask.secret ?? adminKey
    const response = await fetch(new URL(path, url), {
      method: ask.method ?? (body === undefined ? 'GET' : 'POST'),
      headers: {
        ...(secret !== '' && { authorization: `Bearer ${secret}` }),
        ...(ask.organization !== undefined && { 'stowage-organization': ask.organization }),
        ...(isJson && { 'content-type': 'application/json' }),
        ...ask.headers,
      },
      ...(body !== undefined && { body: isJson ? JSON.stringify(body) : body, duplex: 'half' }),
    } as RequestInit)
    const bytes = Buffer.from(await response.arrayBuffer())
    const isText = /json/.test(response.headers.get('content-type') ?? '')
    return { status: response.status, headers: response.headers, bytes, json: isText ? readJson(bytes) : {} }
  }
}

function readJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString())
  } catch {
    return {}
  }
}

/** Text of an exact size that no other call has made. */
export function newText(sizeBytes: number): Buffer {
  return Buffer.from(randomBytes(Math.ceil(sizeBytes * 0.75) + 3).toString('base64url')).subarray(0, sizeBytes)
}

const TEXT = { 'content-type': 'text/plain' }

/** Uploads a text as a new asset, or as a new version of `assetId`. */
export function uploadText(call: Caller, bytes: Buffer, ask: Ask & { assetId?: string; name?: string } = {}) {
  const { assetId, name = 'note.txt', ...more } = ask
  const path = assetId === undefined ? `/v1/assets?name=${name}` : `/v1/assets/${assetId}/versions`
  return call(path, { body: bytes, ...more, headers: { ...TEXT, ...more.headers } })
}

let made = 0

/** An organization that nothing else uses. */
export async function newOrganization(call: Caller): Promise<{ id: string; slug: string }> {
  made += 1
  const slug = `c-${process.pid}-${made}-${randomBytes(4).toString('hex')}`
  const answer = await call('/v1/organizations', { body: { name: slug, slug } })
  if (answer.status !== 201) throw new Error(`no organization: ${answer.bytes}`)
  return answer.json
}
