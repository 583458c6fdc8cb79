import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newText, openService, type Service, uploadText } from '../../../test/service.ts'
import { startTestService, type TestService } from '../../../test/test-service.ts'
import { toUuid } from '../../domain/id.ts'
import { jobs } from '../../doors/worker/jobs.ts'
import { withClient } from '../../platform/database/client.ts'
import type { ObjectStore } from '../../providers/stores/port.ts'

let service: TestService
beforeAll(async () => {
  service = await startTestService()
})
afterAll(() => service?.stop())

/** A transaction as the service's own, which the caller ends. */
async function begin(client: pg.Client, tenantId: string): Promise<void> {
  await client.query('begin')
  await client.query('select api.settle($1, null, 5, null, false)', [tenantId])
  await client.query('set local search_path = stowage')
}

const COMMIT = `select api.commit_copy(gen_random_uuid(), c.sha256, o.size_bytes, o.scan, o.scan_reason,
    o.finding, null, c.scope, c.placement_id, c.store_id, 'elsewhere', c.encrypted, c.stored_bytes, null, 0, null, null, null, null, null, gen_random_uuid(), 0) as outcome
  from copy c join object o using (tenant_id, sha256) where c.sha256 = $1`

test('a copy that a commit under way counts on is not released', async () => {
  const bytes = newText(200_000)
  const first = (await uploadText(service.call, bytes)).json
  const other = (await uploadText(service.call, newText(200_000))).json
  const sha256 = Buffer.from(first.sha256, 'hex')
  const tenantId = toUuid(first.organizationId)
  await withClient(service.database.app, (committing) =>
    withClient(service.database.app, async (releasing) => {
      await begin(committing, tenantId)
      expect((await committing.query(COMMIT, [sha256])).rows).toEqual([{ outcome: 'deduplicated' }])

      await begin(releasing, tenantId)
      await releasing.query('delete from version where asset_id = $1', [toUuid(first.id)])
      let ended = false
      const release = releasing
        .query(`select api.release_copies($1, 'organization', '0') as released`, [sha256])
        .finally(() => {
          ended = true
        })
      const isWaitedFor = async () =>
        (await committing.query('select from pg_stat_activity where pg_backend_pid() = any(pg_blocking_pids(pid))'))
          .rowCount !== 0
      while (!ended && !(await isWaitedFor()));
      expect(ended).toBe(false)

      const repeated = `insert into version (tenant_id, asset_id, n, sha256, scope, size_bytes, media_type, name, created_at)
        select tenant_id, asset_id, 2, $1, scope, size_bytes, media_type, name, now() from version where asset_id = $2`
      await committing.query(repeated, [sha256, toUuid(other.id)])
      await committing.query('commit')
      expect((await release).rows).toEqual([{ released: 0 }])
      await releasing.query('commit')
    }),
  )
  const kept = await service.call(`/v1/assets/${other.id}/content?version=2`)
  expect(kept.bytes.equals(bytes)).toBe(true)
})

test('bytes are stored again where another store or another encryption is asked for, and else only once', async () => {
  const bytes = newText(200_000)
  const opened: Service[] = []
  for (const differing of [{}, { encryption: false }, { store: 'memory', fallbackStore: 'none' }]) {
    const other = await openService(service.foundation, service.adminKey, { ...service.config, port: 0, ...differing })
    opened.push(other)
    for (let times = 0; times < 2; times += 1) expect((await uploadText(other.call, bytes)).status).toBe(201)
  }
  const { rows } = await withClient(service.database.owner, (client) =>
    client.query(
      `select store_id, encrypted from stowage.copy
       where state = 'live' and sha256 = sha256($1) order by store_id, encrypted`,
      [bytes],
    ),
  )
  expect(rows).toEqual([
    { store_id: 'local', encrypted: false },
    { store_id: 'local', encrypted: true },
    { store_id: 'memory', encrypted: false },
  ])
  for (const other of opened) await other.stop()
})

test('a staged upload that is taken up anew while it is being finished becomes one asset', async () => {
  const bytes = newText(200_000)
  const { json: upload } = await service.call('/v1/uploads', { body: { name: 'once.txt', sizeBytes: bytes.length } })
  expect((await fetch(upload.request.url, { method: 'PUT', body: new Uint8Array(bytes) })).ok).toBe(true)
  const store = service.app.stores.get('local') as ObjectStore
  const put: ObjectStore['put'] = async (key, body, options) => {
    const receipt = await store.put(key, body, options)
    service.app.stores.set('local', store)
    await withClient(service.database.owner, (client) =>
      client.query('update stowage.staged_upload set due_at = now()'),
    )
    expect(await jobs.staged(service.app.worker)).toBe(1)
    return receipt
  }
  service.app.stores.set('local', { ...store, put })
  await service.call(`/v1/uploads/${upload.id}/complete`, { method: 'POST' })
  expect(await jobs.staged(service.app.worker)).toBe(0)
  expect((await service.call(`/v1/uploads/${upload.id}`)).json).toMatchObject({ state: 'done', problem: null })
  expect((await service.call('/v1/assets?name=once.txt')).json.items).toHaveLength(1)
})
