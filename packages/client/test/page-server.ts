import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http'
import { stripTypeScriptTypes } from 'node:module'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '../../..')
const MODULES = /^\/(packages\/[\w-]+\/src|node_modules\/zod)\/[\w./-]+\.(ts|js)$/
const PART = /^PUT \/v1\/uploads\/[^/]+\/parts\/(\d+)/

export interface PageServer extends AsyncDisposable {
  url: string
  /** The parts that were asked to be taken, in order, and how many bytes of them were passed on. */
  parts: number[]
  partBytes(): number
  /** Requests for these parts are left without an answer. */
  held: Set<number>
}

/** Serves a page, the client's modules as they are, without a bundler, and under /v1 another server. */
export async function servePage(target: string, page: string): Promise<PageServer> {
  const parts: number[] = []
  const held = new Set<number>()
  let partBytes = 0
  const server = createServer(async (request, response) => {
    const part = PART.exec(`${request.method} ${request.url}`)?.[1]
    if (part !== undefined) {
      parts.push(Number(part))
      if (held.has(Number(part))) return
      request.on('data', (bytes: Buffer) => {
        partBytes += bytes.length
      })
    }
    if (request.url!.startsWith('/v1/')) return passOn(target, request, response)
    if (request.url === '/') return response.writeHead(200, { 'Content-Type': 'text/html' }).end(page)
    if (!MODULES.test(request.url!)) return response.writeHead(404).end()
    const text = await readFile(ROOT + request.url, 'utf8')
    const script = request.url!.endsWith('.ts') ? stripTypeScriptTypes(text) : text
    return response.writeHead(200, { 'Content-Type': 'text/javascript' }).end(script)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    parts,
    partBytes: () => partBytes,
    held,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}

/** The host stays the page's, so that the URLs that the server signs lead here. */
function passOn(target: string, request: IncomingMessage, response: ServerResponse): void {
  const { method, headers } = request
  const passed = forward(new URL(request.url!, target), { method, headers }, (answer) => {
    response.writeHead(answer.statusCode!, answer.headers)
    answer.pipe(response)
  })
  passed.on('error', () => response.destroy())
  response.on('close', () => passed.destroy())
  request.pipe(passed)
}
