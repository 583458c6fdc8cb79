import { randomBytes } from 'node:crypto'
import { CreateRoleCommand, IAMClient, PutRolePolicyCommand } from '@aws-sdk/client-iam'
import {
  AbortMultipartUploadCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectLegalHoldCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addressOf } from '../../../test/real-services.ts'
import { describeObjectStore } from './conformance.ts'
import { benchOver, bodyOf } from './conformance-bench.ts'
import { expectRefused, forKey, post, send } from './conformance-presigned.ts'
import type { ObjectStore } from './port.ts'
import { openS3Store, s3Settings } from './s3.ts'
import { openS3Place } from './s3-client.ts'
import { copyObject } from './s3-copy.ts'

const MIB = 1024 ** 2
const endpoint = addressOf('s3')
const keys = { accessKeyId: 'testaccesskey01', secretAccessKey: 'testsecretkey0123456789abcdefghij' }
const reached = { endpoint, region: 'us-east-1', credentials: keys }
const storageClasses = ['STANDARD_IA', 'GLACIER']

/** A role that may do anything in S3, which the keys of the tests may assume. */
async function makeRole(): Promise<string> {
  const iam = new IAMClient(reached)
  const RoleName = `stowage-${randomBytes(8).toString('hex')}`
  const mayAssume = { Effect: 'Allow', Principal: { AWS: ['arn:aws:iam:::user/test'] }, Action: ['sts:AssumeRole'] }
  const mayDo = { Effect: 'Allow', Action: ['s3:*'], Resource: ['arn:aws:s3:::*'] }
  const policyOf = (statement: object) => JSON.stringify({ Version: '2012-10-17', Statement: [statement] })
  const { Role } = await iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: policyOf(mayAssume) }))
  await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: 'all', PolicyDocument: policyOf(mayDo) }))
  iam.destroy()
  return Role!.Arn!
}

/** Leaves what is still locked. */
async function emptyBucket(client: S3Client, Bucket: string): Promise<void> {
  for (let page = 0; page < 10; page++) {
    const {
      Versions = [],
      DeleteMarkers = [],
      IsTruncated,
    } = await client.send(new ListObjectVersionsCommand({ Bucket }))
    for (const { Key, VersionId } of [...Versions, ...DeleteMarkers]) {
      const request = { Bucket, Key, VersionId }
      const free = { ...request, LegalHold: { Status: 'OFF' as const } }
      await client.send(new DeleteObjectCommand(request)).catch(async () => {
        await client.send(new PutObjectLegalHoldCommand(free)).catch(() => {})
        await client.send(new DeleteObjectCommand(request)).catch(() => {})
      })
    }
    if (!IsTruncated) break
  }
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket }))
  for (const { Key, UploadId } of Uploads) {
    await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }))
  }
  await client.send(new DeleteBucketCommand({ Bucket })).catch(() => {})
}

describe.skipIf(!endpoint)('a real server', () => {
  const client = new S3Client({ ...reached, forcePathStyle: true, requestChecksumCalculation: 'WHEN_REQUIRED' })
  const buckets: string[] = []
  afterAll(async () => {
    for (const bucket of buckets) await emptyBucket(client, bucket)
    client.destroy()
  })

  async function makeBucket(options: { ObjectLockEnabledForBucket?: boolean } = {}): Promise<string> {
    const Bucket = `stowage-s3-${Date.now()}-${randomBytes(4).toString('hex')}`
    await client.send(new CreateBucketCommand({ Bucket, ...options }))
    buckets.push(Bucket)
    return Bucket
  }

  const settingsFor = (bucket: string, more: object = {}) =>
    s3Settings.parse({ bucket, endpoint, pathStyle: true, ...keys, storageClasses, ...more })

  const opened: { close(): unknown }[] = []
  afterAll(() => Promise.all(opened.map((store) => store.close())))

  function openStore(bucket: string, more: object = {}): ObjectStore {
    const store = openS3Store(settingsFor(bucket, more))
    opened.push(store)
    return store
  }

  describeObjectStore('s3', async () => {
    const store = openS3Store(settingsFor(await makeBucket()))
    return { store, close: () => store.close(), limits: { presignedPut: ['hash'] } }
  })

  describeObjectStore('s3 with object lock', async () => {
    const bucket = await makeBucket({ ObjectLockEnabledForBucket: true })
    const store = openS3Store(settingsFor(bucket, { objectLock: true }))
    return { store, close: () => store.close(), limits: { racingPuts: true, presignedPut: ['hash', 'reuse'] } }
  })

  describe('large objects', () => {
    let bucket: string
    beforeAll(async () => {
      bucket = await makeBucket()
    })

    test.each([8 * MIB, 8 * MIB + 1, 24 * MIB, 40 * MIB + 5])(
      'keep their %d bytes, of known size or not',
      async (size) => {
        const bytes = randomBytes(size)
        const store = openStore(bucket)
        const bench = benchOver(() => ({ store, close: async () => {} }))
        for (const sizeBytes of [size, undefined]) {
          const key = `large/${size}-${sizeBytes}`
          expect(await bench.put(key, bytes, { sizeBytes })).toEqual({ storedBytes: size })
          expect((await bench.read(key)).equals(bytes)).toBe(true)
          await store.delete(key)
        }
        expect(await bench.listAll('large/')).toEqual([])
      },
    )

    test('that are copied in parts keep their bytes and what describes them', async () => {
      const store = openStore(bucket)
      const bench = benchOver(() => ({ store, close: async () => {} }))
      const place = openS3Place(settingsFor(bucket))
      opened.push(place)
      const bytes = randomBytes(12 * MIB + 7)
      await bench.put('from', bytes, { metadata: { note: 'żółć' }, contentType: 'video/mp4' })
      const sizes = { wholeBytes: MIB, partBytes: 5 * MIB }
      const told = { to: 'to', sizeBytes: bytes.length }
      expect(await copyObject(place, 'from', told, sizes)).toEqual({ storedBytes: bytes.length })
      expect((await bench.read('to')).equals(bytes)).toBe(true)
      expect(await store.head('to')).toMatchObject({ metadata: { note: 'żółć' }, contentType: 'video/mp4' })
      await expect(copyObject(place, 'from', told, sizes)).rejects.toMatchObject({ kind: 'exists' })
      expect((await bench.listAll('to')).map((info) => info.unfinished)).toEqual([false])
    })
  })

  describe('a bucket with versions', () => {
    const versionsOf = async (Bucket: string) => {
      const { Versions = [], DeleteMarkers = [] } = await client.send(new ListObjectVersionsCommand({ Bucket }))
      return [...Versions, ...DeleteMarkers].map(({ Key }) => Key)
    }

    test('keeps nothing of what is deleted, and all of the others', async () => {
      const bucket = await makeBucket()
      const enabled = { Status: 'Enabled' as const }
      await client.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: enabled }))
      const store = openStore(bucket)
      for (const Key of ['a', 'a', 'a', 'ab', 'a/b']) {
        await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: 'x' }))
      }
      await store.delete('a')
      expect((await versionsOf(bucket)).sort()).toEqual(['a/b', 'ab'])
      await store.delete('a')
      await store.delete('ab')
      expect(await versionsOf(bucket)).toEqual(['a/b'])
    })

    test('keeps one version of an object that is moved to another storage class', async () => {
      const bucket = await makeBucket({ ObjectLockEnabledForBucket: true })
      const store = openStore(bucket, { objectLock: true })
      await store.put('a', bodyOf(Buffer.from('x')))
      await store.setStorageClass('a', { storageClass: 'STANDARD_IA' })
      expect(await versionsOf(bucket)).toEqual(['a'])
      await store.setHold('a', { held: true })
      await store.setStorageClass('a', { storageClass: 'GLACIER' })
      expect(await store.head('a')).toMatchObject({ held: true, storageClass: 'GLACIER' })
      await expect(store.delete('a')).rejects.toMatchObject({ kind: 'denied' })
      expect(await store.head('a')).toMatchObject({ held: true })
      await store.setHold('a', { held: false })
      await store.delete('a')
      expect(await versionsOf(bucket)).toEqual([])
    })

    test('does not hide a held object from a store that was told of no lock', async () => {
      const bucket = await makeBucket({ ObjectLockEnabledForBucket: true })
      const store = openStore(bucket)
      await store.put('a', bodyOf(Buffer.from('x')))
      await client.send(new PutObjectLegalHoldCommand({ Bucket: bucket, Key: 'a', LegalHold: { Status: 'ON' } }))
      await expect(store.delete('a')).rejects.toMatchObject({ kind: 'denied' })
      expect(await store.head('a')).toMatchObject({ held: true })
    })
  })

  describe('a session for one prefix', () => {
    const denied = { name: 'StoreError', kind: 'denied' }
    const within = 'tenants/a/'
    const mine = `${within}1`
    const theirs = 'tenants/b/1'
    let store: ObjectStore
    beforeAll(async () => {
      const bucket = await makeBucket()
      store = openStore(bucket, { roleArn: await makeRole() })
      await store.put(theirs, bodyOf(Buffer.from('theirs')))
      await store.put(mine, bodyOf(Buffer.from('mine')))
    })

    test('does all that is needed under it', async () => {
      const bench = benchOver(() => ({ store, close: async () => {} }))
      const key = `${within}2`
      await bench.put(key, randomBytes(9 * MIB), { within })
      expect((await bench.read(key, undefined, { within })).length).toBe(9 * MIB)
      expect(await store.head(key, { within })).toMatchObject({ storedBytes: 9 * MIB })
      expect(await store.head(`${within}none`, { within })).toBeUndefined()
      await expect(store.get(`${within}none`, { within })).rejects.toMatchObject({ kind: 'notFound' })
      await store.copy(key, { to: `staging/${key}`, sizeBytes: 9 * MIB, within })
      const reference = await store.startParts(`${within}parts`, { within })
      expect(await store.listParts(`${within}parts`, { within, reference })).toEqual([])
      expect((await store.list({ prefix: within, within })).items.map((info) => info.key)).toContain(`${within}parts`)
      await store.abandon(`${within}parts`, { within })
      await store.delete(key, { within })
      await store.delete(`staging/${key}`, { within })
      expect((await store.list({ prefix: within, within })).items.map((info) => info.key)).toEqual([mine])
    })

    test('is refused the keys of others by the server itself', async () => {
      const refusals = [
        store.get(theirs, { within }),
        store.head(theirs, { within }),
        store.put(`${theirs}-new`, bodyOf(Buffer.from('x')), { within }),
        store.put(`staging/${theirs}`, bodyOf(Buffer.from('x')), { within }),
        store.delete(theirs, { within }),
        store.copy(theirs, { to: `${within}stolen`, sizeBytes: 6, within }),
        store.copy(mine, { to: `${theirs}-new`, sizeBytes: 4, within }),
        store.startParts(theirs, { within }),
        store.list({ prefix: 'tenants/b/', within }),
        store.list({ within }),
        store.abandon(theirs, { within }),
      ]
      for (const result of await Promise.allSettled(refusals)) {
        expect(result).toMatchObject({ status: 'rejected', reason: denied })
      }
      expect((await store.list({})).items.map((info) => info.key)).toEqual([mine, theirs])
    })

    test('signs for its own keys alone, and the server refuses what is signed for those of others', async () => {
      const told = { within, expiresInSeconds: 60 }
      const get = await store.presignGet(mine, told)
      expect(await (await send(get)).text()).toBe('mine')
      await expectRefused(send(forKey(get, 'a/1', 'b/1')))
      const put = await store.presignPut(`${within}put`, { ...told, sizeBytes: 1 })
      expect((await send(put, Buffer.from('x'))).ok).toBe(true)
      const form = await store.presignPost(`${within}post/`, { ...told, minBytes: 1, maxBytes: 10 })
      expect((await post(form, Buffer.from('x'))).ok).toBe(true)
      await expectRefused(send(await store.presignGet(theirs, told)))
      const foreign = `${theirs}-new`
      await expectRefused(send(await store.presignPut(foreign, { ...told, sizeBytes: 1 }), Buffer.from('x')))
      const foreignForm = await store.presignPost('tenants/b/', { ...told, minBytes: 1, maxBytes: 10 })
      await expectRefused(post(foreignForm, Buffer.from('x')))
      const reference = await store.startParts(foreign, {})
      const part = await store.presignPart(foreign, { ...told, reference, number: 1, sizeBytes: 1 })
      await expectRefused(send(part, Buffer.from('x')))
      await store.abandon(foreign)
      for (const name of ['put', 'post/content']) await store.delete(within + name)
      expect((await store.list({})).items.map((info) => info.key)).toEqual([mine, theirs])
    })

    test('gives requests no longer life than its own', async () => {
      const { expiresAt } = await store.presignGet(mine, { within, expiresInSeconds: 604_800 })
      expect(expiresAt.getTime()).toBeLessThanOrEqual(Date.now() + 3_600_000)
      const unlimited = await store.presignGet(mine, { expiresInSeconds: 604_800 })
      expect(unlimited.expiresAt.getTime()).toBeGreaterThan(Date.now() + 3_600_000)
    })
  })
})
