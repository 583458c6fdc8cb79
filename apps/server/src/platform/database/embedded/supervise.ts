import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Account } from './account.ts'

/** A program that ends when Stowage ends, however Stowage ends. */
export type Supervised = {
  /** Process id of the program itself. */
  pid: number
  /** Exit status of the program: above 128 when a signal ended it. */
  ended: Promise<number>
  /** Asks the program to end in good order (SIGINT) and waits until it has. */
  stop(): Promise<number>
}

/**
 * Standard input is a pipe that nobody writes to: its end is the end of Stowage, also after kill -9, and makes the
 * shell interrupt the program. The other way round the shell ends with the program, so that its death is noticed.
 */
const SCRIPT = `
exec 3<&0
"$@" </dev/null >&2 3<&- &
program=$!
echo $program
(read -r line <&3; kill -INT $program) 2>/dev/null &
watch=$!
wait $program
status=$?
kill $watch 2>/dev/null
exit $status`

/** Nothing of Stowage's own environment: it holds secrets, and PG… variables would change what the programs do. */
const ENVIRONMENT = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }

/**
 * Starts a program as the given account, in a process group of its own (a Ctrl-C in the terminal is Stowage's to
 * handle), with everything it prints going to the log file.
 */
export async function supervise(
  command: string[],
  options: { account: Account; folder: string; logFile: number },
): Promise<Supervised> {
  const { uid, gid, switched } = options.account
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'sh', ...command], {
    ...(switched ? { uid, gid } : {}),
    cwd: options.folder,
    env: ENVIRONMENT,
    stdio: ['pipe', 'pipe', options.logFile],
    detached: true,
  })
  const ended = endOf(child)
  child.stdin?.on('error', () => {})
  const pid = await Promise.race([programId(child), ended.then(() => 0)])
  const stop = () => {
    child.stdin?.end()
    return ended
  }
  return { pid, ended, stop }
}

function endOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (status) => resolve(status ?? 128))
  })
}

async function programId(child: ChildProcess): Promise<number> {
  const [line] = await once(child.stdout!, 'data')
  return Number.parseInt(String(line), 10)
}
