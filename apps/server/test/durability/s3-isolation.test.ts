import { randomBytes, randomUUID } from 'node:crypto'
import { CreateRoleCommand, IAMClient, PutRolePolicyCommand } from '@aws-sdk/client-iam'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { jobs } from '../../src/doors/worker/jobs.ts'
import { expectRefused, post, send } from '../../src/providers/stores/conformance-presigned.ts'
import { aroundExtras } from '../../src/providers/stores/extras.ts'
import type { CallOptions, ObjectStore } from '../../src/providers/stores/port.ts'
import { openS3Store, s3Settings } from '../../src/providers/stores/s3.ts'
import { addressOf } from '../real-services.ts'
import { newOrganization, newText, uploadText } from '../service.ts'
import { makeBucket, S3_KEYS } from '../store-settings.ts'
import { startTestService, type TestService } from '../test-service.ts'

const MIB = 1024 * 1024
const endpoint = addressOf('s3') as string

/** A role that may do anything in one bucket, which the keys of the tests may assume. */
async function makeRole(bucket: string): Promise<string> {
  const iam = new IAMClient({ endpoint, region: 'us-east-1', credentials: S3_KEYS })
  const RoleName = `stowage-${randomBytes(8).toString('hex')}`
  const policyOf = (statement: object) => JSON.stringify({ Version: '2012-10-17', Statement: [statement] })
  const mayAssume = { Effect: 'Allow', Principal: { AWS: ['arn:aws:iam:::user/test'] }, Action: ['sts:AssumeRole'] }
  const mayDo = { Effect: 'Allow', Action: ['s3:*'], Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`] }
  const { Role } = await iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: policyOf(mayAssume) }))
  await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: 'all', PolicyDocument: policyOf(mayDo) }))
  iam.destroy()
  return Role?.Arn as string
}

interface Seen {
  verb: string
  key: string
  within: string | undefined
}

/** A store that writes down what each operation may reach. */
function noting(inner: ObjectStore, seen: Seen[]): ObjectStore {
  const note = (verb: string, key: string, options?: CallOptions) => {
    seen.push({ verb, key, within: options?.within })
  }
  return {
    ...inner,
    ...aroundExtras(inner, (verb, key, options, work) => {
      note(verb, key, options)
      return work(options)
    }),
    put: (key, body, options) => {
      note('put', key, options)
      return inner.put(key, body, options)
    },
    get: (key, options) => {
      note('get', key, options)
      return inner.get(key, options)
    },
    head: (key, options) => {
      note('head', key, options)
      return inner.head(key, options)
    },
  }
}

interface Bench {
  service: TestService
  seen: Seen[]
  /** The same store, as a session of it would be used by whoever got hold of it. */
  store: ObjectStore
  stop(): Promise<void>
}

async function startBench(settings: Record<string, string>): Promise<Bench> {
  const bucket = `stowage-${randomUUID()}`
  await makeBucket(endpoint, bucket)
  const place = { bucket, endpoint, pathStyle: true, roleArn: await makeRole(bucket), ...S3_KEYS }
  const stores = JSON.stringify({ tested: { kind: 's3', ...place } })
  const service = await startTestService({
    settings: { STOWAGE_STORE: 'tested', STOWAGE_STORES: stores, STOWAGE_FALLBACK_STORE: 'none', ...settings },
  })
  const seen: Seen[] = []
  const { stores: opened } = service.app
  opened.set('tested', noting(opened.get('tested') as ObjectStore, seen))
  const store = openS3Store(s3Settings.parse(place))
  return {
    service,
    seen,
    store,
    async stop() {
      await store.close()
      await service.stop()
    },
  }
}

interface Caller {
  secret: string
}

async function callerIn({ service }: Bench, organization: string): Promise<Caller> {
  const { json } = await service.call('/v1/api-keys', { organization, body: { name: 'k', role: 'editor' } })
  return { secret: json.secret }
}

/** Uploads in every way that there is, and reads all of it back. */
async function uploadEveryWay({ service }: Bench, caller: Caller): Promise<void> {
  const { call, app } = service
  const ids: string[] = []
  for (const sizeBytes of [1000, 9 * MIB]) ids.push((await uploadText(call, newText(sizeBytes), caller)).json.id)
  for (const [strategy, sizeBytes] of [
    ['single-put', 1000],
    ['post-policy', 1000],
    ['multipart', 9 * MIB],
  ] as const) {
    const bytes = newText(sizeBytes)
    const { json: upload } = await call('/v1/uploads', { ...caller, body: { name: 'a.txt', sizeBytes, strategy } })
    if (upload.request) expect((await send(upload.request, bytes)).ok).toBe(true)
    // RadosGW 16 answers 204 to a form that was signed with a session, and stores nothing.
    if (upload.form) continue
    if (strategy === 'multipart') {
      const { json } = await call(`/v1/uploads/${upload.id}/parts`, { ...caller, body: { numbers: [1, 2] } })
      for (const { number, ...part } of json.items) {
        const from = (number - 1) * upload.partBytes
        expect((await send(part, bytes.subarray(from, from + part.sizeBytes))).ok).toBe(true)
      }
    }
    const completed = await call(`/v1/uploads/${upload.id}/complete`, { ...caller, method: 'POST' })
    expect(completed.json).toMatchObject({ strategy, state: 'completing' })
    await jobs.staged(app.worker)
    const { json: done } = await call(`/v1/uploads/${upload.id}`, caller)
    expect(done).toMatchObject({ state: 'done' })
    ids.push(done.assetId)
  }
  for (const id of ids) expect((await call(`/v1/assets/${id}/content`, caller)).status).toBe(200)
}

/** What the isolation prefix of a key is, or of where it is staged. */
function prefixIn(key: string, segments: number): string {
  const bare = key.startsWith('staging/') ? key.slice('staging/'.length) : key
  return `${bare.split('/').slice(0, segments).join('/')}/`
}

const neighbours = [
  { who: 'two organizations', layout: 'default', segments: 1 },
  { who: 'two users of one organization', layout: 'user', segments: 2 },
]

describe.skipIf(!endpoint).each(neighbours)('what $who keep in one bucket', ({ layout, segments }) => {
  let bench: Bench
  let mine: Seen[]
  let theirs: Seen[]
  beforeAll(async () => {
    bench = await startBench({ STOWAGE_LAYOUT: layout })
    const one = await newOrganization(bench.service.call)
    const other = layout === 'user' ? one : await newOrganization(bench.service.call)
    await uploadEveryWay(bench, await callerIn(bench, one.slug))
    mine = bench.seen.splice(0)
    await uploadEveryWay(bench, await callerIn(bench, other.slug))
    theirs = bench.seen.splice(0)
  }, 60_000)
  afterAll(() => bench?.stop())

  test('lies under prefixes of their own, staged or not', () => {
    const [own, foreign] = [mine, theirs].map((seen) => new Set(seen.map(({ key }) => prefixIn(key, segments))))
    expect(own?.size).toBe(1)
    expect(foreign?.size).toBe(1)
    expect(own).not.toEqual(foreign)
  })

  test('is uploaded, in whatever way, by credentials that reach no further', () => {
    const verbs = new Set(mine.map(({ verb }) => verb))
    for (const verb of ['put', 'head', 'copy', 'presignPut', 'presignPost', 'startParts', 'presignPart', 'listParts']) {
      expect(verbs).toContain(verb)
    }
    for (const { key, within } of mine.filter(({ verb, key }) => verb !== 'get' || key.startsWith('staging/'))) {
      expect(within).toBe(prefixIn(key, segments))
    }
  })

  test('is read by credentials that reach no further', () => {
    const reads = mine.filter(({ verb, key }) => verb === 'get' && !key.startsWith('staging/'))
    expect(reads.length).toBeGreaterThan(0)
    for (const { key, within } of reads) expect(within).toBe(prefixIn(key, segments))
  })

  test('is out of reach of the other’s credentials: bytes, lists, addresses and forms', async () => {
    const { store } = bench
    const key = theirs.find(({ verb }) => verb === 'put')?.key as string
    const [within, foreign] = [mine, theirs].map((seen) => prefixIn(seen[0]?.key as string, segments)) as [
      string,
      string,
    ]
    expect(await store.head(key)).toBeDefined()
    const denied = { name: 'StoreError', kind: 'denied' }
    const refusals = [
      store.get(key, { within }),
      store.head(key, { within }),
      store.delete(key, { within }),
      store.list({ prefix: foreign, within }),
      store.list({ within }),
      store.copy(key, { to: `${within}stolen`, sizeBytes: 1000, within }),
      store.startParts(`${foreign}x`, { within }),
      store.startParts(`staging/${foreign}x`, { within }),
    ]
    for (const result of await Promise.allSettled(refusals)) {
      expect(result).toMatchObject({ status: 'rejected', reason: denied })
    }
    const told = { within, expiresInSeconds: 60 }
    await expectRefused(send(await store.presignGet(key, told)))
    for (const prefix of [foreign, `staging/${foreign}`]) {
      await expectRefused(send(await store.presignPut(`${prefix}x`, { ...told, sizeBytes: 1 }), Buffer.from('x')))
      const form = await store.presignPost(`${prefix}y/`, { ...told, minBytes: 1, maxBytes: 1 })
      await expectRefused(post(form, Buffer.from('x')))
    }
    const { items } = await store.list({})
    const tried = [
      `${within}stolen`,
      ...[foreign, `staging/${foreign}`].flatMap((each) => [`${each}x`, `${each}y/content`]),
    ]
    expect(items.map((item) => item.key).filter((each) => tried.includes(each))).toEqual([])
    expect(await store.head(key)).toBeDefined()
  })
})
