import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Connection } from '../src/platform/database/connect.ts'
import { giveTo, serverAccount } from '../src/platform/database/embedded/account.ts'
import { readLock } from '../src/platform/database/embedded/lock.ts'
import { supervise } from '../src/platform/database/embedded/supervise.ts'

const programs = (major: number) => `/usr/lib/postgresql/${major}/bin`

/** Major versions of PostgreSQL that this machine has from its own packages, beside the embedded one. */
export const installedMajors = [15, 16, 17].filter((major) => existsSync(join(programs(major), 'initdb')))

/** Starts a server of another major version in a temporary folder; like the embedded one it ends with this process. */
export async function startInstalled(major: number): Promise<{ connection: Connection; stop(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), `stowage-postgres-${major}-`))
  const cluster = join(folder, 'cluster')
  const account = serverAccount(cluster)
  const logFile = openSync(join(folder, 'log'), 'a')
  mkdirSync(cluster, { mode: 0o700 })
  writeFileSync(join(folder, 'password'), 'secret')
  chmodSync(folder, 0o755)
  for (const path of [folder, cluster]) giveTo(account, path)
  const options = { account, folder: cluster, logFile }
  const initdb = [join(programs(major), 'initdb'), '-D', cluster, '-U', 'admin', '-A', 'scram-sha-256', '-E', 'UTF8']
  await (await supervise([...initdb, '--locale=C.UTF-8', '--pwfile=../password', '--no-sync'], options)).ended
  const flags = ['-c', 'listen_addresses=', '-c', 'fsync=off']
  const server = await supervise([join(programs(major), 'postgres'), '-D', cluster, '-k', folder, ...flags], options)
  closeSync(logFile)
  let alive = true
  void server.ended.then(() => {
    alive = false
  })
  while (readLock(cluster)?.status !== 'ready') {
    if (!alive) throw new Error(readFileSync(join(folder, 'log'), 'utf8'))
    await pause(20)
  }
  return {
    connection: { host: folder, port: 5432, user: 'admin', password: 'secret', database: 'postgres' },
    stop: async () => {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
