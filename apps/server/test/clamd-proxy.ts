import { once } from 'node:events'
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net'

/** What becomes of a connection that has said what it wants. */
export type Fault = (client: Socket, forward: () => Socket) => void

/** How a proxy treats those who come to it; without a word of it, as the server behind it would. */
export interface Manner {
  scans?: Fault
  /** Everything but scans: `VERSION`, that is. */
  commands?: Fault
  /** What it says that it knows. */
  version?: string
  /** Nobody listens. */
  away?: boolean
}

/** Stands between a client and clamd, and makes trouble. */
export interface ClamdProxy {
  address: string
  /** From now on. Ends every connection that there is. */
  become(manner: Manner): Promise<void>
  /** Connections of all time, of now, and the most that there were at once. */
  seen: { all: number; now: number; most: number }
  stop(): Promise<void>
}

const END = '\0'
const VERSION = `zVERSION${END}`
const PIECE = Buffer.alloc(64 * 1024, 'a')

/** @param target `host:port` of the real one; undefined for a proxy that never forwards */
export async function startClamdProxy(target?: string): Promise<ClamdProxy> {
  const open = new Set<Socket>()
  const seen = { all: 0, now: 0, most: 0 }
  let manner: Manner = {}
  const server = createServer((client) => {
    open.add(client)
    client.on('error', () => undefined)
    client.once('close', () => open.delete(client))
    countIn(seen, client)
    client.once('data', (first: Buffer) => {
      client.pause()
      client.unshift(first)
      treat(manner, first.toString('latin1').split(END)[0] as string, client, () => connect(target as string, client))
    })
  })
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  }
  await listen(0)
  const { port } = server.address() as AddressInfo
  const endAll = async () => {
    const ended = [...open].map((client) => once(client, 'close'))
    for (const client of open) client.destroy()
    await Promise.all(ended)
  }
  const close = async () => {
    if (!server.listening) return
    server.close()
    await endAll()
  }
  return {
    address: `127.0.0.1:${port}`,
    seen,
    async become(next) {
      manner = next
      await (next.away ? close() : endAll())
      if (!next.away && !server.listening) await listen(port)
    },
    stop: close,
  }
}

/** A connection is over when either end has ended it, which is before both have closed it. */
function countIn(seen: ClamdProxy['seen'], client: Socket): void {
  let counted = true
  seen.all += 1
  seen.now += 1
  seen.most = Math.max(seen.most, seen.now)
  const leave = () => {
    if (counted) seen.now -= 1
    counted = false
  }
  for (const event of ['end', 'finish', 'close']) client.once(event, leave)
}

function treat({ scans, commands, version }: Manner, command: string, client: Socket, forward: () => Socket): void {
  const fault = command === 'zINSTREAM' ? scans : commands
  if (fault) fault(client, forward)
  else if (command === 'zVERSION' && version !== undefined) client.end(version + END)
  else forward()
}

function connect(target: string, client: Socket): Socket {
  const at = target.lastIndexOf(':')
  const server = createConnection(Number(target.slice(at + 1)), target.slice(0, at))
  server.on('error', () => client.destroy())
  server.once('close', () => client.end())
  client.once('close', () => server.destroy())
  client.pipe(server).pipe(client)
  return server
}

/** Takes everything and never says a word. */
export const silent: Fault = (client) => {
  client.resume()
}

/** Takes nothing, and never says a word. */
export const deaf: Fault = () => undefined

/** Answers this once it has everything. The text that is sent to it MUST hold no NUL. */
export const says =
  (answer: string): Fault =>
  (client) => {
    let last = ''
    client.on('data', (piece: Buffer) => {
      last = (last + piece.toString('latin1')).slice(-VERSION.length)
      // The end of a stream is a length of zero: four bytes.
      if (last === VERSION || last.endsWith(END.repeat(4))) client.end(answer)
    })
    client.resume()
  }

/** Answers this at once, and takes nothing any more. */
export const saysEarly =
  (answer: string): Fault =>
  (client) => {
    client.write(answer)
  }

/** Takes so many bytes and then hangs up, with the end of a stream or with its reset. */
export const cutAfter =
  (sizeBytes: number, how: 'end' | 'reset'): Fault =>
  (client) => {
    let taken = 0
    client.on('data', (piece: Buffer) => {
      taken += piece.length
      if (taken < sizeBytes) return
      if (how === 'end') client.end()
      else client.resetAndDestroy()
    })
    client.resume()
  }

/** Begins an answer that has no end. @param sent is told of each piece that went out */
export const endless =
  (sent: (sizeBytes: number) => void = () => undefined): Fault =>
  (client) => {
    client.resume()
    const more = () => {
      while (client.writable) {
        sent(PIECE.length)
        if (!client.write(PIECE)) return
      }
    }
    client.on('drain', more)
    more()
  }

/** Passes on what is smaller, and is gone at once with what is not. */
export const breaksOffAt =
  (sizeBytes: number): Fault =>
  (client, forward) => {
    forward()
    let taken = 0
    client.on('data', (piece: Buffer) => {
      taken += piece.length
      if (taken >= sizeBytes) client.resetAndDestroy()
    })
  }

/** Passes everything on, and keeps the answer to itself until `until` is over. */
export const slow =
  (until: Promise<void>): Fault =>
  (client, forward) => {
    const server = forward()
    server.unpipe(client)
    server.pause()
    void until.then(() => server.pipe(client))
  }
