import { randomBytes } from 'node:crypto'
import type pg from 'pg'
import { newUuid } from '../domain/id.ts'
import type { MasterKeys } from '../providers/keys/port.ts'
import { createDataKeyWrapper, type DataKeyWrapper } from '../providers/stores/keyring.ts'
import type { Db } from './database/connect.ts'
import { transaction } from './database/transaction.ts'
import { enterSystem } from './enter.ts'

/** The keys of isolation scopes: each wraps the data keys of its copies and is wrapped by the master key (R3). */
export interface ScopeKeyring {
  /** The wrapper of a scope, made on first use. */
  wrapperOf(db: Db, tenantId: string, scope: string): Promise<DataKeyWrapper>
}

const MAX_KNOWN = 20_000

/**
 * Keeps unwrapped scope keys in memory, bounded. A new key is committed in a transaction of its own before anything is
 * wrapped with it: a key that a rolled-back request took with it would leave bytes that nobody can read.
 */
export function createScopeKeyring(systemPool: pg.Pool, masterKeys: MasterKeys): ScopeKeyring {
  const known = new Map<string, DataKeyWrapper>()

  async function remember(name: string, tenantId: string, scope: string, row: KeyRow): Promise<DataKeyWrapper> {
    const key = await masterKeys.unwrap(row.master_id, row.wrapped, contextOf(tenantId, scope, row.id))
    const wrapper = createDataKeyWrapper({ currentId: row.id, keys: new Map([[row.id, key]]) })
    if (known.size >= MAX_KNOWN) known.delete(known.keys().next().value as string)
    known.set(name, wrapper)
    return wrapper
  }

  return {
    async wrapperOf(db, tenantId, scope) {
      const name = `${tenantId} ${scope}`
      const wrapper = known.get(name)
      if (wrapper) return wrapper
      const row = (await findKey(db, tenantId, scope)) ?? (await makeKey(systemPool, masterKeys, tenantId, scope))
      return remember(name, tenantId, scope, row)
    },
  }
}

interface KeyRow {
  id: string
  wrapped: Buffer
  master_id: string
}

/** Binds a wrapped scope key to its place, so that one scope's key cannot be put in another's row. */
function contextOf(tenantId: string, scope: string, id: string): string {
  return `scope ${tenantId} ${scope} ${id}`
}

function findKey(db: Db, tenantId: string, scope: string): Promise<KeyRow | undefined> {
  return db
    .selectFrom('scope_key')
    .select(['id', 'wrapped', 'master_id'])
    .where('tenant_id', '=', tenantId)
    .where('scope', '=', scope)
    .executeTakeFirst()
}

async function makeKey(pool: pg.Pool, masterKeys: MasterKeys, tenantId: string, scope: string): Promise<KeyRow> {
  const id = newUuid()
  const { masterId, wrapped } = await masterKeys.wrap(randomBytes(32), contextOf(tenantId, scope, id))
  return transaction(pool, { enter: enterSystem(tenantId) }, async (db) => {
    await db
      .insertInto('scope_key')
      .values({ tenant_id: tenantId, scope, id, wrapped, master_id: masterId })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
    return (await findKey(db, tenantId, scope)) as KeyRow
  })
}

/**
 * Wraps every scope key of one organization with the current master key; the bytes and their data keys stay as they
 * are. Answers how many were wrapped again.
 */
export async function rewrapScopeKeys(db: Db, masterKeys: MasterKeys, tenantId: string): Promise<number> {
  const rows = await db
    .selectFrom('scope_key')
    .select(['scope', 'id', 'wrapped', 'master_id'])
    .where('tenant_id', '=', tenantId)
    .where('master_id', '<>', masterKeys.currentId)
    .forUpdate()
    .execute()
  for (const row of rows) {
    const context = contextOf(tenantId, row.scope, row.id)
    const { masterId, wrapped } = await masterKeys.wrap(
      await masterKeys.unwrap(row.master_id, row.wrapped, context),
      context,
    )
    await db
      .updateTable('scope_key')
      .set({ wrapped, master_id: masterId })
      .where('tenant_id', '=', tenantId)
      .where('scope', '=', row.scope)
      .execute()
  }
  return rows.length
}
