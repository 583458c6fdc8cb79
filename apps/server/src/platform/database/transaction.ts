import type pg from 'pg'
import { type Db, gather, kyselyOn } from './connect.ts'

/** A commit that did not happen although nothing threw: the server answered ROLLBACK. */
export class NotCommitted extends Error {
  constructor() {
    super('the transaction was rolled back at commit')
    this.name = 'NotCommitted'
  }
}

export interface TransactionOptions<Entered> {
  readOnly?: boolean
  /** The first statement: sets tenant and principal. Sent together with BEGIN. */
  enter: (db: Db) => Promise<Entered>
  /** The last statement, sent together with COMMIT: what must be durable with the rest. */
  last?: (db: Db) => Promise<unknown>[]
  /** Statements that `work` has sent and left to COMMIT to wait for. */
  pending?: readonly Promise<unknown>[]
  /** Work elsewhere, begun by `work`, that must have succeeded before COMMIT is sent. */
  first?: readonly Promise<unknown>[]
}

// Set with each BEGIN, because behind a pooler a connection is another one each time.
const SEARCH_PATH = 'set local search_path = stowage, pg_temp'

/**
 * Runs `work` in one transaction that begins with `enter`. Resolves only if the COMMIT's own tag is COMMIT: after a
 * swallowed error the server answers ROLLBACK and the driver still resolves (R10).
 */
export async function transaction<Entered, Result>(
  pool: pg.Pool,
  options: TransactionOptions<Entered>,
  work: (db: Db, entered: Entered) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect()
  let broken = false
  try {
    const db = kyselyOn(client)
    gather(client)
    const begun = client.query(options.readOnly ? `begin read only; ${SEARCH_PATH}` : `begin; ${SEARCH_PATH}`)
    const [, entered] = await together([begun, options.enter(db)])
    const result = await work(db, entered as Entered)
    const sent = together([...(options.pending ?? []), ...(options.last?.(db) ?? [])])
    if (options.first && options.first.length > 0) await waitElsewhere(options.first, sent)
    const [, tag] = await together([sent, client.query('commit')])
    if (tag.command !== 'COMMIT') throw new NotCommitted()
    return result
  } catch (error) {
    await client.query('rollback').catch(() => {
      broken = true
    })
    // Whatever was sent after a statement that failed has failed for that reason alone.
    await together(options.pending ?? [])
    throw error
  } finally {
    client.release(broken)
  }
}

/** Waits for work elsewhere. Should it fail, no statement may be left behind that could overtake ROLLBACK. */
async function waitElsewhere(work: readonly Promise<unknown>[], sent: Promise<unknown>): Promise<void> {
  // Should that fail meanwhile, COMMIT is what asks.
  sent.catch(() => undefined)
  try {
    await together(work)
  } catch (error) {
    await sent.catch(() => undefined)
    throw error
  }
}

/** Waits for statements that were sent together, all of them, and throws the first failure. */
export async function together<const P extends readonly unknown[]>(
  sent: P,
): Promise<{ -readonly [K in keyof P]: Awaited<P[K]> }> {
  const settled = await Promise.allSettled(sent)
  for (const each of settled) if (each.status === 'rejected') throw each.reason
  return settled.map((each) => (each as PromiseFulfilledResult<unknown>).value) as {
    -readonly [K in keyof P]: Awaited<P[K]>
  }
}

/** Serialisation failure or deadlock: the same transaction may succeed when it is run again. */
export function mayRetry(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code
  return code === '40001' || code === '40P01'
}

/** Somebody else has taken the key. */
export function isUniqueViolation(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === '23505'
}

const CONNECTION_LOST = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
  '57P01',
  '57P02',
  '57P03',
  '53300',
])

/** The database is not there, for now. */
export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = (error as { code?: string }).code ?? ''
  return (
    CONNECTION_LOST.has(code) ||
    code.startsWith('08') ||
    /Connection terminated|timeout exceeded when trying to connect|not queryable|Client was closed/.test(error.message)
  )
}
