import { createHash, randomUUID } from 'node:crypto'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestService, type TestService } from '../../test/test-service.ts'
import { newUuid, toId } from '../domain/id.ts'
import { Problem, Refusal } from '../domain/problem.ts'
import { withClient } from './database/client.ts'
import { type Context, invoke } from './invoke.ts'

let service: TestService
beforeAll(async () => {
  service = await startTestService()
})
afterAll(() => service?.stop())

/** Calls an operation that changes something, with a handler that leaves a trace and ends as `work` does. */
async function change(work: () => Refusal | undefined): Promise<{ code: string | undefined; traces: number }> {
  const deltaId = newUuid()
  const leavingTrace = async ({ db, tenantId }: Context) => {
    const row = { tenant_id: tenantId, id: deltaId, bytes: 0, files: 0, stored_bytes: 0 }
    await db.insertInto('usage_delta').values(row).execute()
    return work()
  }
  const hash = createHash('sha256').update(service.adminKey).digest()
  const call = {
    credential: { kind: 'secret', hash, organization: null, actFor: null } as const,
    input: { assetId: toId('asset', newUuid()) },
    requestId: randomUUID(),
    origin: service.url,
    ip: null,
    userAgent: null,
    log: pino({ level: 'silent' }),
  }
  const code = await invoke(service.app.platform, 'assets.delete', call, leavingTrace).then(
    () => undefined,
    (error) => error.code,
  )
  const { rowCount } = await withClient(service.database.owner, (client) =>
    client.query('select from stowage.usage_delta where id = $1', [deltaId]),
  )
  return { code, traces: rowCount ?? 0 }
}

describe('invoke', () => {
  test.each(['40001', '40P01'])('runs again what the database ended for the sake of others (%s)', async (code) => {
    let attempts = 0
    const done = await change(() => {
      attempts += 1
      if (attempts < 3) throw Object.assign(new Error('ended by the database'), { code })
      return undefined
    })
    expect(done).toEqual({ code: undefined, traces: 1 })
    expect(attempts).toBe(3)
  })

  test('keeps what was written before a refusal that is returned, and nothing before one that is thrown', async () => {
    const refusal = () => new Problem('asset.trashed')
    const thrown = change(() => {
      throw refusal()
    })
    expect(await thrown).toEqual({ code: 'asset.trashed', traces: 0 })
    expect(await change(() => new Refusal(refusal()))).toEqual({ code: 'asset.trashed', traces: 1 })
  })
  test('counts requests whose credential is not valid, and writes nothing of them into the trail', async () => {
    const countEvents = async () =>
      (await withClient(service.database.owner, (client) => client.query('select from stowage.audit_event'))).rowCount
    const before = await countEvents()
    for (let times = 0; times < 3; times += 1) {
      expect(await service.call('/v1/assets?name=a.txt', { body: Buffer.from('a'), secret: 'unknown' })).toMatchObject({
        status: 401,
        json: { code: 'credential.invalid' },
      })
    }
    expect(await countEvents()).toBe(before)
    const metrics = (await service.call('/metrics', { secret: '' })).bytes.toString()
    expect(metrics).toContain('stowage_unauthenticated_total{code="credential.invalid"} 3')
  })
})
