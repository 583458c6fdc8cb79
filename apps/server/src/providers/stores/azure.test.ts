import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { azureSettings, openAzureStore } from './azure.ts'
import { account, azureAddress, newContainer, type TestContainer } from './azure-test-container.ts'
import { describeObjectStore } from './conformance.ts'
import { bodyOf, failingBody } from './conformance-bench.ts'
import type { ObjectStore, SignedRequest } from './port.ts'

const limits = {
  presignedPut: ['size', 'hash', 'type', 'headers'],
  presignedPart: ['size', 'abandoned'],
  smallParts: true,
  unreadableClasses: ['Archive'],
} as const

const BLOCK_BYTES = 30_000

async function openSubject(sizes?: { blockBytes: number }) {
  const { settings, drop } = await newContainer()
  const store = openAzureStore(settings, sizes)
  const close = async () => {
    await store.close()
    await drop()
  }
  return { store, close, limits }
}

describe.skipIf(!azureAddress)('azure', () => {
  describeObjectStore('azure', () => openSubject())
  // Bodies that the suite sends in one request are sent in many here.
  describeObjectStore('azure with small blocks', () => openSubject({ blockBytes: BLOCK_BYTES }))

  let container: TestContainer
  let store: ObjectStore
  beforeAll(async () => {
    container = await newContainer()
    store = openAzureStore(container.settings, { blockBytes: BLOCK_BYTES })
  })
  afterAll(async () => {
    await store.close()
    await container.drop()
  })
  const read = async (key: string) => buffer((await store.get(key)).body)

  describe('writers of one key in blocks', () => {
    test('do not mix: the first to finish keeps the key, the other is refused', async () => {
      const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>()
      const slow = Readable.from(
        (async function* () {
          yield randomBytes(4 * BLOCK_BYTES)
          await mayEnd
          yield randomBytes(10)
        })(),
        { objectMode: false },
      )
      const late = store.put('mixed', slow)
      const refused = expect(late).rejects.toMatchObject({ kind: 'exists' })
      await expect.poll(() => uncommitted('mixed')).toBeGreaterThan(0)
      const bytes = randomBytes(5 * BLOCK_BYTES)
      await store.put('mixed', bodyOf(bytes))
      end()
      await refused
      expect((await read('mixed')).equals(bytes)).toBe(true)
    })

    test('are told when their blocks were abandoned before they finished', async () => {
      const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>()
      const slow = Readable.from(
        (async function* () {
          yield randomBytes(4 * BLOCK_BYTES)
          await mayEnd
        })(),
        { objectMode: false },
      )
      const late = store.put('abandoned', slow)
      const failed = expect(late).rejects.toMatchObject({ kind: 'unavailable' })
      await expect.poll(() => uncommitted('abandoned')).toBeGreaterThanOrEqual(3)
      await store.abandon('abandoned')
      end()
      await failed
      expect(await store.head('abandoned')).toBeUndefined()
    })

    const uncommitted = async (key: string) => {
      const blob = container.client.getBlockBlobClient(key)
      const { uncommittedBlocks } = await blob.getBlockList('uncommitted').catch(() => ({ uncommittedBlocks: [] }))
      return uncommittedBlocks?.length ?? 0
    }
  })

  describe('abandon', () => {
    test('ends its own work that was cut short, which nobody took for an object', async () => {
      await expect(store.put('cut', failingBody(4 * BLOCK_BYTES, new Error('gone')))).rejects.toThrow('gone')
      const blobHTTPHeaders = { blobContentType: 'application/x-stowage-abandoned' }
      await container.client.getBlockBlobClient('cut').commitBlockList([], { blobHTTPHeaders })
      expect(await store.head('cut')).toBeUndefined()
      await expect(store.get('cut')).rejects.toMatchObject({ kind: 'notFound' })
      await expect(store.copy('cut', { to: 'copied', sizeBytes: 0 })).rejects.toMatchObject({ kind: 'notFound' })
      expect((await store.list({ prefix: 'cut' })).items).toMatchObject([{ key: 'cut', unfinished: true }])
      await store.abandon('cut')
      expect((await store.list({ prefix: 'cut' })).items).toEqual([])
    })

    test('lets a finished object be on which a late writer has left blocks', async () => {
      await store.put('finished', bodyOf(Buffer.from('kept')))
      await container.client.getBlockBlobClient('finished').stageBlock('AAAA', 'late', 4)
      await store.abandon('finished')
      expect((await read('finished')).toString()).toBe('kept')
    })

    test('is not to be had by a media type', async () => {
      const putting = store.put('type', bodyOf(Buffer.alloc(0)), { contentType: 'application/x-stowage-abandoned' })
      await expect(putting).rejects.toMatchObject({ kind: 'unsupported' })
    })
  })

  describe('presigned requests', () => {
    test('go to the public endpoint', async () => {
      const publicEndpoint = azureAddress!.replace('127.0.0.1', 'localhost')
      const behind = openAzureStore({ ...container.settings, publicEndpoint })
      await store.put('public', bodyOf(Buffer.from('seen')))
      const { url } = await behind.presignGet('public', { expiresInSeconds: 60 })
      expect(new URL(url).hostname).toBe('localhost')
      expect(await (await fetch(url)).text()).toBe('seen')
      await behind.close()
    })

    test('to create an object read, replace and delete none', async () => {
      const { url, headers } = await store.presignPut('theirs', { expiresInSeconds: 60, sizeBytes: 4 })
      await store.put('theirs', bodyOf(Buffer.from('ours')))
      for (const method of ['GET', 'HEAD', 'PUT', 'DELETE']) {
        const body = method === 'PUT' ? 'evil' : undefined
        expect((await fetch(url, { method, headers, body })).ok).toBe(false)
      }
      expect((await read('theirs')).toString()).toBe('ours')
    })

    test('to send a part add nothing that the finished object would hold unnamed', async () => {
      const reference = await store.startParts('parts', {})
      const told = { reference, expiresInSeconds: 60, sizeBytes: 4 }
      const sent = await store.presignPart('parts', { ...told, number: 1 })
      const unnamed = await store.presignPart('parts', { ...told, number: 2 })
      await send(sent, 'good')
      await send(unnamed, 'evil')
      const parts = (await store.listParts('parts', { reference })).filter(({ number }) => number === 1)
      await store.completeParts('parts', { reference, parts })
      await send(unnamed, 'late')
      expect((await read('parts')).toString()).toBe('good')
      expect((await store.list({ prefix: 'parts' })).items).toMatchObject([{ unfinished: false, storedBytes: 4 }])
    })

    const send = async ({ url, method, headers }: SignedRequest, body: string) => {
      expect((await fetch(url, { method, headers, body })).ok).toBe(true)
    }
  })

  describe('errors', () => {
    const failureOf = async (settings: object) => {
      const other = openAzureStore({ ...container.settings, ...settings })
      const outcomes = await Promise.allSettled([
        other.put('a', bodyOf(Buffer.from('a'))),
        other.get('a'),
        other.head('a'),
        other.delete('a'),
        other.abandon('a'),
        other.list({}),
        other.copy('a', { to: 'b', sizeBytes: 1 }),
        other.startParts('a', {}),
      ])
      await other.close()
      return outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason.kind)
    }

    test('say denied in every operation for a wrong account key', async () => {
      const accountKey = randomBytes(64).toString('base64')
      expect(new Set(await failureOf({ accountKey }))).toEqual(new Set(['denied']))
    })

    test('say unavailable, and never that nothing is there, for a container that is missing', async () => {
      expect(new Set(await failureOf({ container: 'missing' }))).toEqual(new Set(['unavailable']))
    })

    test('say unavailable in every operation for a service that does not run', async () => {
      const endpoint = 'http://127.0.0.1:9/devstoreaccount1'
      expect(new Set(await failureOf({ endpoint }))).toEqual(new Set(['unavailable']))
    })

    test('say denied for an object in the archive, which can be called back', async () => {
      await store.put('old', bodyOf(Buffer.from('old')), { storageClass: 'Archive' })
      await expect(store.get('old')).rejects.toMatchObject({ kind: 'denied', message: /archived/ })
      await store.setStorageClass('old', { storageClass: 'Hot' })
      expect((await read('old')).toString()).toBe('old')
    })
  })

  test('opens by a connection string', async () => {
    const { account: name, accountKey, container: containerName } = container.settings
    const connectionString = `DefaultEndpointsProtocol=http;AccountName=${name};AccountKey=${accountKey};BlobEndpoint=${azureAddress}`
    const other = openAzureStore({ connectionString, container: containerName })
    await other.put('string', bodyOf(Buffer.from('x')))
    const { url } = await other.presignGet('string', { expiresInSeconds: 60 })
    expect(await (await fetch(url)).text()).toBe('x')
    await other.close()
  })

  test('has neither holds nor retention where the operator has not switched immutability on', async () => {
    await store.put('held', bodyOf(Buffer.from('x')))
    expect(store.capabilities.objectLock).toBe(false)
    await expect(store.setHold('held', { held: true })).rejects.toMatchObject({ kind: 'unsupported' })
    const locked = openAzureStore({ ...container.settings, immutability: true })
    expect(locked.capabilities.objectLock).toBe(true)
    await locked.close()
  })
})

describe('settings of azure', () => {
  test.each([
    ['no account', {}],
    ['a key without its account', { accountKey: account.accountKey, endpoint: 'https://files.example.com' }],
    ['a connection string that is none', { connectionString: 'acme' }],
    [
      'a connection string without an account key',
      { connectionString: 'BlobEndpoint=https://acme.blob.core.windows.net;SharedAccessSignature=sv=2024&sig=x' },
    ],
    ['no key and an endpoint without TLS', { account: 'acme', endpoint: 'http://files.example.com' }],
  ])('are refused with %s', (_, given) => {
    expect(azureSettings.safeParse({ container: 'files', ...given }).success).toBe(false)
  })
})
