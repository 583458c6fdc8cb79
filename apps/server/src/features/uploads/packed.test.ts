import { mkdtemp, readdir, readFile, rm, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { createFaultyDisk, type FaultyDisk, systemError } from '../../../test/faulty-disk.ts'
import { newOrganization, newText, uploadText } from '../../../test/service.ts'
import { startTestService, type TestService } from '../../../test/test-service.ts'
import { jobs } from '../../doors/worker/jobs.ts'
import { withClient } from '../../platform/database/client.ts'
import { openPacks } from '../../providers/stores/packs.ts'

let service: TestService
let folder: string
let disk: FaultyDisk

beforeAll(async () => {
  service = await startTestService()
})
afterAll(() => service?.stop())

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stowage-packed-'))
  disk = createFaultyDisk()
  restart()
})
afterEach(async () => {
  await service.app.uploads.packs.close()
  await rm(folder, { recursive: true, force: true })
})

/** Whoever is started anew adds to a new pack. */
function restart(): void {
  const register = (packId: string) => service.app.pools.first.query('select api.begin_pack($1)', [packId])
  // What writes, what reads and what is worked with are one.
  Object.assign(service.app.uploads.packs, openPacks({ directory: folder, register, fs: disk.fs }))
}

const owner = async (text: string, ...values: unknown[]) =>
  (await withClient(service.database.owner, (client) => client.query(text, values))).rows
const inPacks = () => owner('select key, pack_id, pack_start from stowage.chunk where pack_id is not null order by key')
const assets = async () => (await owner('select from stowage.asset')).length
const read = async (id: string, headers?: Record<string, string>) =>
  (await service.call(`/v1/assets/${id}/content`, headers && { headers })).bytes
const packFiles = async () => (await readdir(folder)).filter((name) => name.endsWith('.pack')).sort()
const settle = async () => {
  const past = new Date(Date.now() - 2 * 60 * 60 * 1000)
  for (const name of await readdir(folder)) await utimes(join(folder, name), past, past)
}

describe('a file of a few dozen KiB', () => {
  test('lies in a pack, and is read from there whole and by range', async () => {
    const before = (await inPacks()).length
    const bytes = newText(90_000)
    const { status, json } = await uploadText(service.call, bytes)
    expect(status).toBe(201)
    expect(await inPacks()).toHaveLength(before + 1)
    expect((await read(json.id)).equals(bytes)).toBe(true)
    expect((await read(json.id, { range: 'bytes=70000-70009' })).equals(bytes.subarray(70_000, 70_010))).toBe(true)
  })

  test('lies encrypted there', async () => {
    const bytes = newText(20_000)
    await uploadText(service.call, bytes)
    const calls = disk.calls.filter((call) => call.startsWith('writev'))
    expect(calls).toHaveLength(1)
    const [name] = await packFiles()
    const stored = await readFile(join(folder, name as string))
    expect(stored.length).toBeGreaterThan(20_000)
    expect(stored.includes(bytes.subarray(0, 64))).toBe(false)
  })

  test('is not there before its pack is synced', async () => {
    const { promise: synced, resolve: sync } = Promise.withResolvers<void>()
    await uploadText(service.call, newText(20_000))
    const before = await assets()
    disk.before = { datasync: () => synced }
    const uploading = uploadText(service.call, newText(20_000))
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(await assets()).toBe(before)
    sync()
    expect((await uploading).status).toBe(201)
    expect(await assets()).toBe(before + 1)
  })

  test.each([
    ['ENOSPC', 507, 'store.full'],
    ['EIO', 503, 'store.unavailable'],
  ])(
    'is refused when the disk says %s, alone and among others, and nothing of it is kept',
    async (code, status, problem) => {
      const before = [await assets(), (await inPacks()).length]
      disk.before = {
        writev: () => {
          throw systemError(code)
        },
      }
      const answers = await Promise.all(Array.from({ length: 12 }, () => uploadText(service.call, newText(20_000))))
      expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([status]))
      expect(answers[0]?.json.code).toBe(problem)
      expect([await assets(), (await inPacks()).length]).toEqual(before)
      disk.before = {}
      const bytes = newText(20_000)
      const { json } = await uploadText(service.call, bytes)
      expect((await read(json.id)).equals(bytes)).toBe(true)
    },
  )
})

describe.each([true, false])('files of a group that is refused, encrypted: %s', (encryptSmall) => {
  test('are whole when each is tried alone', async () => {
    onTestFinished(() => void Object.assign(service.app.uploads.options, { encryptSmall: true }))
    Object.assign(service.app.uploads.options, { encryptSmall })
    const organization = (await newOrganization(service.call)).id
    await uploadText(service.call, newText(10), { organization })
    const body = { quotaBytes: 10 + 7 * 20_000 }
    await service.call(`/v1/organizations/${organization}`, { method: 'PATCH', body })
    const texts = Array.from({ length: 12 }, () => newText(20_000))
    const answers = await Promise.all(texts.map((bytes) => uploadText(service.call, bytes, { organization })))
    const kept = answers.flatMap(({ status, json }, index) =>
      status === 201 ? [{ id: json.id, bytes: texts[index] }] : [],
    )
    expect(kept).toHaveLength(7)
    for (const { id, bytes } of kept) {
      const answer = await service.call(`/v1/assets/${id}/content`, { organization })
      expect(answer.bytes.equals(bytes as Buffer)).toBe(true)
    }
  })
})

describe('packs of which most is dead', () => {
  async function uploads(count: number) {
    const contents = Array.from({ length: count }, () => newText(20_000))
    const made = []
    for (const bytes of contents) made.push({ id: (await uploadText(service.call, bytes)).json.id as string, bytes })
    return made
  }
  async function purge(id: string) {
    expect((await service.call(`/v1/assets/${id}?purge=true`, { method: 'DELETE' })).status).toBe(204)
  }
  async function reap() {
    await owner(`update stowage.copy set due_at = now() where state = 'releasing'`)
    await jobs.reap(service.app.worker)
  }

  async function work() {
    await settle()
    return jobs.repack(service.app.worker)
  }

  test('are written anew with what is left, then removed; readers see no difference', async () => {
    const files = await uploads(5)
    const [old] = await packFiles()
    restart()
    const [kept, ...others] = files
    for (const { id } of others.slice(0, 3)) await purge(id)
    await reap()
    await settle()
    expect(await jobs.repack(service.app.worker)).toBe(1)
    expect(await packFiles()).toHaveLength(2)
    await work()
    expect(await packFiles()).toContain(old)
    const { options } = service.app.worker
    options.releaseDelaySeconds = 3600
    await work()
    expect(await packFiles()).toContain(old)
    options.releaseDelaySeconds = 0
    await work()
    expect(await packFiles()).not.toContain(old)
    for (const { id, bytes } of [kept, others[3]] as typeof files) expect((await read(id)).equals(bytes)).toBe(true)
    expect(await owner('select from stowage.pack where id = $1', old?.replace('.pack', ''))).toEqual([])
  })

  test('stay as they are while half of them is used, or somebody adds to them', async () => {
    const files = await uploads(4)
    await purge(files[0]?.id as string)
    await reap()
    expect(await jobs.repack(service.app.worker)).toBe(0)
    await settle()
    expect(await jobs.repack(service.app.worker)).toBe(0)
    expect(await packFiles()).toHaveLength(1)
  })

  test('that the database does not know are never removed', async () => {
    const [file] = await uploads(1)
    const [{ pack_id: packId }] = await owner('select pack_id from stowage.chunk order by created_at desc limit 1')
    await purge(file?.id as string)
    await reap()
    await owner('delete from stowage.pack where id = $1', packId)
    for (let run = 0; run < 3; run++) await work()
    expect(await packFiles()).toEqual([`${packId}.pack`])
  })

  test('do not bring back what is deleted while it is being moved', async () => {
    const files = await uploads(5)
    restart()
    for (const { id } of files.slice(0, 3)) await purge(id)
    await reap()
    await settle()
    const [last] = files.slice(4)
    disk.before = {
      datasync: async () => {
        disk.before = {}
        await purge(last?.id as string)
        await reap()
      },
    }
    for (let run = 0; run < 4; run++) await work()
    expect(await packFiles()).toHaveLength(1)
    expect((await read(files[3]?.id as string)).equals(files[3]?.bytes as Buffer)).toBe(true)
    expect((await service.call(`/v1/assets/${last?.id}/content`)).status).toBe(404)
  })
})
