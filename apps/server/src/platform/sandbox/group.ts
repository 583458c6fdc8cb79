import { type ChildProcess, spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'

/**
 * A command and whatever it starts, in a process group of its own.
 *
 * Descriptor 3 is a pipe that nobody writes to: its end is the end of the server, also after kill -9, and makes the
 * shell's watch kill the group. A child in an endless loop would not notice otherwise. The shell stays the parent of
 * the command, so that no program finds a child that it did not start, and so that both are reaped in order.
 */
export interface Group {
  child: ChildProcess
  channel: Duplex | undefined
  /** Of its first process and of the group; undefined when it could not be started. */
  id: number | undefined
  /** Resolves when the first process has ended, the rest is killed, and nobody holds its pipes any more. */
  ended: Promise<Ending>
  /** Kills all of it, at once and without asking. */
  kill(): void
  /** The last of what it wrote to standard error. */
  errors(): string
}

export interface Ending {
  /** As a shell says it: above 128 when a signal ended it; undefined when it was killed or never started. */
  status: number | undefined
  error?: Error
}

const LEASH = `
(read -r line <&3; kill -KILL 0) </dev/null >/dev/null 2>&1 4>&- &
leash=$!
"$@" 3<&-
status=$?
{ kill -KILL $leash; wait $leash; } 2>/dev/null
exit $status`

const ERROR_TAIL_BYTES = 4096
/**
 * A fifth of what the server's session gets, when both want all there is: so that neither it waits, nor a file whose time
 * runs, should the machine be busy with something else.
 */
const SESSION_NICENESS = 7
const STAND_BACK_TRIES = 10
const STAND_BACK_AGAIN_MS = 120

export interface GroupOptions {
  folder: string
  environment: Record<string, string>
  input: 'pipe' | 'ignore'
  output: 'pipe' | 'ignore'
  /** Whether the server and the command speak through descriptor 4. */
  channel: boolean
}

export function startGroup(command: readonly string[], options: GroupOptions): Group {
  const child = spawn('/bin/sh', ['-c', LEASH, 'sh', ...command], {
    cwd: options.folder,
    env: options.environment,
    detached: true,
    stdio: [options.input, options.output, 'pipe', 'pipe', ...(options.channel ? (['pipe'] as const) : [])],
  })
  const id = child.pid
  if (id !== undefined) void standBack(id)
  const kill = () => killGroup(id)
  const errors = keepTail(child)
  const ended = endOf(child, kill)
  // A pipe that breaks is no news: the end of the process is.
  for (const stream of child.stdio) stream?.on('error', () => {})
  letServerEnd(child)
  return { child, channel: child.stdio[4] as Duplex | undefined, id, ended, kill, errors }
}

/**
 * Linux weighs sessions against each other before it looks at what is in them (`autogroup`, on by default), and a
 * process group of ours is a session of its own: however nice the command is, it would get as much as the whole server.
 */
async function standBack(id: number): Promise<void> {
  for (let tries = 0; tries < STAND_BACK_TRIES; tries += 1) {
    const code = await writeFile(`/proc/${id}/autogroup`, String(SESSION_NICENESS)).then(
      () => undefined,
      (error: NodeJS.ErrnoException) => error.code,
    )
    // sched(7): whoever is not privileged may change one of them in a tenth of a second. Elsewhere there is no such file.
    if (code !== 'EAGAIN') return
    await wait(STAND_BACK_AGAIN_MS)
  }
}

function killGroup(id: number | undefined): void {
  if (id === undefined) return
  try {
    process.kill(-id, 'SIGKILL')
  } catch (error) {
    // EPERM is what macOS says of a group whose last member nobody has reaped yet.
    if (!['ESRCH', 'EPERM'].includes(String((error as NodeJS.ErrnoException).code))) throw error
  }
}

function endOf(child: ChildProcess, kill: () => void): Promise<Ending> {
  return new Promise((resolve) => {
    // What a program left running in the background would hold its pipes open for ever.
    child.once('exit', kill)
    child.once('close', (status) => resolve({ status: status ?? undefined }))
    child.on('error', (error) => {
      if (child.pid === undefined) resolve({ status: undefined, error })
    })
  })
}

function keepTail(child: ChildProcess): () => string {
  let tail = Buffer.alloc(0)
  child.stderr?.on('data', (bytes: Buffer) => {
    tail = Buffer.concat([tail, bytes]).subarray(-ERROR_TAIL_BYTES)
  })
  return () => tail.toString()
}

/** Idle children keep no server from ending; the clock of a job that runs does. */
function letServerEnd(child: ChildProcess): void {
  child.unref()
  for (const stream of child.stdio) (stream as Socket | null | undefined)?.unref()
}
