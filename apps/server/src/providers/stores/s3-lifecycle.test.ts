import { randomUUID } from 'node:crypto'
import {
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { describe, expect, test } from 'vitest'
import { openS3Admin } from './s3-admin.ts'
import { s3Settings } from './s3-settings.ts'

/** A server on which a day is seconds long: `RGW_LC_DEBUG=2 scripts/services/s3-start`. */
const endpoint = process.env['STOWAGE_TEST_S3_LIFECYCLE']
const keys = { accessKeyId: 'testaccesskey01', secretAccessKey: 'testsecretkey0123456789abcdefghij' }
const PATIENCE_MS = 180_000

describe.skipIf(!endpoint)('the lifecycle rules of a provisioned bucket', () => {
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: keys,
    requestChecksumCalculation: 'WHEN_REQUIRED',
  })

  test('end an open multipart upload, remove what is staged, and leave everything else', {
    timeout: PATIENCE_MS + 20_000,
  }, async () => {
    const Bucket = `stowage-lifecycle-${randomUUID()}`
    const admin = openS3Admin(s3Settings.parse({ bucket: Bucket, endpoint, pathStyle: true, ...keys }))
    for (const step of await admin.plan({ versioning: false, objectLock: false, origins: [] })) await step.apply()
    await client.send(new PutObjectCommand({ Bucket, Key: 'acme/ab/cpy_1', Body: 'kept' }))
    await client.send(new PutObjectCommand({ Bucket, Key: 'staging/acme/upl_1/content', Body: 'staged' }))
    const open = { Bucket, Key: 'acme/ab/cpy_2' }
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(open))
    await client.send(new UploadPartCommand({ ...open, UploadId, PartNumber: 1, Body: 'part' }))

    const uploads = async () => (await client.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads ?? []
    const objects = async () => (await client.send(new ListObjectsV2Command({ Bucket }))).Contents ?? []
    expect([(await uploads()).length, (await objects()).length]).toEqual([1, 2])
    await expect
      .poll(async () => [(await uploads()).length, (await objects()).length], { timeout: PATIENCE_MS, interval: 1000 })
      .toEqual([0, 1])
    expect((await objects()).map(({ Key }) => Key)).toEqual(['acme/ab/cpy_1'])
    await admin.close()
  })
})
