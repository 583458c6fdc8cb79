import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type App, createApp } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import { startHttp } from '../../src/doors/http/server.ts'
import { type Foundation, layFoundation } from '../../src/foundation.ts'
import { encrypted } from '../../src/providers/stores/encrypted.ts'
import { openLocalStore } from '../../src/providers/stores/local.ts'
import { retrying } from '../../src/providers/stores/retrying.ts'
import { look, runEverything } from '../at-rest.ts'
import { createFaultyDisk, type FaultyDisk, systemError } from '../faulty-disk.ts'
import { type FaultPlan, faultyStore } from '../faulty-store.ts'

const KEY = 'faults-admin-key-0123456789'
const SIZE_BYTES = 400_000
const RETRIES = { attempts: 2, totalMs: 1000, baseMs: 1, maxDelayMs: 2 }

let data: string
let foundation: Foundation
let app: App
let http: { url: string; stop(): Promise<void> }
let disk: FaultyDisk
let plan: FaultPlan

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'stowage-faults-'))
  const log = pino({ level: 'silent' })
  const config = readConfig({
    STOWAGE_DATA: data,
    STOWAGE_PORT: '0',
    STOWAGE_ADMIN_KEY: KEY,
    STOWAGE_SMALL_OBJECT_BYTES: '1024',
    STOWAGE_STALL_SECONDS: '1',
    STOWAGE_EXTRACT: 'off',
  })
  foundation = await layFoundation(config, log, () => {})
  app = await createApp(config, foundation, log)
  disk = createFaultyDisk()
  plan = {}
  const local = await openLocalStore({ directory: join(data, 'objects'), fs: disk.fs })
  const store = encrypted(retrying(faultyStore(local, plan), RETRIES))
  app.stores.set('local', store)
  http = await startHttp(app, config, log)
})

afterAll(async () => {
  await http.stop()
  await app.close()
  await foundation.stop()
  await rm(data, { recursive: true, force: true })
})

beforeEach(async () => {
  disk.before = {}
  disk.writeBytes = Number.POSITIVE_INFINITY
  delete plan.put
})

function newText(): string {
  return randomBytes(SIZE_BYTES).toString('base64').slice(0, SIZE_BYTES)
}

async function upload(text: string, headers: Record<string, string> = {}) {
  const answer = await fetch(`${http.url}/v1/assets?name=a.txt`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'text/plain', ...headers },
    body: text,
  })
  const body = (await answer.json()) as { id?: string; code?: string; sha256?: string }
  return { status: answer.status, code: body.code, id: body.id, headers: answer.headers }
}

async function readBack(id: string): Promise<string> {
  const answer = await fetch(`${http.url}/v1/assets/${id}/content`, { headers: { authorization: `Bearer ${KEY}` } })
  return createHash('sha256')
    .update(await answer.bytes())
    .digest('hex')
}

const refuse = (code: string) => () => {
  throw systemError(code)
}

describe('an upload that the disk fails', () => {
  test.each([
    ['has no space for its bytes', 'writev', 'ENOSPC', 507, 'store.full'],
    ['is over the disk quota', 'writev', 'EDQUOT', 507, 'store.full'],
    ['cannot be written', 'writev', 'EIO', 503, 'store.unavailable'],
    ['cannot be synced', 'datasync', 'EIO', 503, 'store.unavailable'],
    ['has no space at its sync', 'datasync', 'ENOSPC', 507, 'store.full'],
    ['cannot get its name', 'link', 'EIO', 503, 'store.unavailable'],
    ['cannot lose its temporary name', 'unlink', 'EIO', 503, 'store.unavailable'],
    ['cannot have its folder synced', 'sync', 'EIO', 503, 'store.unavailable'],
    ['finds no inode for its file', 'open', 'ENOSPC', 507, 'store.full'],
  ] as const)(
    'because it %s (%s: %s) is refused, makes no version and leaves a copy that the reaper finds',
    async (_, call, code, status, problem) => {
      const before = await look({ app, foundation })
      disk.before[call] = refuse(code)
      const answer = await upload(newText())
      expect(answer).toMatchObject({ status, code: problem })
      disk.before = {}
      const after = await look({ app, foundation })
      expect(after).toMatchObject({ versions: before.versions, pending: 1, missing: [], damaged: [], stray: [] })
      await runEverything({ app, foundation })
      expect(await look({ app, foundation })).toMatchObject({
        versions: before.versions,
        pending: 0,
        missing: [],
        damaged: [],
        stray: [],
      })
    },
  )

  test('that takes few bytes at a time keeps them all', async () => {
    disk.writeBytes = 10_000
    const text = newText()
    const { status, id } = await upload(text)
    expect(status).toBe(201)
    expect(await readBack(id as string)).toBe(createHash('sha256').update(text).digest('hex'))
  })

  test('which the reaper cannot remove either waits until it can', async () => {
    disk.before.link = refuse('EIO')
    await upload(newText())
    disk.before = { unlink: refuse('EIO') }
    await runEverything({ app, foundation })
    expect(await look({ app, foundation })).toMatchObject({ pending: 1, stray: [] })
    disk.before = {}
    await runEverything({ app, foundation })
    expect(await look({ app, foundation })).toMatchObject({ pending: 0, stray: [] })
  })

  test('can be sent again under the same Idempotency-Key', async () => {
    disk.before.datasync = refuse('EIO')
    const key = { 'idempotency-key': 'again' }
    const text = newText()
    expect(await upload(text, key)).toMatchObject({ status: 503 })
    disk.before = {}
    expect(await upload(text, key)).toMatchObject({ status: 201 })
    await runEverything({ app, foundation })
  })
})

describe('an upload that the store fails', () => {
  test.each([
    ['says that it is full', { at: { bytes: 100_000 }, effect: 'fail', kind: 'full' }, 507, 'store.full'],
    ['breaks off', { at: { bytes: 100_000 }, effect: 'fail' }, 503, 'store.unavailable'],
    ['does not answer when all is stored', { at: 'after', effect: 'fail' }, 503, 'store.unavailable'],
    ['takes fewer bytes than were sent', { at: { bytes: 100_000 }, effect: 'short' }, 503, 'store.unavailable'],
    ['stands still before the first byte', { at: 'before', effect: 'hang' }, 503, 'store.unavailable'],
    ['stands still on the way', { at: { bytes: 100_000 }, effect: 'hang' }, 503, 'store.unavailable'],
    ['stands still when all is stored', { at: 'after', effect: 'hang' }, 503, 'store.unavailable'],
  ] as const)(
    'because it %s is refused, makes no version and leaves nothing once the reaper has come',
    async (_, fault, status, problem) => {
      const before = await look({ app, foundation })
      plan.put = fault
      expect(await upload(newText())).toMatchObject({ status, code: problem })
      delete plan.put
      expect(await look({ app, foundation })).toMatchObject({
        versions: before.versions,
        pending: 1,
        missing: [],
        damaged: [],
        stray: [],
      })
      await runEverything({ app, foundation })
      expect(await look({ app, foundation })).toMatchObject({
        versions: before.versions,
        pending: 0,
        missing: [],
        damaged: [],
        stray: [],
      })
    },
  )
})
