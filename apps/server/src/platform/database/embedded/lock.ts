import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { linkSync, readFileSync, readlinkSync, realpathSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

/** What `postmaster.pid` says: who runs the cluster, and how far it has come (`starting`, `ready`, `stopping`). */
export type ServerLock = { pid: number; status: string }

const PATIENCE_MS = 5_000
const PATIENCE_WHILE_STOPPING_MS = 120_000

export function readLock(cluster: string): ServerLock | undefined {
  const lines = linesOf(join(cluster, 'postmaster.pid'))
  // An empty file is one that is being written, or one that a power cut left.
  return lines === undefined ? undefined : { pid: Number(lines[0]) || 0, status: (lines[7] ?? 'starting').trim() }
}

/**
 * Waits for a server that is on its way down, as after the end of a previous Stowage, and removes locks that a crash
 * left behind. PostgreSQL takes any living process with the old number for the owner of a lock, which after a restart
 * of a container is often the wrong one; here only a server that works in this very folder counts.
 *
 * @throws Error when another Stowage goes on using the cluster
 */
export async function awaitPredecessor(cluster: string, socketFolder: string): Promise<void> {
  const started = Date.now()
  for (;;) {
    const lock = readLock(cluster)
    if (lock === undefined || !isServerOf(cluster, lock.pid)) break
    const patience = lock.status === 'stopping' ? PATIENCE_WHILE_STOPPING_MS : PATIENCE_MS
    if (Date.now() - started > patience) throw inUse(cluster, lock.pid)
    await pause(50)
  }
  removeStale(cluster, join(cluster, 'postmaster.pid'))
  removeStale(cluster, join(socketFolder, '.s.PGSQL.5432.lock'))
}

export function inUse(cluster: string, pid: number): Error {
  return new Error(`Another Stowage uses this data folder (pid ${pid} runs the database in ${cluster}).`)
}

function isServerOf(cluster: string, pid: number): boolean {
  if (pid <= 0) return false
  try {
    if (process.platform === 'linux') return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(cluster)
    return execFileSync('/bin/ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).includes(cluster)
  } catch {
    return false
  }
}

function removeStale(cluster: string, path: string): void {
  const pid = pidIn(path)
  if (pid === undefined || isServerOf(cluster, pid)) return
  const aside = `${path}.${randomBytes(4).toString('hex')}`
  try {
    renameSync(path, aside)
    // Another start may have replaced the lock between the look and the rename: then it is handed back.
    if (pidIn(aside) !== pid) linkSync(aside, path)
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes(String((error as NodeJS.ErrnoException).code))) throw error
  }
  rmSync(aside, { force: true })
}

function pidIn(path: string): number | undefined {
  const lines = linesOf(path)
  return lines === undefined ? undefined : Number(lines[0]) || 0
}

function linesOf(path: string): string[] | undefined {
  try {
    return readFileSync(path, 'utf8').split('\n')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
