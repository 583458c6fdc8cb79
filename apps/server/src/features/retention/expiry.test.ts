import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Answer, newOrganization } from '../../../test/service.ts'
import { startTestService, type TestService } from '../../../test/test-service.ts'
import { toUuid } from '../../domain/id.ts'
import { expireAsset } from './room.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const OPTIONS = { trashDays: 30, releaseDelaySeconds: 0 }

let service: TestService
let now = new Date()
let organization: { id: string }

beforeAll(async () => {
  service = await startTestService({ clock: () => now })
})
afterAll(() => service?.stop())
beforeEach(async () => {
  now = new Date()
  organization = await newOrganization(service.call)
})

async function store(fields: { assetType?: string; expiresAt?: Date } = {}): Promise<string> {
  const body = { name: 'a.txt', content: 'text', ...fields }
  const answer = await service.call('/v1/assets', { body, organization: organization.id })
  expect(answer.status).toBe(201)
  return answer.json.id
}

function ask(path: string, method = 'GET'): Promise<Answer> {
  return service.call(path, { method, organization: organization.id })
}

function expireAt(assetId: string, at: Date) {
  const tenantId = toUuid(organization.id)
  return service.app.worker.inTenant(tenantId, (db) => expireAsset(db, tenantId, toUuid(assetId), at, OPTIONS))
}

const after = (days: number) => new Date(now.getTime() + days * DAY_MS)

describe('expireAsset', () => {
  test('leaves an asset alone before its time', async () => {
    const id = await store({ expiresAt: after(2) })
    expect(await expireAt(id, after(1))).toBeUndefined()
    expect((await ask(`/v1/assets/${id}`)).json.state).toBe('active')
  })

  test('moves an expired asset to the trash, and out of it for good when its days there are over', async () => {
    const id = await store({ expiresAt: after(2) })
    expect(await expireAt(id, after(2))).toBe('trashed')
    expect((await ask(`/v1/assets/${id}`)).json).toMatchObject({
      state: 'trashed',
      purgeAfter: after(32).toISOString(),
    })
    expect(await expireAt(id, after(31))).toBeUndefined()
    expect(await expireAt(id, after(32))).toBe('purged')
    expect((await ask(`/v1/assets/${id}`)).status).toBe(404)
  })

  test('removes what was made to be temporary for good at once', async () => {
    const id = await store({ assetType: 'export_file' })
    expect(await expireAt(id, after(0.9))).toBeUndefined()
    expect(await expireAt(id, after(1.1))).toBe('purged')
    expect((await ask(`/v1/assets/${id}`)).status).toBe(404)
  })

  test('does not send back to the trash what was restored from it after its expiry', async () => {
    const id = await store({ expiresAt: after(2) })
    const later = after(3)
    await expireAt(id, later)
    now = later
    expect((await ask(`/v1/assets/${id}/restore`, 'POST')).json).toMatchObject({ state: 'active', expiresAt: null })
    expect(await expireAt(id, after(100))).toBeUndefined()
  })

  test('purges what was trashed by hand after its days', async () => {
    const id = await store()
    await ask(`/v1/assets/${id}`, 'DELETE')
    expect(await expireAt(id, after(29))).toBeUndefined()
    expect(await expireAt(id, after(31))).toBe('purged')
  })

  test('gives back what a purged asset used', async () => {
    const id = await store({ expiresAt: after(1) })
    await expireAt(id, after(1))
    await expireAt(id, after(40))
    expect((await ask('/v1/usage')).json).toMatchObject({ bytes: 0, files: 0, storedBytes: 0 })
  })

  test('does nothing when somebody was faster', async () => {
    const id = await store({ expiresAt: after(1) })
    await ask(`/v1/assets/${id}?purge=true`, 'DELETE')
    expect(await expireAt(id, after(2))).toBeUndefined()
  })
})
