import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runEverything } from '../../../test/at-rest.ts'
import { startTestService, type TestService } from '../../../test/test-service.ts'

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
