import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { greetingOf, spawnServer } from './spawn-server.ts'

/** Names the folder in which a run keeps the data of its first server for the others. */
export const FIRST_START = 'STOWAGE_TEST_FIRST_START'

/**
 * A data folder of a service without a file, for a server of the caller's own. Making a database is most of a first
 * start: within a test run one is made for all, and copied.
 */
export async function newDataFolder(): Promise<string> {
  const data = await mkdtemp(join(tmpdir(), 'stowage-data-'))
  const made = await firstStart()
  if (made !== undefined) await promisify(execFile)('cp', ['-a', `${made}/.`, data])
  return data
}

/** @returns undefined where there is none, or somebody else is still making it: nobody waits for it */
async function firstStart(): Promise<string | undefined> {
  const folder = process.env[FIRST_START]
  if (folder === undefined) return undefined
  const made = join(folder, 'made')
  if (existsSync(made)) return made
  const draft = join(folder, 'draft')
  const isMine = await mkdir(draft).then(
    () => true,
    () => false,
  )
  if (!isMine) return undefined
  // The caller's own server will say what stands in the way.
  if (!(await startOnce(draft))) return undefined
  // Each folder has one of its own.
  await rm(join(draft, 'data-id'))
  await rename(draft, made)
  return made
}

/** A first start and its end. @returns whether both were in good order */
async function startOnce(data: string): Promise<boolean> {
  const settings = { STOWAGE_DATA: data, STOWAGE_PORT: '0', STOWAGE_LOG_LEVEL: 'silent' }
  const server = spawnServer(['serve'], settings, { errors: 'inherit' })
  const ended = once(server, 'exit')
  await greetingOf(server).catch(() => {})
  server.kill('SIGTERM')
  return (await ended)[0] === 0
}
