import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { greetingOf, spawnServer } from '../spawn-server.ts'

const KEY = 'durability-admin-key-0123456789'

/** A server in a process of its own, which a test may stop or kill. */
export interface ServerProcess {
  url: string
  headers: { authorization: string }
  /** Process id of the server itself, also when another program runs it. */
  pid: number
  /** SIGTERM, then the exit status. */
  stop(): Promise<number | null>
  /** SIGKILL to the server alone, or to everything that it has started as well; resolves when it is gone. */
  kill(what: 'server' | 'everything'): Promise<void>
}

export interface StartOptions {
  data: string
  env?: Record<string, string>
  /** A program, with its arguments, that runs the server. */
  under?: readonly string[]
}

/** Starts a server and waits until it takes requests. */
export async function startServer(options: StartOptions): Promise<ServerProcess> {
  const child = spawnServer(['serve'], settingsOf(options), { under: options.under ?? [] })
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const url = await greetingOf(child)
  const pid = options.under ? (childrenOf(child.pid as number)[0] as number) : (child.pid as number)
  return {
    url,
    headers: { authorization: `Bearer ${KEY}` },
    pid,
    stop: () => {
      process.kill(pid, 'SIGTERM')
      return exited
    },
    kill: async (what) => {
      const pids = what === 'server' ? [pid] : [pid, ...descendantsOf(pid)]
      for (const each of pids) killIfThere(each)
      await exited
    },
  }
}

/** Runs another command of the server to its end. */
export async function runCommand(words: string[], options: StartOptions): Promise<{ status: number; output: string }> {
  const child = spawnServer(words, settingsOf(options), { errors: 'inherit' })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text
  })
  const [status] = await once(child, 'close')
  return { status: status ?? 128, output }
}

function settingsOf(options: StartOptions): Record<string, string> {
  return {
    STOWAGE_DATA: options.data,
    STOWAGE_PORT: '0',
    STOWAGE_ADMIN_KEY: KEY,
    STOWAGE_LOG_LEVEL: 'silent',
    // What is read of files has a campaign of its own.
    STOWAGE_EXTRACT: 'off',
    ...options.env,
  }
}

/** PostgreSQL's processes lead sessions of their own: no one group holds them all. */
function descendantsOf(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)])
}

function childrenOf(parent: number): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.map(Number).filter((pid) => parentOf(pid) === parent)
}

function parentOf(pid: number): number | undefined {
  try {
    // The program's name, in parentheses, may hold anything.
    return Number(
      readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ')[1],
    )
  } catch {
    return undefined
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
