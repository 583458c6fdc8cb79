import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type pg from 'pg'
import { inject } from 'vitest'
import { withClient } from '../src/platform/database/client.ts'
import type { Connection } from '../src/platform/database/connect.ts'
import { migrate, readMigrations } from '../src/platform/database/migrate.ts'
import { APP_ROLE, ensureRoles, SWEEP_ROLE } from '../src/platform/database/roles.ts'

/** A database of one test file's own. */
export type TestDatabase = {
  /** Connections as the owner (who passes every policy), as requests run, and as the sweeper runs. */
  owner: Connection
  app: Connection
  sweep: Connection
  /** Ends every connection to it and removes it. */
  drop(): Promise<void>
}

const MIGRATIONS = join(import.meta.dirname, '../migrations')

/** Fixed, because roles belong to the server and test files run side by side. */
const PASSWORDS = { app: 'test-app', sweep: 'test-sweep' }

const LOCK = '8317449020184473'

/** Makes a migrated database, by copying a template that the first caller with these migrations makes. */
export async function createTestDatabase(): Promise<TestDatabase> {
  return create(await onServer(ensureTemplate))
}

/** Makes a database with nothing but the service's roles, for tests of the migrations themselves. */
export async function createEmptyDatabase(): Promise<TestDatabase> {
  const database = await create('template0')
  await ensureRoles(database.owner, PASSWORDS)
  return database
}

async function create(template: string): Promise<TestDatabase> {
  const name = `stowage_test_${randomBytes(6).toString('hex')}`
  // Copying files takes half of the time that writing them through the log does.
  await onServer((client) => client.query(`CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY file_copy`))
  const owner = inDatabase(name)
  return {
    owner,
    app: { ...owner, user: APP_ROLE, password: PASSWORDS.app },
    sweep: { ...owner, user: SWEEP_ROLE, password: PASSWORDS.sweep },
    drop: async () => {
      await onServer((client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`))
    },
  }
}

/** It gets its name when it is finished: a run that was stopped on the way leaves nothing that is taken for a template. */
async function ensureTemplate(client: pg.Client): Promise<string> {
  const name = `stowage_template_${keyOfMigrations()}`
  // Ends with the connection.
  await client.query('SELECT pg_advisory_lock($1)', [LOCK])
  const found = await client.query('SELECT FROM pg_database WHERE datname = $1', [name])
  if (found.rowCount !== 0) return name
  const draft = `${name}_draft`
  await client.query(`DROP DATABASE IF EXISTS ${draft} WITH (FORCE)`)
  await client.query(`CREATE DATABASE ${draft} TEMPLATE template0`)
  await ensureRoles(inDatabase(draft), PASSWORDS)
  await migrate(inDatabase(draft), { directory: MIGRATIONS, log: { info: () => {}, warn: () => {} } })
  await client.query(`ALTER DATABASE ${draft} RENAME TO ${name}`)
  return name
}

function keyOfMigrations(): string {
  const hash = createHash('sha256')
  for (const { name, sha256 } of readMigrations(MIGRATIONS)) hash.update(`${name} ${sha256}\n`)
  return hash.digest('hex').slice(0, 16)
}

function inDatabase(name: string): Connection {
  return { ...inject('testServer'), database: name }
}

function onServer<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  return withClient(inject('testServer'), work)
}
