import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { withClient } from '../apps/server/src/platform/database/client.ts'
import type { Connection } from '../apps/server/src/platform/database/connect.ts'
import { startEmbedded } from '../apps/server/src/platform/database/embedded.ts'
import { migrate } from '../apps/server/src/platform/database/migrate.ts'
import { ensureRoles } from '../apps/server/src/platform/database/roles.ts'
import { dumpSchema } from '../apps/server/src/platform/database/schema-dump.ts'
import { tableTypes } from '../apps/server/src/platform/database/table-types.ts'

/**
 * Writes what the migrations make: apps/server/schema.sql and the table types. With `--check` it writes nothing and
 * fails when the committed files differ.
 */
const SERVER = join(import.meta.dirname, '../apps/server')

const silent = { info: () => {}, warn: () => {} }

async function describe(owner: Connection): Promise<{ path: string; text: string }[]> {
  await ensureRoles(owner, { app: 'app', sweep: 'sweep' })
  await migrate(owner, { directory: join(SERVER, 'migrations'), log: silent })
  return withClient(owner, async (client) => [
    { path: join(SERVER, 'schema.sql'), text: await dumpSchema(client) },
    { path: join(SERVER, 'src/platform/database/tables.ts'), text: await tableTypes(client) },
  ])
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

const directory = mkdtempSync(join(tmpdir(), 'stowage-schema-'))
try {
  const server = await startEmbedded({
    directory: join(directory, 'database'),
    log: silent,
    settings: { fsync: 'off' },
  })
  const files = await describe(server.connection).finally(server.stop)
  rmSync(server.connection.host, { recursive: true, force: true })
  const stale = files.filter(({ path, text }) => read(path) !== text)
  if (!process.argv.includes('--check')) for (const { path, text } of stale) writeFileSync(path, text)
  else if (stale.length > 0) {
    process.exitCode = 1
    for (const { path } of stale) console.error(`${path} does not fit the migrations. Run: node scripts/schema.ts`)
  }
} finally {
  rmSync(directory, { recursive: true, force: true })
}
