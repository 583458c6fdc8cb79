import { chmodSync, closeSync, fstatSync, ftruncateSync, mkdirSync, openSync, realpathSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { withClient } from './client.ts'
import type { Connection } from './connect.ts'
import type { DatabaseLog } from './database-log.ts'
import { canReach, serverAccount } from './embedded/account.ts'
import { installBinaries } from './embedded/binaries.ts'
import { ensureCluster, OWNER, ownerPassword, type Place, removeLeftovers } from './embedded/cluster.ts'
import { syncFolder } from './embedded/durable.ts'
import { awaitPredecessor, inUse, readLock } from './embedded/lock.ts'
import { logWords } from './embedded/log-words.ts'
import { socketFolder } from './embedded/socket.ts'
import { type Supervised, supervise } from './embedded/supervise.ts'

export type EmbeddedOptions = {
  /** Folder of the database, made when it is not there. One Stowage at a time. */
  directory: string
  log: DatabaseLog
  /** Called when the server ended and nobody asked it to. */
  onExit?: (reason: Error) => void
  /** Server settings on top of the product's own, as a test that needs no durability has them. */
  settings?: Record<string, string>
}

export type EmbeddedServer = {
  connection: Connection
  /** Shuts the server down in good order; open transactions are rolled back. */
  stop(): Promise<void>
  /** Process id of the server. */
  pid: number
}

const DATABASE = 'stowage'
const LOG_LIMIT_BYTES = 16 * 1024 * 1024
const PREDECESSOR_LIMIT_MS = 30_000

const SETTINGS = {
  listen_addresses: '',
  max_connections: '60',
  shared_buffers: '128MB',
  wal_compression: 'on',
  max_wal_size: '2GB',
  checkpoint_timeout: '15min',
  jit: 'off',
  // A young installation grows fast: without statistics its first lists sort the whole organization.
  autovacuum_naptime: '10s',
  log_timezone: 'UTC',
  timezone: 'UTC',
  // Rows and statements hold personal data, which has no place in a log file.
  log_error_verbosity: 'terse',
  log_min_error_statement: 'panic',
}

/**
 * Starts the PostgreSQL server that Stowage brings along and waits until it takes connections.
 *
 * It listens on a unix socket only, asks everybody for a password, syncs what it acknowledges and ends with this
 * process, however that ends. A start that was killed at any moment can be repeated.
 *
 * Under root it runs as another user (see serverAccount). On Linux that user need not be able to enter the parents of
 * the folder, such as a home of mode 0700: the server is started inside its data folder and knows it as
 * `/proc/self/cwd`; its programs and its socket then lie elsewhere (see installBinaries, socketFolder).
 *
 * @throws Error that says what to do: another Stowage in the folder, another major version, no package for the
 * platform, folders or rights missing
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedServer> {
  const directory = makeDirectory(options.directory)
  const logFile = openLog(directory)
  try {
    const place = await findPlace(directory, logFile)
    const password = ownerPassword(directory, place.cluster)
    await ensureCluster(place, password)
    const host = socketFolder(directory, place.account)
    const server = await startServer(place, host, options.settings ?? {})
    try {
      removeLeftovers(place)
      const connection = { host, port: 5432, user: OWNER, password, database: DATABASE }
      await ensureDatabase(connection)
      options.log.info({ pid: server.pid, folder: place.cluster }, 'Embedded database is ready')
      return { connection, pid: server.pid, stop: watchOver(server, options) }
    } catch (error) {
      await server.stop()
      throw error
    }
  } finally {
    closeSync(logFile)
  }
}

/** The folder is closed to others, and passable for the server's user when root makes it. */
function makeDirectory(path: string): string {
  const wanted = resolve(path)
  if (mkdirSync(wanted, { recursive: true }) !== undefined) {
    chmodSync(wanted, process.getuid?.() === 0 ? 0o711 : 0o700)
    syncFolder(dirname(wanted))
  }
  return realpathSync(wanted)
}

function openLog(directory: string): number {
  const logFile = openSync(join(directory, 'postgres.log'), 'a+', 0o600)
  if (fstatSync(logFile).size > LOG_LIMIT_BYTES) ftruncateSync(logFile)
  return logFile
}

async function findPlace(directory: string, logFile: number): Promise<Place> {
  const cluster = join(directory, 'cluster')
  const account = serverAccount(cluster)
  const reachable = canReach(account, directory)
  if (!reachable && process.platform !== 'linux')
    throw new Error(
      `The embedded database runs as uid ${account.uid}, which cannot enter ${directory}. Set STOWAGE_DATA to a folder whose parents it can enter.`,
    )
  const binaries = await installBinaries(directory, account)
  const pathOf = (folder: string) => (reachable ? folder : '/proc/self/cwd')
  return { directory, cluster, account, binaries, logFile, words: logWords(logFile), pathOf }
}

async function startServer(place: Place, host: string, settings: Record<string, string>): Promise<Supervised> {
  const flags = Object.entries({ ...SETTINGS, ...settings }).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const command = [place.binaries.postgres, '-D', place.pathOf(place.cluster), '-k', host, '-p', '5432', ...flags]
  const deadline = Date.now() + PREDECESSOR_LIMIT_MS
  for (;;) {
    await awaitPredecessor(place.cluster, host)
    const begun = place.words.position()
    const server = await supervise(command, { account: place.account, folder: place.cluster, logFile: place.logFile })
    if (await isReady(server, place.cluster)) return server
    const words = place.words.since(begun)
    // A start beside this one, or the last processes of a killed server.
    const passing = /lock file ".*" already exists|pre-existing shared memory block/.test(words)
    if (!passing) throw new Error(`The embedded database did not start: ${words}`)
    if (Date.now() > deadline) throw inUse(place.cluster, readLock(place.cluster)?.pid ?? 0)
    await pause(200)
  }
}

/** No time limit: as long as the server lives it is at work, and recovery after a power cut may take minutes. */
async function isReady(server: Supervised, cluster: string): Promise<boolean> {
  let alive = true
  const ended = server.ended.then(() => {
    alive = false
  })
  while (alive) {
    const lock = readLock(cluster)
    if (lock?.pid === server.pid && lock.status === 'ready') return true
    await Promise.race([ended, pause(10)])
  }
  return false
}

async function ensureDatabase(connection: Connection): Promise<void> {
  await withClient({ ...connection, database: 'postgres' }, async (client) => {
    const found = await client.query('SELECT FROM pg_database WHERE datname = $1', [DATABASE])
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`)
  })
}

function watchOver(server: Supervised, options: EmbeddedOptions): () => Promise<void> {
  let stopping = false
  server.ended.then((status) => {
    if (stopping) return
    const reason = new Error(`The embedded database ended by itself (status ${status}); see postgres.log.`)
    options.log.warn({ err: reason, pid: server.pid }, 'Embedded database ended')
    options.onExit?.(reason)
  })
  return async () => {
    stopping = true
    await server.stop()
  }
}
