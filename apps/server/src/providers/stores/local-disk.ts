import { constants, type Dirent, type Stats } from 'node:fs'
import { type FileHandle, link, lstat, mkdir, open, readdir, realpath, rmdir, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { StoreError, type StoreErrorKind } from './port.ts'

/** The part of an open file that the local store uses. */
export type LocalFile = Pick<FileHandle, 'read' | 'writev' | 'datasync' | 'sync' | 'stat' | 'utimes' | 'close'>

/** The part of `node:fs/promises` that the local store uses, so that tests can make a disk fail. */
export interface LocalFs {
  open(path: string, flags: number, mode?: number): Promise<LocalFile>
  link(from: string, to: string): Promise<void>
  unlink(path: string): Promise<void>
  mkdir(path: string, options: { mode: number; recursive?: boolean }): Promise<string | undefined>
  rmdir(path: string): Promise<void>
  lstat(path: string): Promise<Stats>
  readdir(path: string, options: { withFileTypes: true }): Promise<Dirent[]>
  realpath(path: string): Promise<string>
}

export const nodeFs: LocalFs = { open, link, unlink, mkdir, rmdir, lstat, readdir, realpath }

const KINDS: Record<string, StoreErrorKind> = {
  ENOSPC: 'full',
  EDQUOT: 'full',
  EACCES: 'denied',
  EPERM: 'denied',
  EROFS: 'denied',
  ELOOP: 'denied',
  ENAMETOOLONG: 'badKey',
}

/** Waits for the disk; what it refuses comes as a StoreError whose cause is the system's error. */
export async function onDisk<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    const kind = KINDS[systemCode(error)] ?? 'unavailable'
    throw new StoreError(kind, `The disk refused: ${(error as Error).message}`, { cause: error })
  }
}

/** As `onDisk`, but undefined when there is nothing under that path. */
export async function onDiskIfThere<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await onDisk(work)
  } catch (error) {
    if (isCausedBy(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
}

/** Whether a failure comes from one of these system error codes. */
export function isCausedBy(error: unknown, ...codes: string[]): boolean {
  return codes.includes(systemCode(error instanceof StoreError ? error.cause : error))
}

/** Makes what was added to, or removed from, a folder durable. */
export async function syncFolder(fs: LocalFs, folder: string): Promise<void> {
  const handle = await onDisk(fs.open(folder, constants.O_RDONLY | constants.O_DIRECTORY))
  try {
    await onDisk(handle.sync())
  } finally {
    await handle.close()
  }
}

/** Makes a folder, and those above it, where they are absent; whichever it made is durable. */
export async function makeFolders(fs: LocalFs, path: string, mode: number): Promise<void> {
  const made = await onDisk(fs.mkdir(path, { mode, recursive: true }))
  if (made === undefined) return
  for (let folder = path; folder.length >= made.length; folder = dirname(folder)) await syncFolder(fs, dirname(folder))
}

/**
 * Writes all of the buffers, also when the disk takes only a part of them at a time.
 *
 * @param position in the file; undefined for behind what was written last
 */
export async function writeAll(file: LocalFile, buffers: Buffer[], position?: number): Promise<void> {
  let [rest, written] = [buffers, 0]
  while (rest.length > 0) {
    const at = position === undefined ? undefined : position + written
    const { bytesWritten } = await onDisk(file.writev(rest, at))
    if (bytesWritten === 0) throw new StoreError('unavailable', 'The disk takes no more bytes')
    rest = withoutFirst(rest, bytesWritten)
    written += bytesWritten
  }
}

function withoutFirst(buffers: Buffer[], bytes: number): Buffer[] {
  let left = bytes
  const index = buffers.findIndex((buffer) => {
    if (buffer.length > left) return true
    left -= buffer.length
    return false
  })
  if (index === -1) return []
  const [first, ...others] = buffers.slice(index)
  return [first!.subarray(left), ...others]
}

function systemCode(error: unknown): string {
  return (error as NodeJS.ErrnoException | undefined)?.code ?? ''
}
