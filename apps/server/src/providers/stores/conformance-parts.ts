import { randomBytes } from 'node:crypto'
import { expect, type TestContext, test } from 'vitest'
import { type Bench, digest } from './conformance-bench.ts'
import { needs } from './conformance-needs.ts'
import { expectNoEmptyChecksum, expectRefused, forKey, send, tampered } from './conformance-presigned.ts'
import { MAX_PRESIGN_SECONDS, type StoredPart } from './port.ts'

/** The least that every store takes for a part that is not the last. */
const PART_BYTES = 5 * 1024 * 1024
const BAD_SIZE = { name: 'StoreError', kind: 'badSize' }
const NOT_FOUND = { name: 'StoreError', kind: 'notFound' }

interface Started {
  key: string
  reference: string
  /** Sends a part by a presigned request. */
  sendPart(number: number, bytes: Buffer): Promise<void>
  listParts(): Promise<StoredPart[]>
}

/** The part of the suite about objects that others send in parts (`presignedParts`). */
export function describeParts(bench: Bench): void {
  const start = async (context: TestContext, contentType?: string): Promise<Started> => {
    needs(bench, context, (can) => can.presignedParts)
    const { store } = bench
    const key = `${bench.prefix()}parts`
    const reference = await store.startParts(key, { contentType })
    const sendPart = async (number: number, bytes: Buffer) => {
      const told = { reference, number, sizeBytes: bytes.length, expiresInSeconds: 60 }
      const request = await store.presignPart(key, told)
      expect(request.method).toBe('PUT')
      const response = await send(request, bytes)
      expect({ status: response.status, text: await response.text() }).toMatchObject({ text: '' })
      expect(response.ok).toBe(true)
    }
    return { key, reference, sendPart, listParts: () => store.listParts(key, { reference }) }
  }
  describeJoining(bench, start)
  describeRefusedJoins(bench, start)
  describePartRequests(bench, start)
  describeOpenParts(bench, start)
}

type Start = (context: TestContext, contentType?: string) => Promise<Started>

function describeJoining(bench: Bench, start: Start): void {
  test('joins parts that came out of order and more than once to exactly their bytes', async (context) => {
    const { key, reference, sendPart, listParts } = await start(context, 'video/mp4')
    const [first, second, last] = [randomBytes(PART_BYTES), randomBytes(PART_BYTES + 1), randomBytes(1000)]
    await sendPart(3, last)
    await sendPart(1, randomBytes(PART_BYTES))
    await sendPart(2, second)
    await sendPart(1, first)
    const parts = await listParts()
    expect(parts.map(({ number, sizeBytes }) => [number, sizeBytes])).toEqual([
      [1, first.length],
      [2, second.length],
      [3, last.length],
    ])
    expect(await bench.store.head(key)).toBeUndefined()
    const whole = Buffer.concat([first, second, last])
    const receipt = await bench.store.completeParts(key, { reference, parts })
    expect(receipt).toMatchObject({ storedBytes: whole.length })
    expect(digest(await bench.read(key, receipt))).toBe(digest(whole))
    expect(await bench.listAll(key)).toMatchObject([{ key, storedBytes: whole.length, unfinished: false }])
    if (bench.store.capabilities.metadata) {
      expect(await bench.store.head(key)).toMatchObject({ contentType: 'video/mp4' })
    }
  })

  test('joins one part alone, and parts whose numbers have gaps', async (context) => {
    const one = await start(context)
    await one.sendPart(1, Buffer.from('alone'))
    await bench.store.completeParts(one.key, { reference: one.reference, parts: await one.listParts() })
    expect((await bench.read(one.key)).toString()).toBe('alone')
    const gaps = await start(context)
    const bytes = randomBytes(PART_BYTES)
    await gaps.sendPart(7, bytes)
    await gaps.sendPart(10_000, Buffer.from('end'))
    await bench.store.completeParts(gaps.key, { reference: gaps.reference, parts: await gaps.listParts() })
    expect(digest(await bench.read(gaps.key))).toBe(digest(Buffer.concat([bytes, Buffer.from('end')])))
  })
}

function describeRefusedJoins(bench: Bench, start: Start): void {
  test('refuses to join parts that never came, are others than named, out of order, or none', async (context) => {
    const { key, reference, sendPart, listParts } = await start(context)
    await sendPart(1, randomBytes(PART_BYTES))
    await sendPart(2, Buffer.from('end'))
    const [first, last] = (await listParts()) as [StoredPart, StoredPart]
    const wrong: StoredPart[][] = [
      [first, last, { ...last, number: 3 }],
      [first, { ...last, etag: first.etag }],
      [first, { ...last, sizeBytes: last.sizeBytes + 1 }],
      [last, first],
      [first, first, last],
      [],
    ]
    for (const parts of wrong) {
      await expect(bench.store.completeParts(key, { reference, parts })).rejects.toMatchObject(BAD_SIZE)
      expect(await bench.store.head(key)).toBeUndefined()
    }
    await bench.store.completeParts(key, { reference, parts: [first, last] })
    expect(await bench.store.head(key)).toMatchObject({ storedBytes: PART_BYTES + 3 })
  })

  test('refuses to join a part that is too small and not the last', async (context) => {
    const { key, reference, sendPart, listParts } = await start(context)
    context.skip(!!bench.subject.limits?.smallParts, 'this store takes parts of any size')
    await sendPart(1, Buffer.from('too small'))
    await sendPart(2, Buffer.from('end'))
    const joining = bench.store.completeParts(key, { reference, parts: await listParts() })
    await expect(joining).rejects.toMatchObject(BAD_SIZE)
    expect(await bench.store.head(key)).toBeUndefined()
  })

  test('joins once: the second time its reference is not open', async (context) => {
    const { key, reference, sendPart, listParts } = await start(context)
    await sendPart(1, Buffer.from('once'))
    const parts = await listParts()
    await bench.store.completeParts(key, { reference, parts })
    await expect(bench.store.completeParts(key, { reference, parts })).rejects.toMatchObject(NOT_FOUND)
    expect((await bench.read(key)).toString()).toBe('once')
  })

  test('refuses to join to a key that is taken, and keeps what lies there', async (context) => {
    const { key, reference, sendPart, listParts } = await start(context)
    await sendPart(1, Buffer.from('late'))
    await bench.put(key, Buffer.from('kept'))
    const joining = bench.store.completeParts(key, { reference, parts: await listParts() })
    await expect(joining).rejects.toMatchObject({ name: 'StoreError', kind: 'exists' })
    expect((await bench.read(key)).toString()).toBe('kept')
    await bench.store.abandon(key)
    expect(await bench.listAll(key)).toMatchObject([{ key, unfinished: false }])
  })

  test('knows a reference by its own key alone', async (context) => {
    const { key, reference, sendPart, listParts } = await start(context)
    await sendPart(1, Buffer.from('mine'))
    const parts = await listParts()
    const other = `${key}-other`
    await expect(bench.store.listParts(other, { reference })).rejects.toMatchObject(NOT_FOUND)
    await expect(bench.store.completeParts(other, { reference, parts })).rejects.toMatchObject(NOT_FOUND)
    expect(await bench.store.head(other)).toBeUndefined()
    await expect(bench.store.listParts(key, { reference: 'never-given-out' })).rejects.toMatchObject(NOT_FOUND)
  })
}

function describePartRequests(bench: Bench, start: Start): void {
  test('refuses a part by a request that was changed: its key or anything in its query', async (context) => {
    const { key, reference, listParts } = await start(context)
    const told = { reference, number: 1, sizeBytes: 1000, expiresInSeconds: 60 }
    const request = await bench.store.presignPart(key, told)
    expectNoEmptyChecksum(request)
    await expectRefused(send(forKey(request, 'parts', 'other'), randomBytes(1000)))
    for (const changed of tampered(request)) await expectRefused(send(changed, randomBytes(1000)))
    expect(await listParts()).toEqual([])
  })

  test('refuses a part of another size than was signed', async (context) => {
    const { key, reference, listParts } = await start(context)
    context.skip(!!bench.subject.limits?.presignedPart?.includes('size'), 'this store does not bind the size')
    const told = { reference, number: 1, sizeBytes: 1000, expiresInSeconds: 60 }
    const request = await bench.store.presignPart(key, told)
    for (const size of [999, 1001, 0]) await expectRefused(send(request, randomBytes(size)))
    expect(await listParts()).toEqual([])
  })

  test('refuses a part number outside 1 to 10,000, and a request that would live too long', async (context) => {
    const { key, reference } = await start(context)
    const refused = { name: 'StoreError', kind: 'unsupported' }
    const told = { reference, sizeBytes: 1000, expiresInSeconds: 60 }
    for (const number of [0, 10_001, 1.5]) {
      await expect(bench.store.presignPart(key, { ...told, number })).rejects.toMatchObject(refused)
    }
    const tooLong = { ...told, number: 1, expiresInSeconds: MAX_PRESIGN_SECONDS + 1 }
    await expect(bench.store.presignPart(key, tooLong)).rejects.toMatchObject(refused)
  })
}

function describeOpenParts(bench: Bench, start: Start): void {
  test('shows an object that is sent in parts as unfinished until it is joined or abandoned', async (context) => {
    const { key, reference, sendPart, listParts } = await start(context)
    await sendPart(1, Buffer.from('begun'))
    expect(await bench.listAll(key)).toMatchObject([{ key, unfinished: true }])
    expect(await bench.store.head(key)).toBeUndefined()
    const told = { reference, number: 2, sizeBytes: 5, expiresInSeconds: 60 }
    const request = await bench.store.presignPart(key, told)
    await bench.store.abandon(key)
    await bench.store.abandon(key)
    expect(await bench.listAll(key)).toEqual([])
    await expect(listParts()).rejects.toMatchObject(NOT_FOUND)
    const late = send(request, Buffer.from('later'))
    if (!bench.subject.limits?.presignedPart?.includes('abandoned')) await expectRefused(late)
    else await late.then(() => bench.store.abandon(key))
    expect(await bench.listAll(key)).toEqual([])
  })

  test('shows finished and unfinished objects once each in pages of every size', async (context) => {
    const { key, sendPart } = await start(context)
    await sendPart(1, Buffer.from('begun'))
    const prefix = key.slice(0, -'parts'.length)
    const unfinished = ['a', 'm', 'z'].map((name) => `${prefix}${name}-open`)
    for (const name of unfinished) {
      const reference = await bench.store.startParts(name, {})
      const told = { reference, number: 1, sizeBytes: 1, expiresInSeconds: 60 }
      await send(await bench.store.presignPart(name, told), Buffer.from('x'))
    }
    const finished = ['b', 'c', 'n', 'zz'].map((name) => prefix + name)
    for (const name of finished) await bench.put(name, Buffer.from(name))
    for (const limit of [1, 2, 3, 7, 8, 1000]) {
      const items = await bench.listAll(prefix, limit)
      const open = items.filter((info) => info.unfinished).map((info) => info.key)
      expect(open.sort()).toEqual([key, ...unfinished].sort())
      const closed = items.filter((info) => !info.unfinished).map((info) => info.key)
      expect(closed.sort()).toEqual(finished)
    }
    for (const name of [key, ...unfinished]) await bench.store.abandon(name)
    expect(await bench.listAll(prefix)).toHaveLength(finished.length)
  })

  test('abandons the parts of one key and of no other', async (context) => {
    const one = await start(context)
    const longer = await bench.store.startParts(`${one.key}-longer`, {})
    await bench.store.abandon(one.key)
    await expect(one.listParts()).rejects.toMatchObject(NOT_FOUND)
    expect(await bench.store.listParts(`${one.key}-longer`, { reference: longer })).toEqual([])
    await bench.store.abandon(`${one.key}-longer`)
  })
}
