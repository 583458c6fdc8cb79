import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { openAzureStore } from './azure.ts'
import { account, azureAddress, newContainer, type TestContainer } from './azure-test-container.ts'
import { openAzureProxy, refuse, stageFromSource, type Visit } from './azure-test-proxy.ts'
import { bodyOf } from './conformance-bench.ts'
import type { ObjectStore } from './port.ts'

const UNAVAILABLE = { name: 'StoreError', kind: 'unavailable' }
const TIMES = { connectTimeoutMs: 300, inactivityTimeoutMs: 300 }
const MIB = 1024 * 1024

type Sizes = Parameters<typeof openAzureStore>[1]

/** A store that reaches its service, real or played, through a proxy. */
async function openThrough(
  visit: (visit: Visit) => Promise<void> | void,
  { settings, sizes }: { settings?: object; sizes?: Sizes } = {},
): Promise<ObjectStore> {
  const target = azureAddress ?? 'http://127.0.0.1:9/devstoreaccount1'
  const { endpoint, close } = await openAzureProxy(target, visit)
  const store = openAzureStore({ ...account, container: 'played', ...TIMES, ...settings, endpoint }, sizes)
  onTestFinished(async () => {
    await store.close()
    await close()
  })
  return store
}

describe('a service that stands still', () => {
  test.each<[string, (store: ObjectStore) => Promise<unknown>]>([
    ['put', (store) => store.put('a', bodyOf(randomBytes(1000)))],
    ['put of what is too large for one request', (store) => store.put('a', bodyOf(randomBytes(200_000)))],
    ['get', (store) => store.get('a')],
    ['head', (store) => store.head('a')],
    ['delete', (store) => store.delete('a')],
    ['abandon', (store) => store.abandon('a')],
    ['list', (store) => store.list({})],
    ['copy', (store) => store.copy('a', { to: 'b', sizeBytes: 1 })],
    ['startParts', (store) => store.startParts('a', {})],
  ])('ends %s as unavailable', async (_, call) => {
    const store = await openThrough(() => {}, { sizes: { blockBytes: 50_000 } })
    await expect(call(store)).rejects.toMatchObject(UNAVAILABLE)
  })

  test('fails a read in the middle as unavailable', async () => {
    const store = await openThrough(({ response }) => {
      response.writeHead(200, { 'content-length': '1000', etag: '"1"', 'content-type': 'text/plain' })
      response.write('half')
    })
    const { body } = await store.get('a')
    await expect(buffer(body)).rejects.toMatchObject(UNAVAILABLE)
  })

  test('fails a read whose connection is cut as unavailable', async () => {
    const store = await openThrough(({ response }) => {
      response.writeHead(200, { 'content-length': '1000', etag: '"1"', 'content-type': 'text/plain' })
      response.write('half', () => response.destroy())
    })
    const reading = store.get('a').then(({ body }) => buffer(body))
    await expect(reading).rejects.toMatchObject(UNAVAILABLE)
  })

  test('is not what a slow reader makes it look like', async () => {
    const bytes = randomBytes(32 * MIB)
    const store = await openThrough(({ response }) => {
      response.writeHead(200, { 'content-length': bytes.length, etag: '"1"', 'content-type': 'text/plain' })
      response.end(bytes)
    })
    const { body } = await store.get('a')
    await wait(4 * TIMES.inactivityTimeoutMs)
    expect((await buffer(body)).equals(bytes)).toBe(true)
  })

  test('ends what is asked on a connection that was good before', async () => {
    const sockets: unknown[] = []
    const store = await openThrough((visit) => {
      if (sockets.push(visit.response.socket) === 1) refuse(visit, 404, 'BlobNotFound')
    })
    await store.delete('a')
    await wait(50) // by then it is free again
    await expect(store.delete('a')).rejects.toMatchObject(UNAVAILABLE)
    expect(sockets).toHaveLength(2)
    expect(new Set(sockets).size).toBe(1)
  })

  test('is not what a connection looks like that is used again after it was idle', async () => {
    const store = await openThrough((visit) => refuse(visit, 404, 'BlobNotFound'))
    for (let round = 0; round < 3; round++) {
      await store.delete('a')
      await wait(1.5 * TIMES.inactivityTimeoutMs)
    }
  })
})

describe('an answer of the service', () => {
  test.each([
    [503, 'ServerBusy', 'throttled'],
    [429, 'TooManyRequests', 'throttled'],
    [500, 'InternalError', 'unavailable'],
    [500, 'OperationTimedOut', 'unavailable'],
    [404, 'ContainerNotFound', 'unavailable'],
    [409, 'ContainerBeingDeleted', 'unavailable'],
    [403, 'AuthenticationFailed', 'denied'],
    [403, 'AuthorizationFailure', 'denied'],
    [409, 'BlobImmutableDueToPolicy', 'denied'],
    [412, 'LeaseIdMissing', 'denied'],
    [409, 'BlobAlreadyExists', 'exists'],
    [412, 'ConditionNotMet', 'exists'],
    [400, 'InvalidUri', 'badKey'],
    [501, 'NotImplemented', 'unsupported'],
  ])('of %d %s means %s', async (status, code, kind) => {
    const store = await openThrough((visit) => refuse(visit, status, code))
    await expect(store.startParts('a', {})).rejects.toMatchObject({ name: 'StoreError', kind })
    if (kind !== 'badKey') await expect(store.delete('a')).rejects.toMatchObject({ name: 'StoreError', kind })
  })
})

describe('a put in blocks', () => {
  test('ends when a block is refused, also while its body waits for more', async () => {
    const store = await openThrough((visit) => refuse(visit, 403, 'AuthorizationFailure'), {
      sizes: { blockBytes: 1000 },
    })
    const body = new Readable({ read() {} })
    body.push(randomBytes(2500))
    await expect(store.put('a', body)).rejects.toMatchObject({ kind: 'denied' })
    expect(body.destroyed).toBe(true)
  })

  test('has at most three blocks under way', async () => {
    let [now, most] = [0, 0]
    const store = await openThrough(
      async ({ url, response }) => {
        if (url.searchParams.get('comp') === 'block') {
          most = Math.max(most, ++now)
          await wait(5)
          now--
        }
        response.writeHead(201, { etag: '"1"' }).end()
      },
      { sizes: { blockBytes: 1000 } },
    )
    await store.put('a', bodyOf(randomBytes(50_000)))
    expect(most).toBe(3)
  })
})

describe('deletion from a container that keeps versions', () => {
  const versions = ['2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z']
  const listing = `<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="played"><Blobs>${[
    ...versions.map((version) => `<Blob><Name>a</Name><VersionId>${version}</VersionId><Properties/></Blob>`),
    `<Blob><Name>a/b</Name><VersionId>${versions[0]}</VersionId><Properties/></Blob>`,
  ].join('')}</Blobs><NextMarker/></EnumerationResults>`

  const play = async (properties: Record<string, string>) => {
    const deleted: string[] = []
    const store = await openThrough(
      ({ method, url, response }) => {
        if (method === 'HEAD') return void response.writeHead(200, { etag: '"1"', ...properties }).end()
        if (method === 'GET') return void response.writeHead(200, { 'content-type': 'application/xml' }).end(listing)
        deleted.push(`${method} ${url.pathname} ${url.searchParams.get('versionid') ?? 'current'}`)
        response.writeHead(202).end()
      },
      { settings: { immutability: true } },
    )
    return { store, deleted }
  }

  test('removes every version of the object, and no other', async () => {
    const { store, deleted } = await play({})
    await store.delete('a')
    const path = 'DELETE /devstoreaccount1/played/a'
    expect(deleted).toEqual([`${path} current`, ...versions.map((version) => `${path} ${version}`)])
  })

  test.each([
    ['held', { 'x-ms-legal-hold': 'true' }],
    ['retained', { 'x-ms-immutability-policy-until-date': new Date(Date.now() + 60_000).toUTCString() }],
  ])('is refused where the object is %s', async (_, properties) => {
    const { store, deleted } = await play(properties)
    await expect(store.delete('a')).rejects.toMatchObject({ kind: 'denied' })
    expect(deleted).toEqual([])
  })
})

describe.skipIf(!azureAddress)('azure through a bad connection', () => {
  let container: TestContainer
  beforeAll(async () => {
    container = await newContainer()
  })
  afterAll(() => container.drop())

  const isCommit = ({ url }: Visit) => url.searchParams.get('comp') === 'blocklist'

  test('takes a put for done whose commit was carried out and only its answer lost', async () => {
    const store = await openThrough(
      (visit) => visit.forward({ loseAnswer: isCommit(visit) && visit.method === 'PUT' }),
      { settings: container.settings, sizes: { blockBytes: 1000 } },
    )
    const bytes = randomBytes(5000)
    await store.put('lost', bodyOf(bytes))
    expect((await buffer((await store.get('lost')).body)).equals(bytes)).toBe(true)
  })

  describe('a copy that is too large for one step', () => {
    const copying = (onStage?: () => Promise<unknown>) =>
      openThrough(
        async (visit) => {
          if (!visit.headers['x-ms-copy-source']) return visit.forward()
          await onStage?.()
          await stageFromSource(visit, container.client)
        },
        { settings: container.settings, sizes: { copyBytes: 1000 } },
      )

    test('is made of ranges, and keeps metadata and media type', async () => {
      const store = await copying()
      const bytes = randomBytes(4500)
      const described = { metadata: { 'a-b': 'ż' }, contentType: 'text/plain' }
      await store.put('large from', bodyOf(bytes), described)
      expect(await store.copy('large from', { to: 'large/to', sizeBytes: 4500 })).toEqual({ storedBytes: 4500 })
      expect((await buffer((await store.get('large/to')).body)).equals(bytes)).toBe(true)
      expect(await store.head('large/to')).toMatchObject(described)
      const again = store.copy('large from', { to: 'large/to', sizeBytes: 4500 })
      await expect(again).rejects.toMatchObject({ kind: 'exists' })
    })

    test('is not made of two sources when the source changes meanwhile', async () => {
      const changed = container.client.getBlockBlobClient('changing')
      const store = await copying(() => changed.upload(randomBytes(4500), 4500))
      await store.put('changing', bodyOf(randomBytes(4500)))
      const mixing = store.copy('changing', { to: 'mixture', sizeBytes: 4500 })
      await expect(mixing).rejects.toMatchObject(UNAVAILABLE)
      expect(await store.head('mixture')).toBeUndefined()
    })
  })

  test('refuses to copy an object of another size than named', async () => {
    const store = openAzureStore(container.settings)
    await store.put('sized', bodyOf(Buffer.from('four')))
    await expect(store.copy('sized', { to: 'other', sizeBytes: 5 })).rejects.toMatchObject({ kind: 'badSize' })
    await store.close()
  })
})
