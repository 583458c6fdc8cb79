import { randomBytes, randomUUID } from 'node:crypto'
import {
  DeleteObjectCommand,
  HeadObjectCommand,
  PutBucketNotificationConfigurationCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addressOf } from '../../../test/real-services.ts'
import { newOrganization, newText, uploadText } from '../../../test/service.ts'
import { makeTopic, startRelay } from '../../../test/signing-relay.ts'
import { openStoreSettings, S3_KEYS } from '../../../test/store-settings.ts'
import { startTestService, type TestService } from '../../../test/test-service.ts'
import { runJobs } from '../../doors/worker/run-jobs.ts'

const endpoint = addressOf('s3') as string
const secret = `whsec_${randomBytes(24).toString('base64')}`
const SIZE = 200_000

let service: TestService
let relay: Awaited<ReturnType<typeof startRelay>>
let bucket: string
let s3: S3Client
let organization: { id: string; slug: string }

/** A real RadosGW posts what happens in its bucket, without a signature, to a relay that signs it. */
describe.skipIf(!addressOf('s3'))('a bucket that tells what happens in it', () => {
  beforeAll(async () => {
    const { settings } = await openStoreSettings('s3')
    bucket = JSON.parse(settings['STOWAGE_STORES'] as string).tested.bucket
    service = await startTestService({ settings: { ...settings, STOWAGE_STORE_EVENTS_SECRET: secret } })
    relay = await startRelay(`${service.url}/v1/store-events`, secret)
    s3 = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: S3_KEYS })
    const TopicArn = await makeTopic(endpoint, `stowage-${randomUUID()}`, relay.url)
    const Events = ['s3:ObjectCreated:*', 's3:ObjectRemoved:*'] as never
    const NotificationConfiguration = { TopicConfigurations: [{ Id: 'all', TopicArn, Events }] }
    await s3.send(new PutBucketNotificationConfigurationCommand({ Bucket: bucket, NotificationConfiguration }))
    organization = await newOrganization(service.call)
  })
  afterAll(async () => {
    s3.destroy()
    await service.stop()
    await relay.close()
  })

  const put = (key: string, bytes: Buffer) => s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: bytes }))
  const isThere = (key: string) =>
    s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key })).then(
      () => true,
      () => false,
    )
  const get = async (path: string) => (await service.call(path, { organization: organization.slug })).json
  const incidents = async () => (await get('/v1/incidents')).items
  const run = () => runJobs(service.app.worker)

  async function upload() {
    const { json } = await uploadText(service.call, newText(SIZE), { organization: organization.slug })
    return { id: json.id, key: (await get(`/v1/assets/${json.id}`)).copies[0].key }
  }

  test.each([
    ['small', 1000],
    ['large', SIZE],
  ])('has a %s object of its inbox made an asset and removed', async (title, sizeBytes) => {
    const key = `inbox/${organization.slug}/été/${title} a+b.txt`
    const bytes = newText(sizeBytes)
    await put(key, bytes)
    await run()
    const [asset] = (await get('/v1/assets?limit=1')).items
    expect(asset).toMatchObject({ name: `${title} a+b.txt`, folder: 'été', ownerId: null, sizeBytes })
    const content = await service.call(`/v1/assets/${asset.id}/content`, { organization: organization.slug })
    expect(content.bytes.equals(bytes)).toBe(true)
    expect(await isThere(key)).toBe(false)
    await run()
    expect((await get(`/v1/assets`)).items.filter((each: { name: string }) => each.name === asset.name)).toHaveLength(1)
  })

  test('raises nothing by what the service itself writes and removes, in one piece or in parts', async () => {
    const { id } = await upload()
    const parts = newText(12_000_000)
    const large = await uploadText(service.call, parts, { organization: organization.slug })
    expect(large.status).toBe(201)
    for (const assetId of [id, large.json.id]) {
      await service.call(`/v1/assets/${assetId}?purge=true`, { method: 'DELETE', organization: organization.slug })
    }
    await run()
    expect(await incidents()).toEqual([])
    expect(relay.passed.every(({ status }) => status === 200)).toBe(true)
    expect(relay.passed.some(({ body }) => body.includes('CompleteMultipartUpload'))).toBe(true)
  })

  test('has a copy that was overwritten found damaged, and one that was deleted missing', async () => {
    const [overwritten, deleted] = [await upload(), await upload()]
    await put(overwritten.key, newText(SIZE))
    await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: deleted.key }))
    await run()
    expect(await incidents()).toMatchObject([
      { kind: 'vanished', outcome: 'missing', key: deleted.key, store: 'tested', assetIds: [deleted.id] },
      { kind: 'changed', outcome: 'damaged', key: overwritten.key, store: 'tested', assetIds: [overwritten.id] },
    ])
  })

  test('has no asset made of what is no file for us, and leaves it where it is', async () => {
    const key = `inbox/${organization.slug}/not-an-image.png`
    await put(key, newText(SIZE))
    await run()
    expect((await incidents())[0]).toMatchObject({
      kind: 'refused',
      outcome: 'left',
      detail: expect.stringContaining('upload.typeMismatch'),
    })
    expect(await isThere(key)).toBe(true)
  })
})
