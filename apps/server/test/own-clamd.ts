import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { appendFile, mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createClamd } from '../src/providers/scanners/clamd.ts'
import { poll } from './acceptance/poll.ts'

const run = promisify(execFile)
const SERVICES = join(import.meta.dirname, '../../../scripts/services')

/** A ClamAV daemon that nobody else uses, which may be stopped, started again and taught. */
export interface OwnClamd {
  /** Stays the same when it is started again. */
  address: string
  /** Its unix socket, as a setting names it. */
  socket: string
  start(): Promise<void>
  /** Resolves when its process is gone. Does nothing when it was stopped before. */
  stop(): Promise<void>
  /** Teaches it to find files that hold this text. Resolves when it does, under a name that begins with this one. */
  learn(finding: string, text: string): Promise<void>
  remove(): Promise<void>
}

/** Starts it as scripts/services/clamd-start does, with that script's variables. */
export async function startOwnClamd(variables: Record<string, string> = {}): Promise<OwnClamd> {
  const dir = await mkdtemp(join(tmpdir(), 'stowage-clamd-'))
  const port = await freePort()
  const address = `127.0.0.1:${port}`
  const pidFile = join(dir, 'pid')
  const pid = () => Number(readFileSync(pidFile, 'utf8'))
  const start = async () => {
    await run(join(SERVICES, 'clamd-start'), [dir, String(port)], { env: { ...process.env, ...variables } })
  }
  const stop = async () => {
    if (!existsSync(pidFile)) return
    const stopped = pid()
    await run(join(SERVICES, 'clamd-stop'), [dir])
    await poll(async () => !isAlive(stopped))
  }
  await start()
  return {
    address,
    socket: `unix:${join(dir, 'clamd.sock')}`,
    start,
    stop,
    async learn(finding, text) {
      await appendFile(join(dir, 'db/local.ndb'), `${finding}:0:*:${Buffer.from(text).toString('hex')}\n`)
      process.kill(pid(), 'SIGUSR2')
      await poll(() => finds(address, text))
    },
    async remove() {
      await stop()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

async function finds(address: string, text: string): Promise<boolean> {
  const scan = await createClamd({
    address,
    places: 1,
    limitBytes: 1024 * 1024,
    connectTimeoutMs: 5000,
    answerTimeoutMs: 5000,
  }).open(new AbortController().signal)
  await scan.write(Buffer.from(text))
  return (await scan.verdict()).status === 'infected'
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
