import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createEmptyDatabase, type TestDatabase } from '../../../test/test-database.ts'
import { withClient } from './client.ts'
import { migrate } from './migrate.ts'

let database: TestDatabase
let directory: string

beforeEach(async () => {
  database = await createEmptyDatabase()
  directory = mkdtempSync(join(tmpdir(), 'stowage-migrations-'))
  put('0001-first.sql', 'CREATE TABLE first (id int)')
  put('0002-second.sql', 'CREATE TABLE second (id int); INSERT INTO second VALUES (1)')
})

afterEach(async () => {
  await database.drop()
  rmSync(directory, { recursive: true })
})

const put = (name: string, sql: string) => writeFileSync(join(directory, name), sql)

const run = () => migrate(database.owner, { directory, log: { info: () => {}, warn: () => {} } })

const ask = <T>(sql: string): Promise<T[]> =>
  withClient(database.owner, async (client) => {
    const { rows } = await client.query({ text: sql, rowMode: 'array' })
    return rows.map(([value]) => value as T)
  })

const tables = () => ask<string>(`SELECT tablename FROM pg_tables WHERE schemaname = 'stowage' ORDER BY 1`)

describe('migrate', () => {
  test('applies the files in order, in schema stowage, and records them', async () => {
    expect(await run()).toEqual(['0001-first.sql', '0002-second.sql'])
    expect(await tables()).toEqual(['first', 'migration', 'second'])
    expect(await ask('SELECT name FROM stowage.migration ORDER BY 1')).toEqual(['0001-first.sql', '0002-second.sql'])
  })

  test('changes nothing when it runs again', async () => {
    await run()
    expect(await run()).toEqual([])
    expect(await ask<string>('SELECT count(*) FROM stowage.second')).toEqual(['1'])
  })

  test('applies only what is new', async () => {
    await run()
    put('0003-third.sql', 'CREATE TABLE third (id int)')
    expect(await run()).toEqual(['0003-third.sql'])
  })

  test('applies each file once when several nodes start at the same time', async () => {
    const names = (await Promise.all([run(), run(), run(), run()])).flat()
    expect(names.sort()).toEqual(['0001-first.sql', '0002-second.sql'])
    expect(await ask<string>('SELECT count(*) FROM stowage.second')).toEqual(['1'])
  })

  test('keeps nothing of a file that fails and names the file and the line', async () => {
    put('0003-broken.sql', 'CREATE TABLE third (id int);\nINSERT INTO third VALUES (nothing)')
    await expect(run()).rejects.toThrow(/0003-broken\.sql failed: .*"nothing".*\(line 2\)/)
    expect(await tables()).toEqual(['first', 'migration', 'second'])
  })

  test('can be repeated after it was killed in the middle of a file', async () => {
    put('0003-slow.sql', 'CREATE TABLE third (id int); SELECT pg_sleep(60)')
    const killed = expect(run()).rejects.toThrow(/terminating connection/)
    const kill = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)' AND pid <> pg_backend_pid()`
    while ((await ask(kill)).length === 0);
    await killed
    put('0003-slow.sql', 'CREATE TABLE third (id int)')
    expect(await run()).toEqual(['0003-slow.sql'])
  })

  test('refuses a file that was changed after it was applied', async () => {
    await run()
    put('0001-first.sql', 'CREATE TABLE first (id bigint)')
    await expect(run()).rejects.toThrow(/0001-first\.sql was changed/)
  })

  test('refuses a folder in which a number is missing', async () => {
    put('0004-fourth.sql', '')
    await expect(run()).rejects.toThrow(/0004-fourth\.sql stands where 0003 belongs/)
  })

  test('refuses a folder in which a number is used twice', async () => {
    put('0002-third.sql', '')
    await expect(run()).rejects.toThrow(/0002-third\.sql stands where 0003 belongs/)
  })

  test('refuses a name that is not a number and words', async () => {
    put('third.sql', '')
    await expect(run()).rejects.toThrow(/third\.sql is not named like/)
  })

  test('refuses a database that a later release has migrated', async () => {
    await run()
    rmSync(join(directory, '0002-second.sql'))
    await expect(run()).rejects.toThrow(/has migration 0002-second\.sql, this Stowage has none/)
  })

  test('refuses a file that ends its transaction', async () => {
    put('0003-third.sql', 'CREATE TABLE third (id int); COMMIT; CREATE TABLE fourth (id int)')
    await expect(run()).rejects.toThrow(/0003-third\.sql ended its transaction/)
  })
})
