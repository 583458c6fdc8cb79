import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { installedMajors, startInstalled } from '../../../test/installed-postgres.ts'
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../../../test/test-database.ts'
import { withClient } from './client.ts'
import type { Connection } from './connect.ts'
import { migrate } from './migrate.ts'
import { ensureRoles } from './roles.ts'
import { dumpSchema } from './schema-dump.ts'
import { tableTypes } from './table-types.ts'

const MIGRATIONS = join(import.meta.dirname, '../../../migrations')
const silent = { info: () => {}, warn: () => {} }

const SAMPLE = `
  CREATE SCHEMA api;
  CREATE TABLE parcel (
    tenant_id uuid NOT NULL, id bigint GENERATED ALWAYS AS IDENTITY, label text DEFAULT 'none' NOT NULL,
    weight numeric(8,2), volume int8, sent_at timestamptz DEFAULT now(), sent_on date, open boolean NOT NULL,
    extra jsonb NOT NULL, body bytea, owners uuid[] NOT NULL, tags text[] NOT NULL DEFAULT '{}', sort int2,
    doubled int8 GENERATED ALWAYS AS (volume * 2) STORED,
    PRIMARY KEY (tenant_id, id), CONSTRAINT light CHECK (weight < 100));
  CREATE TABLE parcel_note (tenant_id uuid, parcel_id bigint, note varchar(20),
    FOREIGN KEY (tenant_id, parcel_id) REFERENCES parcel ON DELETE CASCADE);
  CREATE INDEX parcel_label ON parcel (tenant_id, label) WHERE open;
  ALTER TABLE parcel ENABLE ROW LEVEL SECURITY;
  ALTER TABLE parcel FORCE ROW LEVEL SECURITY;
  CREATE POLICY own ON parcel FOR SELECT TO stowage_app USING (tenant_id = NULLIF(current_setting('t', true), '')::uuid
    AND EXISTS (SELECT FROM parcel_note n WHERE n.parcel_id = parcel.id));
  CREATE FUNCTION api.weigh(w numeric) RETURNS numeric LANGUAGE sql AS 'SELECT w';
  REVOKE ALL ON FUNCTION api.weigh FROM PUBLIC;
  CREATE FUNCTION api.open_to_all() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
  CREATE TRIGGER watch AFTER INSERT ON parcel FOR EACH ROW EXECUTE FUNCTION api.open_to_all();
  GRANT ALL ON parcel TO stowage_app;
  GRANT UPDATE (label) ON parcel TO stowage_sweep;
  COMMENT ON COLUMN parcel.weight IS 'in kilograms'`

let sampleFolder: string
let emptied: TestDatabase
let migrated: TestDatabase

beforeAll(async () => {
  sampleFolder = mkdtempSync(join(tmpdir(), 'stowage-sample-'))
  writeFileSync(join(sampleFolder, '0001-sample.sql'), SAMPLE)
  migrated = await createTestDatabase()
  emptied = await createEmptyDatabase()
  await migrate(emptied.owner, { directory: sampleFolder, log: silent })
})

afterAll(async () => {
  await emptied.drop()
  await migrated.drop()
  rmSync(sampleFolder, { recursive: true })
})

const describeIn = (connection: Connection) =>
  withClient(connection, async (client) => ({ sql: await dumpSchema(client), types: await tableTypes(client) }))

describe('dumpSchema', () => {
  test.each([
    ['tables with defaults', `label text DEFAULT 'none'::text NOT NULL`],
    ['generated columns', 'doubled bigint GENERATED ALWAYS AS ((volume * 2)) STORED'],
    ['checks', 'ADD CONSTRAINT light CHECK ((weight < (100)::numeric))'],
    ['foreign keys', 'REFERENCES stowage.parcel(tenant_id, id) ON DELETE CASCADE'],
    ['indexes', 'CREATE INDEX parcel_label ON stowage.parcel USING btree (tenant_id, label) WHERE open;'],
    ['forced row-level security', 'ALTER TABLE stowage.parcel FORCE ROW LEVEL SECURITY;'],
    ['policies', 'CREATE POLICY own ON stowage.parcel AS PERMISSIVE FOR SELECT TO stowage_app'],
    ['functions', 'CREATE OR REPLACE FUNCTION api.weigh(w numeric)'],
    ['functions that everybody may call', 'GRANT EXECUTE ON ROUTINE api.open_to_all() TO PUBLIC;'],
    ['triggers', 'CREATE TRIGGER watch AFTER INSERT ON stowage.parcel'],
    [
      'grants',
      'GRANT DELETE, INSERT, REFERENCES, SELECT, TRIGGER, TRUNCATE, UPDATE ON TABLE stowage.parcel TO stowage_app;',
    ],
    ['grants on columns', 'GRANT UPDATE (label) ON TABLE stowage.parcel TO stowage_sweep;'],
    ['comments', `COMMENT ON COLUMN stowage.parcel.weight IS 'in kilograms';`],
  ])('shows %s', async (_, line) => {
    expect((await describeIn(emptied.owner)).sql).toContain(line)
  })

  test('shows that nobody else may call a function whose default right was revoked', async () => {
    expect((await describeIn(emptied.owner)).sql).not.toContain('ON ROUTINE api.weigh')
  })

  test.each(installedMajors)('says the same on PostgreSQL %i as on the embedded one', async (major) => {
    const server = await startInstalled(major)
    try {
      for (const [directory, expected] of [
        [sampleFolder, emptied.owner],
        [MIGRATIONS, migrated.owner],
      ] as const) {
        const owner = await databaseOfPlainOwner(server.connection)
        await ensureRoles(owner, { app: 'app', sweep: 'sweep' })
        await migrate(owner, { directory, log: silent })
        expect(await describeIn(owner)).toEqual(await describeIn(expected))
      }
    } finally {
      await server.stop()
    }
  })
})

async function databaseOfPlainOwner(admin: Connection): Promise<Connection> {
  const database = `files_${randomBytes(6).toString('hex')}`
  await withClient(admin, async (client) => {
    const { rowCount } = await client.query(`SELECT FROM pg_roles WHERE rolname = 'plain'`)
    if (rowCount === 0) await client.query(`CREATE ROLE plain LOGIN CREATEROLE PASSWORD 'plain'`)
    await client.query(`CREATE DATABASE ${database} OWNER plain`)
  })
  return { ...admin, user: 'plain', password: 'plain', database }
}

describe('tableTypes', () => {
  test('gives each column the type of its value, and marks what the database fills in', async () => {
    const { types } = await describeIn(emptied.owner)
    expect(types).toContain(`export interface ParcelTable {
  tenant_id: string
  id: GeneratedAlways<number>
  label: Generated<string>
  weight: string | null
  volume: number | null
  sent_at: Generated<Date | null>
  sent_on: string | null
  open: boolean
  extra: unknown
  body: Buffer | null
  owners: string[]
  tags: Generated<string[]>
  sort: number | null
  doubled: GeneratedAlways<number | null>
}
`)
    expect(types).toContain(`export interface Database {
  migration: MigrationTable
  parcel: ParcelTable
  parcel_note: ParcelNoteTable
}
`)
  })

  test('refuses a type of which the program does not know the value', async () => {
    await withClient(migrated.owner, async (client) => {
      await client.query('BEGIN; CREATE TABLE stowage.odd (place point)')
      await expect(tableTypes(client)).rejects.toThrow('No type for odd.place: point')
      await client.query('ROLLBACK')
    })
  })
})
