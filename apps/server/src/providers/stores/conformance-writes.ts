import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { expect, test, vi } from 'vitest'
import { type Bench, bodyOf, digest, failingBody } from './conformance-bench.ts'

const MIB = 1024 * 1024

/** The part of the suite about puts: atomic, exclusive, and what they leave behind when they fail. */
export function describeWrites(bench: Bench): void {
  describeAtomicity(bench)
  describeFailures(bench)
  describeAborts(bench)
}

function describeAtomicity(bench: Bench): void {
  test('refuses a key that is taken, and keeps what lies there', async () => {
    const key = `${bench.prefix()}taken`
    const receipt = await bench.put(key, Buffer.from('first'))
    const body = bodyOf(Buffer.from('second'))
    await expect(bench.putBody(key, body)).rejects.toMatchObject({ name: 'StoreError', kind: 'exists' })
    await vi.waitFor(() => expect(body.destroyed).toBe(true))
    expect((await bench.read(key, receipt)).toString()).toBe('first')
  })

  test('lets one of twenty racing writers win, and keeps the bytes of that one', async ({ skip }) => {
    skip(!!bench.subject.limits?.racingPuts, 'this store cannot tell who was first')
    const key = `${bench.prefix()}race`
    const contents = Array.from({ length: 20 }, () => randomBytes(100_000))
    const results = await Promise.allSettled(contents.map((bytes) => bench.put(key, bytes)))
    const winners = results.flatMap((result, index) => (result.status === 'fulfilled' ? [{ result, index }] : []))
    expect(winners).toHaveLength(1)
    const [{ result, index }] = winners as [(typeof winners)[number]]
    expect(digest(await bench.read(key, result.value))).toBe(digest(contents[index]!))
    for (const loser of results) if (loser.status === 'rejected') expect(loser.reason).toMatchObject({ kind: 'exists' })
    await bench.store.abandon(key)
    expect(await bench.listAll(key)).toMatchObject([{ key, unfinished: false }])
  })

  test('shows nobody an object before it is whole', async () => {
    const key = `${bench.prefix()}atomic`
    const half = randomBytes(500_000)
    const gate = createGate()
    const slow = (async function* () {
      yield half
      await gate.opened
      yield half
    })()
    const putting = bench.putBody(key, Readable.from(slow, { objectMode: false }))
    for (let look = 0; look < 5; look++) {
      expect(await bench.store.head(key)).toBeUndefined()
      await expect(bench.get(key)).rejects.toMatchObject({ kind: 'notFound' })
      expect((await bench.listAll(key)).filter((info) => !info.unfinished)).toEqual([])
    }
    gate.open()
    const receipt = await putting
    expect((await bench.read(key, receipt)).length).toBe(1_000_000)
  })

  test('shows readers who look all the time nothing or the whole object', async () => {
    const key = `${bench.prefix()}watched`
    const seen = new Set<number | undefined>()
    const putting = bench.put(key, randomBytes(MIB))
    const watching = (async () => {
      for (let info = await bench.store.head(key); ; info = await bench.store.head(key)) {
        seen.add(info?.storedBytes)
        if (info) return
        await new Promise(setImmediate)
      }
    })()
    const { storedBytes } = await putting
    await watching
    seen.delete(undefined)
    expect([...seen]).toEqual([storedBytes])
  })

  test('keeps what was acknowledged and nothing that was not, over a crash too where it outlives its process', async () => {
    const { crash } = bench.subject
    const prefix = bench.prefix()
    const bytes = randomBytes(300_000)
    const receipt = await bench.put(`${prefix}whole`, bytes)
    await expect(bench.putBody(`${prefix}half`, failingBody(200_000, new Error('half')))).rejects.toThrow('half')
    await crash?.call(bench.subject)
    expect(digest(await bench.read(`${prefix}whole`, receipt))).toBe(digest(bytes))
    expect(await bench.store.head(`${prefix}half`)).toBeUndefined()
    await bench.store.abandon(`${prefix}half`)
    expect((await bench.listAll(prefix)).map((info) => info.key)).toEqual([`${prefix}whole`])
  })
}

function describeFailures(bench: Bench): void {
  test.each([0, 1, 70_000, 3 * MIB])('passes on the failure of a body after %d bytes', async (size) => {
    const key = `${bench.prefix()}failing`
    const failure = new Error('the sender went away')
    await expect(bench.putBody(key, failingBody(size, failure))).rejects.toBe(failure)
    await expectNothingUnder(bench, key)
  })

  test('passes on the failure of a body that fails before anybody reads it', async () => {
    const key = `${bench.prefix()}failing`
    const failure = new Error('the sender was never there')
    const body = new Readable({ read() {} })
    const putting = bench.putBody(key, body)
    body.destroy(failure)
    await expect(putting).rejects.toBe(failure)
    await expectNothingUnder(bench, key)
  })

  test('fails when a body is closed before its end', async () => {
    const key = `${bench.prefix()}closed`
    const body = new Readable({ read() {} })
    body.push(randomBytes(1000))
    setImmediate(() => body.destroy())
    await expect(bench.putBody(key, body)).rejects.toThrow()
    await expectNothingUnder(bench, key)
  })

  test.each([
    ['shorter', 99_999],
    ['longer', 100_001],
    ['empty', 0],
  ])('refuses a body that is %s than its stated size', async (_, size) => {
    const key = `${bench.prefix()}size`
    const put = bench.put(key, randomBytes(size), { sizeBytes: 100_000 })
    await expect(put).rejects.toMatchObject({ name: 'StoreError', kind: 'badSize' })
    await expectNothingUnder(bench, key)
  })

  test('shows an unfinished put in lists until it is finished or abandoned', async () => {
    const key = `${bench.prefix()}unfinished`
    await expect(bench.putBody(key, failingBody(3 * MIB, new Error('gone')))).rejects.toThrow('gone')
    for (const info of await bench.listAll(key)) expect(info).toMatchObject({ key, unfinished: true })
    await bench.store.abandon(key)
    await bench.store.abandon(key)
    expect(await bench.listAll(key)).toEqual([])
    const receipt = await bench.put(key, Buffer.from('at last'))
    await bench.store.abandon(key)
    expect((await bench.read(key, receipt)).toString()).toBe('at last')
  })
}

function describeAborts(bench: Bench): void {
  test('reads nothing of a body when the signal has aborted before', async () => {
    const key = `${bench.prefix()}aborted`
    const reason = new Error('changed my mind')
    const body = bodyOf(randomBytes(1000))
    await expect(bench.putBody(key, body, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    await vi.waitFor(() => expect(body.destroyed).toBe(true))
    await expectNothingUnder(bench, key)
  })

  test.each([
    ['before its first byte', 0],
    ['in the middle', 200_000],
  ])('stops a put that aborts %s', async (_, size) => {
    const key = `${bench.prefix()}aborted`
    const reason = new Error('changed my mind')
    const abort = new AbortController()
    const body = Readable.from(
      (async function* () {
        if (size > 0) yield randomBytes(size)
        abort.abort(reason)
        yield randomBytes(1000)
      })(),
      { objectMode: false },
    )
    await expect(bench.putBody(key, body, { signal: abort.signal })).rejects.toBe(reason)
    await vi.waitFor(() => expect(body.destroyed).toBe(true))
    await expectNothingUnder(bench, key)
  })

  test('stops a put whose body waits for more', async () => {
    const key = `${bench.prefix()}waiting`
    const reason = new Error('changed my mind')
    const abort = new AbortController()
    const body = new Readable({ read() {} })
    body.push(randomBytes(1000))
    const putting = bench.putBody(key, body, { signal: abort.signal })
    setTimeout(() => abort.abort(reason), 20)
    await expect(putting).rejects.toBe(reason)
    await vi.waitFor(() => expect(body.destroyed).toBe(true))
    await expectNothingUnder(bench, key)
  })

  test('is not troubled by an abort after the end', async () => {
    const key = `${bench.prefix()}late`
    const abort = new AbortController()
    const receipt = await bench.put(key, Buffer.from('kept'), { signal: abort.signal })
    abort.abort()
    expect((await bench.read(key, receipt)).toString()).toBe('kept')
  })

  test('refuses every other operation whose signal has aborted before', async () => {
    const prefix = bench.prefix()
    const receipt = await bench.put(`${prefix}a`, Buffer.from('a'))
    const reason = new Error('too late')
    const signal = AbortSignal.abort(reason)
    await expect(bench.get(`${prefix}a`, receipt, { signal })).rejects.toBe(reason)
    await expect(bench.store.head(`${prefix}a`, { signal })).rejects.toBe(reason)
    await expect(bench.store.delete(`${prefix}a`, { signal })).rejects.toBe(reason)
    await expect(bench.store.abandon(`${prefix}a`, { signal })).rejects.toBe(reason)
    await expect(bench.store.list({ prefix, signal })).rejects.toBe(reason)
    expect(await bench.store.head(`${prefix}a`)).toBeDefined()
  })

  test('fails a read that aborts in the middle with the reason', async () => {
    const key = `${bench.prefix()}read`
    const receipt = await bench.put(key, randomBytes(3 * MIB))
    const reason = new Error('enough')
    const abort = new AbortController()
    const { body } = await bench.get(key, receipt, { signal: abort.signal })
    const reading = (async () => {
      for await (const _ of body) abort.abort(reason)
    })()
    await expect(reading).rejects.toBe(reason)
    expect(body.destroyed).toBe(true)
  })
}

async function expectNothingUnder(bench: Bench, key: string): Promise<void> {
  expect(await bench.store.head(key)).toBeUndefined()
  await expect(bench.get(key)).rejects.toMatchObject({ kind: 'notFound' })
  await bench.store.abandon(key)
  expect(await bench.listAll(key)).toEqual([])
}

function createGate(): { opened: Promise<void>; open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { opened: promise, open: () => resolve() }
}
