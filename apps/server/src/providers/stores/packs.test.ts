import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createFaultyDisk, type FaultyDisk, systemError } from '../../../test/faulty-disk.ts'
import { openPacks, type Packs } from './packs.ts'

const MIB = 1024 * 1024
let parent: string
let directory: string
let disk: FaultyDisk
let packs: Packs
let registered: string[]

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'stowage-packs-'))
  directory = join(parent, 'packs')
  disk = createFaultyDisk()
  registered = []
  packs = open()
})
afterEach(async () => {
  await packs.close()
  expect(disk.openHandles).toBe(0)
  await rm(parent, { recursive: true, force: true })
})

function open(): Packs {
  const register = async (packId: string) => {
    disk.calls.push(`register ${packId}`)
    registered.push(packId)
  }
  return openPacks({ directory, register, fs: disk.fs, writtenWithinMs: 500 })
}

async function append(...parts: Buffer[]) {
  const { place, durable } = packs.append(parts)
  await durable
  return place
}

const fileOf = (packId: string) => join(directory, `${packId}.pack`)
const age = (packId: string) => utimes(fileOf(packId), new Date(0), new Date(Date.now() - 2 * 60 * 60 * 1000))

describe('what is added to a pack', () => {
  test('is written down, named, synced, and read back', async () => {
    const bytes = randomBytes(10_000)
    const place = await append(bytes.subarray(0, 3000), bytes.subarray(3000))
    const file = fileOf(place.packId)
    expect(place).toEqual({ packId: registered[0], start: 0, sizeBytes: 10_000 })
    expect(disk.calls).toEqual([
      `register ${place.packId}`,
      `mkdir ${directory}`,
      `sync ${parent}`,
      `sync ${directory}`,
      `writev ${file}`,
      `datasync ${file}`,
    ])
    expect((await packs.read(place)).equals(bytes)).toBe(true)
    expect((await packs.read(place, { start: 2990, end: 3009 })).equals(bytes.subarray(2990, 3010))).toBe(true)
    expect(await packs.read(place, { start: 9999, end: 20_000 })).toEqual(bytes.subarray(9999))
    await expect(packs.read(place, { start: 10_000 })).rejects.toMatchObject({ kind: 'badRange' })
  })

  test('shares its sync with whatever is added while an earlier one is under way', async () => {
    const contents = Array.from({ length: 50 }, (_, index) => randomBytes(1000 + index))
    const places = await Promise.all(contents.map((bytes) => append(bytes)))
    expect(disk.calls.filter((call) => call.startsWith('datasync'))).toHaveLength(2)
    const read = await Promise.all(places.map((place) => packs.read(place)))
    expect(read.map((bytes, index) => bytes.equals(contents[index] as Buffer))).not.toContain(false)
  })

  test('is not said to be durable before the sync has ended', async () => {
    const { promise: synced, resolve: sync } = Promise.withResolvers<void>()
    disk.before = { datasync: () => synced }
    let durable = false
    const appending = append(randomBytes(10)).then(() => {
      durable = true
    })
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(durable).toBe(false)
    sync()
    await appending
  })

  test('is written in full by a disk that takes a little at a time', async () => {
    disk.writeBytes = 700
    const [first, second] = [randomBytes(5000), randomBytes(3000)]
    const places = await Promise.all([append(first), append(second.subarray(0, 100), second.subarray(100))])
    expect((await packs.read(places[0])).equals(first)).toBe(true)
    expect((await packs.read(places[1])).equals(second)).toBe(true)
  })

  test('begins another pack when the first is full, and when its adding is over', async () => {
    const places = [
      await append(Buffer.alloc(40 * MIB)),
      await append(Buffer.alloc(20 * MIB)),
      await append(Buffer.alloc(10 * MIB)),
    ]
    expect(new Set(places.map(({ packId }) => packId)).size).toBe(2)
    expect(places[2]).toMatchObject({ start: 0 })
    await packs.close()
    packs = open()
    expect(await append(Buffer.from('x'))).toMatchObject({ start: 0 })
    expect(registered).toHaveLength(3)
  })
})

describe('a disk that fails', () => {
  test.each([
    ['writev', 'ENOSPC', 'full'],
    ['datasync', 'EIO', 'unavailable'],
    ['open', 'EACCES', 'denied'],
    ['sync', 'EIO', 'unavailable'],
  ] as const)(
    'at %s with %s: nobody is told that it is kept, and the next is kept in another pack',
    async (call, code, kind) => {
      const before = call === 'writev' || call === 'datasync' ? await append(randomBytes(100)) : undefined
      disk.before = {
        [call]: () => {
          throw systemError(code)
        },
      }
      const failing = [append(randomBytes(1000)), append(randomBytes(1000)), append(randomBytes(1000))]
      for (const failed of await Promise.allSettled(failing)) {
        expect(failed).toMatchObject({ status: 'rejected', reason: { name: 'StoreError' } })
      }
      await expect(failing[0]).rejects.toMatchObject({ kind })
      disk.before = {}
      const bytes = randomBytes(500)
      const place = await append(bytes)
      expect(place).toMatchObject({ start: 0 })
      expect(place.packId).not.toBe(before?.packId)
      expect((await packs.read(place)).equals(bytes)).toBe(true)
    },
  )

  test('by hanging holds nobody for ever', async () => {
    const { promise: hung, resolve: goOn } = Promise.withResolvers<void>()
    disk.before = { datasync: () => hung }
    await expect(append(randomBytes(10))).rejects.toMatchObject({ kind: 'unavailable', message: /within 500 ms/ })
    disk.before = {}
    const bytes = randomBytes(10)
    expect(await packs.read(await append(bytes))).toEqual(bytes)
    goOn()
    await new Promise((resolve) => setTimeout(resolve, 50))
  })

  test('leaves no pack that was not written down', async () => {
    packs = openPacks({ directory, fs: disk.fs, register: () => Promise.reject(new Error('no database')) })
    await expect(append(randomBytes(10))).rejects.toThrow('no database')
    await expect(readdir(directory)).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe('a pack that is added to now and then', () => {
  const MINUTE = 60 * 1000
  afterEach(() => vi.useRealTimers())

  test('is touched in between, so that nobody takes it for settled, and goes on', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
    const { packId } = await append(randomBytes(10))
    for (let minutes = 0; minutes < 90; minutes += 10) {
      await age(packId)
      vi.advanceTimersByTime(10 * MINUTE)
      await until(async () => (await packs.list())[0]?.settled === false)
    }
    expect(await append(randomBytes(10))).toEqual({ packId, start: 10, sizeBytes: 10 })
  })

  test('is left when it cannot be touched, long before others take it for settled', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
    const { packId } = await append(randomBytes(10))
    disk.before = {
      utimes: () => {
        throw systemError('EIO')
      },
    }
    vi.advanceTimersByTime(29 * MINUTE)
    expect(await append(randomBytes(10))).toMatchObject({ packId, start: 10 })
    vi.advanceTimersByTime(31 * MINUTE)
    const next = await append(randomBytes(10))
    expect(next.packId).not.toBe(packId)
    expect(next.start).toBe(0)
  })
})

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5))
}

describe('packs on disk', () => {
  test('are settled an hour after their last write, and only then can be removed', async () => {
    expect(await packs.list()).toEqual([])
    const { packId } = await append(randomBytes(300))
    await writeFile(join(directory, 'notes.txt'), 'not ours')
    expect(await packs.list()).toEqual([{ packId, sizeBytes: 300, settled: false }])
    expect(await packs.remove(packId)).toBe(false)
    await age(packId)
    expect(await packs.list()).toEqual([{ packId, sizeBytes: 300, settled: true }])
    expect(await packs.remove(packId)).toBe(true)
    expect(await readdir(directory)).toEqual(['notes.txt'])
    expect(await packs.remove(packId)).toBe(false)
  })

  test('that end too early, or are gone, are said to', async () => {
    const place = await append(randomBytes(300))
    await expect(packs.read({ ...place, sizeBytes: 301 })).rejects.toMatchObject({ kind: 'corrupt' })
    await expect(packs.read({ ...place, packId: randomUUID() })).rejects.toMatchObject({ kind: 'notFound' })
  })

  test('lose what is erased, to the byte', async () => {
    const contents = [randomBytes(70_000), randomBytes(200_000), randomBytes(70_000)] as const
    const [first, second, third] = [await append(contents[0]), await append(contents[1]), await append(contents[2])]
    await packs.erase(second)
    expect(
      (await readFile(fileOf(first.packId))).equals(Buffer.concat([contents[0], Buffer.alloc(200_000), contents[2]])),
    ).toBe(true)
    expect((await packs.read(third)).equals(contents[2])).toBe(true)
    await packs.erase({ ...second, packId: randomUUID() })
  })
})
