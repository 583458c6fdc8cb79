import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process'
import { delimiter, dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { hostEnvironment } from './host-environment.ts'

const SERVER = join(import.meta.dirname, '../bin/stowage-server.js')
/** A first start makes a database, on a machine that may have much else to do. */
const READY_WITHIN_MS = 60_000
/** With what follows: it may come in pieces, and half an address is one, too. */
const READY = /Stowage (?:serves (\S+)|works in the background)\s/
const LAST_WORDS = 4000

export interface SpawnOptions {
  cwd?: string
  /** A program, with its arguments, that runs the server. */
  under?: readonly string[]
  /** Where its complaints go: by default to whoever waits for its greeting. */
  errors?: 'pipe' | 'inherit'
}

/** Starts a command of the server as an installation does, on this Node, with these settings and no others. */
export function spawnServer(
  words: readonly string[],
  settings: Record<string, string>,
  { cwd, under = [], errors = 'pipe' }: SpawnOptions = {},
): ChildProcessByStdio<null, Readable, Readable | null> {
  const [program = SERVER, ...rest] = [...under, SERVER, ...words]
  const host = hostEnvironment()
  // What its first line says to find.
  const PATH = `${dirname(process.execPath)}${delimiter}${host['PATH']}`
  const options = { cwd, env: { ...host, PATH, ...settings } }
  return spawn(program, rest, { ...options, stdio: ['ignore', 'pipe', errors] }) as ReturnType<typeof spawnServer>
}

/**
 * Waits until a server says that it is at work. Asked for port 0, it takes none that anybody else has.
 *
 * @returns its address; none of one that does not serve
 * @throws Error with the last of what it printed when it ends before, or takes longer; it is killed then
 */
export async function greetingOf(server: ChildProcess): Promise<string> {
  let said = ''
  const found = Promise.withResolvers<string>()
  const hear = (text: unknown) => {
    said = (said + text).slice(-LAST_WORDS)
    const greeting = READY.exec(said)
    if (greeting) found.resolve(greeting[1] ?? '')
  }
  const silent = () => found.reject(new Error(`the server did not start:\n${said}`))
  for (const stream of [server.stdout, server.stderr]) stream?.on('data', hear)
  server.once('close', silent)
  const late = setTimeout(() => server.kill('SIGKILL'), READY_WITHIN_MS)
  try {
    return await found.promise
  } finally {
    clearTimeout(late)
    server.off('close', silent)
    // It goes on speaking, and must not have to wait for a listener.
    for (const stream of [server.stdout, server.stderr]) stream?.off('data', hear).resume()
  }
}
