import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { afterAll } from 'vitest'

interface Kept {
  body: Buffer
  headers: Headers
  until: number
}

/** A CDN of one edge: it checks tokens where one is needed, keeps what it may by path alone, and forgets by tag. */
export interface Edge {
  url: string
  /** For `STOWAGE_CDN`. */
  settings: string
  /** Where it reads what it has not kept. */
  origin: string
  /** How often it had to ask the origin. */
  asked: number
  /** Every tag that it was told to forget. */
  forgotten: string[]
  /** Lets all that it has kept grow old. */
  age(seconds: number): void
}

const SECRET = 'a secret that the edge shares'

export async function openEdge(): Promise<Edge> {
  const kept = new Map<string, Kept>()
  const server = createServer((request, response) => {
    const answering = request.url === '/purge' ? forget(request, response) : answer(edge, kept, request, response)
    answering.catch((error) => response.writeHead(502).end(String(error)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  afterAll(() => void server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const purgeTags = { url: `${url}/purge`, body: '{"tags":{tags}}', atOnce: 100 }
  const settings = JSON.stringify({ kind: 'hmac', url, secret: SECRET, purgeTags })
  const age = (seconds: number) => {
    for (const each of kept.values()) each.until -= seconds * 1000
  }
  const edge: Edge = { url, settings, origin: '', asked: 0, forgotten: [], age }

  async function forget(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { tags } = (await json(request)) as { tags: string[] }
    edge.forgotten.push(...tags)
    for (const [path, { headers }] of kept) {
      if (
        headers
          .get('cache-tag')
          ?.split(',')
          .some((tag) => tags.includes(tag))
      )
        kept.delete(path)
    }
    response.end()
  }
  return edge
}

async function answer(edge: Edge, kept: Map<string, Kept>, request: IncomingMessage, response: ServerResponse) {
  const [path, query = ''] = (request.url as string).split('?') as [string, string?]
  const plain = query.replace(/(?:^|&)token=[^&]*/, '')
  if (path.includes('/signed/') && !isSigned(`${path}?${plain}`, query)) return void response.writeHead(403).end('edge')
  const known = kept.get(path)
  if (known && known.until > Date.now()) return void response.writeHead(200, headersOf(known.headers)).end(known.body)
  edge.asked += 1
  const fetched = await fetch(`${edge.origin}${path}${plain && `?${plain}`}`, { redirect: 'manual' })
  const body = Buffer.from(await fetched.arrayBuffer())
  const ageSeconds = /s-maxage=(\d+)/.exec(cacheControl(fetched)) ?? /max-age=(\d+)/.exec(cacheControl(fetched))
  const mayKeep = fetched.status === 200 && ageSeconds && !/private|no-store/.test(cacheControl(fetched))
  if (mayKeep) kept.set(path, { body, headers: fetched.headers, until: Date.now() + Number(ageSeconds[1]) * 1000 })
  response.writeHead(fetched.status, headersOf(fetched.headers)).end(body)
}

const cacheControl = ({ headers }: Response) => headers.get('cache-control') ?? ''

function headersOf(headers: Headers): Record<string, string> {
  const { 'content-encoding': _, 'content-length': __, 'transfer-encoding': ___, ...rest } = Object.fromEntries(headers)
  return rest
}

/** As token-formats.ts describes the edge's own check. */
function isSigned(asked: string, query: string): boolean {
  const [, expires, bound, mac] = /token=(\d{10})_([01])_([0-9a-f]{64})$/.exec(query) ?? []
  const expected = createHmac('sha256', SECRET).update(`${expires}__${asked}`).digest('hex')
  return bound === '0' && mac === expected && Number(expires) * 1000 > Date.now()
}
