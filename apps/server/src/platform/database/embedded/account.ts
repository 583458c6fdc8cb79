import { spawnSync } from 'node:child_process'
import { chownSync, lchownSync, lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Who the database server runs as. `switched` is set when that is not who Stowage runs as: PostgreSQL refuses root. */
export type Account = { uid: number; gid: number; switched: boolean }

/** "nobody" on nearly every system; the number counts, not a name in the user list of a small container. */
const UNPRIVILEGED = 65_534

/**
 * Decides who the server runs as: Stowage's own user or, for root, the owner of the cluster, else uid 65534.
 *
 * @throws Error when root may not change its uid, or when the cluster belongs to somebody else
 */
export function serverAccount(cluster: string): Account {
  const uid = process.getuid?.() ?? 0
  const gid = process.getgid?.() ?? 0
  const owner = lstatSync(cluster, { throwIfNoEntry: false })
  if (uid !== 0) {
    if (owner !== undefined && owner.uid !== uid)
      throw new Error(
        `The database in ${cluster} belongs to uid ${owner.uid}, Stowage runs as uid ${uid}. Start Stowage as that user or as root, or change the owner of the folder.`,
      )
    return { uid, gid, switched: false }
  }
  const account =
    owner === undefined || owner.uid === 0
      ? { uid: UNPRIVILEGED, gid: UNPRIVILEGED, switched: true }
      : { uid: owner.uid, gid: owner.gid, switched: true }
  const attempt = spawnSync('/bin/sh', ['-c', ':'], { uid: account.uid, gid: account.gid, cwd: '/' })
  if (attempt.error !== undefined) throw cannotSwitch(account, attempt.error)
  return account
}

/** Whether the account may enter a folder; asked of the kernel, because a mode is not the whole truth. */
export function canReach(account: Account, folder: string): boolean {
  if (!account.switched) return true
  const { uid, gid } = account
  return spawnSync('/bin/sh', ['-c', 'test -x "$1"', 'sh', folder], { uid, gid, cwd: '/' }).status === 0
}

/** Gives a folder or file that Stowage just made to the account. */
export function giveTo(account: Account, path: string): void {
  if (!account.switched) return
  try {
    chownSync(path, account.uid, account.gid)
  } catch (cause) {
    throw cannotSwitch(account, cause)
  }
}

/**
 * Gives a whole cluster to the account, as after a restore made by root. The folder itself goes last, so that its
 * owner tells whether the work was finished.
 */
export function giveTree(account: Account, folder: string): void {
  if (!account.switched || lstatSync(folder).uid === account.uid) return
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true }))
    lchownSync(join(entry.parentPath, entry.name), account.uid, account.gid)
  giveTo(account, folder)
}

function cannotSwitch(account: Account, cause: unknown): Error {
  return new Error(
    `Stowage runs as root without the right to hand the embedded database to uid ${account.uid}, and PostgreSQL refuses to run as root. Start Stowage as an ordinary user, or set DATABASE_URL to a PostgreSQL server.`,
    { cause },
  )
}
