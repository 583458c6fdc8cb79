import { afterAll, beforeAll, expect, test } from 'vitest'
import { newOrganization, newText, uploadText } from '../../../test/service.ts'
import { startTestService, type TestService } from '../../../test/test-service.ts'
import { toUuid } from '../../domain/id.ts'
import { jobs } from '../../doors/worker/jobs.ts'
import { withClient } from '../../platform/database/client.ts'

const FAR_AWAY = 1_000_000_000

let service: TestService
beforeAll(async () => {
  service = await startTestService()
})
afterAll(() => service?.stop())

test('far from its quota, an organization’s uploads wait for nothing that another of its requests holds', async () => {
  const { id: organization } = await newOrganization(service.call)
  const upload = async (sizeBytes: number) =>
    (await uploadText(service.call, newText(sizeBytes), { organization })).status
  await service.call(`/v1/organizations/${organization}`, { method: 'PATCH', body: { quotaBytes: FAR_AWAY } })
  expect(await upload(1000)).toBe(201)
  await jobs.fold(service.app.worker)
  await withClient(service.database.owner, async (other) => {
    const isWaitedFor = async () =>
      (await other.query('select from pg_stat_activity where pg_backend_pid() = any(pg_blocking_pids(pid))'))
        .rowCount !== 0
    await other.query('begin')
    await other.query('select api.settle($1, null, 5, null, false)', [toUuid(organization)])
    await other.query('set local search_path = stowage')
    expect((await other.query('select api.reserve(1000, 1) as fits')).rows).toEqual([{ fits: true }])
    for (const table of ['organization', 'guard', 'usage_total'])
      await other.query(`select from ${table} where tenant_id = $1 for update`, [toUuid(organization)])
    let done = false
    const uploads = Promise.all([upload(1000), upload(300_000)]).finally(() => {
      done = true
    })
    let waited = false
    while (!done && !waited) waited = await isWaitedFor()
    await other.query('rollback')
    expect(await uploads).toEqual([201, 201])
    expect(waited).toBe(false)
  })
})
