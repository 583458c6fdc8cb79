import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import type pg from 'pg'
import type { Logger } from 'pino'
import type { Config } from './config.ts'
import { toId } from './domain/id.ts'
import { DATABASE_STORE } from './features/uploads/room.ts'
import type { Foundation } from './foundation.ts'
import { withClient } from './platform/database/client.ts'
import { createPool } from './platform/database/connect.ts'
import { transaction } from './platform/database/transaction.ts'
import { enterSystem } from './platform/enter.ts'
import { createScopeKeyring, type ScopeKeyring } from './platform/scope-keys.ts'
import { PROBE_PREFIX } from './providers/stores/admin.ts'
import type { Packs } from './providers/stores/packs.ts'
import type { ObjectStore } from './providers/stores/port.ts'
import { openStores } from './stores.ts'

export interface FsckReport {
  versions: number
  copies: number
  /** Versions that have no live copy, or a variant that has none. */
  missing: string[]
  /** Live copies whose bytes are not there, not readable, or not those of their hash. */
  damaged: string[]
  /** Bytes in a store that no copy row knows. */
  stray: string[]
  /** Copies that are unfinished or being removed, which the reaper will come for. */
  pending: number
  /** Bytes of packs that nothing points at, which go when their pack is written anew. */
  deadBytes: number
}

const PAGE = 500

/**
 * Checks every organization: each version has a live copy, each live copy has its bytes with the right hash, and no
 * store holds bytes that no row knows (P2). Prints the report as JSON; 0 when all is well, 1 when not.
 */
export async function fsck(
  config: Config,
  foundation: Foundation,
  log: Logger,
  options: { quick: boolean },
): Promise<number> {
  const pool = createPool(foundation.app, 1, (error) => log.warn({ err: error }, 'a database connection was lost'))
  const { stores, packs } = await openStores(
    config,
    () => {},
    (tenantId, work) => transaction(pool, { enter: enterSystem(tenantId) }, work),
    () => Promise.reject(new Error('fsck makes no packs')),
    log,
  )
  const scopeKeys = createScopeKeyring(pool, foundation.masterKeys)
  try {
    const report = await withClient(foundation.owner, (owner) =>
      inspect(owner, pool, stores, packs, scopeKeys, { ...options, inbox: config.inbox }),
    )
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
    return report.missing.length + report.damaged.length + report.stray.length === 0 ? 0 : 1
  } finally {
    await pool.end()
    await Promise.all([...stores.values()].map((store) => store.close()))
  }
}

export async function inspect(
  owner: pg.ClientBase,
  pool: pg.Pool,
  stores: ReadonlyMap<string, ObjectStore>,
  packs: Pick<Packs, 'list'>,
  scopeKeys: ScopeKeyring,
  options: { quick: boolean; inbox?: string },
): Promise<FsckReport> {
  const damaged: string[] = []
  let copies = 0
  for await (const copy of liveCopies(owner)) {
    copies += 1
    const fault = await faultOf(copy, pool, stores, scopeKeys, options.quick)
    if (fault) damaged.push(`${toId('copy', copy.id)} in ${copy.store_id} at ${copy.key}: ${fault}`)
  }
  const stray: string[] = []
  for (const [storeId, store] of stores) {
    const tenants = storeId === DATABASE_STORE ? await tenantsInDatabase(owner) : [undefined]
    for (const tenantId of tenants) stray.push(...(await strayIn(owner, storeId, store, tenantId, options.inbox)))
  }
  const packed = await examinePacks(owner, packs)
  stray.push(...packed.stray)
  const { deadBytes } = packed
  return { ...(await count(owner)), copies, missing: await findMissing(owner), damaged, stray, deadBytes }
}

async function examinePacks(owner: pg.ClientBase, packs: Pick<Packs, 'list'>) {
  const there = await packs.list()
  const { rows } = await owner.query<{ pack_id: string; used_bytes: number }>(
    'select pack_id, used_bytes::float8 from api.packs_in_use($1)',
    [there.map(({ packId }) => packId)],
  )
  const used = new Map(rows.map((row) => [row.pack_id, row.used_bytes]))
  const known = there.filter(({ packId }) => used.has(packId))
  return {
    stray: there.filter(({ packId }) => !used.has(packId)).map(({ packId }) => `pack ${packId}`),
    deadBytes: known.reduce((sum, { packId, sizeBytes }) => sum + sizeBytes - (used.get(packId) as number), 0),
  }
}

async function count(owner: pg.ClientBase): Promise<{ versions: number; pending: number }> {
  const { rows } = await owner.query<{ versions: string; pending: string }>(
    `select (select count(*) from stowage.version) as versions, (select count(*) from stowage.copy where state in ('writing', 'releasing')) as pending`,
  )
  return { versions: Number(rows[0]?.versions), pending: Number(rows[0]?.pending) }
}

async function findMissing(owner: pg.ClientBase): Promise<string[]> {
  const { rows } = await owner.query<{ asset_id: string; n: number }>(
    `select p.asset_id, p.n from stowage.pointer p where not exists (select from stowage.copy c
      where c.tenant_id = p.tenant_id and c.sha256 = p.sha256 and c.scope = p.scope and c.state = 'live')`,
  )
  return rows.map((row) => `${toId('asset', row.asset_id)} version ${row.n}`)
}

interface LiveCopy {
  tenant_id: string
  id: string
  store_id: string
  key: string
  sha256: Buffer
  size_bytes: string
  scope: string
  envelope: Buffer | null
  encrypted: boolean
}

async function* liveCopies(owner: pg.ClientBase): AsyncGenerator<LiveCopy> {
  let after = ['00000000-0000-0000-0000-000000000000', '00000000-0000-0000-0000-000000000000']
  for (;;) {
    const { rows } = await owner.query<LiveCopy>(
      `select c.tenant_id, c.id, c.store_id, c.key, c.sha256, o.size_bytes, c.scope, c.envelope, c.encrypted
       from stowage.copy c join stowage.object o on o.tenant_id = c.tenant_id and o.sha256 = c.sha256
       where c.state = 'live' and (c.tenant_id, c.id) > ($1::uuid, $2::uuid) order by c.tenant_id, c.id limit $3`,
      [...after, PAGE],
    )
    yield* rows
    const last = rows.at(-1)
    if (!last) return
    after = [last.tenant_id, last.id]
  }
}

async function faultOf(
  copy: LiveCopy,
  pool: pg.Pool,
  stores: ReadonlyMap<string, ObjectStore>,
  scopeKeys: ScopeKeyring,
  quick: boolean,
): Promise<string | undefined> {
  try {
    const keys = copy.encrypted
      ? await transaction(pool, { readOnly: true, enter: enterSystem(copy.tenant_id) }, (db) =>
          scopeKeys.wrapperOf(db, copy.tenant_id, copy.scope),
        )
      : undefined
    const tenantId = copy.tenant_id
    const secret = { context: copy.id, ...(keys && { keys }), ...(copy.envelope && { envelope: copy.envelope }) }
    const store = stores.get(copy.store_id)
    if (!store) return 'its store is not configured'
    if (quick) return (await store.head(copy.key, { tenantId })) ? undefined : 'the bytes are not there'
    const { body } = await store.get(copy.key, { tenantId, ...secret })
    return sameHash(copy, await hashOf(body))
  } catch (error) {
    return (error as Error).message
  }
}

async function hashOf(body: Readable): Promise<Buffer> {
  const hash = createHash('sha256')
  for await (const piece of body) hash.update(piece as Buffer)
  return hash.digest()
}

function sameHash(copy: LiveCopy, actual: Buffer): string | undefined {
  return actual.equals(copy.sha256) ? undefined : `the bytes have the hash ${actual.toString('hex')}`
}

/** Organizations that the database keeps bytes of: one that is gone could have left some. */
async function tenantsInDatabase(owner: pg.ClientBase): Promise<string[]> {
  const { rows } = await owner.query<{ tenant_id: string }>('select distinct tenant_id from stowage.chunk')
  return rows.map((row) => row.tenant_id)
}

/**
 * @param tenantId of the keys, in a store that keeps organizations apart
 * @param inbox below it lies what waits to become an asset, or was refused and left
 */
async function strayIn(
  owner: pg.ClientBase,
  storeId: string,
  store: ObjectStore,
  tenantId: string | undefined,
  inbox: string | undefined,
): Promise<string[]> {
  const stray: string[] = []
  let cursor: string | undefined
  do {
    const page = await store.list({
      limit: PAGE,
      ...(tenantId !== undefined && { tenantId }),
      ...(cursor !== undefined && { cursor }),
    })
    const keys = page.items.map((item) => item.key)
    const { rows } = await owner.query<{ key: string }>(
      `select key from stowage.copy where store_id = $1 and key = any($2::text[]) and state <> 'gone'
        and ($3::uuid is null or tenant_id = $3)`,
      [storeId, keys, tenantId ?? null],
    )
    const known = new Set(rows.map((row) => row.key))
    stray.push(
      ...page.items
        .filter(({ key }) => !known.has(key) && !key.startsWith(PROBE_PREFIX))
        .filter(({ key }) => !(inbox !== undefined && key.startsWith(inbox)))
        .map((item) => `${storeId}: ${item.key}${item.unfinished ? ' (unfinished)' : ''}`),
    )
    cursor = page.nextCursor
  } while (cursor !== undefined)
  return stray
}
