import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm, truncate, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { setImmediate as turn } from 'node:timers/promises'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../../test/test-database.ts'
import { createPool, fixed, send } from '../../platform/database/connect.ts'
import { transaction } from '../../platform/database/transaction.ts'
import { enterSystem } from '../../platform/enter.ts'
import { describeObjectStore } from './conformance.ts'
import { bodyOf, failingBody } from './conformance-bench.ts'
import { type InTenant, openDatabaseStore } from './database.ts'
import { encrypted, sealBuffer } from './encrypted.ts'
import { createDataKeyWrapper } from './keyring.ts'
import { openPacks, type PackPlace, type Packs } from './packs.ts'
import { type ByteRange, type ObjectStore, StoreError } from './port.ts'

const CHUNK = 256 * 1024
const MIB = 1024 * 1024
const keys = createDataKeyWrapper({ currentId: 'scope-1', keys: new Map([['scope-1', randomBytes(32)]]) })

let database: TestDatabase
let pool: pg.Pool
let folder: string
let packs: Packs
beforeAll(async () => {
  database = await createTestDatabase()
  pool = createPool(database.app, 4, () => {})
  folder = await mkdtemp(join(tmpdir(), 'stowage-packs-'))
  packs = openPacks({ directory: folder, register: async () => {} })
})
afterAll(async () => {
  await packs?.close()
  await rm(folder, { recursive: true, force: true })
  await pool?.end()
  await database?.drop()
})

const inTenant: InTenant = (tenantId, work) =>
  transaction(pool, { enter: enterSystem(tenantId) }, (db) =>
    work((text, values) => send(db, fixed<never>(text)(...values))),
  )

describeObjectStore('database', async () => {
  const store = openDatabaseStore({ inTenant, packs })
  return { store, options: { tenantId: randomUUID() }, close: () => store.close() }
})

describeObjectStore('encrypted database', async () => {
  const store = encrypted(openDatabaseStore({ inTenant, packs }))
  return { store, options: { tenantId: randomUUID(), keys, context: 'cpy_suite' }, close: () => store.close() }
})

/** What happens to each transaction, by its number from 1, and how many there were. */
let fates: Map<number, 'neverRun' | 'rolledBack' | 'answerLost' | 'hangs'>
let transactions: number
let store: ObjectStore
let tenantId: string
const lost = Object.assign(new Error('Connection terminated unexpectedly'), { code: '08006' })

beforeEach(() => {
  fates = new Map()
  transactions = 0
  tenantId = randomUUID()
  store = openDatabaseStore({
    packs,
    inTenant: async (tenant, work) => {
      const fate = fates.get(++transactions)
      if (fate === 'hangs') return new Promise(() => {})
      if (fate === 'neverRun') throw lost
      const result = await inTenant(tenant, async (query) => {
        const done = await work(query)
        if (fate === 'rolledBack') throw lost
        return done
      })
      if (fate === 'answerLost') throw lost
      return result
    },
  })
})

const put = (key: string, bytes: Buffer) => store.put(key, bodyOf(bytes), { tenantId })
const read = async (key: string) => buffer((await store.get(key, { tenantId })).body)
const listed = async () => (await store.list({ tenantId })).items

async function rowsOf(key: string): Promise<number> {
  return (
    await inTenant(tenantId, (query) => query('select n from chunk where tenant_id = $1 and key = $2', [tenantId, key]))
  ).length
}

describe('what a database store keeps', () => {
  test.each([
    ['nothing', 0, 1],
    ['one chunk', CHUNK, 1],
    ['one byte more than a chunk', CHUNK + 1, 3],
    ['a whole number of chunks', 4 * CHUNK, 5],
    ['several transactions of chunks', 9 * CHUNK + 1, 11],
  ])('is %s in as few rows as hold it', async (_, size, rows) => {
    const bytes = randomBytes(size)
    await put('a', bytes)
    expect(await rowsOf('a')).toBe(rows)
    expect((await read('a')).equals(bytes)).toBe(true)
    expect((await listed()).map((info) => info.storedBytes)).toEqual([size])
    await store.delete('a', { tenantId })
    expect(await rowsOf('a')).toBe(0)
  })

  test('is written in one transaction when it fits one chunk, and read in one', async () => {
    await put('a', randomBytes(CHUNK))
    expect(transactions).toBe(1)
    await read('a')
    expect(transactions).toBe(2)
  })

  test('is removed whole, however many transactions that takes', async () => {
    const bytes = randomBytes(MIB)
    await store.put('a', Readable.from(Array(70).fill(bytes), { objectMode: false }), { tenantId })
    expect(await rowsOf('a')).toBe(281)
    transactions = 0
    await store.delete('a', { tenantId })
    expect(transactions).toBe(3)
    expect(await rowsOf('a')).toBe(0)
  })

  test('can be read through the encrypted store when it was sealed and inserted beside other rows', async () => {
    const context = randomUUID()
    const plain = randomBytes(100_000)
    const { sealed, envelope } = await sealBuffer(plain, keys, context)
    await inTenant(tenantId, (query) =>
      query('insert into chunk (tenant_id, key, bytes) values ($1, $2, $3)', [
        tenantId,
        context,
        Buffer.concat(sealed),
      ]),
    )
    const secret = { tenantId, context, keys, envelope }
    const through = encrypted(store)
    expect((await buffer((await through.get(context, secret)).body)).equals(plain)).toBe(true)
    const { body, sizeBytes } = await through.get(context, { ...secret, range: { start: 70_000, end: 70_009 } })
    expect((await buffer(body)).equals(plain.subarray(70_000, 70_010))).toBe(true)
    expect(sizeBytes).toBe(100_000)
    await expect(through.put(context, bodyOf(plain), secret)).rejects.toMatchObject({ kind: 'exists' })
  })
})

describe('an object whose row says that it lies in a pack', () => {
  const bytes = randomBytes(50_000)
  let place: PackPlace

  beforeEach(async () => {
    await packs.append([randomBytes(1000)]).durable
    const appended = packs.append([bytes.subarray(0, 20_000), bytes.subarray(20_000)])
    await appended.durable
    place = appended.place
    await inTenant(tenantId, (query) =>
      query(
        `insert into chunk (tenant_id, key, bytes, pack_id, pack_start, size_bytes) values ($1, 'a', '', $2, $3, $4)`,
        [tenantId, place.packId, place.start, place.sizeBytes],
      ),
    )
  })

  const read = async (range?: ByteRange) => buffer((await store.get('a', { tenantId, ...(range && { range }) })).body)
  const fileOf = ({ packId }: PackPlace) => join(folder, `${packId}.pack`)

  test('is read there, whole and by range, and is listed with its size', async () => {
    expect((await read()).equals(bytes)).toBe(true)
    expect((await read({ start: 19_990, end: 20_009 })).equals(bytes.subarray(19_990, 20_010))).toBe(true)
    expect((await read({ start: 49_999 })).equals(bytes.subarray(49_999))).toBe(true)
    await expect(read({ start: 50_000 })).rejects.toMatchObject({ kind: 'badRange' })
    expect(await store.head('a', { tenantId })).toMatchObject({ key: 'a', storedBytes: 50_000, unfinished: false })
    expect((await store.list({ tenantId })).items).toMatchObject([{ key: 'a', storedBytes: 50_000 }])
    await expect(put('a', Buffer.from('x'))).rejects.toMatchObject({ kind: 'exists' })
  })

  test('is overwritten on disk when it is deleted, and nothing beside it is', async () => {
    const before = await readFile(fileOf(place))
    await store.delete('a', { tenantId })
    const after = await readFile(fileOf(place))
    expect(after.subarray(place.start, place.start + 50_000).equals(Buffer.alloc(50_000))).toBe(true)
    expect(after.subarray(0, place.start).equals(before.subarray(0, place.start))).toBe(true)
    expect(await store.head('a', { tenantId })).toBeUndefined()
  })

  test('is not given when its pack is cut off or gone, and can be deleted all the same', async () => {
    await truncate(fileOf(place), place.start + 49_999)
    await expect(read()).rejects.toMatchObject({ kind: 'corrupt' })
    await unlink(fileOf(place))
    await expect(read()).rejects.toMatchObject({ kind: 'notFound' })
    await store.delete('a', { tenantId })
    expect(await store.head('a', { tenantId })).toBeUndefined()
    await packs.close()
  })
})

describe('an organization in a database store', () => {
  test('sees and touches no key of another', async () => {
    const other = randomUUID()
    const bytes = randomBytes(MIB)
    await put('shared/name', bytes)
    await expect(put('shared/half', Buffer.alloc(0))).resolves.toEqual({ storedBytes: 0 })
    await expect(store.get('shared/name', { tenantId: other })).rejects.toMatchObject({ kind: 'notFound' })
    expect(await store.head('shared/name', { tenantId: other })).toBeUndefined()
    expect((await store.list({ tenantId: other })).items).toEqual([])
    await store.delete('shared/name', { tenantId: other })
    await store.abandon('shared/name', { tenantId: other })
    await store.put('shared/name', bodyOf(Buffer.from('theirs')), { tenantId: other })
    expect((await read('shared/name')).equals(bytes)).toBe(true)
    await store.delete('shared/name', { tenantId })
    expect((await buffer((await store.get('shared/name', { tenantId: other })).body)).toString()).toBe('theirs')
  })

  test.each([[undefined], ['default'], ['']])('must be named by its id, not by %j', async (named) => {
    const told = named === undefined ? {} : { tenantId: named }
    const refused = { name: 'StoreError', kind: 'unsupported' }
    await expect(store.put('a', bodyOf(Buffer.from('x')), told)).rejects.toMatchObject(refused)
    await expect(store.get('a', told)).rejects.toMatchObject(refused)
    await expect(store.head('a', told)).rejects.toMatchObject(refused)
    await expect(store.delete('a', told)).rejects.toMatchObject(refused)
    await expect(store.abandon('a', told)).rejects.toMatchObject(refused)
    await expect(store.list(told)).rejects.toMatchObject(refused)
    expect(transactions).toBe(0)
  })
})

describe('a put that is stopped on its way', () => {
  const bytes = randomBytes(5 * MIB + 1)

  test.each([
    [1, 'neverRun'],
    [1, 'rolledBack'],
    [1, 'answerLost'],
    [3, 'rolledBack'],
    [3, 'answerLost'],
    [6, 'neverRun'],
    [6, 'rolledBack'],
  ] as const)(
    'in transaction %d, which is %s, leaves nothing to read and all of it to abandon',
    async (number, fate) => {
      fates.set(number, fate)
      await expect(put('a', bytes)).rejects.toMatchObject({ name: 'StoreError', kind: 'unavailable' })
      expect(transactions).toBe(number)
      expect(await store.head('a', { tenantId })).toBeUndefined()
      const kept = fate === 'answerLost' ? number : number - 1
      const left = kept === 0 ? [] : [{ key: 'a', storedBytes: kept * MIB, unfinished: true }]
      expect(await listed()).toMatchObject(left)
      await store.abandon('a', { tenantId })
      expect(await rowsOf('a')).toBe(0)
      await put('a', bytes)
      expect((await read('a')).equals(bytes)).toBe(true)
    },
  )

  test('after its last transaction was committed has stored the whole', async () => {
    fates.set(6, 'answerLost')
    await expect(put('a', bytes)).rejects.toMatchObject({ kind: 'unavailable' })
    expect((await read('a')).equals(bytes)).toBe(true)
  })

  test('is told so by its next transaction when it is abandoned, and never becomes an object', async () => {
    const first = bytes.subarray(0, 2 * MIB)
    const abandoning = async function* () {
      yield first
      await vi.waitFor(async () => expect(await listed()).toHaveLength(1))
      await store.abandon('a', { tenantId })
      yield first
    }
    const putting = store.put('a', Readable.from(abandoning(), { objectMode: false }), { tenantId })
    await expect(putting).rejects.toMatchObject({ kind: 'unavailable', message: expect.stringContaining('abandoned') })
    expect(await rowsOf('a')).toBe(0)
  })

  test.each(['abandon', 'delete'] as const)('and %s at the same moment leave a whole object or none', async (verb) => {
    for (let round = 0; round < 20; round++) {
      const key = `race-${round}`
      const putting = put(key, bytes.subarray(0, MIB + 1)).then(
        () => true,
        (error) => {
          expect(error).toMatchObject({ kind: 'unavailable' })
          return false
        },
      )
      for (let turns = 0; turns < round; turns++) await turn()
      await Promise.all([store[verb](key, { tenantId }), store[verb](key, { tenantId })])
      const stored = await putting
      const info = await store.head(key, { tenantId })
      if (verb === 'abandon') expect(info !== undefined).toBe(stored)
      if (info) expect((await read(key)).equals(bytes.subarray(0, MIB + 1))).toBe(true)
      await store.abandon(key, { tenantId })
      expect(await rowsOf(key)).toBe(info ? 6 : 0)
    }
  })

  test('does not keep another writer of its key from winning', async () => {
    await expect(store.put('a', failingBody(3 * MIB, new Error('gone')), { tenantId })).rejects.toThrow('gone')
    await put('a', bytes)
    expect((await listed()).map((info) => info.unfinished)).toEqual([false, true])
    const { nextCursor: cursor } = await store.list({ tenantId, limit: 1 })
    expect((await store.list({ tenantId, limit: 1, cursor })).items).toMatchObject([{ unfinished: true }])
    const foreign = store.list({ tenantId, limit: 1, cursor, prefix: 'b' })
    await expect(foreign).rejects.toMatchObject({ kind: 'unsupported' })
    await store.abandon('a', { tenantId })
    expect((await read('a')).equals(bytes)).toBe(true)
  })
})

describe('a delete that is stopped on its way', () => {
  test('is completed by the next', async () => {
    const bytes = randomBytes(MIB)
    await store.put('a', Readable.from(Array(65).fill(bytes), { objectMode: false }), { tenantId })
    fates.set(transactions + 3, 'neverRun')
    await expect(store.delete('a', { tenantId })).rejects.toMatchObject({ kind: 'unavailable' })
    expect(await store.head('a', { tenantId })).toBeUndefined()
    expect(await listed()).toMatchObject([{ key: 'a', unfinished: true }])
    await store.delete('a', { tenantId })
    expect(await rowsOf('a')).toBe(0)
  })
})

describe('a read of a database store', () => {
  test('goes no further ahead of its reader than a few chunks', async () => {
    await put('a', randomBytes(8 * MIB))
    transactions = 0
    const { body } = await store.get('a', { tenantId })
    body.read(1)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(transactions).toBeLessThanOrEqual(3)
    body.destroy()
  })

  test('fails as notFound when its object is deleted meanwhile, and never mixes it with another', async () => {
    await put('a', Buffer.alloc(3 * MIB, 1))
    const { body } = await store.get('a', { tenantId })
    await store.delete('a', { tenantId })
    await put('a', Buffer.alloc(3 * MIB, 2))
    await expect(buffer(body)).rejects.toMatchObject({ name: 'StoreError', kind: 'notFound' })
  })

  test.each([
    ['is lost', 'delete from chunk where tenant_id = $1 and n = 5'],
    ['is shorter than it was', 'update chunk set bytes = substr(bytes, 2) where tenant_id = $1 and n = 5'],
  ])('fails as corrupt when a chunk %s', async (_, harm) => {
    await put('a', randomBytes(3 * MIB))
    await inTenant(tenantId, (query) => query(harm, [tenantId]))
    await expect(read('a')).rejects.toMatchObject({ name: 'StoreError', kind: 'corrupt' })
  })

  test('fails as unavailable when the database is lost in the middle', async () => {
    await put('a', randomBytes(3 * MIB))
    const { body } = await store.get('a', { tenantId })
    fates.set(transactions + 3, 'neverRun')
    await expect(buffer(body)).rejects.toMatchObject({ kind: 'unavailable', cause: lost })
  })
})

describe('a database that answers no more', () => {
  test('lets a body run on by no more than the buffers, and holds no put longer than its signal', async () => {
    fates.set(1, 'hangs')
    let produced = 0
    const body = new Readable({
      read() {
        produced += 65_536
        this.push(Buffer.alloc(65_536))
      },
    })
    const abort = new AbortController()
    const putting = store.put('endless', body, { tenantId, signal: abort.signal })
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(produced).toBeLessThan(2 * MIB)
    abort.abort(new Error('enough'))
    await expect(putting).rejects.toThrow('enough')
    expect(body.destroyed).toBe(true)
  })

  test('holds no other operation longer than its signal', async () => {
    const reason = new Error('enough')
    for (const work of [
      (signal: AbortSignal) => store.get('a', { tenantId, signal }),
      (signal: AbortSignal) => store.head('a', { tenantId, signal }),
      (signal: AbortSignal) => store.delete('a', { tenantId, signal }),
      (signal: AbortSignal) => store.list({ tenantId, signal }),
    ]) {
      fates.set(transactions + 1, 'hangs')
      const abort = new AbortController()
      const working = work(abort.signal)
      abort.abort(reason)
      await expect(working).rejects.toBe(reason)
    }
  })

  test.each([
    ['53100', 'full'],
    ['42501', 'denied'],
    ['57P01', 'unavailable'],
    ['53300', 'unavailable'],
    [undefined, 'unavailable'],
  ])('with the state %s is %s', async (code, kind) => {
    const cause = Object.assign(new Error('no'), { code })
    const failing = openDatabaseStore({ packs, inTenant: () => Promise.reject(cause) })
    const error = await failing.put('a', bodyOf(Buffer.from('x')), { tenantId }).catch((thrown) => thrown)
    expect(error).toBeInstanceOf(StoreError)
    expect(error).toMatchObject({ kind, cause })
  })
})
