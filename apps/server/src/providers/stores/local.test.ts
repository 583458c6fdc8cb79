import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { createFaultyDisk, type FaultyDisk, systemError } from '../../../test/faulty-disk.ts'
import { describeObjectStore } from './conformance.ts'
import type { StoreUnderTest } from './conformance-bench.ts'
import { openLocalStore } from './local.ts'
import type { ObjectStore } from './port.ts'

let parent: string
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'stowage-local-'))
})
afterAll(() => rm(parent, { recursive: true }))

describeObjectStore('local', async () => {
  const directory = await mkdtemp(join(parent, 'suite-'))
  const disk = createFaultyDisk()
  const open = () => openLocalStore({ directory, fs: disk.fs })
  const subject: StoreUnderTest = {
    store: await open(),
    crash: async () => {
      subject.store = await open()
    },
    openHandles: () => disk.openHandles,
    close: () => rm(directory, { recursive: true }),
  }
  return subject
})

let directory: string
let disk: FaultyDisk
let store: ObjectStore
beforeEach(async () => {
  directory = await mkdtemp(join(parent, 'store-'))
  disk = createFaultyDisk()
  store = await openLocalStore({ directory, fs: disk.fs })
  disk.calls = []
})

const put = (key: string, bytes: Buffer | string = 'content', signal?: AbortSignal) => {
  return store.put(key, Readable.from([Buffer.from(bytes)], { objectMode: false }), { signal })
}
const read = async (key: string) => buffer((await store.get(key)).body)

describe('pieces that are given back', () => {
  const PIECE = 256 * 1024
  const big = () => randomBytes(5 * PIECE + 10)

  /** Reads an object piece by piece. @returns what it holds, and the memory it was read into */
  async function readPieces(key: string, gives: boolean) {
    const { body, giveBack } = await store.get(key)
    const copies: Buffer[] = []
    const places = new Set<ArrayBufferLike>()
    for await (const piece of body as AsyncIterable<Buffer>) {
      copies.push(Buffer.from(piece))
      places.add(piece.buffer)
      if (gives) giveBack?.(piece)
    }
    return { bytes: Buffer.concat(copies), places }
  }

  test('are read into again, for this object and the next', async () => {
    const contents = [big(), big()]
    await put('a', contents[0])
    await put('b', contents[1])
    const first = await readPieces('a', true)
    const second = await readPieces('b', true)
    expect([first.bytes, second.bytes]).toEqual(contents)
    expect(first.places.size).toBeLessThan(6)
    expect([...second.places].filter((place) => !first.places.has(place))).toEqual([])
  })

  test('are left alone by a store that was given nothing back', async () => {
    await put('a', big())
    const first = await readPieces('a', false)
    const second = await readPieces('a', false)
    expect(first.places.size).toBe(6)
    expect([...second.places].filter((place) => first.places.has(place))).toEqual([])
  })

  test('belong to one reader at a time, of however many', async () => {
    const contents = new Map(Array.from({ length: 12 }, (_, index) => [`key-${index}`, big()]))
    for (const [key, bytes] of contents) await put(key, bytes)
    for (let round = 0; round < 3; round++) {
      const all = [...contents].map(async ([key, bytes]) => (await readPieces(key, true)).bytes.equals(bytes))
      expect(new Set(await Promise.all(all))).toEqual(new Set([true]))
    }
  })
})

describe('what a local store leaves on disk', () => {
  test('is a file at the path of the key, readable by its owner alone', async () => {
    await put('org/2026/name.txt')
    expect(await readFile(join(directory, 'org/2026/name.txt'), 'utf8')).toBe('content')
    expect((await stat(join(directory, 'org/2026/name.txt'))).mode & 0o777).toBe(0o600)
    expect((await stat(join(directory, 'org'))).mode & 0o777).toBe(0o700)
    expect(await readdir(join(directory, '.tmp'))).toEqual([])
  })

  test('is synced before it has its name, and its folders after', async () => {
    await put('a/b/name')
    const temporary = disk.calls[0]!.split(' ')[1]!
    expect(disk.calls.map((call) => call.replace(temporary, 'TEMPORARY').replace(directory, 'ROOT'))).toEqual([
      'writev TEMPORARY',
      'datasync TEMPORARY',
      'mkdir ROOT/a',
      'mkdir ROOT/a/b',
      'link ROOT/a/b/name',
      'unlink TEMPORARY',
      'sync ROOT/a/b',
      'sync ROOT/a',
      'sync ROOT',
    ])
  })

  test('is not synced again above a folder that is already durable', async () => {
    await put('a/b/one')
    disk.calls = []
    await put('a/b/two')
    expect(disk.calls.filter((call) => call.startsWith('sync'))).toEqual([`sync ${join(directory, 'a/b')}`])
  })

  test('is synced above again when its folder was emptied meanwhile', async () => {
    await put('a/b/one')
    await store.delete('a/b/one')
    disk.calls = []
    await put('a/b/two')
    expect(disk.calls.filter((call) => call.startsWith('sync'))).toHaveLength(3)
  })

  test('is gone durably once it is deleted, with the folders that are empty', async () => {
    await put('a/b/c/one')
    await put('a/two')
    disk.calls = []
    await store.delete('a/b/c/one')
    const folder = join(directory, 'a/b/c')
    expect(disk.calls.slice(0, 2)).toEqual([`unlink ${folder}/one`, `sync ${folder}`])
    expect(await readdir(join(directory, 'a'))).toEqual(['two'])
    await store.delete('a/two')
    expect(await readdir(directory)).toEqual(['.tmp'])
  })

  test('is made of large writes, however small the chunks', async () => {
    const chunks = Array.from({ length: 2048 }, () => randomBytes(512))
    await store.put('small-chunks', Readable.from(chunks, { objectMode: false }))
    expect(disk.calls.filter((call) => call.startsWith('writev'))).toHaveLength(4)
    expect(await read('small-chunks')).toEqual(Buffer.concat(chunks))
  })

  test('gives back each piece once it is written, and none that a failing write may still hold', async () => {
    const chunks = Array.from({ length: 20 }, () => randomBytes(50_000))
    const given: Buffer[] = []
    const giveBack = (piece: Buffer) => void given.push(piece)
    await store.put('whole', Readable.from(chunks), { giveBack })
    expect(given).toHaveLength(chunks.length)
    expect(Buffer.concat(given)).toEqual(Buffer.concat(chunks))
    given.length = 0
    disk.writeBytes = 0
    await expect(store.put('failing', Readable.from(chunks), { giveBack })).rejects.toMatchObject({
      kind: 'unavailable',
    })
    expect(given).toEqual([])
  })

  test.each(['.tmp', '.tmp/a', '.TMP/a'])('never lies among the temporary files: %s is refused', async (key) => {
    await expect(put(key)).rejects.toMatchObject({ kind: 'badKey' })
  })

  test.each([
    ['short', 'a/Ä name~+%.txt'],
    ['long', Array.from({ length: 5 }, () => `${'語'.repeat(60)}~Name`).join('/')],
  ])('shows the key of an unfinished file, be it %s, and abandons no other', async (_, key) => {
    const failing = async (name: string) => {
      const body = new Readable({ read: () => {} })
      const putting = store.put(name, body)
      await vi.waitFor(async () => expect((await store.list({ prefix: name })).items).toHaveLength(1))
      body.destroy(new Error('gone'))
      await expect(putting).rejects.toThrow('gone')
    }
    await failing(key)
    await failing(`${key}x`)
    expect((await store.list({ limit: 1 })).items).toMatchObject([{ unfinished: true }])
    await store.abandon(key)
    expect((await store.list({})).items).toMatchObject([{ key: `${key}x`, unfinished: true }])
    await store.abandon(`${key}x`)
    expect(await readdir(join(directory, '.tmp'))).toEqual([])
  })
})

describe('a link inside the tree of a local store', () => {
  let outside: string
  beforeEach(async () => {
    outside = await mkdtemp(join(parent, 'outside-'))
    await writeFile(join(outside, 'secret'), 'secret')
  })

  test('is not followed where a file is expected', async () => {
    await symlink(join(outside, 'secret'), join(directory, 'link'))
    await expect(store.get('link')).rejects.toMatchObject({ kind: 'denied' })
    expect(await store.head('link')).toBeUndefined()
    expect((await store.list({})).items).toEqual([])
    await store.delete('link')
    expect(await readFile(join(outside, 'secret'), 'utf8')).toBe('secret')
  })

  test('is not followed where a folder is expected', async () => {
    await symlink(outside, join(directory, 'link'))
    const denied = { kind: 'denied' }
    await expect(store.get('link/secret')).rejects.toMatchObject(denied)
    await expect(store.head('link/secret')).rejects.toMatchObject(denied)
    await expect(store.delete('link/secret')).rejects.toMatchObject(denied)
    await expect(put('link/new')).rejects.toMatchObject(denied)
    await expect(put('link/folder/new')).rejects.toMatchObject(denied)
    expect((await store.list({})).items.filter((info) => !info.unfinished)).toEqual([])
    expect(await readdir(outside)).toEqual(['secret'])
  })
})

describe('a failing disk', () => {
  test.each([
    ['writev', 'ENOSPC', 'full'],
    ['writev', 'EDQUOT', 'full'],
    ['writev', 'EIO', 'unavailable'],
    ['datasync', 'EIO', 'unavailable'],
    ['datasync', 'ENOSPC', 'full'],
    ['open', 'EACCES', 'denied'],
    ['open', 'EMFILE', 'unavailable'],
    ['mkdir', 'EROFS', 'denied'],
    ['mkdir', 'ENOSPC', 'full'],
    ['link', 'EPERM', 'denied'],
    ['link', 'EIO', 'unavailable'],
  ] as const)('that answers %s with %s makes a put fail as %s, and shows nothing', async (call, code, kind) => {
    disk.before[call] = () => {
      throw systemError(code)
    }
    await expect(put('a/b', randomBytes(1_000_000))).rejects.toMatchObject({ name: 'StoreError', kind })
    disk.before = {}
    expect(await store.head('a/b')).toBeUndefined()
    await store.abandon('a/b')
    expect((await store.list({})).items).toEqual([])
    expect(disk.openHandles).toBe(0)
    await put('a/b', 'again')
    expect((await read('a/b')).toString()).toBe('again')
  })

  test('that cannot sync a folder makes a put fail, for its name may not be durable', async () => {
    disk.before.sync = () => {
      throw systemError('EIO')
    }
    await expect(put('a')).rejects.toMatchObject({ kind: 'unavailable' })
    await expect(store.delete('a')).rejects.toMatchObject({ kind: 'unavailable' })
  })

  test('that takes only a part of each write still gets every byte', async () => {
    disk.writeBytes = 10_007
    const bytes = randomBytes(600_000)
    await put('a', bytes)
    expect(await read('a')).toEqual(bytes)
  })

  test('that takes no byte of a write makes a put fail', async () => {
    disk.writeBytes = 0
    await expect(put('a')).rejects.toMatchObject({ kind: 'unavailable' })
  })

  test.each(['open', 'writev', 'datasync'] as const)(
    'that hangs in %s holds no put longer than its signal',
    async (call) => {
      const abort = new AbortController()
      const reason = new Error('waited long enough')
      const held = Promise.withResolvers<void>()
      const hanging = Promise.withResolvers<void>()
      disk.before[call] = () => {
        hanging.resolve()
        return held.promise
      }
      const putting = put('a', 'late', abort.signal)
      await hanging.promise
      abort.abort(reason)
      await expect(putting).rejects.toBe(reason)
      held.resolve()
      await vi.waitFor(() => expect(disk.openHandles).toBe(0))
      expect(await store.head('a')).toBeUndefined()
    },
  )

  test('that ends a write after its abort publishes nothing', async () => {
    const abort = new AbortController()
    const reason = new Error('changed my mind')
    disk.before.datasync = () => abort.abort(reason)
    await expect(put('a', 'late', abort.signal)).rejects.toBe(reason)
    expect(disk.calls.filter((call) => call.startsWith('link'))).toEqual([])
    expect(await store.head('a')).toBeUndefined()
  })

  test('that hangs lets a body run on by no more than the buffers', async () => {
    disk.before.writev = () => new Promise(() => {})
    let produced = 0
    const body = new Readable({
      read() {
        produced += 65_536
        this.push(Buffer.alloc(65_536))
      },
    })
    const abort = new AbortController()
    const putting = store.put('endless', body, { signal: abort.signal })
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(produced).toBeLessThan(2_000_000)
    abort.abort(new Error('enough'))
    await expect(putting).rejects.toThrow('enough')
  })

  test('that fails to read fails the stream', async () => {
    await put('a', randomBytes(1_000_000))
    let reads = 0
    disk.before.read = () => {
      if (++reads === 3) throw systemError('EIO')
    }
    await expect(read('a')).rejects.toMatchObject({ name: 'StoreError', kind: 'unavailable' })
    await vi.waitFor(() => expect(disk.openHandles).toBe(0))
  })

  test('that has lost the end of a file fails the stream as corrupt', async () => {
    await put('a', randomBytes(1_000_000))
    const { body } = await store.get('a')
    await truncate(join(directory, 'a'), 600_000)
    await expect(buffer(body)).rejects.toMatchObject({ kind: 'corrupt' })
  })

  test('that loses an unfinished file to the reaper makes the put fail', async () => {
    disk.before.link = () => {
      disk.before = {}
      return store.abandon('a/b')
    }
    await expect(put('a/b')).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('abandoned'),
    })
  })

  test('whose folder vanishes before the file is named is given it again', async () => {
    let removals = 0
    disk.before.link = (path) => (++removals <= 3 ? rm(dirname(path), { recursive: true }) : undefined)
    await put('a/b/c')
    expect((await read('a/b/c')).toString()).toBe('content')
  })
})

describe('openLocalStore', () => {
  test('makes its folder and those above it durable', async () => {
    const fresh = createFaultyDisk()
    const deep = join(directory, 'x/y')
    await openLocalStore({ directory: deep, fs: fresh.fs })
    const synced = fresh.calls
      .filter((call) => call.startsWith('sync'))
      .map((call) => relative(directory, call.slice(5)))
    expect(synced).toEqual(['x', '', 'x/y'])
    expect((await stat(deep)).mode & 0o777).toBe(0o700)
  })

  test('finds what an earlier store stored, through a link to its folder too', async () => {
    await put('a/b')
    await symlink(directory, `${directory}-link`)
    store = await openLocalStore({ directory: `${directory}-link` })
    expect((await read('a/b')).toString()).toBe('content')
  })

  test('refuses a path that is a file', async () => {
    await mkdir(join(directory, 'z'))
    await writeFile(join(directory, 'z/file'), '')
    await expect(openLocalStore({ directory: join(directory, 'z/file') })).rejects.toMatchObject({ name: 'StoreError' })
  })
})
