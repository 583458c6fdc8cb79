import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { afterAll, describe, expect, test } from 'vitest'
import { addressOf } from '../real-services.ts'
import { startSqsServer } from '../sqs-server.ts'
import { openStoreSettings, S3_KEYS } from '../store-settings.ts'
import { openOrganization, sha256Of } from './api.ts'
import { poll } from './poll.ts'
import { serve } from './server.ts'

const endpoint = addressOf('s3')

/** The bucket is a real one; the queue is a server of our own that speaks the protocol of SQS (test/sqs-server.ts). */
describe.skipIf(!endpoint || process.env['STOWAGE_TEST_URL'])('a server with a queue of store events', async () => {
  if (!endpoint || process.env['STOWAGE_TEST_URL']) return
  const { settings } = await openStoreSettings('s3')
  const { bucket } = JSON.parse(settings['STOWAGE_STORES'] as string).tested
  const queue = await startSqsServer()
  const served = await serve({ ...settings, STOWAGE_INBOX: 'in/coming/', STOWAGE_STORE_EVENTS_QUEUE: queue.url })
  const { owner, slug } = await openOrganization(served)
  const s3 = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: S3_KEYS })
  afterAll(async () => {
    s3.destroy()
    await queue.close()
  })

  test('makes assets of what the bucket tells to the queue, and leaves there what it cannot read', async () => {
    const bytes = Buffer.from('something to be taken in\n'.repeat(10_000))
    const key = `in/coming/${slug}/notes/taken.txt`
    await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: bytes }))
    queue.send('not a message of any store')
    queue.send(
      JSON.stringify({
        source: 'aws.s3',
        'detail-type': 'Object Created',
        time: new Date().toISOString(),
        detail: { bucket: { name: bucket }, object: { key, size: bytes.length, sequencer: '1' } },
      }),
    )
    const asset = await poll(async () => (await owner.get('/v1/assets')).body.items[0])
    expect(asset).toMatchObject({ name: 'taken.txt', folder: 'notes', ownerId: null, sha256: sha256Of(bytes) })
    expect(queue.kept()).toEqual(['not a message of any store'])
  })
})
