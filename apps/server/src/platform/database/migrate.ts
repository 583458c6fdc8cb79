import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { withClient } from './client.ts'
import type { Connection } from './connect.ts'
import type { DatabaseLog } from './database-log.ts'

/** One file of the migrations folder. */
export type Migration = { name: string; sha256: string; sql: string }

/** Any number, as long as nothing else in the database takes an advisory lock of the same one. */
const LOCK = '8317449020184471'

const NAME = /^(\d{4})-[a-z0-9-]+\.sql$/

const PREPARE = `
  CREATE SCHEMA IF NOT EXISTS stowage;
  CREATE TABLE IF NOT EXISTS stowage.migration (
    name text PRIMARY KEY,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
  );
  SET LOCAL search_path = stowage, public`

/**
 * Brings the database to the state that the files `0001-name.sql`, `0002-…` of a folder describe.
 *
 * Each file runs in one transaction together with its row in `stowage.migration`, so a kill at any moment can be
 * repeated; an advisory lock, taken in that transaction, lets several nodes start at once. A file finds schema
 * `stowage` made and first on the search path, and may not end the transaction itself.
 *
 * @param owner connection of the role that owns the database
 * @returns the names of the files applied by this call
 * @throws Error when a file was changed after it was applied, when a number is missing or used twice, when the database
 * has a migration that the folder has not, or when a file fails (nothing of it stays)
 */
export async function migrate(
  owner: Connection,
  { directory, log }: { directory: string; log: DatabaseLog },
): Promise<string[]> {
  const migrations = readMigrations(directory)
  return withClient(owner, async (client) => {
    const names: string[] = []
    for (;;) {
      const applied = await applyNext(client, migrations)
      if (applied === undefined) return names
      names.push(applied)
      log.info({ migration: applied }, 'Migration applied')
    }
  })
}

/** @throws Error when a number is missing or used twice, or when a file's name is not of the form `0001-name.sql` */
export function readMigrations(directory: string): Migration[] {
  const names = readdirSync(directory)
    .filter((name) => name.endsWith('.sql'))
    .sort()
  return names.map((name, index) => {
    const number = NAME.exec(name)?.[1]
    if (number === undefined) throw new Error(`Migration ${name} is not named like 0001-name.sql.`)
    const expected = String(index + 1).padStart(4, '0')
    if (number !== expected) throw new Error(`Migration ${name} stands where ${expected} belongs: no gaps, no doubles.`)
    const sql = readFileSync(join(directory, name), 'utf8')
    return { name, sha256: createHash('sha256').update(sql).digest('hex'), sql }
  })
}

async function applyNext(client: pg.Client, migrations: Migration[]): Promise<string | undefined> {
  await client.query('BEGIN')
  try {
    await client.query('SELECT pg_advisory_xact_lock($1)', [LOCK])
    await client.query(PREPARE)
    const next = nextOf(migrations, await appliedMigrations(client))
    if (next !== undefined) await apply(client, next)
    const { command } = await client.query('COMMIT')
    if (command !== 'COMMIT') throw new Error(`Migrations ended with ${command} in place of COMMIT.`)
    return next?.name
  } catch (error) {
    // The error that matters is the first one, also when the connection is gone.
    await client.query('ROLLBACK').catch(() => {})
    throw error
  }
}

type Applied = Pick<Migration, 'name' | 'sha256'>

async function appliedMigrations(client: pg.Client): Promise<Applied[]> {
  return (await client.query<Applied>('SELECT name, sha256 FROM stowage.migration ORDER BY name')).rows
}

function nextOf(migrations: Migration[], applied: Applied[]): Migration | undefined {
  applied.forEach(({ name, sha256 }, index) => {
    const file = migrations[index]
    if (file?.name !== name)
      throw new Error(
        `The database has migration ${name}, this Stowage has ${file?.name ?? 'none'} in its place. Run the Stowage release that the database was migrated with, or a later one.`,
      )
    if (file.sha256 !== sha256)
      throw new Error(
        `Migration ${name} was changed after it was applied. Restore the file; a change is a new migration.`,
      )
  })
  return migrations[applied.length]
}

async function apply(client: pg.Client, { name, sha256, sql }: Migration): Promise<void> {
  const transaction = await currentTransaction(client)
  try {
    await client.query(sql)
  } catch (cause) {
    throw new Error(`Migration ${name} failed: ${describe(cause, sql)}`, { cause })
  }
  if ((await currentTransaction(client)) !== transaction)
    throw new Error(`Migration ${name} ended its transaction; it must hold no BEGIN, COMMIT or ROLLBACK.`)
  await client.query('INSERT INTO stowage.migration (name, sha256) VALUES ($1, $2)', [name, sha256])
}

async function currentTransaction(client: pg.Client): Promise<string> {
  return (await client.query<{ id: string }>('SELECT pg_current_xact_id()::text AS id')).rows[0]!.id
}

function describe(cause: unknown, sql: string): string {
  if (!(cause instanceof pg.DatabaseError)) return String(cause)
  const line = cause.position === undefined ? '' : ` (line ${sql.slice(0, Number(cause.position)).split('\n').length})`
  return `${cause.message}${line}`
}
