import { expect, test } from 'vitest'
import { jobs } from '../../src/doors/worker/jobs.ts'
import { withClient } from '../../src/platform/database/client.ts'
import { send } from '../../src/providers/stores/conformance-presigned.ts'
import { newText } from '../service.ts'
import { startTestService } from '../test-service.ts'

test('an upload that was accepted before it expired becomes an asset, also when it is finished after that', async () => {
  const service = await startTestService()
  const { call } = service
  const bytes = newText(200_000)
  const { json: upload } = await call('/v1/uploads', { body: { name: 'a.txt', sizeBytes: bytes.length } })
  expect((await send(upload.request, bytes)).ok).toBe(true)
  expect(await call(`/v1/uploads/${upload.id}/complete`, { method: 'POST' })).toMatchObject({ status: 202 })
  // As if whoever finished it had been killed, and the upload's day were over when another one takes it up.
  await withClient(service.foundation.owner, async (owner) => {
    await owner.query(`update stowage.staged_upload set expires_at = expires_at - interval '1 day', due_at = now()`)
    await owner.query(`update stowage.copy set due_at = due_at - interval '1 day',
      writable_until = writable_until - interval '1 day' where state = 'writing'`)
  })
  await jobs.reap(service.app.worker)
  await jobs.staged(service.app.worker)
  const { json } = await call(`/v1/uploads/${upload.id}`)
  expect(json).toMatchObject({ state: 'done', problem: null })
  await service.stop()
})
