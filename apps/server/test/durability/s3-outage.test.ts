import { createHash, randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { CLEAN, look, runEverything } from '../at-rest.ts'
import { addressOf } from '../real-services.ts'
import { type Answer, newText, uploadText } from '../service.ts'
import { makeBucket, S3_KEYS } from '../store-settings.ts'
import { startTestService, type TestService } from '../test-service.ts'
import { type OwnS3, startOwnS3 } from './own-s3.ts'

const KIB = 1024
const MIB = 1024 * KIB
const UPLOADS = 50
const LEAST_BYTES = 100 * KIB
const MOST_BYTES = 12 * MIB
const IDLE_MS = 1500
/** How long a store is tried, the requests of its last attempt, and as much again for a busy machine. */
const LONGEST_MS = 2 * (10_000 + 4 * IDLE_MS)
/** As often as it takes the breaker to let a store be tried again. */
const ROUNDS = 12
const STALL_AFTER_MS = 700

let s3: OwnS3

async function startOn(settings: Record<string, string>): Promise<TestService> {
  const bucket = `stowage-${randomUUID()}`
  await makeBucket(s3.endpoint, bucket)
  const times = { connectTimeoutMs: 1000, idleTimeoutMs: IDLE_MS }
  const place = { kind: 's3', bucket, endpoint: s3.endpoint, pathStyle: true, ...S3_KEYS, ...times }
  const stores = JSON.stringify({ tested: place })
  return startTestService({ settings: { STOWAGE_STORE: 'tested', STOWAGE_STORES: stores, ...settings } })
}

function sha256Of(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Sizes spread evenly over their orders of magnitude. */
function sizeOf(index: number): number {
  return Math.round(LEAST_BYTES * (MOST_BYTES / LEAST_BYTES) ** (index / (UPLOADS - 1)))
}

async function storeUp({ call }: TestService): Promise<number> {
  const { bytes } = await call('/metrics', { secret: '' })
  return Number(/^stowage_store_up\{store="tested"\} (\d)/m.exec(bytes.toString())?.[1])
}

async function storeState({ call }: TestService): Promise<string> {
  return (await call('/readyz', { secret: '' })).json.stores.tested
}

async function copiesAway({ call }: TestService): Promise<number> {
  const { bytes } = await call('/metrics', { secret: '' })
  return Number(/^stowage_copies\{state="away"\} (\d+)/m.exec(bytes.toString())?.[1])
}

interface Ended {
  bytes: Buffer
  answer: Answer
  tookMs: number
}

/** Begins them one after the other, so that the outage meets some before, some in and some after their bytes. */
async function uploadThrough(service: TestService, strike: () => void): Promise<Ended[]> {
  const one = async (index: number): Promise<Ended> => {
    await wait(index * 30)
    const bytes = newText(sizeOf((index * 17) % UPLOADS))
    const began = performance.now()
    const answer = await uploadText(service.call, bytes)
    return { bytes, answer, tookMs: performance.now() - began }
  }
  const all = Array.from({ length: UPLOADS }, (_, index) => one(index))
  await wait(STALL_AFTER_MS)
  strike()
  return Promise.all(all)
}

async function expectReadBack({ call }: TestService, ended: readonly Ended[]): Promise<void> {
  for (const { answer, bytes } of ended) {
    const content = await call(`/v1/assets/${answer.json.id}/content`)
    expect({ status: content.status, sha256: sha256Of(content.bytes) }).toEqual({
      status: 200,
      sha256: sha256Of(bytes),
    })
  }
}

describe.skipIf(!addressOf('s3'))('an S3 server whose disk stands still', () => {
  beforeAll(async () => {
    s3 = await startOwnS3()
  }, 90_000)
  afterAll(() => s3?.stop(), 30_000)
  afterEach(() => s3?.resume())

  test('in the middle of uploads lets each of them succeed elsewhere or fail clearly, and all come home', {
    timeout: 150_000,
  }, async () => {
    const service = await startOn({ STOWAGE_FALLBACK_STORE: 'local' })
    const ended = await uploadThrough(service, s3.stall)
    const state = await storeState(service)
    const away = await copiesAway(service)
    s3.resume()
    for (const { answer, tookMs } of ended) {
      expect(tookMs).toBeLessThan(LONGEST_MS)
      if (answer.status === 201) continue
      expect(answer).toMatchObject({ status: 503, json: { code: 'store.unavailable' } })
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    }
    expect(['open', 'halfOpen']).toContain(state)
    expect(away).toBeGreaterThan(0)
    for (let round = 0; round < ROUNDS && (await copiesAway(service)) > 0; round += 1) {
      await wait(1000)
      await runEverything(service)
    }
    await runEverything(service)
    expect(await copiesAway(service)).toBe(0)
    await expectReadBack(
      service,
      ended.filter(({ answer }) => answer.status === 201),
    )
    expect(await look(service)).toMatchObject(CLEAN)
    expect([await storeState(service), await storeUp(service)]).toEqual(['closed', 1])
    await service.stop()
  })

  test('is left alone after a few failures: the next upload goes elsewhere at once', { timeout: 60_000 }, async () => {
    const service = await startOn({ STOWAGE_FALLBACK_STORE: 'local' })
    s3.stall()
    try {
      await Promise.all(Array.from({ length: 6 }, () => uploadText(service.call, newText(200 * KIB))))
      expect([await storeState(service), await storeUp(service)]).toEqual(['open', 0])
      const next = await uploadText(service.call, newText(200 * KIB))
      expect(next.status).toBe(201)
      const { json } = await service.call(`/v1/assets/${next.json.id}`)
      expect(json.copies).toMatchObject([{ store: 'local', state: 'live' }])
    } finally {
      s3.resume()
      await service.stop()
    }
  })

  test('is read from the second store, whole and in ranges', { timeout: 60_000 }, async () => {
    const service = await startOn({ STOWAGE_SECOND_STORE: 'local', STOWAGE_FALLBACK_STORE: 'none' })
    const bytes = newText(3 * MIB)
    const { json } = await uploadText(service.call, bytes)
    await runEverything(service)
    s3.stall()
    try {
      const path = `/v1/assets/${json.id}/content`
      expect(sha256Of((await service.call(path)).bytes)).toBe(sha256Of(bytes))
      const range = await service.call(path, { headers: { range: 'bytes=1000000-1999999' } })
      expect(range.bytes.equals(bytes.subarray(1_000_000, 2_000_000))).toBe(true)
    } finally {
      s3.resume()
      await service.stop()
    }
  })
})
