import { createHash } from 'node:crypto'
import { chmodSync, lstatSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Account, canReach, giveTo } from './account.ts'

/** One byte less than the smallest `sun_path` in use (macOS: 104 with its closing zero). */
const LONGEST_SOCKET_PATH_BYTES = 103

/**
 * Makes the private folder (0700, of the server's account) that the server's socket lies in: beside the cluster or,
 * where the path is too long for a socket or closed to the account, a short one for temporary files.
 *
 * @throws Error when a folder of that name is not ours
 */
export function socketFolder(directory: string, account: Account): string {
  const short = `stowage-${createHash('sha256').update(directory).digest('hex').slice(0, 16)}`
  const candidates = [join(directory, 'socket'), join(tmpdir(), short), join('/tmp', short)]
  const folder = candidates.find((candidate) => fits(candidate) && canReach(account, dirname(candidate)))
  if (folder === undefined)
    throw new Error(
      `No folder for the socket of the embedded database: uid ${account.uid} can use none of ${candidates.join(', ')}. Set STOWAGE_DATA to a shorter path.`,
    )
  makePrivate(folder, account)
  return folder
}

function fits(folder: string): boolean {
  return Buffer.byteLength(join(folder, '.s.PGSQL.5432')) <= LONGEST_SOCKET_PATH_BYTES
}

function makePrivate(folder: string, account: Account): void {
  try {
    mkdirSync(folder, { mode: 0o700 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const found = lstatSync(folder)
  const ours = found.uid === account.uid || found.uid === process.getuid?.()
  if (!found.isDirectory() || !ours)
    throw new Error(
      `${folder} is not a folder of uid ${account.uid}: remove it, the embedded database needs its place.`,
    )
  chmodSync(folder, 0o700)
  giveTo(account, folder)
}
