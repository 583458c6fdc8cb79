import { expect, test } from 'vitest'
import { newOrganization, newText, uploadText } from '../test/service.ts'
import { startTestService } from '../test/test-service.ts'
import { readHeads } from './audit-heads.ts'
import { toUuid } from './domain/id.ts'
import { jobs } from './doors/worker/jobs.ts'

test('the head of every batch is kept in the data folder, outside the database', async () => {
  const service = await startTestService()
  const { id } = await newOrganization(service.call)
  const heads: string[] = []
  for (let batch = 1; batch <= 2; batch += 1) {
    await uploadText(service.call, newText(100), { organization: id })
    await jobs.seal(service.app.worker)
    const { json } = await service.call('/v1/audit-events/verification', { organization: id })
    heads.push(json.head)
  }
  const kept = (await readHeads(service.data, undefined)).get(toUuid(id))
  expect(kept).toEqual(heads.map((head, index) => ({ n: index + 1, head })))
  await service.stop()
})
