import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface CountingProxy extends AsyncDisposable {
  url: string
  /** Bytes that were passed on to the server. */
  sentBytes(): number
  /** Numbers of the parts whose requests came by, in order. */
  parts: number[]
  /** How many connections were cut. */
  cuts(): number
  /** Begins to count anew. */
  reset(): void
}

/** Passes connections on to a server and counts what they send. Each is cut after the next of the numbers of bytes given. */
export async function countingProxy(target: string, cutAfter: number[] = []): Promise<CountingProxy> {
  const { hostname, port } = new URL(target)
  const limits = [...cutAfter]
  const open = new Set<Socket>()
  const parts: number[] = []
  let sentBytes = 0
  let cuts = 0
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname)
    let leftBytes = limits.shift() ?? Number.POSITIVE_INFINITY
    const close = () => {
      client.destroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) {
      open.add(socket)
      socket
        .on('error', close)
        .on('close', close)
        .on('close', () => open.delete(socket))
    }
    client.on('data', (bytes: Buffer) => {
      const part = /PUT \/v1\/uploads\/[^/ ]+\/parts\/(\d+)/.exec(bytes.toString('latin1'))?.[1]
      if (part !== undefined) parts.push(Number(part))
      sentBytes += bytes.length
      leftBytes -= bytes.length
      if (leftBytes < 0) {
        cuts++
        return close()
      }
      if (!upstream.write(bytes)) client.pause()
    })
    upstream.on('drain', () => client.resume())
    upstream.pipe(client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sentBytes: () => sentBytes,
    parts,
    cuts: () => cuts,
    reset() {
      sentBytes = 0
      parts.length = 0
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
