import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Ask, newOrganization } from '../../../test/service.ts'
import { startTestService, type TestService } from '../../../test/test-service.ts'
import { jobs } from '../../doors/worker/jobs.ts'
import { withClient } from '../../platform/database/client.ts'
import { speechHeader } from '../../providers/transcribers/wav.ts'

const NOW = new Date('2026-03-05T23:30:00Z')
const WAV = { 'content-type': 'audio/wav' }

let service: TestService
let made = 0

beforeAll(async () => {
  service = await startTestService({
    settings: {
      STOWAGE_LAYOUT: 'customer',
      STOWAGE_STORE: 'memory',
      STOWAGE_SECOND_STORE: 'local',
      STOWAGE_FALLBACK_STORE: 'none',
    },
    clock: () => NOW,
  })
})
afterAll(() => service?.stop())

/** Sound that no other recording holds. */
function newSound(): Buffer {
  made += 1
  return Buffer.concat([speechHeader(3200), Buffer.alloc(3200, made)])
}

function newCall(): string {
  made += 1
  return `call-${made}`
}

interface Said {
  callId?: string
  recordedAt?: unknown
}

function fieldsOf({ callId, recordedAt }: Said): Record<string, string> {
  return {
    ...(callId !== undefined && { links: JSON.stringify({ callId }) }),
    ...(recordedAt !== undefined && { metadata: JSON.stringify({ recordedAt }) }),
  }
}

function record(said: Said, ask: Ask = {}) {
  const query = new URLSearchParams({ name: 'call.wav', assetType: 'recording', ...fieldsOf(said) })
  return service.call(`/v1/assets?${query}`, { body: newSound(), headers: WAV, ...ask })
}

async function keysOf(id: string, ask: Ask = {}): Promise<string[]> {
  const { copies } = (await service.call(`/v1/assets/${id}`, ask)).json
  return copies.map(({ key }: { key: string }) => key).sort()
}

const purge = (id: string) => service.call(`/v1/assets/${id}?purge=true`, { method: 'DELETE' })
const asOwner = (text: string) => withClient(service.database.owner, (client) => client.query(text))

describe('a recording, where the layout keeps recordings by day and call', () => {
  test('lies under the day of its upload and its call id, and is found by the call', async () => {
    const callId = newCall()
    const { status, json } = await record({ callId })
    expect(status).toBe(201)
    expect(json.links.callId).toBe(callId)
    expect(await keysOf(json.id)).toEqual([`default/recordings/2026-03-05/${callId}.wav`])
    const found = (await service.call(`/v1/assets?call=${callId}`)).json.items
    expect(found.map(({ id }: { id: string }) => id)).toEqual([json.id])
  })

  test.each([
    ['2026-01-02', '2026-01-02'],
    ['2025-12-31T23:30:00-02:00', '2026-01-01'],
    ['2024-02-29T12:00Z', '2024-02-29'],
  ])('lies under the day on which it was made, %s, where that is said', async (recordedAt, day) => {
    const callId = newCall()
    const { json } = await record({ callId, recordedAt })
    expect(await keysOf(json.id)).toEqual([`default/recordings/${day}/${callId}.wav`])
  })

  test.each(['yesterday', '2026-02-30', '2026-01-02T10:00:00', 20_260_102, '2026-13-01T00:00Z'])(
    'is refused when it is said to be made at %j',
    async (recordedAt) => {
      const { status, json } = await record({ callId: newCall(), recordedAt })
      expect({ status, field: json.errors?.[0]?.field }).toEqual({ status: 400, field: 'metadata.recordedAt' })
    },
  )

  test('keeps its place with a number when it gets a new version', async () => {
    const callId = newCall()
    const { id } = (await record({ callId })).json
    const { status } = await service.call(`/v1/assets/${id}/versions`, { body: newSound(), headers: WAV })
    expect(status).toBe(201)
    const place = `default/recordings/2026-03-05/${callId}`
    expect(await keysOf(id)).toEqual([`${place}.v2.wav`, `${place}.wav`])
  })

  test('writes a call id of any form so that it stays in its place', async () => {
    const { id } = (await record({ callId: '../a84b@pc33.example' })).json
    expect(await keysOf(id)).toEqual(['default/recordings/2026-03-05/!2E!2E!2Fa84b!40pc33.example.wav'])
  })

  test.each([
    ['without a call', {}],
    ['of a call whose id is too long for a key', { callId: 'x'.repeat(101) }],
  ])('is refused %s, by every road', async (_what, said) => {
    const asked = { name: 'call.wav', assetType: 'recording', sizeBytes: 3244, links: said }
    const form = new FormData()
    for (const [field, value] of Object.entries({ assetType: 'recording', ...fieldsOf(said) }))
      form.append(field, value)
    form.append('file', new File([new Uint8Array(newSound())], 'call.wav', { type: 'audio/wav' }))
    const encoded = new Response(form)
    const body = Buffer.from(await encoded.arrayBuffer())
    const headers = { 'content-type': encoded.headers.get('content-type') as string }
    for (const answer of [
      await record(said),
      await service.call('/v1/assets', { body, headers }),
      await service.call('/v1/uploads', { body: asked }),
    ])
      expect(answer).toMatchObject({
        status: 400,
        json: { code: 'request.invalid', errors: [{ field: 'links.callId' }] },
      })
  })

  test('is refused when its call is told after its bytes, which lie somewhere by then', async () => {
    const form = new FormData()
    form.append('assetType', 'recording')
    form.append('links', JSON.stringify({ callId: newCall() }))
    form.append('file', new File([new Uint8Array(newSound())], 'call.wav', { type: 'audio/wav' }))
    form.append('metadata', JSON.stringify({ recordedAt: '2020-01-01' }))
    const encoded = new Response(form)
    const body = Buffer.from(await encoded.arrayBuffer())
    const headers = { 'content-type': encoded.headers.get('content-type') as string }
    const { status, json } = await service.call('/v1/assets', { body, headers })
    expect({ status, code: json.code, field: json.field }).toEqual({
      status: 400,
      code: 'upload.fieldsAfterFile',
      field: 'metadata',
    })
  })

  test('is refused when one of the same call is there, and the first one stays what it was', async () => {
    const callId = newCall()
    const first = (await record({ callId })).json
    const asked = { name: 'call.wav', assetType: 'recording', sizeBytes: 3244, links: { callId } }
    for (const second of [await record({ callId }), await service.call('/v1/uploads', { body: asked })])
      expect(second).toMatchObject({ status: 409, json: { code: 'recording.exists', callId } })
    expect((await service.call(`/v1/assets/${first.id}`)).json.sha256).toBe(first.sha256)
  })

  test('that was begun first and arrives second is refused when it arrives', async () => {
    const callId = newCall()
    const bytes = newSound()
    const asked = { name: 'call.wav', assetType: 'recording', sizeBytes: bytes.length, links: { callId } }
    const { id, request } = (await service.call('/v1/uploads', { body: asked })).json
    const { pathname, search } = new URL(request.url)
    expect((await service.call(pathname + search, { method: 'PUT', body: bytes, secret: '' })).status).toBe(200)
    await record({ callId })
    await service.call(`/v1/uploads/${id}/complete`, { method: 'POST' })
    await jobs.staged(service.app.worker)
    const { state, problem } = (await service.call(`/v1/uploads/${id}`)).json
    expect({ state, code: problem?.code }).toEqual({ state: 'failed', code: 'recording.exists' })
  })

  test('that arrives in parts lies in its place, once that is free', async () => {
    const callId = newCall()
    const bytes = newSound()
    const asked = { name: 'call.wav', assetType: 'recording', sizeBytes: bytes.length, links: { callId } }
    const { id, request } = (await service.call('/v1/uploads', { body: asked })).json
    const { pathname, search } = new URL(request.url)
    await service.call(pathname + search, { method: 'PUT', body: bytes, secret: '' })
    await purge((await record({ callId })).json.id)
    // By the clock of the database, which is not this service's.
    await asOwner("update stowage.staged_upload set expires_at = now() + interval '1 hour'")
    await service.call(`/v1/uploads/${id}/complete`, { method: 'POST' })
    await jobs.staged(service.app.worker)
    expect((await service.call(`/v1/uploads/${id}`)).json.state).toBe('completing')
    await jobs.reap(service.app.worker)
    await asOwner('update stowage.staged_upload set due_at = now()')
    await jobs.staged(service.app.worker)
    const { state, assetId } = (await service.call(`/v1/uploads/${id}`)).json
    expect(state).toBe('done')
    expect(await keysOf(assetId)).toContain(`default/recordings/2026-03-05/${callId}.wav`)
  })

  test('is taken beside one of the same call made on another day, or in another organization', async () => {
    const callId = newCall()
    expect((await record({ callId })).status).toBe(201)
    expect((await record({ callId, recordedAt: '2026-03-04' })).status).toBe(201)
    const { slug } = await newOrganization(service.call)
    const { status, json } = await record({ callId }, { organization: slug })
    expect(status).toBe(201)
    expect(await keysOf(json.id, { organization: slug })).toEqual([`${slug}/recordings/2026-03-05/${callId}.wav`])
  })

  test('is one of several that race for a call, and the others are told so', async () => {
    const callId = newCall()
    const answers = await Promise.all(Array.from({ length: 6 }, () => record({ callId })))
    const codes = answers.map(({ status, json }) => (status === 201 ? 'made' : json.code)).sort()
    expect(codes[0]).toBe('made')
    for (const code of codes.slice(1)) expect(['recording.busy', 'recording.exists']).toContain(code)
    expect(service.errors.join('')).not.toContain('duplicate key')
  })

  test('takes the place of a purged one once that is free, and is told when to come again', async () => {
    const callId = newCall()
    await purge((await record({ callId })).json.id)
    const early = await record({ callId })
    expect(early).toMatchObject({ status: 409, json: { code: 'recording.busy', callId } })
    expect(Number(early.headers.get('retry-after'))).toBeGreaterThan(0)
    await jobs.reap(service.app.worker)
    expect((await record({ callId })).status).toBe(201)
  })

  test('has the same key in a second store', async () => {
    const callId = newCall()
    const { id } = (await record({ callId, recordedAt: '2026-01-02' })).json
    await asOwner('update stowage.copy set wanted_at = now() where wanted_in is not null')
    await jobs.replicate(service.app.worker)
    const key = `default/recordings/2026-01-02/${callId}.wav`
    expect(await keysOf(id)).toEqual([key, key])
  })
})

describe('an asset of another type', () => {
  test('needs no call, and lies where others lie when it has one', async () => {
    const query = new URLSearchParams({ name: 'a.txt', links: JSON.stringify({ callId: newCall() }) })
    const { json } = await service.call(`/v1/assets?${query}`, {
      body: Buffer.from(`words ${newCall()}`),
      headers: { 'content-type': 'text/plain' },
    })
    expect(await keysOf(json.id)).toEqual([`default/uploads/2026/03/05/${json.id}`])
  })
})
