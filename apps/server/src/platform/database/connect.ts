import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import {
  type CompiledQuery,
  type Driver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from 'kysely'
import pg from 'pg'
import type { Database } from './tables.ts'

export type Db = Kysely<Database>

/** How to reach PostgreSQL; `host` may be a socket folder. */
export interface Connection {
  host: string
  port: number
  user: string
  password: string
  database: string
  ssl?: pg.PoolConfig['ssl']
}

const INT8_OID = 20

/** bigint as a number: sizes and counts here stay far below 2^53. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) => (oid === INT8_OID ? Number : pg.types.getTypeParser(oid, format as 'text')),
}

/** Queries of one transaction may be sent together: each still waits for the one before it in the server. */
export function createPool(connection: Connection, maxConnections: number, onError: (error: Error) => void): pg.Pool {
  const pool = new pg.Pool({
    ...connection,
    max: maxConnections,
    pipeline: true,
    // Also how long a request waits for its turn: a thousand at once get theirs, on a small machine too.
    connectionTimeoutMillis: 20_000,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    types,
  } as pg.PoolConfig)
  // A connection that is lost fails the statements at work; without a listener it would also end the process.
  pool.on('connect', (client) => client.on('error', () => {}))
  // Once it is ending, a server that stops as well is no news.
  pool.on('error', (error) => pool.ending || onError(error))
  return pool
}

const MAX_NAMED_STATEMENTS = 400
const statementNames = new Map<string, string>()

/**
 * Names a statement, so that the server parses and plans it once per connection. Bounded, because filters make many
 * different texts and each costs the server memory on every connection.
 */
function statementName(text: string): string | undefined {
  const known = statementNames.get(text)
  if (known !== undefined || statementNames.size >= MAX_NAMED_STATEMENTS) return known
  const name = `s${createHash('sha256').update(text).digest('base64url').slice(0, 16)}`
  statementNames.set(text, name)
  return name
}

const kyselies = new WeakMap<pg.PoolClient, Db>()
const clients = new WeakMap<Db, pg.PoolClient>()

/**
 * Sends a statement at once. The builder's own `execute` sends it a few turns later, so that of several statements sent
 * together, COMMIT among them, one might overtake another: whatever is pipelined goes through here.
 */
export async function send<Row>(db: Db, statement: { compile(db: Db): Compiled<Row> }): Promise<Row[]> {
  const client = clients.get(db)
  if (!client) throw new Error('this query builder has no connection of its own')
  return (await query<Row>(client, statement.compile(db))).rows
}

type Compiled<Row> = Pick<CompiledQuery<Row>, 'sql' | 'parameters'> & { readonly rows?: Row[] }

/** A statement of fixed text, for the few that every request sends: the builder would put it together each time. */
export function fixed<Row>(text: string): (...parameters: unknown[]) => { compile(): Compiled<Row> } {
  return (...parameters) => ({ compile: () => ({ sql: text, parameters }) })
}

function query<Row>(client: pg.PoolClient, compiled: { sql: string; parameters: readonly unknown[] }) {
  const name = statementName(compiled.sql)
  gather(client)
  return client.query<Row & pg.QueryResultRow>({
    text: compiled.sql,
    values: compiled.parameters as unknown[],
    ...(name && { name }),
  })
}

/** Statements that are sent in one turn leave in one write: a write each was the largest cost of a small upload. */
export function gather(client: pg.PoolClient): void {
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection
  if (stream.writableCorked > 0) return
  stream.cork()
  process.nextTick(() => stream.uncork())
}

/** The query builder on one connection, whose transaction the caller has begun. */
export function kyselyOn(client: pg.PoolClient): Db {
  const known = kyselies.get(client)
  if (known) return known
  const made = new Kysely<Database>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => driverOn(client),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  })
  kyselies.set(client, made)
  clients.set(made, client)
  return made
}

function driverOn(client: pg.PoolClient): Driver {
  const connection = {
    async executeQuery<Row>(compiled: { sql: string; parameters: readonly unknown[] }): Promise<QueryResult<Row>> {
      const result = await query<Row>(client, compiled)
      return { rows: result.rows, numAffectedRows: BigInt(result.rowCount ?? 0) }
    },
    // biome-ignore lint/correctness/useYield: a pipelined connection cannot keep a cursor open
    async *streamQuery(): AsyncGenerator<never> {
      throw new Error('streaming is not possible on a pipelined connection')
    },
  }
  const refuse = async () => {
    throw new Error('transactions begin in transaction.ts alone')
  }
  return {
    init: async () => {},
    acquireConnection: async () => connection,
    beginTransaction: refuse,
    commitTransaction: refuse,
    rollbackTransaction: refuse,
    releaseConnection: async () => {},
    destroy: async () => {},
  }
}
