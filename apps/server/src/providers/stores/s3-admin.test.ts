import { randomUUID } from 'node:crypto'
import {
  CreateBucketCommand,
  DeleteBucketCorsCommand,
  DeleteBucketLifecycleCommand,
  DeletePublicAccessBlockCommand,
  GetBucketLifecycleConfigurationCommand,
  GetObjectCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type AmazonServer, startAmazonServer } from '../../../test/amazon/server.ts'
import { addressOf } from '../../../test/real-services.ts'
import { LAYOUT_PRESETS } from '../../domain/key-layout-presets.ts'
import type { Finding, StoreAdmin, WantedStore } from './admin.ts'
import { openS3Admin } from './s3-admin.ts'
import { openS3Place } from './s3-client.ts'
import { openIdentity } from './s3-roles.ts'
import { s3Settings } from './s3-settings.ts'

const keys = { accessKeyId: 'testaccesskey01', secretAccessKey: 'testsecretkey0123456789abcdefghij' }
const plain: WantedStore = { versioning: false, objectLock: false, origins: [] }
const rich: WantedStore = { versioning: true, objectLock: true, origins: ['https://app.example.com'] }

async function applyAll(admin: StoreAdmin, wanted: WantedStore): Promise<string[]> {
  const outcomes: string[] = []
  for (const step of await admin.plan(wanted)) {
    const outcome = await step.apply()
    outcomes.push(outcome.state === 'cannot' ? 'cannot' : outcome.changed ? 'changed' : 'same')
  }
  return outcomes
}

const states = async (admin: StoreAdmin, wanted: WantedStore) => (await admin.plan(wanted)).map(({ state }) => state)
const wrongOnes = (findings: Finding[]) =>
  findings.filter(({ verdict }) => verdict === 'wrong').map(({ title }) => title)

const endpoint = addressOf('s3')

describe.skipIf(!endpoint)('a bucket of a real server', () => {
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: keys })
  const open: StoreAdmin[] = []
  const adminOf = (bucket: string) => {
    const admin = openS3Admin(s3Settings.parse({ bucket, endpoint, pathStyle: true, ...keys }))
    open.push(admin)
    return admin
  }
  const newName = () => `stowage-admin-${randomUUID()}`
  afterAll(() => Promise.all(open.map((admin) => admin.close())))

  test('is made as wanted, and a second time nothing is left to do', async () => {
    const admin = adminOf(newName())
    expect(new Set(await states(admin, rich))).toEqual(new Set(['todo']))
    const first = await applyAll(admin, rich)
    expect(first).toContain('changed')
    expect(await states(admin, rich)).not.toContain('todo')
    expect(await applyAll(admin, rich)).toEqual(first.map((each) => (each === 'cannot' ? 'cannot' : 'same')))
  })

  test('is not said to have what the server does not know', async () => {
    const admin = adminOf(newName())
    await applyAll(admin, plain)
    const cannot = (await admin.plan(plain)).filter(({ state }) => state === 'cannot')
    expect(cannot.map(({ title, reason }) => `${title}: ${reason}`)).toEqual([
      expect.stringMatching(/owns every object.*does not know/),
      expect.stringMatching(/is encrypted.*does not know/),
      expect.stringMatching(/without TLS.*endpoint is http/),
    ])
  })

  describe('passes the check, and fails it for each setting that is undone', async () => {
    const bucket = newName()
    const Bucket = bucket
    let admin: StoreAdmin
    beforeAll(async () => {
      admin = adminOf(bucket)
      await applyAll(admin, { ...rich, objectLock: false })
    })
    const wanted = { ...rich, objectLock: false }
    const undone: [string, RegExp[], () => Promise<unknown>][] = [
      ['public access', [/public access/], () => client.send(new DeletePublicAccessBlockCommand({ Bucket }))],
      ['CORS', [/pages of/], () => client.send(new DeleteBucketCorsCommand({ Bucket }))],
      [
        'both lifecycle rules',
        [/multipart/, /staged/],
        () => client.send(new DeleteBucketLifecycleCommand({ Bucket })),
      ],
      [
        'versioning',
        [/versioning/],
        () => client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Suspended' } })),
      ],
    ]
    test.each(undone)('%s', async (_, titles, undo) => {
      expect(wrongOnes(await admin.posture(wanted))).toEqual([])
      await undo()
      const wrong = (await admin.posture(wanted)).filter(({ verdict }) => verdict === 'wrong')
      expect(wrong.map(({ title }) => title)).toEqual(titles.map((title) => expect.stringMatching(title)))
      expect(wrong.every(({ reason, mend }) => reason && mend)).toBe(true)
      await applyAll(admin, wanted)
      expect(wrongOnes(await admin.posture(wanted))).toEqual([])
    })
  })

  test('keeps the lifecycle rules of others, with their reach', async () => {
    const bucket = newName()
    await client.send(new CreateBucketCommand({ Bucket: bucket }))
    const Tags = [
      { Key: 'a', Value: 'b' },
      { Key: 'c', Value: 'd' },
    ]
    const theirs = [
      { ID: 'plain', Status: 'Disabled' as const, Filter: { Prefix: 'x/' }, Expiration: { Days: 3 } },
      { ID: 'tags', Status: 'Enabled' as const, Filter: { And: { Prefix: 'y/', Tags } }, Expiration: { Days: 4 } },
    ]
    const LifecycleConfiguration = { Rules: theirs }
    await client.send(new PutBucketLifecycleConfigurationCommand({ Bucket: bucket, LifecycleConfiguration }))
    const read = async () =>
      (await client.send(new GetBucketLifecycleConfigurationCommand({ Bucket: bucket }))).Rules ?? []
    const before = await read()
    const admin = adminOf(bucket)
    await applyAll(admin, plain)
    const after = await read()
    expect(after).toHaveLength(4)
    for (const rule of before) expect(after).toContainEqual(rule)
  })

  test('still takes what is written after it was set up', async () => {
    const bucket = newName()
    await applyAll(adminOf(bucket), rich)
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: 'staging/x', Body: 'x' }))
  })

  test('that another account has is told apart from one that is not there', async () => {
    const bucket = newName()
    const other = { accessKeyId: 'otheraccesskey1', secretAccessKey: 'othersecretkey0123456789abcdefghi' }
    await client.send(new CreateBucketCommand({ Bucket: bucket }))
    const admin = openS3Admin(s3Settings.parse({ bucket, endpoint, pathStyle: true, ...other }))
    open.push(admin)
    const [existence] = await admin.plan(plain)
    expect(existence!.state).toBe('unknown')
    await expect(existence!.apply()).rejects.toThrow(/belongs to somebody else/)
  })

  describe('roles', () => {
    const bucket = newName()
    const storeId = randomUUID().slice(0, 8)
    const needs = { storeId, layouts: LAYOUT_PRESETS.filter(({ name }) => name === 'user') }
    const user = 'arn:aws:iam:::user/test'

    test('are made once, and reach their prefix and nothing beyond', async () => {
      await client.send(new CreateBucketCommand({ Bucket: bucket }))
      const admin = adminOf(bucket)
      const made = await admin.createRoles(needs, [user])
      expect(made.map(({ outcome }) => outcome)).toEqual(['created', 'created', 'created', 'cannot'])
      const again = await admin.createRoles(needs, [user])
      expect(again.map(({ outcome }) => outcome)).toEqual(['already so', 'already so', 'already so', 'cannot'])

      const as = await sessionOf(made[0]!.name)
      const put = (Key: string) => as.send(new PutObjectCommand({ Bucket: bucket, Key, Body: 'x' }))
      const get = (Key: string) => as.send(new GetObjectCommand({ Bucket: bucket, Key }))
      await put('users/usr_1/raw/a/original.pdf')
      await put('staging/x')
      await get('users/usr_1/raw/a/original.pdf')
      await expect(put('elsewhere/x')).rejects.toThrow(expect.objectContaining({ name: 'AccessDenied' }))
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: 'elsewhere/y', Body: 'x' }))
      await expect(get('elsewhere/y')).rejects.toThrow(expect.objectContaining({ name: 'AccessDenied' }))
      await expect(as.send(new DeletePublicAccessBlockCommand({ Bucket: bucket }))).rejects.toThrow()

      const setUp = await sessionOf(made[1]!.name)
      await setUp.send(new DeletePublicAccessBlockCommand({ Bucket: bucket }))
      await expect(setUp.send(new GetObjectCommand({ Bucket: bucket, Key: 'staging/x' }))).rejects.toThrow()
    })

    test('are brought up to date when the layouts change', async () => {
      const admin = adminOf(bucket)
      const layouts = LAYOUT_PRESETS.filter(({ name }) => ['user', 'security_firms'].includes(name))
      const [service] = await admin.createRoles({ ...needs, layouts }, [user])
      expect(service!.outcome).toBe('updated')
      const as = await sessionOf(service!.name)
      await as.send(new PutObjectCommand({ Bucket: bucket, Key: 'security_firms/a/b', Body: 'x' }))
    })

    test('need somebody who may take them, where the server does not say who is asking', async () => {
      await expect(adminOf(bucket).createRoles(needs, [])).rejects.toThrow(/--trust/)
    })

    async function sessionOf(RoleArn: string): Promise<S3Client> {
      const sts = new STSClient({ endpoint, region: 'us-east-1', credentials: keys })
      const { Credentials } = await sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: 'test' }))
      const { AccessKeyId = '', SecretAccessKey = '', SessionToken } = Credentials ?? {}
      const credentials = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken }
      return new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials })
    }
  })
})

/** What no server here has: a server that keeps settings as Amazon's API gives them back. */
describe('a bucket at Amazon', () => {
  let amazon: AmazonServer
  let admin: StoreAdmin
  beforeAll(async () => {
    amazon = await startAmazonServer()
  })
  afterAll(() => amazon.close())

  const openAdmin = (region = 'eu-central-1') => {
    const place = openS3Place(s3Settings.parse({ bucket: 'files', region, ...keys }))
    const at = openS3Place(
      s3Settings.parse({ bucket: 'files', region, endpoint: amazon.url, pathStyle: true, ...keys }),
    )
    return openS3Admin(place.settings, { ...at, settings: place.settings }, openIdentity(at))
  }
  const kms: WantedStore = { ...rich, kmsKey: 'key-1' }

  test('is made in its region with every setting, once', async () => {
    admin = openAdmin()
    const first = await applyAll(admin, kms)
    expect(first.filter((each) => each === 'cannot')).toEqual([])
    expect(amazon.region).toBe('eu-central-1')
    expect(await applyAll(admin, kms)).toEqual(first.map(() => 'same'))
    expect(new Set(await states(admin, kms))).toEqual(new Set(['done']))
    expect((await admin.posture(kms)).every(({ verdict }) => verdict === 'ok')).toBe(true)
    expect(amazon.settings.get('publicAccessBlock')).toContain('<BlockPublicAcls>true</BlockPublicAcls>')
  })

  test.each([
    ['publicAccessBlock', ['public access is blocked']],
    ['ownershipControls', ['owns every object']],
    ['encryption', ['encrypted']],
    ['policy', ['without TLS']],
    ['versioning', ['versioning']],
    ['object-lock', ['object lock']],
    ['cors', ['pages of']],
    ['lifecycle', ['multipart', 'staged']],
  ])('fails the check when %s is undone', async (setting, titles) => {
    const kept = amazon.settings.get(setting)!
    amazon.settings.delete(setting)
    const wrong = wrongOnes(await admin.posture(kms))
    for (const title of titles) expect(wrong).toContainEqual(expect.stringContaining(title))
    amazon.settings.set(setting, kept)
    expect(wrongOnes(await admin.posture(kms))).toEqual([])
  })

  test('that is encrypted otherwise than by the key that is asked for fails the check', async () => {
    expect(wrongOnes(await admin.posture({ ...kms, kmsKey: 'key-2' }))).toEqual([expect.stringContaining('key-2')])
  })

  test('keeps the other statements of its policy', async () => {
    const theirs = {
      Sid: 'Theirs',
      Effect: 'Deny',
      Principal: '*',
      Action: 's3:DeleteBucket',
      Resource: 'arn:aws:s3:::files',
    }
    amazon.settings.set('policy', JSON.stringify({ Version: '2012-10-17', Statement: [theirs] }))
    await applyAll(admin, kms)
    expect(JSON.parse(amazon.settings.get('policy')!).Statement).toEqual([
      theirs,
      expect.objectContaining({ Effect: 'Deny' }),
    ])
  })

  test('that lies in another region is diagnosed as such', async () => {
    const elsewhere = openAdmin('eu-west-1')
    const failure = await elsewhere.contact().catch((error: unknown) => error)
    expect(await elsewhere.diagnose(failure)).toBe('wrongRegion')
  })

  test('is compared with what its role needs, where the simulator may be asked', async () => {
    amazon.allowed = ['s3:DeleteBucket', 's3:GetObject']
    expect(await admin.excessRights()).toEqual({ known: true, rights: ['s3:DeleteBucket'] })
    amazon.refused.add('SimulatePrincipalPolicy')
    expect(await admin.excessRights()).toMatchObject({
      known: false,
      reason: expect.stringContaining('may not be asked'),
    })
    amazon.caller = 'arn:aws:iam::123456789012:root'
    expect(await admin.excessRights()).toMatchObject({ known: true, rights: [expect.stringContaining('everything')] })
  })
})
