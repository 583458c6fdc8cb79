import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

/** What arrived, whole. */
export interface Received {
  method: string
  path: string
  query: URLSearchParams
  headers: IncomingMessage['headers']
  body: Buffer
}
export type Answer = (response: ServerResponse, received: Received) => void

export interface TinyServer extends AsyncDisposable {
  url: string
  received: Received[]
}

/** A server that answers each request with the next of the answers given, and the last of them from then on. */
export async function serve(...answers: Answer[]): Promise<TinyServer> {
  const received: Received[] = []
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url!, 'http://localhost')
    const { method, headers } = request
    const seen = { method: method!, path: pathname, query: searchParams, headers, body: await buffer(request) }
    received.push(seen)
    const answer = answers[Math.min(received.length, answers.length) - 1]!
    answer(response, seen)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export function json(value: unknown, status = 200): Answer {
  return (response) => response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value))
}

export function refuse(code: string, status: number, members: object = {}, headers: object = {}): Answer {
  const body = { type: `https://stowage.dev/problems/${code}`, title: 'Refused', status, detail: 'Do this.', code }
  return (response) =>
    response
      .writeHead(status, { 'Content-Type': 'application/problem+json', 'X-Request-Id': 'req_1', ...headers })
      .end(JSON.stringify({ ...body, ...members }))
}

/** The connection is lost after the request has arrived: whether it was carried out nobody knows. */
export const hangUp: Answer = (response) => response.destroy()
