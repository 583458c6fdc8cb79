import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { newOrganization, uploadText } from '../../../test/service.ts'
import { startTestService, type TestService } from '../../../test/test-service.ts'
import { toUuid } from '../../domain/id.ts'
import { jobs } from '../../doors/worker/jobs.ts'
import { withClient } from '../../platform/database/client.ts'
import { GENESIS, headOf, signHead } from './chain.rules.ts'
import { type KeptHeads, trimEvents, verifyChain } from './room.ts'

const BATCHES = 3

let service: TestService
let organization: { id: string; slug: string }

beforeAll(async () => {
  service = await startTestService()
})
afterAll(() => service?.stop())

/** An organization with three sealed batches, of at least two events each. */
beforeEach(async () => {
  organization = await newOrganization(service.call)
  for (let n = 0; n < BATCHES; n += 1) {
    await uploadText(service.call, Buffer.from(`text ${n}`), { organization: organization.id })
    await service.call('/v1/assets', { organization: organization.id })
    await seal()
  }
})

async function seal(): Promise<void> {
  await service.app.platform.auditTrail.flush()
  await jobs.seal(service.app.worker)
}

async function tamper(statement: string): Promise<void> {
  const changed = await withClient(service.database.owner, (client: pg.Client) =>
    client.query(ofOrganization(statement)),
  )
  expect(changed.rowCount).toBe(1)
}

/** `batch 2` and the like mean those of this test's organization. */
function ofOrganization(statement: string): string {
  return statement.replaceAll('where ', `where tenant_id = '${toUuid(organization.id)}' and `)
}

async function verify(): Promise<{ intact: boolean; batches: number; head: string; faults: { fault: string }[] }> {
  return (await service.call('/v1/audit-events/verification', { organization: organization.id })).json
}

const ANY_EVENT = `(select id from stowage.audit_event where batch = 2 order by id limit 1)`

describe('verifyChain', () => {
  test('finds a chain intact that nobody touched', async () => {
    expect(await verify()).toMatchObject({ intact: true, batches: BATCHES, faults: [] })
  })

  test.each([
    [
      "an event's text",
      `update stowage.audit_event set body = replace(body, '"allowed"', '"refused"'), outcome = 'refused' where id = ${ANY_EVENT}`,
      'its events are not those that were sealed',
    ],
    [
      'a column',
      `update stowage.audit_event set action = 'assets.delete' where id = ${ANY_EVENT}`,
      "action differs from the event's text",
    ],
    [
      'the hash of a batch',
      `update stowage.audit_batch set root = sha256('x') where n = 2`,
      'its events are not those that were sealed',
    ],
    [
      'the signature of a batch',
      `update stowage.audit_batch set signature = sha256('x') || sha256('y') where n = 2`,
      'its signature does not hold',
    ],
    [
      'when a batch was sealed',
      `update stowage.audit_batch set sealed_at = sealed_at - interval '1 day' where n = 2`,
      'its head is not the hash of what it says',
    ],
  ])('shows that %s was changed', async (_what, statement, fault) => {
    await tamper(statement)
    const report = await verify()
    expect(report.intact).toBe(false)
    expect(report.faults.map((each) => each.fault)).toContain(fault)
  })

  test('shows that a batch follows another one than the one before it, though it is signed', async () => {
    const { rows } = await withClient(service.database.owner, (client) =>
      client.query(ofOrganization('select * from stowage.audit_batch where n = 2')),
    )
    const { tenant_id: tenantId, n, kind, root, count, sealed_at: sealedAt } = rows[0]
    const head = headOf({ tenantId, n: Number(n), kind, root, count, sealedAt, previous: GENESIS })
    const signature = signHead(head, service.app.worker.auditSigning.current.secret)
    const bytes = (value: Buffer) => `decode('${value.toString('hex')}', 'hex')`
    await tamper(`update stowage.audit_batch set previous = ${bytes(GENESIS)}, head = ${bytes(head)},
      signature = ${bytes(signature)} where n = 2`)
    const follows = { batch: 2, eventId: null, fault: 'does not follow the batch before it' }
    expect((await verify()).faults).toEqual([follows, { ...follows, batch: 3 }])
  })

  test('shows that an event was removed', async () => {
    await tamper(`delete from stowage.audit_event where id = ${ANY_EVENT}`)
    const report = await verify()
    expect(report.intact).toBe(false)
    expect(report.faults.some(({ fault }) => /has \d+ events, sealed were \d+/.test(fault))).toBe(true)
  })

  test('shows that a batch was removed from the middle or the end', async () => {
    await tamper('delete from stowage.audit_batch where n = 2')
    expect((await verify()).faults.map((each) => each.fault)).toContain('batch 2 is missing')
    await tamper('delete from stowage.audit_batch where n = 3')
    expect((await verify()).faults.map((each) => each.fault)).toContain('the batch of some events is missing')
  })

  test('shows by the heads that were kept outside that the last batch went with its events', async () => {
    const kept = [{ n: BATCHES, head: (await verify()).head }]
    expect(await faultsAgainst(kept)).toEqual([])
    await withClient(service.database.owner, (client) =>
      client.query(
        ofOrganization(
          'with batch as (delete from stowage.audit_batch where n = 3) delete from stowage.audit_event where batch = 3',
        ),
      ),
    )
    expect((await verify()).intact).toBe(true)
    expect(await faultsAgainst(kept)).toEqual(['was sealed and is gone'])
  })

  test('shows by the heads that were kept outside that the chain is another one', async () => {
    expect(await faultsAgainst([{ n: 2, head: 'ab'.repeat(32) }])).toEqual(['its head is not the one that was kept'])
  })
})

async function faultsAgainst(kept: KeptHeads): Promise<string[]> {
  const tenantId = toUuid(organization.id)
  const { auditSigning, inTenant } = service.app.worker
  const { faults } = await inTenant(tenantId, (db) => verifyChain(db, tenantId, auditSigning, kept))
  return faults.map((each) => each.fault)
}

describe('trimEvents', () => {
  const trim = (before: Date) =>
    service.app.worker.inTenant(toUuid(organization.id), (db) =>
      trimEvents(db, toUuid(organization.id), before, service.app.worker.auditSigning, new Date()),
    )

  test('leaves a signed checkpoint behind which the chain goes on', async () => {
    await new Promise((resolve) => setTimeout(resolve, 5))
    const moment = new Date()
    await uploadText(service.call, Buffer.from('later'), { organization: organization.id })
    await seal()
    expect(await trim(moment)).toBeGreaterThan(0)
    expect(await verify()).toMatchObject({ intact: true, batches: 2, faults: [] })
    await tamper(`update stowage.audit_batch set previous = sha256('x') where kind = 'checkpoint'`)
    expect((await verify()).intact).toBe(false)
  })

  test('leaves nothing that the heads kept of it could miss', async () => {
    const kept = [{ n: BATCHES, head: (await verify()).head }]
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(await trim(new Date())).toBeGreaterThan(0)
    expect(await faultsAgainst([{ n: 1, head: 'trimmed' }, ...kept])).toEqual([])
  })

  test('leaves alone what was sealed later', async () => {
    expect(await trim(new Date(0))).toBe(0)
    expect(await verify()).toMatchObject({ intact: true, batches: BATCHES })
  })
})
