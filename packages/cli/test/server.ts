import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { newDataFolder } from '../../../apps/server/test/data-folder.ts'
import { hostEnvironment } from '../../../apps/server/test/host-environment.ts'

const main = fileURLToPath(new URL('../../../apps/server/src/main.ts', import.meta.url))
const START_LIMIT_MS = 40_000

export interface RunningServer {
  url: string
  /** A platform key. */
  key: string
  stop: () => Promise<void>
}

/** Starts a server of its own, with an empty data folder, and waits until it takes requests. */
export async function startServer(settings: Record<string, string> = {}): Promise<RunningServer> {
  const data = await newDataFolder()
  const port = await freePort()
  const key = 'test-platform-key-0123456789abcdef0123456789abcdef'
  const env = {
    ...hostEnvironment(),
    HOME: data,
    STOWAGE_PORT: String(port),
    STOWAGE_DATA: data,
    STOWAGE_ADMIN_KEY: key,
    STOWAGE_EXTRACT: 'off',
    ...settings,
  }
  const child = spawn(process.execPath, [main, 'serve'], { env, cwd: data, stdio: ['ignore', 'pipe', 'pipe'] })
  const said: string[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => said.push(String(text)))
  const url = `http://127.0.0.1:${port}`
  await ready(child, url, said)
  return { url, key, stop: () => stop(child, data) }
}

async function ready(child: ChildProcess, url: string, said: readonly string[]): Promise<void> {
  const limit = Date.now() + START_LIMIT_MS
  while (child.exitCode === null && Date.now() < limit) {
    const answer = await fetch(`${url}/readyz`).catch(() => undefined)
    if (answer?.ok) return
    await wait(50)
  }
  child.kill()
  throw new Error(`The server did not start:\n${said.join('')}`)
}

async function stop(child: ChildProcess, data: string): Promise<void> {
  const gone = child.exitCode === null ? once(child, 'exit') : undefined
  child.kill('SIGTERM')
  await gone
  await rm(data, { recursive: true, force: true })
}

async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
