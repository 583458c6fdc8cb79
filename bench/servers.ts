import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, open } from 'node:fs/promises'
import { createServer } from 'node:net'
import { delimiter, dirname, join } from 'node:path'

/** A running server to be measured. */
export interface Server {
  port: number
  pid: number
  key: string | undefined
  stop(): Promise<void>
}

const READY_WITHIN_MS = 60_000
const SERVICE = join(import.meta.dirname, '../apps/server/bin/stowage-server.js')
const KEY = 'benchmark-admin-key-0123456789'

/** Starts a bare server, which prints its port when it listens. */
export async function startBare(
  script: string,
  words: readonly string[],
  environment: Record<string, string>,
): Promise<Server> {
  const env = { ...process.env, ...environment }
  const child = spawn(process.execPath, [script, ...words], { stdio: ['ignore', 'pipe', 'inherit'], env })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return { port: Number(line.toString()), pid: child.pid as number, key: undefined, stop: () => end(child) }
}

/**
 * Starts the service as a new installation has it, but for `settings`: embedded database, encryption on, everything
 * synced.
 */
export async function startService(
  folder: string,
  nodeOptions: readonly string[],
  settings: Record<string, string>,
): Promise<Server> {
  await mkdir(folder, { recursive: true })
  const port = await freePort()
  const log = await open(join(folder, '../service.log'), 'a')
  const { DATABASE_URL: _elsewhere, ...environment } = process.env
  const child = spawn(SERVICE, ['serve'], {
    stdio: ['ignore', log.fd, 'inherit'],
    env: {
      ...environment,
      // What its first line says to find: this Node.
      PATH: `${dirname(process.execPath)}${delimiter}${environment['PATH']}`,
      NODE_OPTIONS: nodeOptions.join(' '),
      STOWAGE_DATA: folder,
      STOWAGE_HOST: '127.0.0.1',
      STOWAGE_PORT: String(port),
      STOWAGE_ADMIN_KEY: KEY,
      // Keeping files is measured; reading what they say would go on beside it.
      STOWAGE_EXTRACT: 'off',
      ...settings,
    },
  })
  await log.close()
  await ready(port, child)
  return { port, pid: child.pid as number, key: KEY, stop: () => end(child) }
}

async function ready(port: number, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS
  while (Date.now() < deadline && child.exitCode === null) {
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined)
    if (answer?.ok) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('the service did not become ready')
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  return port
}
