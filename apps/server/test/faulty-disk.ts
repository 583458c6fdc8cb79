import { type LocalFile, type LocalFs, nodeFs } from '../src/providers/stores/local-disk.ts'

type DiskCall = 'open' | 'link' | 'unlink' | 'mkdir' | 'rmdir' | 'writev' | 'read' | 'datasync' | 'sync' | 'utimes'

/** A real disk whose calls a test can see, refuse and hold up. */
export interface FaultyDisk {
  fs: LocalFs
  /** The calls so far that change something or make it durable, each with the path it was about. */
  calls: string[]
  openHandles: number
  /** Run before a call is made; one that throws makes it fail. */
  before: Partial<Record<DiskCall, (path: string) => unknown>>
  /** The most that one write takes. */
  writeBytes: number
}

export function createFaultyDisk(): FaultyDisk {
  const disk: FaultyDisk = { fs: nodeFs, calls: [], openHandles: 0, before: {}, writeBytes: Number.POSITIVE_INFINITY }
  const call = async <T>(name: DiskCall, path: string, work: () => Promise<T>): Promise<T> => {
    await disk.before[name]?.(path)
    if (name !== 'read' && name !== 'open') disk.calls.push(`${name} ${path}`)
    return work()
  }
  disk.fs = {
    ...nodeFs,
    open: async (path, flags, mode) => {
      const file = await call('open', path, () => nodeFs.open(path, flags, mode))
      disk.openHandles += 1
      return faultyFile(disk, file, path, call)
    },
    link: (from, to) => call('link', to, () => nodeFs.link(from, to)),
    unlink: (path) => call('unlink', path, () => nodeFs.unlink(path)),
    mkdir: (path, options) => call('mkdir', path, () => nodeFs.mkdir(path, options)),
    rmdir: (path) => call('rmdir', path, () => nodeFs.rmdir(path)),
  }
  return disk
}

/** As the system reports a failed call. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: refused`), { code })
}

function faultyFile(
  disk: FaultyDisk,
  file: LocalFile,
  path: string,
  call: <T>(name: DiskCall, path: string, work: () => Promise<T>) => Promise<T>,
): LocalFile {
  return {
    // The store reads into a buffer at a position, which is one of several ways to call it.
    read: ((...position: [Buffer, number, number, number]) => {
      return call('read', path, () => file.read(...position))
    }) as LocalFile['read'],
    writev: ((buffers: Buffer[], position?: number) =>
      call('writev', path, () => writeSome(file, buffers, position, disk.writeBytes))) as LocalFile['writev'],
    datasync: () => call('datasync', path, () => file.datasync()),
    sync: () => call('sync', path, () => file.sync()),
    stat: file.stat.bind(file),
    utimes: (accessed, changed) => call('utimes', path, () => file.utimes(accessed, changed)),
    close: async () => {
      disk.openHandles -= 1
      await file.close()
    },
  }
}

function writeSome(
  file: LocalFile,
  buffers: Buffer[],
  position: number | undefined,
  limit: number,
): ReturnType<LocalFile['writev']> {
  if (limit === Number.POSITIVE_INFINITY) return file.writev(buffers, position)
  return file.writev([Buffer.concat(buffers).subarray(0, limit)], position)
}
