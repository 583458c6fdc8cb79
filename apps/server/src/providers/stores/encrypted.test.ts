import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { beforeEach, describe, expect, test } from 'vitest'
import { createFaultyDisk } from '../../../test/faulty-disk.ts'
import { faultyStore } from '../../../test/faulty-store.ts'
import { describeObjectStore } from './conformance.ts'
import type { StoreUnderTest } from './conformance-bench.ts'
import { encrypted, openBuffer, sealBuffer } from './encrypted.ts'
import { createDataKeyWrapper, type DataKeyWrapper } from './keyring.ts'
import { openLocalStore } from './local.ts'
import { createMemoryStore } from './memory.ts'
import { type ByteRange, type ObjectStore, StoreError } from './port.ts'

const CHUNK = 65_536
const SEALED = CHUNK + 16
const HEADER = 8

const newKeys = () => createDataKeyWrapper({ currentId: 'scope-1', keys: new Map([['scope-1', randomBytes(32)]]) })
const keys = newKeys()

describeObjectStore('encrypted memory', async () => {
  const store = encrypted(createMemoryStore())
  return { store, options: { keys, context: 'cpy_suite' }, close: () => store.close() }
})

describeObjectStore('encrypted local', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'stowage-encrypted-'))
  const disk = createFaultyDisk()
  const open = async () => encrypted(await openLocalStore({ directory, fs: disk.fs }))
  const subject: StoreUnderTest = {
    store: await open(),
    options: { keys, context: 'cpy_suite' },
    crash: async () => {
      subject.store = await open()
    },
    openHandles: () => disk.openHandles,
    close: () => rm(directory, { recursive: true }),
  }
  return subject
})

interface Sealed {
  bytes: Buffer
  envelope: Buffer
}

async function sealed(plain: Buffer, context = 'cpy_1', wrapper: DataKeyWrapper = keys): Promise<Sealed> {
  const { sealed, envelope } = await sealBuffer(plain, wrapper, context)
  const bytes = Buffer.concat(sealed)
  return { bytes, envelope }
}

/** Reads sealed bytes through the store, which must give the plain text or an error, and through the buffer alike. */
async function readBoth({ bytes, envelope }: Sealed, context = 'cpy_1', range?: ByteRange, wrapper = keys) {
  const inner = createMemoryStore()
  await inner.put('a', Readable.from([bytes], { objectMode: false }))
  const get = encrypted(inner).get('a', { envelope, keys: wrapper, context, range })
  const streamed = await get.then(({ body }) => buffer(body)).catch((error) => error)
  const buffered = await openBuffer(bytes, envelope, wrapper, context, range).catch((error) => error)
  if (Buffer.isBuffer(streamed)) expect(buffered).toEqual(streamed)
  else expect(buffered).toMatchObject({ kind: streamed.kind })
  return streamed as Buffer | StoreError
}

const corrupt = expect.objectContaining({ name: 'StoreError', kind: 'corrupt' })

describe('an encrypted object', () => {
  const plain = randomBytes(3 * CHUNK + 100)

  test('holds no run of its plain text', async () => {
    const { bytes } = await sealed(plain)
    for (let offset = 0; offset < plain.length; offset += 1000) {
      expect(bytes.includes(plain.subarray(offset, offset + 16))).toBe(false)
    }
  })

  test('is different each time, for its data key is never used twice', async () => {
    const [one, two] = [await sealed(plain), await sealed(plain)]
    expect(one.bytes.subarray(HEADER, HEADER + 64)).not.toEqual(two.bytes.subarray(HEADER, HEADER + 64))
    expect(await readBoth({ bytes: one.bytes, envelope: two.envelope })).toEqual(corrupt)
  })

  test.each([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK])(
    'of %d bytes is as large as the formula says, sealed in memory or in a store',
    async (size) => {
      const object = await sealed(plain.subarray(0, size))
      const expected = HEADER + size + 16 * Math.max(1, Math.ceil(size / CHUNK))
      expect(object.bytes).toHaveLength(expected)
      expect(await readBoth(object)).toEqual(plain.subarray(0, size))
      const store = encrypted(createMemoryStore())
      const body = Readable.from([plain.subarray(0, size)], { objectMode: false })
      expect((await store.put('a', body, { keys, context: 'c' })).storedBytes).toBe(expected)
    },
  )

  test('is corrupt when any byte of its first chunk, header and tag is changed', async () => {
    const { bytes, envelope } = await sealed(Buffer.from('short text'))
    for (const index of bytes.keys()) {
      const changed = Buffer.from(bytes)
      changed[index]! ^= 1
      expect(await readBoth({ bytes: changed, envelope })).toEqual(corrupt)
    }
  })

  test.each([HEADER + 10, HEADER + SEALED - 1, HEADER + SEALED, HEADER + 3 * SEALED, HEADER + 3 * SEALED + 115])(
    'is corrupt when byte %d is changed, and gives no byte of that chunk',
    async (index) => {
      const { bytes, envelope } = await sealed(plain)
      bytes[index]! ^= 0x80
      expect(await readBoth({ bytes, envelope })).toEqual(corrupt)
      const chunk = Math.floor((index - HEADER) / SEALED)
      const other = (chunk + 1) % 4
      const good = await readBoth({ bytes, envelope }, 'cpy_1', { start: other * CHUNK, end: other * CHUNK + 9 })
      expect(good).toEqual(plain.subarray(other * CHUNK, other * CHUNK + 10))
      const inner = createMemoryStore()
      await inner.put('a', Readable.from([bytes], { objectMode: false }))
      const { body } = await encrypted(inner).get('a', { envelope, keys, context: 'cpy_1' })
      let got = 0
      const reading = (async () => {
        for await (const piece of body) got += piece.length
      })()
      await expect(reading).rejects.toEqual(corrupt)
      expect(got).toBeLessThanOrEqual(chunk * CHUNK)
    },
  )

  test.each([
    0,
    HEADER - 1,
    HEADER,
    HEADER + 15,
    HEADER + 16,
    HEADER + CHUNK,
    HEADER + SEALED,
    HEADER + SEALED + 16,
    HEADER + 2 * SEALED,
    HEADER + 3 * SEALED,
    HEADER + 3 * SEALED + 115,
  ])('is corrupt when it is cut to %d bytes', async (length) => {
    const { bytes, envelope } = await sealed(plain)
    expect(await readBoth({ bytes: bytes.subarray(0, length), envelope })).toEqual(corrupt)
  })

  test('is corrupt, not shorter, to a range in the part that was cut off', async () => {
    const { bytes, envelope } = await sealed(plain)
    const inner = createMemoryStore()
    await inner.put('a', Readable.from([bytes.subarray(0, HEADER + 2 * SEALED)], { objectMode: false }))
    for (const start of [CHUNK, 2 * CHUNK, 3 * CHUNK + 50]) {
      const read = async () => {
        const { body } = await encrypted(inner).get('a', { envelope, keys, context: 'cpy_1', range: { start } })
        return buffer(body)
      }
      await expect(read()).rejects.toEqual(corrupt)
    }
  })

  test('is corrupt when bytes are added at its end', async () => {
    const { bytes, envelope } = await sealed(plain)
    for (const extra of [1, 16, 17, SEALED]) {
      const longer = Buffer.concat([bytes, Buffer.alloc(extra)])
      expect(await readBoth({ bytes: longer, envelope })).toEqual(corrupt)
    }
  })

  test('is corrupt when its chunks are moved, repeated or left out', async () => {
    const { bytes, envelope } = await sealed(plain)
    const at = (index: number) => bytes.subarray(HEADER + index * SEALED, HEADER + (index + 1) * SEALED)
    for (const order of [[1, 0, 2, 3], [0, 0, 2, 3], [0, 2, 3], [1, 2, 3], [0, 1, 2, 2, 3], [3]]) {
      const moved = Buffer.concat([bytes.subarray(0, HEADER), ...order.map(at)])
      expect(await readBoth({ bytes: moved, envelope })).toEqual(corrupt)
    }
  })

  test('is corrupt when it is swapped with another, with its envelope or without', async () => {
    const one = await sealed(plain, 'cpy_1')
    const two = await sealed(plain, 'cpy_2')
    expect(await readBoth(two, 'cpy_1')).toEqual(corrupt)
    expect(await readBoth({ bytes: two.bytes, envelope: one.envelope }, 'cpy_1')).toEqual(corrupt)
    expect(await readBoth(two, 'cpy_2')).toEqual(plain)
  })

  test('is corrupt under the keys of another scope', async () => {
    const object = await sealed(plain)
    expect(await readBoth(object, 'cpy_1', undefined, newKeys())).toEqual(corrupt)
  })

  test('is corrupt with an envelope of which any byte is changed, or that is cut', async () => {
    const { bytes, envelope } = await sealed(Buffer.from('x'))
    for (const index of envelope.keys()) {
      const changed = Buffer.from(envelope)
      changed[index]! ^= 1
      expect(await readBoth({ bytes, envelope: changed })).toEqual(corrupt)
      expect(await readBoth({ bytes, envelope: envelope.subarray(0, index) })).toEqual(corrupt)
    }
  })

  test('stays readable when the scope has a new key, which new objects use', async () => {
    const [oldKey, newKey] = [randomBytes(32), randomBytes(32)]
    const before = createDataKeyWrapper({ currentId: 'old', keys: new Map([['old', oldKey]]) })
    const after = createDataKeyWrapper({
      currentId: 'new',
      keys: new Map([
        ['new', newKey],
        ['old', oldKey],
      ]),
    })
    expect(await readBoth(await sealed(plain, 'cpy_1', before), 'cpy_1', undefined, after)).toEqual(plain)
    expect(await readBoth(await sealed(plain, 'cpy_1', after), 'cpy_1', undefined, before)).toEqual(corrupt)
  })
})

describe('sealed bytes that come in other pieces than they were sealed in', () => {
  const plain = randomBytes(5 * CHUNK + 100)
  const end = plain.length - 1

  /** Reads them through a store that overwrites each piece as soon as it is given back. */
  async function readInPieces(bytes: Buffer, { envelope }: Sealed, pieceBytes: number, range?: ByteRange) {
    const memory = createMemoryStore()
    await memory.put('a', Readable.from([bytes], { objectMode: false }))
    let kept = 0
    const get: ObjectStore['get'] = async (key, options) => {
      const { body, sizeBytes } = await memory.get(key, options)
      const all = await buffer(body)
      const pieces = Array.from({ length: Math.ceil(all.length / pieceBytes) }, (_, index) =>
        Buffer.from(all.subarray(index * pieceBytes, (index + 1) * pieceBytes)),
      )
      kept = pieces.length
      const giveBack = (piece: Buffer) => {
        kept -= 1
        piece.fill(0)
      }
      return { body: Readable.from(pieces), sizeBytes, giveBack }
    }
    const stored = await encrypted({ ...memory, get }).get('a', { envelope, keys, context: 'cpy_1', range })
    const read = await buffer(stored.body)
    expect(kept).toBe(0)
    return read
  }

  const sizes = [3, 7, 8, 4000, SEALED - 1, SEALED, SEALED + 1, SEALED + HEADER, 200_000, 262_144, 1_000_000]

  test.each(sizes)('are opened in pieces of %d, each of which is given back', async (pieceBytes) => {
    const object = await sealed(plain)
    expect((await readInPieces(object.bytes, object, pieceBytes)).equals(plain)).toBe(true)
    const range = { start: CHUNK - 10, end: 3 * CHUNK + 10 }
    const part = await readInPieces(object.bytes, object, pieceBytes, range)
    expect(part.equals(plain.subarray(range.start, range.end + 1))).toBe(true)
    const last = await readInPieces(object.bytes, object, pieceBytes, { start: end })
    expect(last.equals(plain.subarray(end))).toBe(true)
  })

  test.each(sizes)('are corrupt in pieces of %d when some are missing or too many', async (pieceBytes) => {
    const object = await sealed(plain)
    const cut = object.bytes.subarray(0, HEADER + 3 * SEALED)
    const longer = Buffer.concat([object.bytes, object.bytes.subarray(HEADER, HEADER + SEALED)])
    for (const bytes of [cut, longer, Buffer.concat([longer, longer])]) {
      await expect(readInPieces(bytes, object, pieceBytes)).rejects.toEqual(corrupt)
    }
  })
})

describe('an encrypted store', () => {
  let inner: ObjectStore
  let store: ObjectStore
  let ranges: unknown[]
  beforeEach(() => {
    ranges = []
    inner = createMemoryStore()
    store = encrypted({
      ...inner,
      get: (key, options) => {
        ranges.push(options?.range)
        return inner.get(key, options)
      },
    })
  })
  const body = (size: number) => Readable.from([randomBytes(size)], { objectMode: false })

  test('reads only the chunks that a range touches', async () => {
    const { envelope } = await store.put('a', body(10 * CHUNK), { keys, context: 'c' })
    const read = async (range: ByteRange) => {
      const { body: part } = await store.get('a', { keys, context: 'c', envelope, range })
      await buffer(part)
    }
    await read({ start: 3 * CHUNK + 5, end: 4 * CHUNK })
    await read({ start: 0, end: 0 })
    await read({ start: 9 * CHUNK })
    expect(ranges).toEqual([
      { start: HEADER + 3 * SEALED, end: HEADER + 5 * SEALED - 1 },
      { start: 0, end: HEADER + SEALED - 1 },
      { start: HEADER + 9 * SEALED, end: undefined },
    ])
  })

  test('seals the same bytes under another data key each time', async () => {
    const plain = randomBytes(1000)
    const stored = []
    for (const key of ['a', 'b']) {
      await store.put(key, Readable.from([plain], { objectMode: false }), { keys, context: 'c' })
      stored.push(await buffer((await inner.get(key)).body))
    }
    expect(stored[0]?.subarray(HEADER)).not.toEqual(stored[1]?.subarray(HEADER))
  })

  test('lets nobody read, write or copy its bytes beside us, whatever the store inside can', async () => {
    const everything = { presignedGet: true, presignedPut: true, presignedPost: true, presignedParts: true }
    const capabilities = { ...inner.capabilities, ...everything, serverCopy: true, metadata: true }
    const presignGet = async () => ({
      method: 'GET' as const,
      url: 'https://store.example/a',
      headers: {},
      expiresAt: new Date(0),
    })
    const sealed = encrypted({ ...inner, capabilities, presignGet })
    expect(Object.entries(sealed.capabilities).filter(([name]) => name in everything || name === 'serverCopy')).toEqual(
      ['presignedGet', 'presignedPut', 'presignedPost', 'presignedParts', 'serverCopy'].map((name) => [name, false]),
    )
    await expect(sealed.presignGet('a', { expiresInSeconds: 60 })).rejects.toMatchObject({ kind: 'unsupported' })
  })

  test('refuses to work without keys, context or envelope', async () => {
    const unsupported = { kind: 'unsupported' }
    await expect(store.put('a', body(1))).rejects.toMatchObject(unsupported)
    await expect(store.put('a', body(1), { keys })).rejects.toMatchObject(unsupported)
    const { envelope } = await store.put('a', body(1), { keys, context: 'c' })
    await expect(store.get('a', { context: 'c', envelope })).rejects.toMatchObject(unsupported)
    await expect(store.get('a', { keys, envelope })).rejects.toMatchObject(unsupported)
    await expect(store.get('a', { keys, context: 'c' })).rejects.toMatchObject(unsupported)
  })

  test('stores nothing when the data key cannot be wrapped', async () => {
    const unreachable: DataKeyWrapper = {
      wrap: () => Promise.reject(new StoreError('unavailable', 'no keys today')),
      unwrap: () => Promise.reject(new StoreError('unavailable', 'no keys today')),
    }
    const unread = body(1)
    await expect(store.put('a', unread, { keys: unreachable, context: 'c' })).rejects.toMatchObject({
      kind: 'unavailable',
    })
    expect(unread.destroyed).toBe(true)
    expect((await store.list({})).items).toEqual([])
    const { envelope } = await store.put('a', body(1), { keys, context: 'c' })
    const get = store.get('a', { keys: unreachable, context: 'c', envelope })
    await expect(get).rejects.toMatchObject({ kind: 'unavailable' })
  })

  test('reports a body that fails while its data key is wrapped', async () => {
    const failing = new Readable({ read() {} })
    const failure = new Error('gone')
    const slow: DataKeyWrapper = {
      ...keys,
      wrap: async (...wrapped) => {
        failing.destroy(failure)
        await new Promise((resolve) => setTimeout(resolve, 10))
        return keys.wrap(...wrapped)
      },
    }
    await expect(store.put('a', failing, { keys: slow, context: 'c' })).rejects.toBe(failure)
  })

  test.each([0, HEADER + 5, HEADER + SEALED, HEADER + SEALED + 5])(
    'takes an object for corrupt when the store inside ends it after %d bytes without a word',
    async (bytes) => {
      const { envelope } = await store.put('a', body(2 * CHUNK), { keys, context: 'c' })
      const lying = encrypted(faultyStore(inner, { get: { at: { bytes }, effect: 'short' } }))
      const { body: part } = await lying.get('a', { keys, context: 'c', envelope })
      await expect(buffer(part)).rejects.toEqual(corrupt)
    },
  )

  test.each(['wrap', 'unwrap'] as const)('waits for keys that hang in %s no longer than its signal', async (verb) => {
    const { envelope } = await store.put('a', body(1), { keys, context: 'c' })
    const hanging = { ...keys, [verb]: () => new Promise<Buffer>(() => {}) }
    const reason = new Error('enough')
    const abort = new AbortController()
    const options = { keys: hanging, context: 'c', signal: abort.signal }
    const waiting = verb === 'wrap' ? store.put('b', body(1), options) : store.get('a', { ...options, envelope })
    setTimeout(() => abort.abort(reason), 10)
    await expect(waiting).rejects.toBe(reason)
  })
})
