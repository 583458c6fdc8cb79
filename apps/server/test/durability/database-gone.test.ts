import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type EmbeddedServer, startEmbedded } from '../../src/platform/database/embedded.ts'
import { type ServerProcess, startServer } from './server-process.ts'

let folder: string
let database: EmbeddedServer
let server: ServerProcess

const startDatabase = () =>
  startEmbedded({ directory: join(folder, 'database'), log: { info: () => {}, warn: () => {} } })

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stowage-database-gone-'))
  database = await startDatabase()
  const { host, port, user, password, database: name } = database.connection
  const DATABASE_URL = `postgres://${user}:${password}@localhost:${port}/${name}?host=${encodeURIComponent(host)}`
  server = await startServer({ data: join(folder, 'data'), env: { DATABASE_URL } })
})

afterAll(async () => {
  await server.stop()
  await database.stop()
  await rm(folder, { recursive: true, force: true })
})

const requests: [string, (url: string) => Promise<Response>, number][] = [
  ['a small upload', (url) => upload(url, 1000), 201],
  ['a large upload', (url) => upload(url, 400_000), 201],
  ['a list', (url) => fetch(`${url}/v1/assets`, { headers: server.headers }), 200],
  ['readiness', (url) => fetch(`${url}/readyz`), 200],
]

function upload(url: string, sizeBytes: number): Promise<Response> {
  return fetch(`${url}/v1/assets?name=a.txt`, {
    method: 'POST',
    headers: { ...server.headers, 'content-type': 'text/plain' },
    body: 'a'.repeat(sizeBytes),
  })
}

test('while the database is gone every request is refused with database.unavailable, and works again when it is back', async () => {
  for (const [name, request, status] of requests) expect((await request(server.url)).status, name).toBe(status)

  process.kill(database.pid, 'SIGKILL')
  await untilStatus(503)
  for (const [name, request] of requests) {
    const answer = await request(server.url)
    const body = (await answer.json()) as { code: string }
    expect({ status: answer.status, code: body.code }, name).toEqual({ status: 503, code: 'database.unavailable' })
    expect(Number(answer.headers.get('retry-after')), name).toBeGreaterThan(0)
  }
  expect((await fetch(`${server.url}/livez`)).status).toBe(200)

  database = await startDatabase()
  await untilStatus(200)
  for (const [name, request, status] of requests) {
    const answer = await request(server.url)
    expect(answer.status, `${name}: ${await answer.text()}`).toBe(status)
  }
})

/** Connections of the pool end one by one after the server that they led to. */
async function untilStatus(status: number): Promise<void> {
  while ((await fetch(`${server.url}/readyz`)).status !== status) await pause(20)
}
