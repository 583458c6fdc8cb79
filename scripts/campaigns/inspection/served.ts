import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { type Caller, callerOf } from '../../../apps/server/test/service.ts'
import { greetingOf, spawnServer } from '../../../apps/server/test/spawn-server.ts'

const interrupted = () => process.exit(130)

/** A folder for the data of one or more processes, and another for what they keep in passing. */
export interface Ground {
  data: string
  temporary: string
  adminKey: string
  settings: Record<string, string>
  /** What lies in the folder for what is temporary, sandboxes and all. */
  leftovers(): Promise<string[]>
  remove(): Promise<void>
}

export async function openGround(settings: Record<string, string> = {}): Promise<Ground> {
  const folder = await mkdtemp(join(tmpdir(), 'stowage-campaign-'))
  const [data, temporary] = [join(folder, 'data'), join(folder, 'temporary')]
  for (const each of [data, temporary]) await mkdir(each)
  return {
    data,
    temporary,
    adminKey: randomBytes(24).toString('base64url'),
    settings,
    leftovers: () => readdir(temporary),
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}

/** Runs another command of the server to its end. @returns what it printed */
export async function run(ground: Ground, command: string, more: Record<string, string> = {}): Promise<string> {
  const child = spawnServer([command], settingsOf(ground, more), { errors: 'inherit' })
  return (await buffer(child.stdout)).toString()
}

function settingsOf(ground: Ground, more: Record<string, string>): Record<string, string> {
  return {
    TMPDIR: ground.temporary,
    STOWAGE_DATA: ground.data,
    STOWAGE_HOST: '127.0.0.1',
    STOWAGE_PORT: '0',
    STOWAGE_ADMIN_KEY: ground.adminKey,
    STOWAGE_LOG_LEVEL: 'silent',
    STOWAGE_EXTRACT: 'on',
    ...ground.settings,
    ...more,
  }
}

export interface Started {
  pid: number
  /** Undefined for one that does not serve. */
  url: string | undefined
  call: Caller
  /** In good order. @returns the exit status */
  stop(): Promise<number | null>
  /** At once, and nothing but the process itself. */
  kill(): Promise<void>
}

/** Starts `serve` or `work` and waits until it says that it is at work. */
export async function start(
  ground: Ground,
  command: 'serve' | 'work',
  more: Record<string, string> = {},
): Promise<Started> {
  const child = spawnServer([command], settingsOf(ground, more), { errors: 'inherit' })
  // Whoever ends a campaign ends what it has started.
  const endWithUs = () => void child.kill('SIGKILL')
  process.once('exit', endWithUs)
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    if (!process.listeners(signal).includes(interrupted)) process.once(signal, interrupted)
  const ended = once(child, 'exit') as Promise<[number | null]>
  void ended.then(() => process.removeListener('exit', endWithUs))
  const url = (await greetingOf(child)) || undefined
  return {
    pid: child.pid as number,
    url,
    call: callerOf(url ?? 'http://localhost', ground.adminKey),
    async stop() {
      child.kill('SIGTERM')
      return (await ended)[0]
    },
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}
