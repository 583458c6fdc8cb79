import { afterAll, beforeAll, expect, test } from 'vitest'
import { newOrganization } from '../../test/service.ts'
import { startTestService, type TestService } from '../../test/test-service.ts'
import { toUuid } from '../domain/id.ts'
import { auditOutcome } from './audit-trail.ts'
import { withClient } from './database/client.ts'

/** More than the trail remembers. */
const CALLERS = 10_050

let service: TestService
beforeAll(async () => {
  service = await startTestService()
})
afterAll(() => service?.stop())

test('every event finds its personal row, however many callers there are at once', async () => {
  const { id } = await newOrganization(service.call)
  const tenantId = toUuid(id)
  const { auditTrail } = service.app.platform
  const act = { principal: { kind: 'user', id: null, tenantId }, subject: [] } as const
  for (let caller = 0; caller < CALLERS; caller++) {
    const call = { requestId: `req_${caller}`, ip: `10.0.${caller >> 8}.${caller & 255}`, userAgent: null }
    auditTrail.later(auditOutcome('assets.list', call, act, new Date()))
  }
  await auditTrail.flush()
  const { rows } = await withClient(service.database.owner, (client) =>
    client.query<{ events: number; lost: number }>(
      `select count(*)::int as events, count(*) filter (where p.id is null)::int as lost
       from stowage.audit_event e left join stowage.audit_person p
         on p.tenant_id = e.tenant_id and p.id = (e.body::jsonb -> 'person' ->> 'id')::uuid
       where e.tenant_id = $1 and e.action = 'assets.list'`,
      [tenantId],
    ),
  )
  expect(rows).toEqual([{ events: CALLERS, lost: 0 }])
})

test('an event says nothing personal, nor a hash from which it could be guessed, and finds it in its own organization', async () => {
  const person = { ip: '203.0.113.9', userAgent: 'Somebody/1.0' }
  const tenants = [toUuid((await newOrganization(service.call)).id), toUuid((await newOrganization(service.call)).id)]
  for (const tenantId of tenants) {
    const act = { principal: { kind: 'user', id: null, tenantId }, subject: [] } as const
    const call = { requestId: 'req_personal', ...person }
    await service.app.platform.auditTrail.writeAlone(auditOutcome('assets.list', call, act, new Date()))
  }
  const { rows } = await withClient(service.database.owner, (client) =>
    client.query<{ body: string; commitment: string; personal: unknown }>(
      `select e.body, e.body::jsonb -> 'person' ->> 'commitment' as commitment, p.personal
       from stowage.audit_event e left join stowage.audit_person p
         on p.tenant_id = e.tenant_id and p.id = (e.body::jsonb -> 'person' ->> 'id')::uuid
       where e.tenant_id = any($1) and e.request_id = 'req_personal'`,
      [tenants],
    ),
  )
  expect(rows.map(({ personal }) => personal)).toEqual([person, person])
  for (const { body } of rows) for (const value of Object.values(person)) expect(body).not.toContain(value)
  expect(new Set(rows.map(({ commitment }) => commitment)).size).toBe(2)
})
