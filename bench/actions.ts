import type { Agent } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import { type Answer, type Asked, exchange } from './exchange.ts'
import { freshBody } from './fresh-body.ts'
import { type Action, LIST_LIMIT, LISTED_ORGANIZATION } from './rows.ts'

/** Whom one caller speaks to. */
export interface Line {
  agent: Agent
  port: number
  /** Undefined for a bare server. */
  key: string | undefined
  /** Which one a platform key enters, where that is not the first. */
  organization?: string | undefined
}

interface Subject {
  /** One of the assets that are there. */
  id: string | undefined
  sizeBytes: number
}

/** Carries out what was prepared. @returns the id of what was uploaded through the server */
type Prepared = (line: Line) => Promise<string | undefined>

/** As long as the client of this project waits at first, and as many parts as it sends at a time. */
const LOOK_AGAIN_AFTER_MS = 200
const PARALLEL_PARTS = 3
const PART_BYTES = 8 * 1024 * 1024

/** What a caller does, by action. Bodies are made beforehand, so that no latency holds the making. */
export const actions: Record<Action, (subject: Subject) => Prepared> = {
  upload: ({ sizeBytes }) => {
    const body = freshBody(sizeBytes)
    return async (line) => {
      const { text } = await ask(line, '/v1/assets', {
        method: 'POST',
        headers: { 'content-type': 'text/plain' },
        body,
      })
      return (JSON.parse(text) as { id: string }).id
    }
  },
  download: (subject) => async (line) => {
    requireWhole(await ask(line, `${contentPath(line, subject)}?redirect=false`, CONTENT), subject)
    return undefined
  },
  redirect: (subject) => async (line) => {
    const { headers } = await ask(line, contentPath(line, subject), CONTENT)
    if (headers.location === undefined) throw new Error('the bytes were sent, not a redirect')
    requireWhole(await exchange(line.agent, headers.location, CONTENT), subject)
    return undefined
  },
  direct: ({ sizeBytes }) => {
    const body = freshBody(sizeBytes)
    return async (line) => {
      const { id, request } = await begin(line, 'single-put', sizeBytes)
      await exchange(line.agent, request.url, { ...request, body })
      return complete(line, id)
    }
  },
  multipart: ({ sizeBytes }) => {
    const bodies = Array.from({ length: Math.ceil(sizeBytes / PART_BYTES) }, (_, index) =>
      freshBody(Math.min(PART_BYTES, sizeBytes - index * PART_BYTES)),
    )
    return async (line) => {
      const { id } = await begin(line, 'multipart', sizeBytes)
      await sendParts(line, id, bodies)
      return complete(line, id)
    }
  },
  list: () => async (line) => {
    await ask(line, `/v1/assets?limit=${LIST_LIMIT}`, CONTENT)
    return undefined
  },
  found: () => async (line) => {
    await tell(line, '/v1/organizations', { name: 'Lists', slug: LISTED_ORGANIZATION })
    return undefined
  },
  sign: ({ id }) => {
    return async (line) => {
      await tell(line, `/v1/assets/${id}/signed-urls`, { expiresInSeconds: 300 })
      return undefined
    }
  },
}

const CONTENT: Asked = { method: 'GET', countOnly: true }

function ask({ agent, port, key, organization }: Line, path: string, asked: Asked): Promise<Answer> {
  const headers = {
    ...asked.headers,
    ...(key && { authorization: `Bearer ${key}` }),
    ...(organization && { 'stowage-organization': organization }),
  }
  return exchange(agent, `http://127.0.0.1:${port}${path}`, { ...asked, headers })
}

async function tell<Told>(line: Line, path: string, body: object | undefined): Promise<Told> {
  const asked = { headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify(body ?? {})) }
  const { text } = await ask(line, path, { method: 'POST', ...(body && asked) })
  return JSON.parse(text) as Told
}

/** A bare server knows a file by the last part of its path. */
function contentPath({ key }: Line, { id }: Subject): string {
  return key === undefined ? `/${id}` : `/v1/assets/${id}/content`
}

function requireWhole(answer: Answer, { sizeBytes }: Subject): void {
  if (answer.sizeBytes !== sizeBytes) throw new Error('an answer was cut short')
}

interface SignedRequest {
  method: string
  url: string
  headers: Record<string, string>
}

/** Begins an upload that goes straight to the store. */
function begin(line: Line, strategy: string, sizeBytes: number): Promise<{ id: string; request: SignedRequest }> {
  return tell(line, '/v1/uploads', { strategy, sizeBytes, mediaType: 'text/plain' })
}

async function sendParts(line: Line, uploadId: string, bodies: readonly Buffer[]): Promise<void> {
  const numbers = bodies.map((_, index) => index + 1)
  const path = `/v1/uploads/${uploadId}/parts`
  const { items } = await tell<{ items: (SignedRequest & { number: number })[] }>(line, path, { numbers })
  const waiting = items.values()
  const lane = async () => {
    for (const { number, method, url, headers } of waiting) {
      await exchange(line.agent, url, { method, headers, body: bodies[number - 1] })
    }
  }
  await Promise.all(Array.from({ length: PARALLEL_PARTS }, lane))
}

interface Upload {
  state: string
  problem?: { code: string; detail?: string } | null
}

/** Says that everything was sent, and waits until it is kept. */
async function complete(line: Line, uploadId: string): Promise<undefined> {
  let upload = await tell<Upload>(line, `/v1/uploads/${uploadId}/complete`, undefined)
  while (upload.state === 'completing') {
    await setTimeout(LOOK_AGAIN_AFTER_MS)
    upload = JSON.parse((await ask(line, `/v1/uploads/${uploadId}`, { method: 'GET' })).text) as Upload
  }
  if (upload.state !== 'done') throw new Error(`an upload ended as ${upload.state}: ${upload.problem?.code}`)
}
