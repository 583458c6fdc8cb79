import { createHash, randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { open, rename, stat } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'

/**
 * The least that a durable upload can cost: the body streams to a temporary file while it is hashed, file and folder
 * are synced, the file is renamed. No accounts, no database, no encryption. What the service is measured against.
 *
 * usage: node bare-server.ts FOLDER; prints its port
 */
const folder = process.argv[2] as string

const server = createServer((request, response) => {
  const answer = request.method === 'POST' ? receive : deliver
  answer(request, response).catch((error) => {
    if (!response.headersSent) response.writeHead(500)
    response.end(String(error))
  })
})
server.listen({ host: '127.0.0.1', port: 0, backlog: 2048 }, () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`)
})

async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const id = randomUUID()
  const temporary = join(folder, `${id}.tmp`)
  const hash = createHash('sha256')
  async function* hashed(pieces: AsyncIterable<Buffer>) {
    for await (const piece of pieces) {
      hash.update(piece)
      yield piece
    }
  }
  await pipeline(request, hashed, createWriteStream(temporary, { flags: 'wx', flush: true }))
  await rename(temporary, join(folder, id))
  const directory = await open(folder, 'r')
  await directory.sync()
  await directory.close()
  response.writeHead(201, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ id, sha256: hash.digest('hex') }))
}

async function deliver(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [address = ''] = request.url?.split('?') ?? []
  const path = join(folder, address.split('/').at(-1) ?? '')
  const { size } = await stat(path)
  response.writeHead(200, { 'content-type': 'text/plain', 'content-length': size })
  await pipeline(createReadStream(path), response)
}
