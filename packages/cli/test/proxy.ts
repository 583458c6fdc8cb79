import { once } from 'node:events'
import { createServer, request as forward } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface CuttingProxy extends AsyncDisposable {
  url: string
  /** The Range of each request for content. */
  ranges: (string | undefined)[]
}

/** Passes everything on to a server, breaks the first content off after some bytes and gives no other content. */
export async function cuttingProxy(target: string, cutAfterBytes: number): Promise<CuttingProxy> {
  const ranges: (string | undefined)[] = []
  const server = createServer((request, response) => {
    const isContent = request.url!.includes('/content')
    if (isContent) ranges.push(request.headers.range)
    if (isContent && ranges.length > 1) return request.socket.destroy()
    const { method, headers } = request
    const passed = forward(new URL(request.url!, target), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers)
      let sentBytes = 0
      answer.on('data', (piece: Buffer) => {
        sentBytes += piece.length
        response.write(isContent ? piece.subarray(0, Math.max(0, piece.length - (sentBytes - cutAfterBytes))) : piece)
        if (isContent && sentBytes >= cutAfterBytes) setTimeout(() => response.destroy(), 50)
      })
      answer.on('end', () => response.end())
    })
    passed.on('error', () => response.destroy())
    return request.pipe(passed)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ranges,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
