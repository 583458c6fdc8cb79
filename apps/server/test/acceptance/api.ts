import { createHash, randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { Served } from './server.ts'

/** A JSON answer, as loose as the wire. */
// biome-ignore lint/suspicious/noExplicitAny: a black box promises no types
export type Shown = any

export interface Answer {
  status: number
  headers: Headers
  body: Shown
}

type Headed = Record<string, string>

/** The API as one caller sees it. */
export interface Api {
  url: string
  key: string
  /** The answer as it comes, its body unread. */
  send(path: string, request?: RequestInit & { duplex?: 'half' }): Promise<Response>
  get(path: string, headers?: Headed): Promise<Answer>
  post(path: string, body?: unknown, headers?: Headed): Promise<Answer>
  patch(path: string, body: unknown, headers?: Headed): Promise<Answer>
  put(path: string, body: unknown): Promise<Answer>
  remove(path: string, headers?: Headed): Promise<Answer>
  /** Sends bytes as they are. */
  raw(path: string, bytes: RequestInit['body'], headers?: Headed): Promise<Answer>
  /** Sends a form of text fields and, last, the file. */
  form(fields: Headed, file: File, path?: string): Promise<Answer>
  /** A new text asset; fields travel in the query. */
  upload(content: string | Buffer, fields?: Headed): Promise<Shown>
}

/** Speaks to a server with a key; `standing` headers go with every request. */
export function apiOf(url: string, key: string, standing: Headed = {}): Api {
  const send: Api['send'] = (path, request = {}) =>
    fetch(`${url}${path}`, {
      redirect: 'manual',
      ...request,
      headers: { authorization: `Bearer ${key}`, ...standing, ...(request.headers as Headed) },
    })
  const read = async (path: string, request: RequestInit) => answerOf(await send(path, request))
  const json = (method: string) => (path: string, body?: unknown, headers?: Headed) =>
    read(path, {
      method,
      ...(body !== undefined && { body: JSON.stringify(body) }),
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    })
  const raw: Api['raw'] = (path, body, headers = {}) =>
    read(path, { method: 'POST', body, headers: { 'content-type': 'text/plain', ...headers } })
  return {
    url,
    key,
    send,
    get: (path, headers) => read(path, { headers: headers ?? {} }),
    post: json('POST'),
    patch: json('PATCH'),
    put: json('PUT'),
    remove: (path, headers) => read(path, { method: 'DELETE', headers: headers ?? {} }),
    raw,
    form: (fields, file, path = '/v1/assets') => {
      const form = new FormData()
      for (const [field, value] of Object.entries(fields)) form.append(field, value)
      form.append('file', file)
      return read(path, { method: 'POST', body: form })
    },
    upload: async (content, fields = {}) => {
      const query = new URLSearchParams({ name: 'a.txt', ...fields })
      return created(await raw(`/v1/assets?${query}`, content as RequestInit['body']))
    },
  }
}

export async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text()
  const isJson = /json/.test(response.headers.get('content-type') ?? '')
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text }
}

/** The body of a 201. */
export function created(answer: Answer): Shown {
  expect(answer).toMatchObject({ status: 201 })
  return answer.body
}

/** Holds an answer to be the refusal of that code, in the form of RFC 9457. */
export function expectProblem(answer: Answer, status: number, code: string): void {
  expect(answer).toMatchObject({ status, body: { status, code } })
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json\b/)
  for (const member of ['type', 'title', 'detail']) expect(answer.body[member]).toEqual(expect.any(String))
}

export interface Organization {
  id: string
  slug: string
  /** The platform's key, at work in this organization. */
  platform: Api
  owner: Api
}

/** A new organization, so that a test file meets nobody else's assets. */
export async function openOrganization(served: Served, limits: object = {}): Promise<Organization> {
  const slug = `acceptance-${randomUUID()}`
  const anywhere = apiOf(served.url, served.key)
  const { id } = created(await anywhere.post('/v1/organizations', { name: 'Acceptance', slug, ...limits }))
  const platform = apiOf(served.url, served.key, { 'Stowage-Organization': slug })
  return { id, slug, platform, owner: apiOf(served.url, (await newKey(platform, { role: 'owner' })).secret) }
}

export async function newKey(api: Api, fields: object): Promise<{ id: string; secret: string }> {
  return created(await api.post('/v1/api-keys', { name: 'a key', ...fields }))
}

export function sha256Of(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** As in `Repr-Digest` (RFC 9530). */
export function digestField(bytes: string | Uint8Array): string {
  return `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`
}
