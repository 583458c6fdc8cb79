import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { startEmbedded } from '../../../apps/server/src/platform/database/embedded.ts'

/** A database that several processes of the service share. */
export interface SharedDatabase {
  url: string
  /** As its owner, who passes every policy. */
  client: pg.Client
  /** Undefined where it is somebody else's. */
  pid: number | undefined
  stop(): Promise<void>
}

/** Connects to the one that is named, which is to be empty, or starts the embedded one outside of any server. */
export async function openSharedDatabase(named: string | undefined): Promise<SharedDatabase> {
  if (named !== undefined) return connected(named, undefined, async () => {})
  const folder = await mkdtemp(join(tmpdir(), 'stowage-campaign-database-'))
  const { connection, pid, stop } = await startEmbedded({
    directory: join(folder, 'database'),
    log: { info: () => {}, warn: console.warn },
  })
  const { host, port, user, password, database } = connection
  const url = new URL(`postgres://localhost/${database}`)
  url.username = user
  url.password = password
  url.searchParams.set('host', host)
  url.searchParams.set('port', String(port))
  return connected(url.href, pid, async () => {
    await stop()
    await rm(folder, { recursive: true, force: true })
  })
}

async function connected(url: string, pid: number | undefined, end: () => Promise<void>): Promise<SharedDatabase> {
  const client = new pg.Client({ connectionString: url })
  // A connection that is lost fails the next query.
  client.on('error', () => {})
  await client.connect()
  return {
    url,
    client,
    pid,
    async stop() {
      await client.end()
      await end()
    },
  }
}
