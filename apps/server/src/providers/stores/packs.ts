import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { join } from 'node:path'
import { untilAborted } from './abort.ts'
import { spanOf } from './byte-range.ts'
import {
  isCausedBy,
  type LocalFile,
  type LocalFs,
  makeFolders,
  nodeFs,
  onDisk,
  onDiskIfThere,
  syncFolder,
  writeAll,
} from './local-disk.ts'
import { type ByteRange, StoreError } from './port.ts'

/** Where bytes lie in a pack. */
export interface PackPlace {
  packId: string
  start: number
  sizeBytes: number
}

/**
 * Files on this machine's disk to which small objects are added one behind the other: many share one sync, and none
 * costs a name in a folder. What lies where is for the caller to keep; what it does not keep is dead weight until its
 * pack is removed. Any number of processes may share the folder, since each adds to packs of its own.
 */
export interface Packs {
  /** @returns at once where the bytes will lie; `durable` fails with a StoreError, and they then lie nowhere */
  append(parts: readonly Buffer[]): { place: PackPlace; durable: Promise<void> }
  /** @throws StoreError `notFound` | `corrupt` | `unavailable` | `badRange` */
  read(place: PackPlace, range?: ByteRange): Promise<Buffer>
  /** Overwrites bytes that nobody will ask for again; their pack may be gone. @throws StoreError */
  erase(place: PackPlace): Promise<void>
  /** All packs; to those that are settled nobody adds any more. @throws StoreError */
  list(): Promise<{ packId: string; sizeBytes: number; settled: boolean }[]>
  /** Removes a settled pack; false when it is none. @throws StoreError */
  remove(packId: string): Promise<boolean>
  close(): Promise<void>
}

const MAX_PACK_BYTES = 64 * 1024 * 1024
/** Whoever adds to a pack shows in between that it does. */
const TOUCHED_EVERY_MS = 10 * 60 * 1000
/** So long after that, or its last write, it may be added to, by the clock that no administrator sets. */
const ADDED_TO_MS = 30 * 60 * 1000
/** Nor does it count as settled before: no transaction lasts nearly as long as what is between. */
const SETTLED_AFTER_MS = 60 * 60 * 1000
const FOLDER_MODE = 0o700
const FILE_MODE = 0o600
const ENDING = '.pack'
const NAME = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.pack$/
const ZEROS = Buffer.alloc(64 * 1024)

interface Disk {
  fs: LocalFs
  directory: string
  register: (packId: string) => Promise<unknown>
}

interface Addition {
  parts: readonly Buffer[]
  settle: (failure?: unknown) => void
}

/** The pack that is being added to. */
interface Open {
  packId: string
  file: Promise<LocalFile>
  sizeBytes: number
  /** When nobody may add to it any more, unless it is written to or touched before. */
  until: number
  touching: NodeJS.Timeout
  waiting: Addition[]
  /** Ends when everything that waited is durable or has failed. */
  writing: Promise<void> | undefined
  /** Why nothing is added to it any more: behind the last sync nobody knows what the file holds. */
  failure: unknown
}

/**
 * Opens the packs in a folder, which is made with the first of them.
 *
 * @param options.register writes down, durably, that there will be a pack, before it is made
 * @param options.fs the disk, for tests that make it fail
 * @param options.writtenWithinMs how long a disk that hangs may hold up who waits for it
 */
export function openPacks(options: {
  directory: string
  register: (packId: string) => Promise<unknown>
  fs?: LocalFs
  writtenWithinMs?: number
}): Packs {
  const { writtenWithinMs = 30_000 } = options
  const disk: Disk = { ...options, fs: options.fs ?? nodeFs }
  const leaving = new Set<Promise<void>>()
  let current: Open | undefined

  function leave(pack: Open): void {
    const left = closeWhenWritten(pack).finally(() => leaving.delete(left))
    leaving.add(left)
  }

  function roomFor(sizeBytes: number): Open {
    const fits = current && current.sizeBytes + sizeBytes <= MAX_PACK_BYTES && performance.now() < current.until
    if (current && current.failure === undefined && fits) return current
    if (current) leave(current)
    current = beginPack(disk)
    return current
  }

  return {
    append(parts) {
      const sizeBytes = parts.reduce((sum, part) => sum + part.length, 0)
      const pack = roomFor(sizeBytes)
      const place = { packId: pack.packId, start: pack.sizeBytes, sizeBytes }
      pack.sizeBytes += sizeBytes
      const durable = new Promise<void>((resolve, reject) => {
        pack.waiting.push({ parts, settle: (failure) => (failure === undefined ? resolve() : reject(failure)) })
      })
      pack.writing ??= writeWaiting(pack, writtenWithinMs)
      return { place, durable }
    },
    read: (place, range) => readPlace(disk, place, range),
    erase: (place) => erasePlace(disk, place),
    list: () => listPacks(disk),
    remove: (packId) => removeSettled(disk, packId),
    async close() {
      if (current) leave(current)
      current = undefined
      await Promise.all(leaving)
    },
  }
}

function pathOf({ directory }: Disk, packId: string): string {
  return join(directory, packId + ENDING)
}

// ---- append

function beginPack(disk: Disk): Open {
  const packId = randomUUID()
  const file = createPack(disk, packId)
  // Whoever adds to it hears of the failure.
  file.catch(() => undefined)
  const pack: Open = {
    packId,
    file,
    sizeBytes: 0,
    until: performance.now() + ADDED_TO_MS,
    touching: setInterval(() => void touch(pack), TOUCHED_EVERY_MS).unref(),
    waiting: [],
    writing: undefined,
    failure: undefined,
  }
  return pack
}

/** One that cannot be touched is left in good time. */
async function touch(pack: Open): Promise<void> {
  const [until, now] = [performance.now() + ADDED_TO_MS, new Date()]
  await pack.file
    .then((file) => file.utimes(now, now))
    .then(
      () => {
        pack.until = until
      },
      () => undefined,
    )
}

async function createPack(disk: Disk, packId: string): Promise<LocalFile> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
  await disk.register(packId)
  await makeFolders(disk.fs, disk.directory, FOLDER_MODE)
  const file = await onDisk(disk.fs.open(pathOf(disk, packId), flags, FILE_MODE))
  await syncFolder(disk.fs, disk.directory).catch(async (error) => {
    await file.close()
    throw error
  })
  return file
}

/** Whatever is added while a sync is under way shares the next one. */
async function writeWaiting(pack: Open, withinMs: number): Promise<void> {
  while (pack.waiting.length > 0) {
    const group = pack.waiting.splice(0)
    const failure = await writeGroup(pack, group, withinMs)
    for (const { settle } of group) settle(failure)
  }
  pack.writing = undefined
}

/** @returns why it failed, for this group and for whoever waits behind it */
async function writeGroup(pack: Open, group: readonly Addition[], withinMs: number): Promise<unknown> {
  if (pack.failure !== undefined) return pack.failure
  const late = AbortSignal.timeout(withinMs)
  try {
    const until = performance.now() + ADDED_TO_MS
    await untilAborted(writeDurably(pack, group), late)
    pack.until = until
  } catch (cause) {
    const hangs = () => new StoreError('unavailable', `The disk did not answer within ${withinMs} ms`, { cause })
    pack.failure = late.aborted ? hangs() : cause
  }
  return pack.failure
}

async function writeDurably(pack: Open, group: readonly Addition[]): Promise<void> {
  const file = await pack.file
  const buffers = group.flatMap(({ parts }) => parts)
  await writeAll(file, buffers)
  await onDisk(file.datasync())
}

/** Whoever closes a pack whose disk hangs does not wait for it. */
async function closeWhenWritten(pack: Open): Promise<void> {
  clearInterval(pack.touching)
  await pack.writing
  const closed = pack.file.then((file) => file.close()).catch(() => undefined)
  if (pack.failure === undefined) await closed
}

// ---- read, erase

async function readPlace(disk: Disk, { packId, start, sizeBytes }: PackPlace, range?: ByteRange): Promise<Buffer> {
  const span = spanOf(range, sizeBytes)
  return withPack(disk, packId, constants.O_RDONLY, async (file) => {
    const bytes = Buffer.allocUnsafeSlow(span.length)
    let read = 0
    while (read < span.length) {
      const { bytesRead } = await onDisk(file.read(bytes, read, span.length - read, start + span.start + read))
      if (bytesRead === 0) throw new StoreError('corrupt', `The pack ${packId} ends before ${start + sizeBytes}`)
      read += bytesRead
    }
    return bytes
  })
}

async function erasePlace(disk: Disk, { packId, start, sizeBytes }: PackPlace): Promise<void> {
  const zeros = Array.from({ length: Math.ceil(sizeBytes / ZEROS.length) }, (_, index) =>
    ZEROS.subarray(0, sizeBytes - index * ZEROS.length),
  )
  try {
    await withPack(disk, packId, constants.O_WRONLY, (file) => writeAll(file, zeros, start))
  } catch (error) {
    if (!(error instanceof StoreError && error.kind === 'notFound')) throw error
  }
}

async function withPack<T>(
  disk: Disk,
  packId: string,
  flags: number,
  work: (file: LocalFile) => Promise<T>,
): Promise<T> {
  const file = await onDisk(disk.fs.open(pathOf(disk, packId), flags | constants.O_NOFOLLOW)).catch((error) => {
    if (isCausedBy(error, 'ENOENT')) throw new StoreError('notFound', `There is no pack ${packId}`, { cause: error })
    throw error
  })
  try {
    return await work(file)
  } finally {
    await file.close()
  }
}

// ---- list, remove

async function listPacks(disk: Disk): ReturnType<Packs['list']> {
  const entries = (await onDiskIfThere(disk.fs.readdir(disk.directory, { withFileTypes: true }))) ?? []
  const packIds = entries.flatMap(({ name }) => NAME.exec(name)?.[1] ?? [])
  const found = []
  for (const packId of packIds) {
    const stat = await findPack(disk, packId)
    if (stat) found.push({ packId, ...stat })
  }
  return found
}

async function findPack(disk: Disk, packId: string): Promise<{ sizeBytes: number; settled: boolean } | undefined> {
  const stat = await onDiskIfThere(disk.fs.lstat(pathOf(disk, packId)))
  return stat && { sizeBytes: stat.size, settled: Date.now() - stat.mtimeMs > SETTLED_AFTER_MS }
}

async function removeSettled(disk: Disk, packId: string): Promise<boolean> {
  const stat = await findPack(disk, packId)
  if (!stat?.settled) return false
  await onDiskIfThere(disk.fs.unlink(pathOf(disk, packId)))
  return true
}
