import type { PackPlace } from './packs.ts'

/** All SQL of the `database` store. Table `chunk` says how an object lies in its rows. */

/** Sends a statement at once and answers its rows; of those sent together each is run after the one before it. */
export type Query = <Row>(text: string, values: readonly unknown[]) => Promise<Row[]>

export interface ChunkPlace {
  tenantId: string
  key: string
}

/** Bytes in each chunk of an object but the last. What is stored depends on it: another size needs a migration. */
export const CHUNK_BYTES = 256 * 1024

/** The put that the row under a key itself belongs to, which names the object. */
const NIL = '00000000-0000-0000-0000-000000000000'
const HEAD = `tenant_id = $1 and key = $2 and put_id = '${NIL}' and n = 0`
const SIZE = 'coalesce(size_bytes, octet_length(bytes))::bigint'

/** Whoever finishes, continues or removes chunks of one key takes turns; readers and whole objects need not. */
export async function lockKey(query: Query, { tenantId, key }: ChunkPlace): Promise<void> {
  await query(`select from pg_advisory_xact_lock(hashtextextended($1 || ' ' || $2, 4701))`, [tenantId, key])
}

const INSERT_WHOLE = `insert into chunk (tenant_id, key, bytes) values ($1, $2, $3) on conflict do nothing returning n`

/** @returns false when the key is taken */
export async function insertWhole(query: Query, { tenantId, key }: ChunkPlace, bytes: Buffer): Promise<boolean> {
  return (await query(INSERT_WHOLE, [tenantId, key, bytes])).length === 1
}

const INSERT_CHUNK = `insert into chunk (tenant_id, key, put_id, n, bytes)
  select $1::uuid, $2, $3::uuid, $4::integer, $5::bytea
  where $4 = 1 or exists (select from chunk where tenant_id = $1 and key = $2 and put_id = $3 and n = $4 - 1)
  returning n`

/** @returns false when the chunk that they were to follow is not there */
export async function insertChunks(
  query: Query,
  { tenantId, key }: ChunkPlace,
  putId: string,
  after: number,
  chunks: readonly Buffer[],
): Promise<boolean> {
  const inserted = await Promise.all(
    chunks.map((bytes, index) => query(INSERT_CHUNK, [tenantId, key, putId, after + 1 + index, bytes])),
  )
  return inserted.every((rows) => rows.length === 1)
}

const INSERT_HEAD = `insert into chunk (tenant_id, key, bytes, chunks_of, size_bytes) values ($1, $2, '', $3, $4)
  on conflict do nothing returning n`

/** Makes the chunks of a put the object under their key. @returns false when the key is taken */
export async function insertHead(
  query: Query,
  { tenantId, key }: ChunkPlace,
  { putId, sizeBytes }: { putId: string; sizeBytes: number },
): Promise<boolean> {
  return (await query(INSERT_HEAD, [tenantId, key, putId, sizeBytes])).length === 1
}

export type FoundHead = { sizeBytes: number } & ({ bytes: Buffer } | { putId: string } | { place: PackPlace })

// Text, because the driver's own form of bytes takes twice the time to read.
const FIND_HEAD = `select ${SIZE} as size_bytes, chunks_of, pack_id, pack_start,
    case when chunks_of is null then encode(bytes, 'base64') end as base64
  from chunk where ${HEAD}`

export async function findHead(query: Query, { tenantId, key }: ChunkPlace): Promise<FoundHead | undefined> {
  type Row = Packed & { size_bytes: number; chunks_of: string | null; base64: string | null }
  const [row] = await query<Row>(FIND_HEAD, [tenantId, key])
  if (!row) return undefined
  const place = placeOf(row)
  if (place) return { sizeBytes: row.size_bytes, place }
  if (row.chunks_of !== null) return { sizeBytes: row.size_bytes, putId: row.chunks_of }
  return { sizeBytes: row.size_bytes, bytes: Buffer.from(row.base64 ?? '', 'base64') }
}

interface Packed {
  pack_id: string | null
  pack_start: number | null
  size_bytes: number
}

/** Where a row says that its bytes lie; undefined for one that holds them, or whose chunks do. */
function placeOf({ pack_id: packId, pack_start: start, size_bytes: sizeBytes }: Packed): PackPlace | undefined {
  return packId === null || start === null ? undefined : { packId, start, sizeBytes }
}

const FIND_PLACE = `select pack_id, pack_start, ${SIZE} as size_bytes from chunk where ${HEAD}`

export async function findPlace(query: Query, { tenantId, key }: ChunkPlace): Promise<PackPlace | undefined> {
  const [row] = await query<Packed>(FIND_PLACE, [tenantId, key])
  return row && placeOf(row)
}

const FIND_SIZE = `select ${SIZE} as "storedBytes", created_at as "modifiedAt" from chunk where ${HEAD}`

export async function findSize(
  query: Query,
  { tenantId, key }: ChunkPlace,
): Promise<{ storedBytes: number; modifiedAt: Date } | undefined> {
  return (await query<{ storedBytes: number; modifiedAt: Date }>(FIND_SIZE, [tenantId, key]))[0]
}

const FIND_CHUNKS = `select encode(bytes, 'base64') as base64 from chunk
  where tenant_id = $1 and key = $2 and put_id = $3 and n between $4 and $5 order by n`

export async function findChunks(
  query: Query,
  { tenantId, key }: ChunkPlace,
  putId: string,
  first: number,
  last: number,
): Promise<Buffer[]> {
  const rows = await query<{ base64: string }>(FIND_CHUNKS, [tenantId, key, putId, first, last])
  return rows.map(({ base64 }) => Buffer.from(base64, 'base64'))
}

export async function isStillThere(query: Query, { tenantId, key }: ChunkPlace, putId: string): Promise<boolean> {
  return (await query(`select n from chunk where ${HEAD} and chunks_of = $3`, [tenantId, key, putId])).length === 1
}

export async function removeHead(query: Query, { tenantId, key }: ChunkPlace): Promise<void> {
  await query(`delete from chunk where ${HEAD}`, [tenantId, key])
}

const REMOVE_UNNAMED = `delete from chunk where ctid = any (array(
    select ctid from chunk
    where tenant_id = $1 and key = $2 and put_id <> '${NIL}'
      and put_id is distinct from (select chunks_of from chunk where ${HEAD})
    order by put_id desc, n desc limit $3))
  returning n`

/**
 * Removes chunks under a key that no object names, at most `limit`, the last of a put before those before it.
 *
 * @returns how many
 */
export async function removeUnnamed(query: Query, { tenantId, key }: ChunkPlace, limit: number): Promise<number> {
  return (await query(REMOVE_UNNAMED, [tenantId, key, limit])).length
}

// A put's first chunk is the last to go, so it stands for all of them. One lower bound alone, for an index is read from
// the first that it finds; and a value compared with one row, not with a set that would be gathered anew for each page.
const LIST = `select c.key, c.put_id as "putId", c.created_at as "modifiedAt", c.put_id <> '${NIL}' as unfinished,
    case when c.put_id = '${NIL}' then coalesce(c.size_bytes, octet_length(c.bytes)) else (
      select sum(octet_length(part.bytes)) from chunk part
      where part.tenant_id = c.tenant_id and part.key = c.key and part.put_id = c.put_id) end::bigint as "storedBytes"
  from chunk c
  where c.tenant_id = $1 and (c.key, c.put_id) >= ($2, $3) and c.key <= $4 and c.n <= 1
    and (c.put_id = '${NIL}' or c.put_id is distinct from (
      select head.chunks_of from chunk head
      where head.tenant_id = c.tenant_id and head.key = c.key and head.put_id = '${NIL}' and head.n = 0))
  order by c.key, c.put_id limit $5`

/** Exactly the keys that begin with a prefix lie between it and it with this: a key has 1,024 bytes at most. */
const LAST_OF_PREFIX = '\u{10FFFF}'.repeat(256)

export interface ListedChunk {
  key: string
  putId: string
  storedBytes: number
  modifiedAt: Date
  unfinished: boolean
}

/** Objects and unfinished puts whose keys begin with a prefix, in order of key and put, `from` included. */
export async function listChunks(
  query: Query,
  options: { tenantId: string; prefix: string; from: { key: string; putId: string } | undefined; limit: number },
): Promise<ListedChunk[]> {
  const { tenantId, prefix, from = { key: prefix, putId: NIL }, limit } = options
  return query<ListedChunk>(LIST, [tenantId, from.key, from.putId, prefix + LAST_OF_PREFIX, limit])
}
