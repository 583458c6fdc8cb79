import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type GcsServer, startGcsServer } from '../../../test/gcs/server.ts'
import { LAYOUT_PRESETS } from '../../domain/key-layout-presets.ts'
import type { StoreAdmin, WantedStore } from './admin.ts'
import { examine } from './examination.ts'
import { openGcsStore } from './gcs.ts'
import { openGcsAdmin } from './gcs-admin.ts'
import { createGcsClient, type GcsSettings, gcsSettings, send } from './gcs-client.ts'

const wanted: WantedStore = {
  region: 'europe-west4',
  kmsKey: 'projects/p/locations/l/keyRings/r/cryptoKeys/k',
  versioning: true,
  objectLock: true,
  origins: ['https://app.example.com'],
}

describe('a bucket of Cloud Storage', () => {
  let server: GcsServer
  let admin: StoreAdmin
  let settings: GcsSettings
  beforeAll(async () => {
    server = await startGcsServer()
    settings = { bucket: 'files', endpoint: server.url, credentials: server.credentials, projectId: 'p' }
    admin = openGcsAdmin(gcsSettings.parse(settings))
  })
  afterAll(async () => {
    await admin.close()
    await server.close()
  })

  const change = (json: object) =>
    send(createGcsClient(gcsSettings.parse(settings)), {
      method: 'PATCH',
      path: '/storage/v1/b/files',
      json,
      what: 'x',
    })
  const applyAll = async () => {
    const outcomes = []
    for (const step of await admin.plan(wanted)) outcomes.push(await step.apply())
    return outcomes
  }
  const wrongOnes = async () =>
    (await admin.posture(wanted)).filter(({ verdict }) => verdict === 'wrong').map(({ title }) => title)

  test('that is not there is diagnosed as such, and found wrong', async () => {
    const failure = await admin.contact().catch((error: unknown) => error)
    expect(await admin.diagnose(failure)).toBe('noBucket')
    expect(await wrongOnes()).toEqual([expect.stringContaining('is there')])
  })

  test('is made as wanted, and a second time nothing is left to do', async () => {
    const first = await applyAll()
    expect(first.filter(({ state }) => state === 'cannot')).toHaveLength(1)
    const second = await applyAll()
    expect(second.filter((outcome) => outcome.state === 'done' && outcome.changed)).toEqual([])
    expect((await admin.plan(wanted)).map(({ state }) => state)).not.toContain('todo')
    expect(await wrongOnes()).toEqual([])
  })

  test.each([
    ['public access', { iamConfiguration: { publicAccessPrevention: 'inherited' } }],
    ['access lists', { iamConfiguration: { uniformBucketLevelAccess: { enabled: false } } }],
    ['encrypted', { encryption: null }],
    ['versioning', { versioning: { enabled: false } }],
    ['pages of', { cors: null }],
    [
      'multipart',
      { lifecycle: { rule: [{ action: { type: 'Delete' }, condition: { age: 14, matchesPrefix: ['staging/'] } }] } },
    ],
  ])('fails the check when what the finding calls “%s” is undone', async (title, json) => {
    await change(json)
    expect(await wrongOnes()).toEqual([expect.stringContaining(title)])
    await applyAll()
    expect(await wrongOnes()).toEqual([])
  })

  test('keeps lifecycle rules and CORS entries of others', async () => {
    const rule = { action: { type: 'SetStorageClass', storageClass: 'COLDLINE' }, condition: { age: 90 } }
    const entry = { origin: ['*'], method: ['GET'], responseHeader: ['x-theirs'], maxAgeSeconds: 5 }
    await change({ lifecycle: { rule: [rule] }, cors: [entry] })
    await applyAll()
    const client = createGcsClient(gcsSettings.parse(settings))
    const { text: body } = await send(client, { method: 'GET', path: '/storage/v1/b/files', what: 'x' })
    const bucket = JSON.parse(body) as { lifecycle: { rule: object[] }; cors: object[] }
    expect(bucket.lifecycle.rule).toHaveLength(3)
    expect(bucket.lifecycle.rule).toContainEqual(rule)
    expect(bucket.cors).toEqual([entry, expect.objectContaining({ origin: wanted.origins })])
  })

  test('passes the examination of everything that this server has', async () => {
    const store = openGcsStore(settings)
    const failed = []
    for await (const check of examine({ store, admin, origins: [], now: Date.now })) {
      if (check.outcome === 'failed') failed.push(check)
    }
    expect(failed).toEqual([])
    await store.close()
  })

  test('that is asked with the key of somebody else is diagnosed as such', async () => {
    const stranger = await startGcsServer()
    const other = openGcsAdmin(gcsSettings.parse({ ...settings, credentials: stranger.credentials }))
    const failure = await other.contact().catch((error: unknown) => error)
    expect(await other.diagnose(failure)).toBe('wrongKey')
    await stranger.close()
  })
})

describe('the bindings of a bucket', () => {
  const theirs = { role: 'roles/storage.objectViewer', members: ['user:a@example.com'] }
  let policy: { version?: number; etag: string; bindings: object[] } = { etag: 'a', bindings: [theirs] }
  let server: Server
  let admin: StoreAdmin
  let puts = 0
  beforeAll(async () => {
    // "Buckets: getIamPolicy, setIamPolicy": the policy goes both ways in one form.
    server = createServer(async (request, response) => {
      if (request.method === 'PUT') {
        policy = JSON.parse(await text(request))
        puts += 1
      }
      response.setHeader('content-type', 'application/json').end(JSON.stringify(policy))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { credentials, close } = await startGcsServer()
    await close()
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    admin = openGcsAdmin(gcsSettings.parse({ bucket: 'files', endpoint, credentials }))
  })
  afterAll(async () => {
    await admin.close()
    server.close()
  })
  const needsOf = (...names: string[]) => ({
    storeId: 'gcs',
    layouts: LAYOUT_PRESETS.filter(({ name }) => names.includes(name)),
  })

  test('are put beside those of others, once, for the service’s own account', async () => {
    await admin.createRoles(needsOf('user'), [])
    expect(policy).toMatchObject({ version: 3, etag: 'a' })
    expect(policy.bindings).toHaveLength(3)
    expect(policy.bindings[0]).toEqual(theirs)
    const again = await admin.createRoles(needsOf('user'), [])
    expect(again.map(({ outcome }) => outcome)).toEqual(['already so', 'already so'])
    expect(puts).toBe(1)
  })

  test('name the prefixes of the layouts in use', async () => {
    await admin.createRoles(needsOf('user', 'security_firms'), [])
    const expression = (policy.bindings[1] as { condition: { expression: string } }).condition.expression
    const heads = expression.split(' || ').map((each) => /objects\/(.*)"\)$/.exec(each)?.[1])
    expect(heads.toSorted()).toEqual(['security_firms/', 'staging/', 'users/'])
  })
})
