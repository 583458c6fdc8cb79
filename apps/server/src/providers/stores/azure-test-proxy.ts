import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { ContainerClient } from '@azure/storage-blob'

export interface Visit {
  method: string
  /** Path and query. */
  url: URL
  headers: IncomingMessage['headers']
  body: Buffer
  response: ServerResponse
  /** Hands the request on to the real service, and its answer back unless it is to be lost. */
  forward(options?: { loseAnswer?: boolean }): Promise<void>
}

/** A server between a store and the real service, or in its place, that misbehaves as a test tells it. */
export async function openAzureProxy(target: string, visit: (visit: Visit) => Promise<void> | void) {
  const server = createServer(async (incoming, response) => {
    const body = await buffer(incoming)
    const { method = '', headers } = incoming
    const forward: Visit['forward'] = (options) => forwardTo(target, incoming, body, response, options?.loseAnswer)
    const url = new URL(incoming.url!, target)
    try {
      await visit({ method, url, headers, body, response, forward })
    } catch {
      response.destroy()
    }
  })
  server.keepAliveTimeout = 120_000 // longer than a test, so that clients are never told to close sooner
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const close = () => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  }
  return { endpoint: `http://127.0.0.1:${port}${new URL(target).pathname}`, close }
}

function forwardTo(
  target: string,
  incoming: IncomingMessage,
  body: Buffer,
  response: ServerResponse,
  loseAnswer = false,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const { method, headers, url } = incoming
    const outgoing = request(new URL(url!, target), { method, headers }, (answer) => {
      if (loseAnswer) {
        answer.resume().on('end', resolve)
        response.destroy()
        return
      }
      response.writeHead(answer.statusCode!, answer.headers)
      answer.pipe(response).on('close', resolve)
    })
    outgoing.on('error', reject).end(body)
  })
}

/** Refuses as the service does. */
export function refuse({ response, method }: Visit, status: number, code: string): void {
  const body = `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`
  response.writeHead(status, { 'x-ms-error-code': code, 'content-type': 'application/xml' })
  response.end(method === 'HEAD' ? undefined : body)
}

/** Does what Put Block From URL does, which azurite has not: the range of the source becomes a block. */
export async function stageFromSource({ url, headers, response }: Visit, container: ContainerClient): Promise<void> {
  const range = String(headers['x-ms-source-range'])
  const source = await fetch(String(headers['x-ms-copy-source']), { headers: { range } })
  const bytes = Buffer.from(await source.arrayBuffer())
  const name = decodeURIComponent(url.pathname.split('/').slice(3).join('/'))
  await container.getBlockBlobClient(name).stageBlock(url.searchParams.get('blockid')!, bytes, bytes.length)
  response.writeHead(201, { 'x-ms-request-server-encrypted': 'true' }).end()
}
