import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { newDataFolder } from '../../apps/server/test/data-folder.ts'
import { type Caller, callerOf } from '../../apps/server/test/service.ts'
import { greetingOf, spawnServer } from '../../apps/server/test/spawn-server.ts'

/** A server in a process of its own, so that its memory is its own. */
export interface ChildServer {
  url: string
  adminKey: string
  call: Caller
  /** The memory that the process holds now, in bytes; undefined where the system does not tell. */
  residentBytes(): number | undefined
  stop(): Promise<void>
}

/** Starts a server on a free port and a temporary folder; DATABASE_URL is passed on. */
export async function startChildServer(settings: Record<string, string> = {}): Promise<ChildServer> {
  const data = await newDataFolder()
  const adminKey = randomBytes(24).toString('base64url')
  const child = spawnServer(
    ['serve'],
    {
      ...(process.env['DATABASE_URL'] && { DATABASE_URL: process.env['DATABASE_URL'] }),
      STOWAGE_DATA: data,
      STOWAGE_HOST: '127.0.0.1',
      STOWAGE_PORT: '0',
      STOWAGE_ADMIN_KEY: adminKey,
      STOWAGE_LOG_LEVEL: 'error',
      ...settings,
    },
    { errors: 'inherit' },
  )
  const url = await greetingOf(child)
  return {
    url,
    adminKey,
    call: callerOf(url, adminKey),
    residentBytes: () => residentBytes(child.pid as number),
    async stop() {
      if (child.exitCode === null) {
        child.kill('SIGTERM')
        await once(child, 'exit')
      }
      await rm(data, { recursive: true, force: true })
    },
  }
}

function residentBytes(pid: number): number | undefined {
  try {
    const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1024
  } catch {
    return undefined
  }
}
