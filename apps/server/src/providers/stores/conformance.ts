import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Bench, benchOver, digest, type StoreUnderTest } from './conformance-bench.ts'
import { describeExtras } from './conformance-extras.ts'
import { describeWrites } from './conformance-writes.ts'
import type { PutReceipt } from './port.ts'

const MIB = 1024 * 1024

/**
 * The suite of every MUST of the port, passed by every store and by every decorator around one.
 *
 * @param open called once; the tests share the store and keep to prefixes of their own
 */
export function describeObjectStore(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`${name} as an object store`, () => {
    let subject: StoreUnderTest
    beforeAll(async () => {
      subject = await open()
    })
    afterAll(() => subject?.close())
    const bench = benchOver(() => subject)
    describeBytes(bench)
    describeRanges(bench)
    describeKeys(bench)
    describeWrites(bench)
    describeDeletion(bench)
    describeListing(bench)
    describeHandles(bench)
    describeExtras(bench)
  })
}

function describeBytes(bench: Bench): void {
  const sizes = [0, 1, 1000, 65_519, 65_535, 65_536, 65_537, 131_072, 131_073, MIB, 3 * MIB]
  test.each(sizes)('gives back %d bytes as they were put, with and without a stated size', async (size) => {
    const prefix = bench.prefix()
    const bytes = randomBytes(size)
    const sized = await bench.put(`${prefix}sized`, bytes)
    const unsized = await bench.put(`${prefix}unsized`, bytes, { sizeBytes: undefined })
    for (const [key, receipt] of [['sized', sized] as const, ['unsized', unsized] as const]) {
      const { body, sizeBytes } = await bench.get(prefix + key, receipt)
      expect(digest(await buffer(body))).toBe(digest(bytes))
      expect(sizeBytes).toBe(size)
    }
  })

  test('takes chunks of every length', async () => {
    const key = `${bench.prefix()}chunks`
    const chunks = Array.from({ length: 400 }, (_, index) => randomBytes((index * index) % 3001))
    const receipt = await bench.putBody(key, Readable.from(chunks, { objectMode: false }))
    expect(digest(await bench.read(key, receipt))).toBe(digest(Buffer.concat(chunks)))
  })

  test('tells how many bytes are stored, in the receipt and in head alike', async () => {
    const key = `${bench.prefix()}head`
    const before = Date.now()
    const { storedBytes } = await bench.put(key, randomBytes(1234))
    const info = await bench.store.head(key)
    expect(info).toMatchObject({ key, storedBytes, unfinished: false })
    expect(storedBytes).toBeGreaterThanOrEqual(1234)
    expect(Math.abs(info!.modifiedAt.getTime() - before)).toBeLessThan(120_000)
  })

  test('answers notFound to get and undefined to head where nothing is stored', async () => {
    const prefix = bench.prefix()
    await bench.put(`${prefix}a/b`, Buffer.from('x'))
    for (const key of [`${prefix}missing`, `${prefix}missing/deeper`, `${prefix}a`, `${prefix}a/b/c`]) {
      await expect(bench.get(key)).rejects.toMatchObject({ kind: 'notFound' })
      expect(await bench.store.head(key)).toBeUndefined()
    }
  })

  test('serves many readers and writers at a time', async () => {
    const prefix = bench.prefix()
    const contents = Array.from({ length: 16 }, (_, index) => randomBytes(10_000 * index))
    await Promise.all(
      contents.map(async (bytes, index) => {
        const receipt = await bench.put(`${prefix}${index % 3}/${index}`, bytes)
        const read = await Promise.all([1, 2, 3].map(() => bench.read(`${prefix}${index % 3}/${index}`, receipt)))
        for (const copy of read) expect(copy.equals(bytes)).toBe(true)
      }),
    )
  })
}

function describeRanges(bench: Bench): void {
  const size = 200_000
  const bytes = randomBytes(size)
  const key = `${bench.prefix()}ranges`
  let receipt: PutReceipt
  beforeAll(async () => {
    receipt = await bench.put(key, bytes)
  })

  test.each([
    ['the first byte', 0, 0],
    ['the last byte', size - 1, size - 1],
    ['the middle', 70_000, 70_099],
    ['to a chunk border', 65_000, 65_535],
    ['from a chunk border', 65_536, 65_600],
    ['across a chunk border', 65_535, 65_536],
    ['across several chunks', 60_000, 199_000],
    ['to the end', 131_000, undefined],
    ['the last chunk', 196_608, undefined],
    ['past the end', 199_990, size + 1_000_000],
    ['to the largest number', 10, Number.MAX_SAFE_INTEGER],
    ['the whole', 0, undefined],
  ])('reads a range: %s', async (_, start, end) => {
    const { body, sizeBytes } = await bench.get(key, receipt, { range: { start, end } })
    const expected = bytes.subarray(start, end === undefined ? undefined : end + 1)
    expect(digest(await buffer(body))).toBe(digest(expected))
    expect(sizeBytes).toBe(size)
  })

  test.each([
    ['at the end', size, undefined],
    ['at the end, with an end', size, size],
    ['past the end', size + 100_000, size + 200_000],
    ['before zero', -1, 10],
    ['after its own end', 10, 9],
    ['inside a byte', 0.5, 10],
  ])('refuses a range that starts %s', async (_, start, end) => {
    await expect(bench.get(key, receipt, { range: { start, end } })).rejects.toMatchObject({ kind: 'badRange' })
  })

  test('refuses every range of an empty object', async () => {
    const empty = `${bench.prefix()}empty`
    const emptyReceipt = await bench.put(empty, Buffer.alloc(0))
    for (const range of [{ start: 0 }, { start: 0, end: 0 }, { start: 1 }]) {
      await expect(bench.get(empty, emptyReceipt, { range })).rejects.toMatchObject({ kind: 'badRange' })
    }
  })

  test('answers notFound to a range where nothing is stored', async () => {
    const missing = bench.get(`${bench.prefix()}missing`, receipt, { range: { start: 5 } })
    await expect(missing).rejects.toMatchObject({ kind: 'notFound' })
  })
}

function describeKeys(bench: Bench): void {
  test.each([
    ['spaces', ' a  b /c d '],
    ['percent signs', '100%/%2F%2e%2e/%'],
    ['plus, ampersand, question mark, hash', 'a+b&c=d?e#f;g,h'],
    ['quotes and brackets', `"'\`<>[]{}()|*!~^$@:`],
    ['dots that are no relative paths', '.hidden/..a/a../...'],
    ['letters of many scripts', 'żółć/日本語/العربية/😀'],
    ['composed and decomposed accents', 'é/e\u0301'],
    ['many folders', Array.from({ length: 60 }, (_, index) => index).join('/')],
    ['a segment of 255 bytes', 'x'.repeat(255)],
    ['a segment of 255 bytes beyond ASCII', '語'.repeat(85)],
  ])('takes a key with %s', async (_, name) => {
    const prefix = bench.prefix()
    const key = prefix + name
    const receipt = await bench.put(key, Buffer.from(name))
    expect((await bench.read(key, receipt)).toString()).toBe(name)
    expect((await bench.listAll(prefix)).map((info) => info.key)).toEqual([key])
    await bench.store.delete(key)
    expect(await bench.store.head(key)).toBeUndefined()
  })

  test.each([
    ['ASCII', (prefix: string) => prefix + 'abcdefghi/'.repeat(110)],
    ['other letters', (prefix: string) => prefix + `${'語'.repeat(84)}/`.repeat(5)],
  ])('takes a key of 1,024 bytes of %s, and refuses a longer one', async (_, long) => {
    const key = padTo1024(long(bench.prefix()))
    const receipt = await bench.put(key, Buffer.from('long'))
    expect((await bench.read(key, receipt)).toString()).toBe('long')
    await expect(bench.put(`${key}x`, Buffer.from('x'))).rejects.toMatchObject({ kind: 'badKey' })
    await bench.store.delete(key)
  })

  test('keeps keys that differ only in case apart', async () => {
    const prefix = bench.prefix()
    const lower = await bench.put(`${prefix}name`, Buffer.from('lower'))
    const upper = await bench.put(`${prefix}NAME`, Buffer.from('upper'))
    expect((await bench.read(`${prefix}name`, lower)).toString()).toBe('lower')
    expect((await bench.read(`${prefix}NAME`, upper)).toString()).toBe('upper')
  })

  test.each([
    ['nothing', ''],
    ['an absolute path', '/a'],
    ['a slash at its end', 'a/'],
    ['an empty segment', 'a//b'],
    ['the folder above', '../a'],
    ['the folder above, inside', 'a/../b'],
    ['the folder above, at its end', 'a/..'],
    ['the same folder', './a'],
    ['the same folder alone', '.'],
    ['a NUL', 'a\0b'],
    ['a line break', 'a\nb'],
    ['a backslash', 'a\\..\\b'],
    ['half a character', 'a\ud800'],
    ['a segment of 256 bytes', 'x'.repeat(256)],
  ])('refuses a key with %s, in every operation', async (_, key) => {
    const refused = { name: 'StoreError', kind: 'badKey' }
    await expect(bench.put(key, Buffer.from('x'))).rejects.toMatchObject(refused)
    await expect(bench.get(key)).rejects.toMatchObject(refused)
    await expect(bench.store.head(key)).rejects.toMatchObject(refused)
    await expect(bench.store.delete(key)).rejects.toMatchObject(refused)
    await expect(bench.store.abandon(key)).rejects.toMatchObject(refused)
  })

  test.each([
    ['below', 'a', 'a/b'],
    ['above', 'a/b', 'a'],
  ])('does no harm to an object when another key lies %s it', async (_, first, second) => {
    const prefix = bench.prefix()
    const receipt = await bench.put(prefix + first, Buffer.from('first'))
    const other = await bench.put(prefix + second, Buffer.from('second')).catch((error) => error)
    if (other instanceof Error) expect(other).toMatchObject({ kind: 'badKey' })
    else expect((await bench.read(prefix + second, other)).toString()).toBe('second')
    await bench.store.delete(prefix + second)
    expect((await bench.read(prefix + first, receipt)).toString()).toBe('first')
  })
}

function describeDeletion(bench: Bench): void {
  test('deletes, also what is not there, and twice', async () => {
    const prefix = bench.prefix()
    await bench.put(`${prefix}a/b/c`, Buffer.from('x'))
    await bench.store.delete(`${prefix}a/b/c`)
    await bench.store.delete(`${prefix}a/b/c`)
    await bench.store.delete(`${prefix}never/there`)
    await expect(bench.get(`${prefix}a/b/c`)).rejects.toMatchObject({ kind: 'notFound' })
    expect(await bench.listAll(prefix)).toEqual([])
  })

  test('deletes one object and no other', async () => {
    const prefix = bench.prefix()
    const names = ['a', 'a.b', 'aa', 'b/a', 'b/aa']
    for (const name of names) await bench.put(prefix + name, Buffer.from(name))
    await bench.store.delete(`${prefix}a`)
    await bench.store.delete(`${prefix}b/a`)
    await bench.store.delete(`${prefix}b`)
    const left = (await bench.listAll(prefix)).map((info) => info.key)
    expect(left.sort()).toEqual(['a.b', 'aa', 'b/aa'].map((name) => prefix + name))
  })

  test('lets a read that has begun end whole, or fail, when its object is deleted', async () => {
    const key = `${bench.prefix()}read`
    const bytes = randomBytes(3 * MIB)
    const receipt = await bench.put(key, bytes)
    const { body } = await bench.get(key, receipt)
    await bench.store.delete(key)
    const read = await buffer(body).catch((error: Error) => error)
    if (read instanceof Error) expect(read).toMatchObject({ name: 'StoreError' })
    else expect(digest(read)).toBe(digest(bytes))
  })

  test('stores into a folder while the last object of that folder is deleted', async () => {
    const prefix = bench.prefix()
    for (let round = 0; round < 20; round++) {
      await bench.put(`${prefix}a/b/old-${round}`, Buffer.from('old'))
      const [receipt] = await Promise.all([
        bench.put(`${prefix}a/b/new-${round}`, Buffer.from('new')),
        bench.store.delete(`${prefix}a/b/old-${round}`),
      ])
      expect((await bench.read(`${prefix}a/b/new-${round}`, receipt)).toString()).toBe('new')
      await bench.store.delete(`${prefix}a/b/new-${round}`)
    }
  })
}

function describeListing(bench: Bench): void {
  const names = ['a', 'a-b', 'a.b', 'a0/1', 'b/1', 'b/2', 'b/2.x', 'b/c/1', 'b/c/2', 'bc/1', 'z', 'é', '😀']
  const prefix = bench.prefix()
  beforeAll(async () => {
    for (const name of names) await bench.put(prefix + name, Buffer.from(name))
  })

  test.each([1, 2, 5, 12, 13, 14, 1000])('shows every object once in pages of %d', async (limit) => {
    const keys = (await bench.listAll(prefix, limit)).map((info) => info.key)
    expect(keys.sort()).toEqual(names.map((name) => prefix + name).sort())
  })

  test('fills pages to the limit, and has no cursor after the last', async () => {
    const first = await bench.store.list({ prefix, limit: 10 })
    expect(first.items).toHaveLength(10)
    const second = await bench.store.list({ prefix, limit: 10, cursor: first.nextCursor })
    expect(second.items).toHaveLength(3)
    expect(second.nextCursor).toBeUndefined()
  })

  test.each(['b', 'b/', 'b/c', 'b/2', 'b/c/1', 'a', 'none'])('shows what begins with %s', async (start) => {
    const keys = (await bench.listAll(prefix + start, 2)).map((info) => info.key)
    const expected = names.filter((name) => name.startsWith(start)).map((name) => prefix + name)
    expect(keys.sort()).toEqual(expected.sort())
  })

  test('describes objects as head does', async () => {
    const { items } = await bench.store.list({ prefix: `${prefix}b/c/` })
    for (const item of items) {
      const info = await bench.store.head(item.key)
      expect(item).toMatchObject({ storedBytes: info!.storedBytes, unfinished: false })
    }
  })

  test('shows what stays once while others come and go between the pages', async () => {
    const busy = bench.prefix()
    const stay = Array.from({ length: 12 }, (_, index) => `${busy}${index % 3}/stay-${index}`)
    for (const key of stay) await bench.put(key, Buffer.from('x'))
    await bench.put(`${busy}0/goes`, Buffer.from('x'))
    const seen: string[] = []
    let cursor: string | undefined
    for (let page = 0; page === 0 || cursor !== undefined; page++) {
      const { items, nextCursor } = await bench.store.list({ prefix: busy, limit: 3, cursor })
      seen.push(...items.map((info) => info.key))
      cursor = nextCursor
      await bench.put(`${busy}${page % 3}/comes-${page}`, Buffer.from('x'))
      await bench.store.delete(`${busy}0/goes`)
      if (page > 50) break
    }
    expect(seen.filter((key) => key.includes('/stay-')).sort()).toEqual([...stay].sort())
    expect(new Set(seen).size).toBe(seen.length)
  })

  test.each([0, 1001, -1, 1.5])('refuses a page of %d', async (limit) => {
    await expect(bench.store.list({ prefix, limit })).rejects.toMatchObject({ kind: 'unsupported' })
  })
}

function describeHandles(bench: Bench): void {
  test('frees what reads hold when their streams are destroyed, read to the end or aborted', async () => {
    const key = `${bench.prefix()}handles`
    const receipt = await bench.put(key, randomBytes(3 * MIB))
    const abort = new AbortController()
    const reads = await Promise.all(Array.from({ length: 30 }, () => bench.get(key, receipt, { signal: abort.signal })))
    const closed = reads.map(({ body }) => new Promise((resolve) => body.on('error', () => {}).once('close', resolve)))
    for (const { body } of reads.slice(0, 10)) body.destroy()
    for (const { body } of reads.slice(10, 20)) body.once('readable', () => body.destroy())
    await Promise.all(reads.slice(20, 25).map(({ body }) => buffer(body)))
    abort.abort()
    await Promise.all(closed)
    await vi.waitFor(() => expect(bench.subject.openHandles?.() ?? 0).toBe(0))
    await bench.store.delete(key)
  })

  test('frees what a refused range held', async () => {
    const key = `${bench.prefix()}handles`
    const receipt = await bench.put(key, randomBytes(10))
    await expect(bench.get(key, receipt, { range: { start: 10 } })).rejects.toMatchObject({ kind: 'badRange' })
    await vi.waitFor(() => expect(bench.subject.openHandles?.() ?? 0).toBe(0))
  })
}

function padTo1024(start: string): string {
  const bytes = Buffer.from(start).subarray(0, 1020).toString().replaceAll('\ufffd', '').replace(/\/$/, '')
  return bytes + 'y'.repeat(1024 - Buffer.byteLength(bytes))
}
