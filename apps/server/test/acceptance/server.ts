import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { afterAll } from 'vitest'
import { newDataFolder } from '../data-folder.ts'
import { hostEnvironment } from '../host-environment.ts'
import { openStoreSettings } from '../store-settings.ts'
import { poll } from './poll.ts'

/** The server under test and its platform key. */
export interface Served {
  url: string
  key: string
  /** Whether it was started here, with the settings asked for. */
  own: boolean
}

const MAIN = resolve(import.meta.dirname, '../../src/main.ts')
/** A first start makes a database, on a machine that may have much else to do. */
const READY_WITHIN_MS = 50_000
const OWN_KEY = 'acceptance-platform-key-0123456789'

/**
 * The server that `STOWAGE_TEST_URL` and `STOWAGE_TEST_KEY` name, else one started for the calling test file with data
 * of its own, and stopped after it. Its files lie in the kind of store that `STOWAGE_TEST_STORE` names.
 *
 * @throws Error with the server's output when it ends before it is ready
 */
export async function serve(settings: Record<string, string> = {}): Promise<Served> {
  const { STOWAGE_TEST_URL: url, STOWAGE_TEST_KEY: key } = process.env
  if (url && key) return { url: url.replace(/\/+$/, ''), key, own: false }
  const data = await newDataFolder()
  const store = await openStoreSettings(process.env['STOWAGE_TEST_STORE'] ?? 'local')
  const environment = {
    ...store.settings,
    STOWAGE_DATA: data,
    STOWAGE_PORT: '0',
    STOWAGE_ADMIN_KEY: OWN_KEY,
    STOWAGE_EXTRACT: 'off',
    ...settings,
  }
  const server = spawn(process.execPath, [MAIN, 'serve'], {
    env: { ...hostEnvironment(), STOWAGE_LOG_LEVEL: 'warn', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [server.stdout, server.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const ended = once(server, 'exit')
  afterAll(async () => {
    server.kill('SIGTERM')
    await ended
    await store.close()
    await rm(data, { recursive: true, force: true })
  })
  return { url: await greetingOf(server, () => output), key: OWN_KEY, own: true }
}

/** The address that it prints when it is ready: asked for a port of its own, it takes none that anybody else has. */
function greetingOf(server: ChildProcess, output: () => string): Promise<string> {
  return poll(async () => {
    if (server.exitCode !== null) throw new Error(`the server ended before it was ready:\n${output()}`)
    return /Stowage serves (\S+)/.exec(output())?.[1]
  }, READY_WITHIN_MS).catch((error) => {
    throw new Error(`the server is not ready:\n${output()}`, { cause: error })
  })
}
