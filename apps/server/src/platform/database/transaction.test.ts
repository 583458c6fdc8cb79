import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../../test/test-database.ts'
import { withClient } from './client.ts'
import { createPool, type Db } from './connect.ts'
import { isUnavailable, transaction } from './transaction.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database?.drop())

test('COMMIT waits for work elsewhere, and is not sent when that fails', async () => {
  const pool = createPool(database.app, 1, () => {})
  const written = async () => {
    const text = "select from stowage.pack where id = '00000000-0000-4000-8000-000000000001'"
    return (await withClient(database.owner, (client) => client.query(text))).rowCount
  }
  const write = async (first: Promise<unknown>) => {
    const pending: Promise<unknown>[] = []
    return transaction(pool, { enter: async () => undefined, pending, first: [first] }, async (db) => {
      pending.push(sql`select api.begin_pack('00000000-0000-4000-8000-000000000001')`.execute(db))
      return 'done'
    })
  }
  const failing = Promise.reject(new Error('the disk is full'))
  failing.catch(() => undefined)
  await expect(write(failing)).rejects.toThrow('the disk is full')
  expect(await written()).toBe(0)

  const { promise: elsewhere, resolve: end } = Promise.withResolvers<void>()
  const writing = write(elsewhere)
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(await written()).toBe(0)
  end()
  expect(await writing).toBe('done')
  expect(await written()).toBe(1)
  await pool.end()
})

test('statements that fail while work elsewhere goes on are heard of, and nothing is committed', async () => {
  const pool = createPool(database.app, 1, () => {})
  const pending: Promise<unknown>[] = []
  const elsewhere = new Promise((resolve) => setTimeout(resolve, 200))
  const last = (db: Db) => [sql`select api.begin_pack('00000000-0000-4000-8000-000000000002')`.execute(db)]
  const options = { enter: async () => undefined, pending, first: [elsewhere], last }
  const failing = transaction(pool, options, async (db) => {
    const refused = sql`select 1 / 0`.execute(db)
    refused.catch(() => undefined)
    pending.push(refused)
  })
  await expect(failing).rejects.toMatchObject({ code: '22012' })
  expect(await transaction(pool, { enter: async () => undefined }, async () => 'works')).toBe('works')
  await pool.end()
})

test('a connection that is lost at work fails the statements that were sent, and nothing else', async () => {
  const pool = createPool(database.app, 1, () => {})
  const client = await pool.connect()
  const pid = (await client.query('select pg_backend_pid() as pid')).rows[0].pid
  client.release()
  const sent: Promise<unknown>[] = []
  const options = { enter: async () => undefined, pending: sent }
  const lost = transaction(pool, options, async () => {
    for (const seconds of [60, 1, 1]) {
      const statement = client.query('select pg_sleep($1)', [seconds])
      statement.catch(() => undefined)
      sent.push(statement)
    }
    await withClient(database.owner, (other) => other.query('select pg_terminate_backend($1)', [pid]))
  })
  expect(isUnavailable(await lost.catch((error) => error))).toBe(true)
  // What the connection says in the end comes a little later.
  await new Promise((resolve) => setTimeout(resolve, 50))
  const again = await transaction(pool, { enter: async () => undefined }, async () => 'works')
  expect(again).toBe('works')
  await pool.end()
})
