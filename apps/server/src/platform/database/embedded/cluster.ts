import { randomBytes } from 'node:crypto'
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { type Account, giveTo, giveTree } from './account.ts'
import type { Binaries } from './binaries.ts'
import { syncFolder } from './durable.ts'
import type { LogWords } from './log-words.ts'
import { supervise } from './supervise.ts'

export const OWNER = 'stowage_owner'

export type Place = {
  /** Stowage's folder for its database. */
  directory: string
  /** PostgreSQL's data folder inside it. */
  cluster: string
  account: Account
  binaries: Binaries
  logFile: number
  /** What the programs said, for the message of an error. */
  words: LogWords
  /** What `-D` is told for a folder that is also the working directory. */
  pathOf(folder: string): string
}

/**
 * The owner's password, kept in `<directory>/password` (0600); made, durably, before there is a cluster to need it.
 *
 * @throws Error when there is a cluster and its password is gone
 */
export function ownerPassword(directory: string, cluster: string): string {
  const path = join(directory, 'password')
  if (!existsSync(path)) {
    if (existsSync(cluster))
      throw new Error(
        `${path} is missing, and the database in ${cluster} cannot be opened without it. Restore the file.`,
      )
    const draft = `${path}.${randomBytes(4).toString('hex')}`
    writeFileSync(draft, randomBytes(24).toString('base64url'), { mode: 0o600, flush: true })
    try {
      // A link, never a rename: of two first starts the first to come decides, and both use its password.
      linkSync(draft, path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    rmSync(draft, { force: true })
    syncFolder(directory)
  }
  return readFileSync(path, 'utf8').trim()
}

/**
 * Makes sure there is a cluster of the right version that belongs to the server's account. A new one is made beside
 * its place and renamed when initdb has synced it, so a first start that is killed leaves nothing that counts.
 *
 * @throws Error when the cluster is of another major version, or when initdb fails
 */
export async function ensureCluster(place: Place, password: string): Promise<void> {
  if (!existsSync(place.cluster)) await createCluster(place, password)
  const found = readFileSync(join(place.cluster, 'PG_VERSION'), 'utf8').trim()
  if (found !== String(place.binaries.major))
    throw new Error(
      `The database in ${place.cluster} was made by PostgreSQL ${found}, this Stowage brings PostgreSQL ${place.binaries.major}. Start it with the Stowage release that made it, or move the data with pg_upgrade or a dump.`,
    )
  giveTree(place.account, place.cluster)
}

async function createCluster(place: Place, password: string): Promise<void> {
  const draft = mkdtempSync(join(place.directory, 'initializing-'))
  const data = join(draft, 'data')
  const passwordFile = join(draft, 'password')
  mkdirSync(data, { mode: 0o700 })
  writeFileSync(passwordFile, password, { mode: 0o600 })
  for (const path of [passwordFile, data, draft]) giveTo(place.account, path)
  const begun = place.words.position()
  const program = await supervise([place.binaries.initdb, '-D', place.pathOf(data), ...INITDB_OPTIONS], {
    account: place.account,
    folder: data,
    logFile: place.logFile,
  })
  const status = await program.ended
  if (status === 0) adopt(data, place.cluster)
  rmSync(draft, { recursive: true, force: true })
  // A start beside this one that came first also removes drafts; then its cluster is there to go on with.
  if (!existsSync(place.cluster)) throw initFailed(place.account, place.words.since(begun), status)
  syncFolder(place.directory)
}

/** macOS has no locale of the name C.UTF-8; the provider, which decides how text is compared, is the same on both. */
const LOCALE =
  process.platform === 'darwin'
    ? ['--locale=en_US.UTF-8', '--lc-collate=C', '--builtin-locale=C.UTF-8']
    : ['--locale=C.UTF-8']

/** The password file is named from the working directory, which the account may be unable to reach from the root. */
const INITDB_OPTIONS = [
  `--username=${OWNER}`,
  '--pwfile=../password',
  '--auth=scram-sha-256',
  '--encoding=UTF8',
  '--locale-provider=builtin',
  ...LOCALE,
]

/** initdb wants a name for its uid; a container that runs as a bare number has none. The server itself needs none. */
function initFailed(account: Account, words: string, status: number): Error {
  if (words.includes('could not look up effective user ID'))
    return new Error(
      `The embedded database needs uid ${account.uid} to be listed in /etc/passwd when it is first made. Add a line for it, run Stowage as a listed user, or set DATABASE_URL to a PostgreSQL server.`,
    )
  return new Error(`initdb could not make the embedded database (status ${status}): ${words}`)
}

function adopt(data: string, cluster: string): void {
  try {
    renameSync(data, cluster)
  } catch (error) {
    if (!existsSync(cluster) && existsSync(data)) throw error
  }
}

/** Removes what killed starts and earlier versions left. Only for the one that holds the running server. */
export function removeLeftovers(place: Place): void {
  const current = basename(place.binaries.folder)
  for (const name of readdirSync(place.directory)) {
    const leftover = name.startsWith('binaries-') ? name !== current : /^(initializing-|password\.)/.test(name)
    if (leftover) rmSync(join(place.directory, name), { recursive: true, force: true })
  }
}
