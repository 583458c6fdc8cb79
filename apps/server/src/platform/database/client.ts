import pg from 'pg'
import type { Connection } from './connect.ts'

/** Runs work on one connection of its own, outside every pool: start-up, migrations, scripts. */
export async function withClient<T>(connection: Connection, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(connection)
  // A connection that is lost fails the query at work; without a listener it would also end the process.
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
