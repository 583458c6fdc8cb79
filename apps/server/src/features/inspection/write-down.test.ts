import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { poll } from '../../../test/acceptance/poll.ts'
import { runEverything } from '../../../test/at-rest.ts'
import { askOwner } from '../../../test/scanned-service.ts'
import { startTestService, type TestService } from '../../../test/test-service.ts'
import { toUuid } from '../../domain/id.ts'
import { withClient } from '../../platform/database/client.ts'

let service: TestService
beforeAll(async () => {
  service = await startTestService({ settings: { STOWAGE_EXTRACT: 'on' } })
})
afterAll(() => service?.stop())

describe('what is sensitive in a file', () => {
  test('has its keys and passwords among it, which are told masked and with their place', async () => {
    const [key, password] = [`stw_${'aB3dE5gH7j'.repeat(5).slice(0, 43)}`, 'hX9-qqT2-vv41']
    const text = `Notes for maria@example.gr\n\nThe key is ${key}\nPassword: ${password}\n`
    const headers = { 'content-type': 'application/octet-stream' }
    const path = '/v1/assets?name=notes.txt&assetType=export_file'
    const { json } = await service.call(path, { body: Buffer.from(text), headers })
    await runEverything(service)
    const { items } = (await service.call(`/v1/assets/${json.id}/findings`)).json
    expect(items).toMatchObject([
      { kind: 'email' },
      { kind: 'secret', detail: 'stowage', part: 0, at: text.indexOf(key), length: key.length, masked: 'stw_****' },
      { kind: 'secret', detail: 'password', at: text.indexOf(password), masked: 'h****' },
    ])
    for (const value of [key, password]) expect(JSON.stringify(items)).not.toContain(value.slice(4))
  })
})

test('what is read anew waits for the end of `classify` before it locks what that is to write (R11)', async () => {
  const headers = { 'content-type': 'text/plain' }
  const { json } = await service.call('/v1/assets?name=note.txt', { body: Buffer.from('read twice'), headers })
  await runEverything(service)
  await service.call(`/v1/assets/${json.id}/steps/extract/retry`, { method: 'POST', body: {} })
  const id = toUuid(json.id)
  await withClient(service.database.owner, async (classify) => {
    await classify.query('begin')
    await classify.query(`select from stowage.step where asset_id = $1 and name = 'classify' for update`, [id])
    const reading = runEverything(service)
    await poll(async () => {
      const waiting = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
      return (await askOwner(service, waiting)).length > 0
    })
    await classify.query('select from stowage.version_facts where asset_id = $1 for update nowait', [id])
    await classify.query('commit')
    await reading
  })
  const { items } = (await service.call(`/v1/assets/${json.id}/steps`)).json
  for (const step of items) expect(step).toMatchObject({ state: expect.stringMatching(/^(done|skipped)$/) })
})
