import { constants } from 'node:fs'
import { dirname, join, resolve, sep } from 'node:path'
import { Readable } from 'node:stream'
import { destroyOnAbort, untilAborted } from './abort.ts'
import { chunksOf } from './body.ts'
import { spanOf } from './byte-range.ts'
import { NO_CAPABILITIES, noExtras } from './extras.ts'
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
import { listTree } from './local-list.ts'
import { newTemporaryName, type TemporaryNames, temporaryNames } from './local-names.ts'
import {
  type GetOptions,
  type ObjectStore,
  type PutOptions,
  type PutReceipt,
  type StoredInfo,
  type StoredObject,
  StoreError,
  type StoreKey,
} from './port.ts'
import { segmentsOf } from './store-key.ts'

const TEMPORARY = '.tmp'
const WRITE_BYTES = 256 * 1024
const READ_BYTES = 256 * 1024
/** 4 MiB in all. */
const MAX_SPARE = 16
const FOLDER_MODE = 0o700
const FILE_MODE = 0o600
const RACES = 20
const ABORT_GRACE_MS = 1000
const SYNCED_FOLDERS = 10_000

interface Tree {
  fs: LocalFs
  root: string
  temporaryRoot: string
  /**
   * Folders whose entries up to the root are known to be durable. A folder leaves before a file in it is removed, so
   * one that is named here holds a file and was not removed and made again meanwhile.
   */
  synced: Set<string>
  /** What was read into and given back. */
  spare: Buffer[]
}

/**
 * Opens a store in a folder of this machine, made when absent. A key is a path below it.
 *
 * `put` writes a temporary file, syncs it, gives it its final name if that is free (`link`, which unlike `rename` never
 * replaces; then the temporary name goes), and syncs the folder. Failed writes leave their temporary file to `abandon`.
 * Keys whose first segment is `.tmp` are refused, for that is where temporary files lie. Links inside the tree are not
 * followed. Where the file system ignores case, a key that differs from a stored one only in case is refused: with
 * `exists` when the last segment differs, with `denied` when a folder does. The file system must know hard links.
 *
 * @param options.fs the disk, for tests that make it fail
 * @throws StoreError `denied` | `full` | `unavailable`
 */
export async function openLocalStore(options: { directory: string; fs?: LocalFs }): Promise<ObjectStore> {
  const fs = options.fs ?? nodeFs
  await makeFolders(fs, resolve(options.directory), FOLDER_MODE)
  const root = await onDisk(fs.realpath(options.directory))
  const tree: Tree = { fs, root, temporaryRoot: join(root, TEMPORARY), synced: new Set(), spare: [] }
  await onDisk(fs.mkdir(tree.temporaryRoot, { mode: FOLDER_MODE, recursive: true }))
  await syncFolder(fs, root)
  return {
    ...noExtras,
    capabilities: { ...NO_CAPABILITIES, ownDisk: true },
    put: (key, body, putOptions) => put(tree, key, body, putOptions),
    get: (key, getOptions) => get(tree, key, getOptions),
    head: (key, { signal } = {}) => abortable(signal, () => head(tree, key)),
    delete: (key, { signal } = {}) => abortable(signal, () => remove(tree, key)),
    abandon: (key, { signal } = {}) => abortable(signal, () => abandon(tree, key)),
    list: (listOptions) => abortable(listOptions.signal, () => listTree(fs, root, TEMPORARY, listOptions)),
    close: async () => {},
  }
}

async function abortable<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  signal?.throwIfAborted()
  return untilAborted(work(), signal)
}

function pathOf(tree: Tree, key: StoreKey): string {
  const segments = segmentsOf(key)
  if (segments[0]!.toLowerCase() === TEMPORARY) {
    throw new StoreError('badKey', `Store key refused: ${TEMPORARY} is kept for temporary files`)
  }
  return join(tree.root, ...segments)
}

// ---- put

async function put(tree: Tree, key: StoreKey, body: Readable, options: PutOptions = {}): Promise<PutReceipt> {
  const chunks = chunksOf(body, options)
  try {
    const path = pathOf(tree, key)
    options.signal?.throwIfAborted()
    const temporary = openTemporary(tree, temporaryNames(key))
    // An aborted write is given a moment to end, so that `abandon` finds its file; a disk that hangs holds nobody
    // longer.
    const writing = writeTemporary(temporary, chunks, options.giveBack)
    const storedBytes = await untilAborted(writing, options.signal, ABORT_GRACE_MS)
    options.signal?.throwIfAborted()
    await publish(tree, (await temporary).path, path)
    return { storedBytes }
  } catch (error) {
    body.destroy()
    throw error
  }
}

interface Temporary {
  file: LocalFile
  path: string
}

async function openTemporary(tree: Tree, names: TemporaryNames): Promise<Temporary> {
  const folder = join(tree.temporaryRoot, ...names.folders)
  const path = join(folder, newTemporaryName(names))
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
  for (let race = 1; ; race++) {
    try {
      return { file: await onDisk(tree.fs.open(path, flags, FILE_MODE)), path }
    } catch (error) {
      if (!isCausedBy(error, 'ENOENT') || race === RACES) throw error
      await onDiskIfThere(tree.fs.mkdir(folder, { mode: FOLDER_MODE, recursive: true }))
    }
  }
}

async function writeTemporary(
  opening: Promise<Temporary>,
  chunks: AsyncIterable<Buffer>,
  giveBack: PutOptions['giveBack'],
): Promise<number> {
  const { file } = await opening
  try {
    const bytes = await writeChunks(file, chunks, giveBack)
    await onDisk(file.datasync())
    return bytes
  } finally {
    await onDisk(file.close())
  }
}

/** Collects small chunks into large writes, and collects the next ones while a write is under way. */
async function writeChunks(
  file: LocalFile,
  chunks: AsyncIterable<Buffer>,
  giveBack: PutOptions['giveBack'],
): Promise<number> {
  let bytes = 0
  let batch: Buffer[] = []
  let batchBytes = 0
  let writing = Promise.resolve()
  const flush = async () => {
    await writing
    writing = writeBatch(file, batch, giveBack)
    writing.catch(() => {}) // reported by the next wait for it
    batch = []
    batchBytes = 0
  }
  try {
    for await (const chunk of chunks) {
      batch.push(chunk)
      batchBytes += chunk.length
      bytes += chunk.length
      if (batchBytes >= WRITE_BYTES) await flush()
    }
    await flush()
    await writing
    return bytes
  } finally {
    await writing.catch(() => {}) // the file is not closed under a write
  }
}

async function writeBatch(file: LocalFile, batch: Buffer[], giveBack: PutOptions['giveBack']): Promise<void> {
  await writeAll(file, batch)
  if (giveBack) for (const chunk of batch) giveBack(chunk)
}

/** Gives a temporary file its final name, if that is free, and makes the name durable. */
async function publish(tree: Tree, temporary: string, path: string): Promise<void> {
  const folder = dirname(path)
  await linkIntoFolder(tree, temporary, path)
  await onDiskIfThere(tree.fs.unlink(temporary))
  await syncFolder(tree.fs, folder)
  if (tree.synced.has(folder)) return
  for (let above = folder; above !== tree.root; ) {
    above = dirname(above)
    await syncFolder(tree.fs, above)
  }
  if (tree.synced.size >= SYNCED_FOLDERS) tree.synced.clear()
  tree.synced.add(folder)
}

async function linkIntoFolder(tree: Tree, temporary: string, path: string): Promise<void> {
  for (let race = 1; ; race++) {
    try {
      await makeFolder(tree, dirname(path))
      return await onDisk(tree.fs.link(temporary, path))
    } catch (error) {
      if (isCausedBy(error, 'EEXIST')) throw await occupied(tree, path)
      if (isCausedBy(error, 'ENOTDIR')) throw new StoreError('badKey', 'A stored object is in the place of a folder')
      if (!isCausedBy(error, 'ENOENT') || race === RACES) throw error
      // Either a delete has just removed the empty folder, which is made again, or the reaper has abandoned this write.
      if (!(await onDiskIfThere(tree.fs.lstat(temporary)))) {
        throw new StoreError('unavailable', 'The write was abandoned before it was finished', { cause: error })
      }
    }
  }
}

async function occupied(tree: Tree, path: string): Promise<StoreError> {
  const found = await onDiskIfThere(tree.fs.lstat(path))
  if (found?.isDirectory()) return new StoreError('badKey', 'The store key is a folder of stored objects')
  return new StoreError('exists', 'The store key is already taken')
}

/** Makes a folder and those above it, checking each before anything is made in it. */
async function makeFolder(tree: Tree, folder: string): Promise<void> {
  if (folder === tree.root || (await isRealFolder(tree, folder))) return
  await makeFolder(tree, dirname(folder))
  try {
    await onDisk(tree.fs.mkdir(folder, { mode: FOLDER_MODE }))
  } catch (error) {
    if (!isCausedBy(error, 'EEXIST')) throw error
    await isRealFolder(tree, folder)
  }
}

/** @throws StoreError `denied` when the path is really another one: a link, or a name that differs in case */
async function isRealFolder(tree: Tree, folder: string): Promise<boolean> {
  if (folder === tree.root) return true
  const real = await onDiskIfThere(tree.fs.realpath(folder))
  if (real === undefined) return false
  if (real !== folder) throw new StoreError('denied', 'A folder of the store is a link or is spelt differently')
  return true
}

// ---- get, head

async function get(tree: Tree, key: StoreKey, { range, signal }: GetOptions = {}): Promise<StoredObject> {
  const path = pathOf(tree, key)
  signal?.throwIfAborted()
  const opening = openFinal(tree, path)
  try {
    const { file, sizeBytes } = await untilAborted(opening, signal)
    const { start, length } = spanOf(range, sizeBytes)
    const body = readSpan(tree, file, start, length)
    destroyOnAbort(body, signal)
    return { body, sizeBytes, giveBack: (piece) => giveBack(tree, piece) }
  } catch (error) {
    opening.then(({ file }) => file.close()).catch(() => {}) // the reason why nothing is read is already known
    throw error
  }
}

async function openFinal(tree: Tree, path: string): Promise<{ file: LocalFile; sizeBytes: number }> {
  const there = await isRealFolder(tree, dirname(path))
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW
  const file = there ? await onDiskIfThere(tree.fs.open(path, flags)) : undefined
  if (!file) throw new StoreError('notFound', 'Nothing is stored under the store key')
  try {
    const stats = await onDisk(file.stat())
    if (!stats.isFile()) throw new StoreError('notFound', 'Nothing is stored under the store key')
    return { file, sizeBytes: stats.size }
  } catch (error) {
    await file.close()
    throw error
  }
}

function readSpan({ spare }: Tree, file: LocalFile, start: number, length: number): Readable {
  let position = start
  const end = start + length
  let reading: Promise<void> = Promise.resolve()
  const readNext = async (stream: Readable) => {
    if (position === end) return void stream.push(null)
    const wanted = Math.min(READ_BYTES, end - position)
    const buffer = spare.pop() ?? Buffer.allocUnsafeSlow(end - start < READ_BYTES ? wanted : READ_BYTES)
    const { bytesRead } = await onDisk(file.read(buffer, 0, wanted, position))
    if (bytesRead === 0) throw new StoreError('corrupt', `The file ends at ${position}, ${end - position} bytes short`)
    position += bytesRead
    stream.push(buffer.subarray(0, bytesRead))
  }
  return new Readable({
    highWaterMark: READ_BYTES,
    read() {
      reading = readNext(this).catch((error) => void this.destroy(error))
    },
    destroy(error, done) {
      // A read under way still uses the file.
      reading.then(() => file.close()).catch(() => {})
      done(error)
    },
  })
}

function giveBack({ spare }: Tree, piece: Buffer): void {
  if (piece.buffer.byteLength === READ_BYTES && spare.length < MAX_SPARE) spare.push(Buffer.from(piece.buffer))
}

async function head(tree: Tree, key: StoreKey): Promise<StoredInfo | undefined> {
  const path = pathOf(tree, key)
  if (!(await isRealFolder(tree, dirname(path)))) return undefined
  const stats = await onDiskIfThere(tree.fs.lstat(path))
  if (!stats?.isFile()) return undefined
  return { key, storedBytes: stats.size, modifiedAt: stats.mtime, unfinished: false }
}

// ---- delete, abandon

async function remove(tree: Tree, key: StoreKey): Promise<void> {
  const path = pathOf(tree, key)
  const folder = dirname(path)
  if (!(await isRealFolder(tree, folder))) return
  const stats = await onDiskIfThere(tree.fs.lstat(path))
  if (stats?.isDirectory()) return
  tree.synced.delete(folder)
  await onDiskIfThere(tree.fs.unlink(path))
  // Also when there was nothing: another delete may have removed the file and not synced the folder yet.
  try {
    await syncFolder(tree.fs, folder)
  } catch (error) {
    if (!isCausedBy(error, 'ENOENT', 'ENOTDIR')) throw error
  }
  await removeEmptyFolders(tree, folder, tree.root)
}

async function removeEmptyFolders(tree: Tree, from: string, upTo: string): Promise<void> {
  for (let folder = from; folder.startsWith(upTo + sep); folder = dirname(folder)) {
    try {
      await onDisk(tree.fs.rmdir(folder))
    } catch (error) {
      if (isCausedBy(error, 'ENOTEMPTY', 'EEXIST')) return
      if (!isCausedBy(error, 'ENOENT', 'ENOTDIR')) throw error
    }
  }
}

async function abandon(tree: Tree, key: StoreKey): Promise<void> {
  pathOf(tree, key)
  const { folders, namePrefix } = temporaryNames(key)
  const folder = join(tree.temporaryRoot, ...folders)
  const entries = (await onDiskIfThere(tree.fs.readdir(folder, { withFileTypes: true }))) ?? []
  for (const { name } of entries) {
    if (name.startsWith(namePrefix)) await onDiskIfThere(tree.fs.unlink(join(folder, name)))
  }
  await removeEmptyFolders(tree, folder, tree.temporaryRoot)
}
