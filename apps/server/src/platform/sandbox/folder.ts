import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { chmod, copyFile, link, lstat, mkdir, mkdtemp, readdir, realpath, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { readStat } from './proc.ts'

/**
 * The folders say whose they are: `stowage-sandbox-<host>-<process>-<its start>-<random>`. A container starts again
 * with the same process ids, and machines may share a folder for what is temporary; so an id alone names no owner.
 */
const PREFIX = 'stowage-sandbox'

const HOST = createHash('sha256').update(hostname()).digest('hex').slice(0, 8)

/** A private folder (0700) below the parent, by its real path. */
export async function makeFolder(parent: string): Promise<string> {
  const name = [PREFIX, HOST, process.pid, startOf(process.pid), ''].join('-')
  return await realpath(await mkdtemp(join(parent, name)))
}

/** Works in a private folder and removes it afterwards, however the work ends. */
export async function withFolder<Result>(parent: string, work: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = await makeFolder(parent)
  try {
    return await work(folder)
  } finally {
    await removeFolder(folder)
  }
}

/** Removes the folders of processes on this host that are gone: those that were killed had no time to. */
export async function sweepFolders(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const [, host, pid, start] = new RegExp(`^${PREFIX}-([0-9a-f]{8})-(\\d+)-(\\d+)-`).exec(name) ?? []
    if (host !== HOST || startOf(Number(pid)) === start) continue
    const folder = join(parent, name)
    const found = await lstat(folder).catch(() => undefined)
    // Others may write to a folder for what is temporary, and give what they write any name.
    if (found?.isDirectory() && found.uid === process.getuid?.()) await removeFolder(folder).catch(() => {})
  }
}

/** @returns `0` where the start of a process cannot be told, undefined when there is no such process */
function startOf(pid: number): string | undefined {
  if (process.platform === 'linux') return readStat(pid)?.startedAt
  try {
    process.kill(pid, 0)
    return '0'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? '0' : undefined
  }
}

/** Removes it also when a program took the right to look into a part of it away. */
export async function removeFolder(folder: string): Promise<void> {
  try {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  } catch {
    await openUp(folder)
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

async function openUp(folder: string): Promise<void> {
  await chmod(folder, 0o700)
  for (const entry of await readdir(folder, { withFileTypes: true }))
    if (entry.isDirectory()) await openUp(join(folder, entry.name))
}

/**
 * Shows the files of a folder at another place on the same disk without copying them. Links are left out: Node's
 * permission model follows them to wherever they point.
 */
export async function showFolder(folder: string, at: string): Promise<void> {
  await mkdir(at, { mode: 0o700 })
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const [from, to] = [join(folder, entry.name), join(at, entry.name)]
    if (entry.isDirectory()) await showFolder(from, to)
    else if (entry.isFile()) await link(from, to).catch(() => copyFile(from, to, constants.COPYFILE_FICLONE))
  }
}
