import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { newDataFolder } from '../../../apps/server/test/data-folder.ts'
import { greetingOf, spawnServer } from '../../../apps/server/test/spawn-server.ts'

export interface RunningServer {
  url: string
  /** A platform key. */
  key: string
  stop: () => Promise<void>
}

/** Starts a server of its own, with an empty data folder, and waits until it takes requests. */
export async function startServer(settings: Record<string, string> = {}): Promise<RunningServer> {
  const data = await newDataFolder()
  const key = 'test-platform-key-0123456789abcdef0123456789abcdef'
  const own = {
    HOME: data,
    STOWAGE_PORT: '0',
    STOWAGE_DATA: data,
    STOWAGE_ADMIN_KEY: key,
    STOWAGE_EXTRACT: 'off',
    ...settings,
  }
  const child = spawnServer(['serve'], own, { cwd: data })
  return { url: await greetingOf(child), key, stop: () => stop(child, data) }
}

async function stop(child: ChildProcess, data: string): Promise<void> {
  const gone = child.exitCode === null ? once(child, 'exit') : undefined
  child.kill('SIGTERM')
  await gone
  await rm(data, { recursive: true, force: true })
}
