import { join } from 'node:path'
import { type LocalFs, onDiskIfThere } from './local-disk.ts'
import { keyOfTemporary } from './local-names.ts'
import { limitOf } from './paging.ts'
import { type ListOptions, type ListPage, type StoredInfo, StoreError } from './port.ts'

/** A cursor is the path of the last file shown, below the root. Unfinished files come first. */
interface Entry {
  path: string[]
  key: string
  unfinished: boolean
}

/** One page of a local store's tree, in the order of the segments of its paths. */
export async function listTree(fs: LocalFs, root: string, temporary: string, options: ListOptions): Promise<ListPage> {
  const limit = limitOf(options)
  const entries: Entry[] = []
  for await (const entry of entriesAfter(fs, root, temporary, options)) {
    entries.push(entry)
    if (entries.length > limit) break
  }
  const page = entries.slice(0, limit)
  const items = (await Promise.all(page.map((entry) => describe(fs, root, entry)))).filter((item) => item !== undefined)
  return page.length < entries.length ? { items, nextCursor: page.at(-1)!.path.join('/') } : { items }
}

async function describe(fs: LocalFs, root: string, { path, key, unfinished }: Entry): Promise<StoredInfo | undefined> {
  const stats = await onDiskIfThere(fs.lstat(join(root, ...path)))
  return stats && { key, storedBytes: stats.size, modifiedAt: stats.mtime, unfinished }
}

async function* entriesAfter(
  fs: LocalFs,
  root: string,
  temporary: string,
  { prefix = '', cursor }: ListOptions,
): AsyncGenerator<Entry> {
  const after = cursor === undefined ? [] : cursor.split('/')
  if (after.includes('..')) throw new StoreError('unsupported', 'That is no cursor of this store')
  const inTemporary = after[0] === temporary
  if (after.length === 0 || inTemporary) {
    for await (const path of filesAfter(fs, root, [temporary], after, () => true)) {
      const key = keyOfTemporary(path.slice(1))
      if (key?.startsWith(prefix)) yield { path, key, unfinished: true }
    }
  }
  const mayHold = (folder: string[]) => {
    const start = `${folder.join('/')}/`
    return folder[0] !== temporary && (start.startsWith(prefix) || prefix.startsWith(start))
  }
  for await (const path of filesAfter(fs, root, [], inTemporary ? [] : after, mayHold)) {
    const key = path.join('/')
    if (key.startsWith(prefix)) yield { path, key, unfinished: false }
  }
}

async function* filesAfter(
  fs: LocalFs,
  root: string,
  folder: string[],
  after: string[],
  mayHold: (folder: string[]) => boolean,
): AsyncGenerator<string[]> {
  const entries = (await onDiskIfThere(fs.readdir(join(root, ...folder), { withFileTypes: true }))) ?? []
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = [...folder, entry.name]
    const order = compareSegments(path, after.slice(0, path.length))
    if (entry.isDirectory() && order >= 0 && mayHold(path)) yield* filesAfter(fs, root, path, after, mayHold)
    if (entry.isFile() && compareSegments(path, after) > 0) yield path
  }
}

function compareSegments(a: string[], b: string[]): number {
  for (const [index, segment] of a.entries()) {
    const other = b[index]
    if (other === undefined || segment > other) return 1
    if (segment < other) return -1
  }
  return a.length - b.length
}
