import { randomUUID } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import {
  CreateBucketCommand,
  DeletePublicAccessBlockCommand,
  PutBucketAclCommand,
  PutBucketCorsCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutPublicAccessBlockCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import { addressOf } from '../../../test/real-services.ts'
import { type Check, examine, type Subject, verifyStore } from './examination.ts'
import { createMemoryStore } from './memory.ts'
import { openS3Store, s3Settings } from './s3.ts'
import { openS3Admin } from './s3-admin.ts'
import { openS3Place } from './s3-client.ts'

const endpoint = addressOf('s3')
const keys = { accessKeyId: 'testaccesskey01', secretAccessKey: 'testsecretkey0123456789abcdefghij' }
const other = { accessKeyId: 'otheraccesskey1', secretAccessKey: 'othersecretkey0123456789abcdefghi' }
const origin = 'https://app.example.com'

async function allOf(subject: Subject): Promise<Check[]> {
  const checks: Check[] = []
  for await (const check of examine(subject)) checks.push(check)
  return checks
}

const diagnosesOf = async (subject: Subject) =>
  (await allOf(subject)).flatMap(({ diagnosis }) => (diagnosis ? [diagnosis] : []))

test('what a start that was killed has left in a store goes with a later one', async () => {
  const store = createMemoryStore()
  const put = (name: string) => store.put(`staging/${name}`, Readable.from([Buffer.from('left')]), { sizeBytes: 4 })
  vi.useFakeTimers({ toFake: ['Date'] })
  try {
    await put('probe-old')
    await put('somebody')
    vi.setSystemTime(Date.now() + 2 * 60 * 60_000)
    await put('probe-of-another-node')
    expect((await verifyStore({ store })).problems).toEqual([])
    const { items } = await store.list({ limit: 10 })
    expect(items.map(({ key }) => key).sort()).toEqual(['staging/probe-of-another-node', 'staging/somebody'])
  } finally {
    vi.useRealTimers()
  }
})

test('a store on this machine is examined for what it can, and left empty', async () => {
  const store = createMemoryStore()
  const checks = await allOf({ store, origins: [origin], now: Date.now })
  expect(checks.filter(({ outcome }) => outcome === 'failed')).toEqual([])
  expect(checks.filter(({ outcome }) => outcome === 'passed').length).toBeGreaterThan(4)
  expect((await store.list({ limit: 10 })).items).toEqual([])
})

test('bytes that come back changed are found', async () => {
  const store = createMemoryStore()
  const changing = {
    ...store,
    get: async (...[key, options]: Parameters<typeof store.get>) => {
      const object = await store.get(key, options)
      object.body.once('readable', () => object.body.unshift(Buffer.from('x')))
      return object
    },
  }
  expect(await diagnosesOf({ store: changing, origins: [], now: Date.now })).toContain('corrupt')
})

describe.skipIf(!endpoint)('a bucket of a real server', () => {
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: keys })
  const opened: { close(): Promise<void> }[] = []
  const subjectOf = (told: object, more: Partial<Subject> & { skewMs?: number } = {}): Subject => {
    const settings = s3Settings.parse({ endpoint, pathStyle: true, ...keys, ...told })
    const place = openS3Place(settings)
    if (more.skewMs) place.own.send.config.systemClockOffset = more.skewMs
    const admin = openS3Admin(settings, place)
    const store = openS3Store(settings)
    opened.push(admin, store)
    return { store, admin, origins: [], now: Date.now, ...more }
  }
  const newBucket = async () => {
    const bucket = `stowage-doctor-${randomUUID()}`
    await client.send(new CreateBucketCommand({ Bucket: bucket }))
    return bucket
  }
  const allow = async (bucket: string, allowed: string[], denied: string[] = []) => {
    const Principal = { AWS: ['arn:aws:iam:::user/other'] }
    const Resource = [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`]
    const Statement = [
      { Effect: 'Allow', Principal, Action: allowed, Resource },
      ...(denied.length > 0 ? [{ Effect: 'Deny', Principal, Action: denied, Resource }] : []),
    ]
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement })
    await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }))
  }
  const setCors = (Bucket: string, ExposeHeaders: string[]) => {
    const rule = { AllowedOrigins: [origin], AllowedMethods: ['GET', 'PUT'], AllowedHeaders: ['*'], ExposeHeaders }
    return client.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules: [rule] } }))
  }
  afterAll(() => Promise.all(opened.map((each) => each.close())))
  afterEach(() => vi.unstubAllEnvs())

  test('that is set up well passes, and nothing is left behind', async () => {
    const bucket = await newBucket()
    await setCors(bucket, ['ETag'])
    const subject = subjectOf({ bucket }, { origins: [origin] })
    const checks = await allOf(subject)
    expect(checks.filter(({ outcome }) => outcome === 'failed')).toEqual([])
    expect(checks.filter(({ outcome }) => outcome === 'passed').length).toBeGreaterThan(12)
    expect((await subject.store.list({ limit: 10 })).items).toEqual([])
  })

  test('without credentials', async () => {
    const empty = {
      AWS_ACCESS_KEY_ID: '',
      AWS_SECRET_ACCESS_KEY: '',
      AWS_PROFILE: 'none',
      AWS_EC2_METADATA_DISABLED: 'true',
    }
    for (const [name, value] of Object.entries(empty)) vi.stubEnv(name, value)
    const subject = subjectOf({ bucket: await newBucket(), accessKeyId: undefined, secretAccessKey: undefined })
    expect(await diagnosesOf(subject)).toEqual(['noCredentials'])
  })

  test.each([
    ['an unknown key', { accessKeyId: 'nobody', secretAccessKey: 'nothing' }],
    ['the wrong secret', { secretAccessKey: 'another' }],
  ])('with %s', async (_, wrong) => {
    expect(await diagnosesOf(subjectOf({ bucket: await newBucket(), ...wrong }))).toEqual(['wrongKey'])
  })

  test('that is not there', async () => {
    expect(await diagnosesOf(subjectOf({ bucket: `stowage-none-${randomUUID()}` }))).toEqual(['noBucket'])
  })

  test('at an endpoint where nobody listens', async () => {
    expect(await diagnosesOf(subjectOf({ bucket: 'files', endpoint: 'http://127.0.0.1:1' }))).toEqual(['wrongEndpoint'])
  })

  test.each([
    [200, '<html><body>Welcome<br></body></html>'],
    [200, '<html><body>Welcome</body></html>'],
    [404, 'nothing here'],
    [404, ''],
  ])('at an endpoint that answers %i and %j', async (status, page) => {
    const server: Server = createServer((_, response) => response.writeHead(status).end(page))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    expect(await diagnosesOf(subjectOf({ bucket: 'files', endpoint: url }))).toEqual(['wrongEndpoint'])
    server.close()
  })

  test('that may not be written', async () => {
    const bucket = await newBucket()
    await allow(bucket, ['s3:ListBucket', 's3:GetObject'])
    expect(await diagnosesOf(subjectOf({ bucket, ...other }))).toEqual(['deniedWrite'])
  })

  test('that refuses every write because public access lists are blocked', async () => {
    const bucket = await newBucket()
    const PublicAccessBlockConfiguration = { BlockPublicAcls: true }
    await client.send(new PutPublicAccessBlockCommand({ Bucket: bucket, PublicAccessBlockConfiguration }))
    expect(await diagnosesOf(subjectOf({ bucket }))).toEqual(['deniedWrite'])
  })

  test('that may not be read', async () => {
    const bucket = await newBucket()
    await allow(bucket, ['s3:*'], ['s3:GetObject'])
    const diagnoses = await diagnosesOf(subjectOf({ bucket, ...other }))
    expect(diagnoses).toContain('deniedRead')
    expect(diagnoses).not.toContain('deniedWrite')
  })

  test('that may not be listed hides whether an object is there', async () => {
    const bucket = await newBucket()
    await allow(bucket, ['s3:PutObject', 's3:GetObject', 's3:DeleteObject'])
    const diagnoses = await diagnosesOf(subjectOf({ bucket, ...other, conditionalCreate: true }))
    expect(diagnoses).toEqual(expect.arrayContaining(['deniedList', 'missingLooksDenied']))
  })

  test('from which nothing may be deleted', async () => {
    const bucket = await newBucket()
    await allow(bucket, ['s3:*'], ['s3:DeleteObject'])
    expect(await diagnosesOf(subjectOf({ bucket, ...other }))).toEqual(['deniedDelete'])
  })

  test('that pages of an origin cannot use, or not see the ETag of', async () => {
    const bucket = await newBucket()
    const subject = subjectOf({ bucket }, { origins: [origin] })
    expect(await diagnosesOf(subject)).toEqual(['corsMissing'])
    await setCors(bucket, ['x-etagged'])
    expect(await diagnosesOf(subject)).toEqual(['corsHidesETag'])
  })

  test('that everybody can read', async () => {
    const bucket = await newBucket()
    const Policy = JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        { Effect: 'Allow', Principal: '*', Action: ['s3:GetObject'], Resource: [`arn:aws:s3:::${bucket}/*`] },
      ],
    })
    await client.send(new DeletePublicAccessBlockCommand({ Bucket: bucket }))
    await client.send(new PutBucketAclCommand({ Bucket: bucket, ACL: 'public-read' }))
    await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }))
    expect(await diagnosesOf(subjectOf({ bucket }))).toEqual(['publicBucket'])
  })

  test('whose server has another time', async () => {
    const bucket = await newBucket()
    expect(await diagnosesOf(subjectOf({ bucket }, { now: () => Date.now() + 3_600_000 }))).toEqual(['clockSkew'])
    expect(await diagnosesOf(subjectOf({ bucket }, { skewMs: 3_600_000 }))).toEqual(['clockSkew'])
  })

  test('in which versioning is suspended', async () => {
    const bucket = await newBucket()
    for (const Status of ['Enabled', 'Suspended'] as const) {
      await client.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status } }))
    }
    expect(await diagnosesOf(subjectOf({ bucket }))).toEqual(['versioningSuspended'])
  })

  test('whose signed URLs go out without TLS, or to nowhere', async () => {
    const bucket = await newBucket()
    const diagnoses = await diagnosesOf(subjectOf({ bucket, publicEndpoint: 'http://files.invalid' }))
    expect(diagnoses).toEqual(expect.arrayContaining(['tlsOff', 'publicUnreachable']))
  })

  test('whose signed URLs are made for another host than they are sent to', async () => {
    const bucket = await newBucket()
    const publicEndpoint = endpoint!.replace('127.0.0.1', 'localhost')
    expect(await diagnosesOf(subjectOf({ bucket, publicEndpoint }))).toEqual([])
    const proxy = createServer((request, response) => {
      void fetch(`${endpoint}${request.url}`, { method: request.method! }).then((answer) => {
        response.writeHead(answer.status, { date: new Date().toUTCString() }).end()
      })
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
    expect(await diagnosesOf(subjectOf({ bucket, publicEndpoint: url }))).toContain('presignRefused')
    proxy.close()
  })

  describe('is verified at the start', () => {
    test('and has no problems when it can be listed, written and cleared', async () => {
      const subject = subjectOf({ bucket: await newBucket() })
      const { problems, excess } = await verifyStore(subject)
      expect(problems).toEqual([])
      expect(excess).toMatchObject({ known: false })
      expect((await subject.store.list({ limit: 10 })).items).toEqual([])
    })

    test('and every right that is missing is named', async () => {
      const bucket = await newBucket()
      await allow(bucket, ['s3:GetObject'])
      const { problems } = await verifyStore(subjectOf({ bucket, ...other }))
      expect(problems.map(({ diagnosis }) => diagnosis)).toEqual(['deniedList', 'deniedWrite', 'deniedDelete'])
    })

    test('and a bucket that is not there is one problem', async () => {
      const { problems } = await verifyStore(subjectOf({ bucket: `stowage-none-${randomUUID()}` }))
      expect(problems.map(({ diagnosis }) => diagnosis)).toEqual(['noBucket'])
    })
  })
})
