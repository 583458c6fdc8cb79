import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newOrganization, newText, openService, uploadText } from '../../test/service.ts'
import { startTestService, type TestService } from '../../test/test-service.ts'
import { toUuid } from '../domain/id.ts'
import { withClient } from './database/client.ts'
import { createScopeKeyring } from './scope-keys.ts'

let service: TestService
beforeAll(async () => {
  service = await startTestService()
})
afterAll(() => service?.stop())

function openKeyring() {
  const { platform, pools } = service.app
  const keyring = createScopeKeyring(pools.system, service.foundation.masterKeys)
  return (tenantId: string, scope: string) =>
    platform.inTenant(tenantId, (db) => keyring.wrapperOf(db, tenantId, scope))
}

test('each scope of each organization has a key of its own, which is found again', async () => {
  const [one, other] = [await newOrganization(service.call), await newOrganization(service.call)].map(({ id }) =>
    toUuid(id),
  )
  const wrapperOf = openKeyring()
  const dataKey = randomBytes(32)
  const envelope = await (await wrapperOf(one as string, 'organization')).wrap(dataKey, 'a copy')
  for (const [tenantId, scope] of [
    [other, 'organization'],
    [one, 'user/1'],
  ] as const) {
    const wrapper = await wrapperOf(tenantId as string, scope)
    await expect((async () => wrapper.unwrap(envelope, 'a copy'))()).rejects.toThrow()
  }
  const again = await openKeyring()(one as string, 'organization')
  expect(dataKey.equals(await again.unwrap(envelope, 'a copy'))).toBe(true)
})

test('a key that was put in the place of another one is not taken for it', async () => {
  const tenantId = toUuid((await newOrganization(service.call)).id)
  for (const scope of ['user/1', 'user/2']) await openKeyring()(tenantId, scope)
  await withClient(service.database.owner, (client) =>
    client.query(
      `update stowage.scope_key k set wrapped = other.wrapped, id = other.id from stowage.scope_key other
       where k.tenant_id = $1 and other.tenant_id = $1 and k.scope = 'user/1' and other.scope = 'user/2'`,
      [tenantId],
    ),
  )
  await expect(openKeyring()(tenantId, 'user/1')).rejects.toThrow()
  await expect(openKeyring()(tenantId, 'user/2')).resolves.toBeDefined()
})

test("a user's copy is sealed under that user's key", async () => {
  const users = await openService(service.foundation, service.adminKey, { ...service.config, port: 0, layout: 'user' })
  const secret = async (name: string) =>
    (await users.call('/v1/api-keys', { body: { name, role: 'editor' } })).json.secret
  const { json } = await uploadText(users.call, newText(200_000), { secret: await secret('one') })
  await uploadText(users.call, newText(200_000), { secret: await secret('other') })
  const { rows } = await withClient(service.database.owner, (client) =>
    client.query<{ id: string; scope: string; envelope: Buffer }>(
      `select id, scope, envelope from stowage.copy where scope like 'user/%'`,
    ),
  )
  expect(rows).toHaveLength(2)
  const wrapperOf = openKeyring()
  for (const { id, envelope, scope } of rows) {
    for (const each of rows) {
      const opened = (async () => (await wrapperOf(toUuid(json.organizationId), each.scope)).unwrap(envelope, id))()
      if (each.scope === scope) expect(await opened).toHaveLength(32)
      else await expect(opened).rejects.toThrow()
    }
  }
  await users.stop()
})
