import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { record, startToldService, type ToldService } from '../../../test/told-service.ts'

let told: ToldService

beforeAll(async () => {
  told = await startToldService()
})
afterAll(() => told.service.stop())

describe('a posted message', () => {
  const message = { Records: [] }

  test('is taken when it is signed with the secret, or comes with a platform key', async () => {
    expect(await told.post(message)).toMatchObject({ status: 200, json: { taken: 0, ignored: 0 } })
    expect(await told.post(message, { headers: {}, secret: told.service.adminKey })).toMatchObject({ status: 200 })
  })

  test('is refused unsigned, wrongly signed or signed too long ago, and counted', async () => {
    const refused = (reason: string) => ({ status: 401, json: { code: 'storeEvents.signatureInvalid', reason } })
    expect(await told.post(message, { headers: {} })).toMatchObject({
      status: 401,
      json: { code: 'credential.missing' },
    })
    const headers = { 'webhook-signature': 'v1,AAAA' }
    expect(await told.post(message, { headers })).toMatchObject(refused('missing'))
    expect(await told.post(message, { key: randomBytes(32) })).toMatchObject(refused('wrong'))
    expect(await told.post(message, { at: Date.now() - 302_000 })).toMatchObject(refused('tooOld'))
    expect(await told.post(message, { at: Date.now() + 320_000 })).toMatchObject(refused('tooOld'))
    const metrics = (await told.get('/metrics')).bytes.toString()
    expect(metrics).toContain('stowage_unauthenticated_total{code="storeEvents.signatureInvalid"} 4')
    expect(metrics).toContain('stowage_unauthenticated_total{code="credential.missing"} 1')
  })

  test("is refused from an organization's own key, whatever its role and signature", async () => {
    const { json } = await told.service.call('/v1/api-keys', {
      body: { name: 'owner', role: 'owner' },
      organization: told.organization.slug,
    })
    expect(await told.post(message, { secret: json.secret })).toMatchObject({
      status: 403,
      json: { code: 'access.forbidden' },
    })
    expect(await told.post(message, { secret: 'not-a-key' })).toMatchObject({ status: 401 })
  })

  test('is refused when it cannot be read', async () => {
    for (const text of ['', 'no json', '{"Records":[{}]}', '[]']) {
      expect(await told.post(text)).toMatchObject({ status: 400, json: { code: 'request.malformed' } })
    }
    expect(await told.post('x'.repeat(1_100_000))).toMatchObject({ status: 413 })
  })

  test('counts events of buckets that no store uses as ignored', async () => {
    const key = `inbox/${told.organization.slug}/elsewhere.txt`
    expect(await told.tell(record(key, { bucket: 'others' }))).toMatchObject({ taken: 0, ignored: 1 })
    expect(await told.run()).toMatchObject({ ingest: 0 })
  })
})

test('without a secret a signed message is refused, and a platform key still reports', async () => {
  const { secret } = told.service.app.storeEvents
  told.service.app.storeEvents.secret = undefined
  expect(await told.post({ Records: [] })).toMatchObject({ status: 403, json: { code: 'storeEvents.noSecret' } })
  expect(await told.post({ Records: [] }, { headers: {}, secret: told.service.adminKey })).toMatchObject({
    status: 200,
  })
  told.service.app.storeEvents.secret = secret
})
