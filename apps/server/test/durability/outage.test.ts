import { createHash } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { runJobs } from '../../src/doors/worker/run-jobs.ts'
import { withClient } from '../../src/platform/database/client.ts'
import { createMemoryStore } from '../../src/providers/stores/memory.ts'
import type { ObjectStore } from '../../src/providers/stores/port.ts'
import { CLEAN, look, runEverything } from '../at-rest.ts'
import { type Fault, type FaultPlan, faultyStore } from '../faulty-store.ts'
import { newText, uploadText } from '../service.ts'
import { startTestService, type TestService } from '../test-service.ts'

const MIB = 1024 * 1024
const OUTAGE: Fault = { at: 'before', effect: 'fail' }
const BEYOND_REPLAY = 12 * MIB

function sha256Of(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

interface Outage {
  service: TestService
  /** What goes wrong in the store that uploads go to. */
  plan: FaultPlan
}

/** A service whose first store is one that can be made to fail. */
async function startWith(settings: Record<string, string>): Promise<Outage> {
  const service = await startTestService({ settings: { STOWAGE_STORE: 'memory', ...settings } })
  const plan: FaultPlan = {}
  service.app.stores.set('memory', faultyStore(createMemoryStore() as ObjectStore, plan))
  return { service, plan }
}

async function copiesOf({ call }: TestService, assetId: string): Promise<{ store: string; state: string }[]> {
  const { json } = await call(`/v1/assets/${assetId}`)
  return json.copies
    .filter((copy: { state: string }) => copy.state !== 'gone')
    .map(({ store, state }: { store: string; state: string }) => ({ store, state }))
}

async function metric({ call }: TestService, name: string): Promise<number> {
  const { bytes } = await call('/metrics', { secret: '' })
  const line = bytes
    .toString()
    .split('\n')
    .find((each) => each.startsWith(name))
  return Number(line?.split(' ').at(-1))
}

describe('with a store to fall back to', () => {
  let outage: Outage
  beforeAll(async () => {
    outage = await startWith({ STOWAGE_FALLBACK_STORE: 'local' })
  })
  afterAll(() => outage.service.stop())
  beforeEach(() => {
    for (const verb of Object.keys(outage.plan)) delete outage.plan[verb as keyof FaultPlan]
  })

  test.each<[string, Fault]>([
    ['is down', OUTAGE],
    ['breaks off after a megabyte', { at: { bytes: MIB }, effect: 'fail' }],
    ['refuses its credentials', { ...OUTAGE, kind: 'denied' }],
    ['is full', { ...OUTAGE, kind: 'full' }],
    ['loses its answer', { at: 'after', effect: 'fail' }],
  ])('an upload succeeds while the first store %s, and comes home afterwards', async (_, fault) => {
    const { service, plan } = outage
    plan.put = fault
    const bytes = newText(3 * MIB)
    const answer = await uploadText(service.call, bytes)
    expect(answer.status).toBe(201)
    expect((await copiesOf(service, answer.json.id)).filter(({ state }) => state === 'live')).toEqual([
      { store: 'local', state: 'live' },
    ])
    expect(await metric(service, 'stowage_copies{state="away"}')).toBe(1)
    delete plan.put
    await runEverything(service)
    await runEverything(service)
    expect(await copiesOf(service, answer.json.id)).toEqual([{ store: 'memory', state: 'live' }])
    expect(await metric(service, 'stowage_copies{state="away"}')).toBe(0)
    const content = await service.call(`/v1/assets/${answer.json.id}/content`)
    expect(sha256Of(content.bytes)).toBe(sha256Of(bytes))
    expect(await look(service)).toMatchObject(CLEAN)
  })

  test('an upload that fell back says so in the audit trail and in the log', async () => {
    const { service, plan } = outage
    plan.put = OUTAGE
    const { json } = await uploadText(service.call, newText(MIB))
    const { json: events } = await service.call(`/v1/audit-events?subject=${json.id}`)
    expect(JSON.stringify(events.items)).toContain('fallback')
    expect(service.errors.join('')).toContain('a store failed; another one is used')
  })

  test('a store that is still down keeps its copies away, and loses none', async () => {
    const { service, plan } = outage
    plan.put = OUTAGE
    const bytes = newText(2 * MIB)
    const { json } = await uploadText(service.call, bytes)
    await runEverything(service)
    const content = await service.call(`/v1/assets/${json.id}/content`)
    expect(sha256Of(content.bytes)).toBe(sha256Of(bytes))
  })

  test('bytes that are there already are not brought home a second time', async () => {
    const { service, plan } = outage
    const bytes = newText(2 * MIB)
    plan.put = OUTAGE
    const first = await uploadText(service.call, bytes)
    delete plan.put
    const second = await uploadText(service.call, bytes)
    await runEverything(service)
    await runEverything(service)
    for (const { json } of [first, second]) {
      expect(await copiesOf(service, json.id)).toEqual([{ store: 'memory', state: 'live' }])
    }
    expect(await look(service)).toMatchObject(CLEAN)
  })

  test('more than can be sent again is refused with the time to wait, and leaves nothing', async () => {
    const { service, plan } = outage
    plan.put = { at: { bytes: BEYOND_REPLAY - MIB }, effect: 'fail' }
    const answer = await uploadText(service.call, newText(BEYOND_REPLAY))
    expect(answer).toMatchObject({ status: 503, json: { code: 'store.unavailable' } })
    expect(answer.headers.get('retry-after')).toBeTruthy()
    delete plan.put
    await runEverything(service)
    await runEverything(service)
    expect(await look(service)).toMatchObject(CLEAN)
  })
})

describe('with a second store', () => {
  let outage: Outage
  beforeAll(async () => {
    outage = await startWith({ STOWAGE_SECOND_STORE: 'local', STOWAGE_FALLBACK_STORE: 'none' })
  })
  afterAll(() => outage.service.stop())

  test('every new file gets a copy there, which serves when the first store does not', async () => {
    const { service, plan } = outage
    const bytes = newText(2 * MIB)
    const { json } = await uploadText(service.call, bytes)
    expect(await metric(service, 'stowage_copies{state="withoutSecond"}')).toBe(1)
    await runEverything(service)
    const copies = await copiesOf(service, json.id)
    expect(copies.map(({ store }) => store).sort()).toEqual(['local', 'memory'])
    plan.get = OUTAGE
    for (const headers of [undefined, { range: 'bytes=1000000-1999999' }]) {
      const content = await service.call(`/v1/assets/${json.id}/content`, headers && { headers })
      const expected = headers ? bytes.subarray(1_000_000, 2_000_000) : bytes
      expect(sha256Of(content.bytes)).toBe(sha256Of(expected))
    }
    delete plan.get
  })

  test('both copies go when the file is purged', async () => {
    const { service } = outage
    const { json } = await uploadText(service.call, newText(MIB))
    await runEverything(service)
    await service.call(`/v1/assets/${json.id}?purge=true`, { method: 'DELETE' })
    await runEverything(service)
    expect(await look(service)).toMatchObject(CLEAN)
  })

  test('an organization may have its own first store and second store', async () => {
    const { service } = outage
    const { call } = service
    const slug = 'pinned'
    const made = await call('/v1/organizations', {
      body: { name: 'Pinned', slug, storeId: 'local', secondStoreId: 'memory' },
    })
    expect(made.json).toMatchObject({ storeId: 'local', secondStoreId: 'memory' })
    const { json } = await uploadText(call, newText(MIB), { organization: slug })
    await runEverything(service)
    const { json: asset } = await call(`/v1/assets/${json.id}`, { organization: slug })
    expect(asset.copies.map((copy: { store: string }) => copy.store).sort()).toEqual(['local', 'memory'])
    const wrong = await call('/v1/organizations', { body: { name: 'x', slug: 'x', storeId: 'nowhere' } })
    expect(wrong).toMatchObject({ status: 400, json: { code: 'request.invalid' } })
  })
})

describe('without anything to fall back to', () => {
  test('a staged upload waits for its store, and is finished when it is back', async () => {
    const { service, plan } = await startWith({ STOWAGE_FALLBACK_STORE: 'none' })
    const bytes = newText(MIB)
    const { json: upload } = await service.call('/v1/uploads', { body: { name: 'a.txt', sizeBytes: bytes.length } })
    const sent = await fetch(upload.request.url, { method: 'PUT', body: new Uint8Array(bytes) })
    expect(sent.status).toBe(200)
    plan.get = OUTAGE
    await service.call(`/v1/uploads/${upload.id}/complete`, { method: 'POST' })
    for (let attempt = 0; attempt < 10; attempt++) {
      await withClient(service.foundation.owner, (owner) =>
        owner.query('update stowage.staged_upload set due_at = now()'),
      )
      await runJobs(service.app.worker)
    }
    expect((await service.call(`/v1/uploads/${upload.id}`)).json).toMatchObject({ state: 'completing', problem: null })
    delete plan.get
    await withClient(service.foundation.owner, (owner) =>
      owner.query('update stowage.staged_upload set due_at = now()'),
    )
    await runJobs(service.app.worker)
    const { json: done } = await service.call(`/v1/uploads/${upload.id}`)
    expect(done).toMatchObject({ state: 'done', asset: { sha256: sha256Of(bytes) } })
    await runEverything(service)
    expect(await look(service)).toMatchObject(CLEAN)
    await service.stop()
  })

  test('an upload to a store that is down is refused with the time to wait', async () => {
    const { service, plan } = await startWith({ STOWAGE_FALLBACK_STORE: 'none' })
    plan.put = OUTAGE
    const answer = await uploadText(service.call, newText(MIB))
    expect(answer).toMatchObject({ status: 503, json: { code: 'store.unavailable' } })
    await service.stop()
  })
})
