import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../../test/test-database.ts'
import { withClient } from './client.ts'
import { createPool } from './connect.ts'
import { isUnavailable, transaction } from './transaction.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database?.drop())

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
