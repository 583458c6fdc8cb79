import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { Storage } from '@google-cloud/storage'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { isThorough } from '../../../test/effort.ts'
import { type GcsServer, startGcsServer } from '../../../test/gcs/server.ts'
import { describeObjectStore } from './conformance.ts'
import { bodyOf, failingBody } from './conformance-bench.ts'
import { type GcsSettings, openGcsStore } from './gcs.ts'
import type { ObjectStore } from './port.ts'

const QUANTUM = 256 * 1024
const BUCKET = 'conformance'

// With the other servers.
describe.skipIf(!isThorough)('with the whole of its SDK', () => {
  describeObjectStore('gcs', async () => {
    const server = await startWithBucket()
    const store = openGcsStore({ ...settingsOf(server), objectLock: true })
    const limits = { presignedGet: ['cacheControl'] } as const
    return { store, close: () => closeAll(store, server), openHandles: server.openAnswers, limits }
  })
})

async function startWithBucket(): Promise<GcsServer> {
  const server = await startGcsServer()
  const { url: apiEndpoint, credentials } = server
  const sdk = new Storage({
    apiEndpoint,
    credentials,
    projectId: credentials.project_id,
    useAuthWithCustomEndpoint: true,
  })
  await sdk.createBucket(BUCKET, { enableObjectRetention: true })
  return server
}

function settingsOf({ url, credentials }: GcsServer): GcsSettings {
  return { bucket: BUCKET, endpoint: url, credentials, idleTimeoutMs: 10_000 }
}

async function closeAll(store: ObjectStore, ...servers: { close(): Promise<void> }[]): Promise<void> {
  await store.close()
  for (const server of servers) await server.close()
}

/** What happens to a request between the store and the service; false passes it on. */
type Fault = (request: IncomingMessage, response: ServerResponse) => boolean

/** Stands between the store and the service. */
interface Between {
  url: string
  fault: Fault
  /** Changes the bytes of an answer on their way. */
  change: (bytes: Buffer, request: IncomingMessage) => Buffer
  seen: string[]
  close(): Promise<void>
}

async function standBetween(target: string): Promise<Between> {
  const server: Server = createServer((incoming, response) => {
    between.seen.push(`${incoming.method} ${incoming.headers['content-range'] ?? ''}`.trim())
    if (between.fault(incoming, response)) return
    const { method, headers, url } = incoming
    const outgoing = request(target + url, { method, headers }, async (answer) => {
      const bytes = between.change(await buffer(answer), incoming)
      response.writeHead(answer.statusCode!, answer.headers)
      response.end(bytes)
    })
    outgoing.on('error', () => response.destroy())
    incoming.pipe(outgoing)
  })
  const between: Between = {
    url: '',
    fault: () => false,
    change: (bytes) => bytes,
    seen: [],
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  between.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return between
}

describe('openGcsStore', () => {
  let server: GcsServer
  let between: Between
  let store: ObjectStore
  beforeAll(async () => {
    server = await startWithBucket()
    between = await standBetween(server.url)
    store = openGcsStore({ ...settingsOf(server), endpoint: between.url, pieceBytes: QUANTUM, idleTimeoutMs: 300 })
  })
  afterEach(() => {
    between.fault = () => false
    between.change = (bytes) => bytes
    between.seen.length = 0
  })
  afterAll(() => closeAll(store, between, server))

  const read = async (key: string) => buffer((await store.get(key)).body)

  test.each([0, 1, QUANTUM - 1, QUANTUM, QUANTUM + 1, 3 * QUANTUM, 3 * QUANTUM + 5])(
    'stores %d bytes in pieces, the last of them shorter or as long',
    async (size) => {
      const bytes = randomBytes(size)
      expect(await store.put(`pieces/${size}`, bodyOf(bytes))).toEqual({ storedBytes: size })
      expect((await read(`pieces/${size}`)).equals(bytes)).toBe(true)
    },
  )

  test('lists what begins with a prefix that needs escaping, finished or not', async () => {
    const prefix = 'a b+c%2F?d=e&f#g/żółć'
    await store.put(`${prefix}-1`, bodyOf(Buffer.from('x')))
    await store.startParts(`${prefix}-2`, {})
    const { items } = await store.list({ prefix })
    expect(items.map(({ key }) => key)).toEqual([`${prefix}-1`, `${prefix}-2`])
    await store.abandon(`${prefix}-2`)
    expect((await store.list({ prefix })).items).toHaveLength(1)
  })

  test('goes on with a piece that failed in passing from where the service says that it stopped', async () => {
    const bytes = randomBytes(3 * QUANTUM + 5)
    let failures = 0
    between.fault = (incoming, response) => {
      const range = incoming.headers['content-range']
      if (!range?.includes('-') || !range.startsWith(`bytes ${QUANTUM}`) || failures++ > 1) return false
      incoming.resume().on('end', () => response.writeHead(503).end())
      return true
    }
    await store.put('resumed', bodyOf(bytes))
    expect(failures).toBeGreaterThan(1)
    expect((await read('resumed')).equals(bytes)).toBe(true)
  })

  test('takes an object for stored whose last answer was lost', async () => {
    const bytes = randomBytes(QUANTUM + 5)
    let lost = 0
    between.change = (answer, incoming) => {
      if (incoming.headers['content-range']?.endsWith(`/${bytes.length}`) && lost++ === 0) incoming.socket.destroy()
      return answer
    }
    expect(await store.put('lost-answer', bodyOf(bytes))).toEqual({ storedBytes: bytes.length })
    expect(lost).toBeGreaterThan(1)
    expect((await read('lost-answer')).equals(bytes)).toBe(true)
  })

  test('gives up a put whose pieces keep failing, ends its session and leaves nothing', async () => {
    between.fault = (incoming, response) => {
      if (!incoming.headers['content-range']) return false
      incoming.resume().on('end', () => response.writeHead(503).end())
      return true
    }
    const putting = store.put('failing', bodyOf(randomBytes(3 * QUANTUM)))
    await expect(putting).rejects.toMatchObject({ name: 'StoreError', kind: 'unavailable' })
    await vi.waitFor(() => expect(between.seen).toContain('DELETE'))
    expect(await store.head('failing')).toBeUndefined()
  })

  test('ends the session of a put whose body fails', async () => {
    const failure = new Error('the sender went away')
    await expect(store.put('body', failingBody(3 * QUANTUM, failure))).rejects.toBe(failure)
    await vi.waitFor(() => expect(between.seen).toContain('DELETE'))
    expect(await store.head('body')).toBeUndefined()
  })

  test.each([
    ['in one request', 1000],
    ['in pieces', QUANTUM + 1000],
  ])('removes an object again whose put is aborted while the service finishes it, sent %s', async (_, size) => {
    const key = `undone-${size}`
    const abort = new AbortController()
    const reason = new Error('changed my mind')
    between.change = (answer, incoming) => {
      const finishes =
        incoming.url?.includes('uploadType=multipart') || incoming.headers['content-range']?.endsWith(`/${size}`)
      if (finishes) abort.abort(reason)
      return answer
    }
    const putting = store.put(key, bodyOf(randomBytes(size)), { signal: abort.signal })
    await expect(putting).rejects.toBe(reason)
    await vi.waitFor(async () => expect(await store.head(key)).toBeUndefined())
    expect(abort.signal.aborted).toBe(true)
  })

  test('fails a whole read as corrupt when a byte is changed on its way', async () => {
    await store.put('changed', bodyOf(randomBytes(100_000)))
    between.change = (bytes, incoming) => {
      if (incoming.url?.includes('alt=media')) bytes[50_000]! ^= 1
      return bytes
    }
    await expect(read('changed')).rejects.toMatchObject({ name: 'StoreError', kind: 'corrupt' })
  })

  test.each([
    ['whole', undefined],
    ['by range', { start: 10 }],
  ])('fails a read %s whose bytes end too early', async (_, range) => {
    const key = `short-${range?.start}`
    await store.put(key, bodyOf(randomBytes(100_000)))
    between.fault = (incoming, response) => {
      if (!incoming.url?.includes('alt=media')) return false
      const more = range ? { 'content-range': 'bytes 10-99999/100000' } : {}
      response.writeHead(range ? 206 : 200, { 'x-goog-stored-content-length': '100000', ...more })
      response.end(Buffer.alloc(500))
      return true
    }
    const { body } = await store.get(key, { range })
    await expect(buffer(body)).rejects.toMatchObject({ name: 'StoreError', kind: 'corrupt' })
  })

  test('fails a read as unavailable when the connection breaks in the middle', async () => {
    await store.put('broken', bodyOf(randomBytes(100_000)))
    between.fault = (incoming, response) => {
      if (!incoming.url?.includes('alt=media')) return false
      response.writeHead(200, { 'content-length': '100000' })
      response.write(Buffer.alloc(500), () => setTimeout(() => response.destroy(), 20))
      return true
    }
    await expect(read('broken')).rejects.toMatchObject({ name: 'StoreError', kind: 'unavailable' })
  })

  describe('against a service that takes requests and never answers', () => {
    const calls: Record<string, () => Promise<unknown>> = {
      put: () => store.put('hung', bodyOf(Buffer.from('x'))),
      'put in pieces': () => store.put('hung', bodyOf(randomBytes(2 * QUANTUM))),
      get: () => store.get('hung'),
      head: () => store.head('hung'),
      delete: () => store.delete('hung'),
      abandon: () => store.abandon('hung'),
      list: () => store.list({}),
      copy: () => store.copy('hung', { to: 'other', sizeBytes: 1 }),
      startParts: () => store.startParts('hung', {}),
      completeParts: () => store.completeParts('hung', { reference: 'any', parts: [] }),
      setStorageClass: () => store.setStorageClass('hung', { storageClass: 'ARCHIVE' }),
    }

    test.each(Object.keys(calls))('ends %s as unavailable', async (name) => {
      between.fault = () => true
      await expect(calls[name]!()).rejects.toMatchObject({ name: 'StoreError', kind: 'unavailable', retryable: true })
    })

    test('ends a read that stops in the middle as unavailable', async () => {
      await store.put('stops', bodyOf(randomBytes(100_000)))
      between.fault = (incoming, response) => {
        if (!incoming.url?.includes('alt=media')) return false
        response.writeHead(200, { 'content-length': '100000' }).write(Buffer.alloc(500))
        return true
      }
      await expect(read('stops')).rejects.toMatchObject({ name: 'StoreError', kind: 'unavailable' })
    })

    test('ends a put whose piece is not taken as unavailable', async () => {
      between.fault = (incoming) => incoming.headers['content-range'] !== undefined
      const putting = store.put('stuck', bodyOf(randomBytes(3 * QUANTUM)))
      await expect(putting).rejects.toMatchObject({ name: 'StoreError', kind: 'unavailable' })
    })
  })

  test('waits for readers and writers who take their time', async () => {
    const bytes = randomBytes(2 * QUANTUM)
    const slow = async function* () {
      yield bytes.subarray(0, QUANTUM + 10)
      await new Promise((resolve) => setTimeout(resolve, 700))
      yield bytes.subarray(QUANTUM + 10)
    }
    await store.put('slow', Readable.from(slow(), { objectMode: false }))
    const { body } = await store.get('slow')
    await new Promise((resolve) => setTimeout(resolve, 700))
    expect((await buffer(body)).equals(bytes)).toBe(true)
  })
})

describe('openGcsStore with settings that do not fit', () => {
  const refused = { name: 'StoreError', kind: 'denied' }
  let server: GcsServer
  beforeAll(async () => {
    server = await startWithBucket()
  })
  afterAll(() => server.close())

  test('never takes a bucket that is not there for an object that is not there', async () => {
    const store = openGcsStore({ ...settingsOf(server), bucket: 'missing-bucket' })
    await expect(store.head('a')).rejects.toMatchObject(refused)
    await expect(store.get('a')).rejects.toMatchObject(refused)
    await expect(store.delete('a')).rejects.toMatchObject(refused)
    await expect(store.put('a', bodyOf(Buffer.from('a')))).rejects.toMatchObject(refused)
    await expect(store.list({})).rejects.toMatchObject(refused)
    await expect(store.abandon('a')).rejects.toMatchObject(refused)
    await store.close()
  })

  test('answers denied with the key of another account, and keeps it out of the error', async () => {
    const other = await startGcsServer()
    const store = openGcsStore({ ...settingsOf(server), credentials: other.credentials })
    const error = await store.head('a').catch((caught) => caught)
    expect(error).toMatchObject(refused)
    expect(JSON.stringify([error, error.cause, error.cause.message])).not.toMatch(/Bearer|PRIVATE KEY/)
    await closeAll(store, other)
  })

  test('knows no holds and no retention unless the bucket was made for them', async () => {
    const store = openGcsStore(settingsOf(server))
    await store.put('free', bodyOf(Buffer.from('free')))
    expect(store.capabilities.objectLock).toBe(false)
    await expect(store.setHold('free', { held: true })).rejects.toMatchObject({ kind: 'unsupported' })
    const retention = { until: new Date(Date.now() + 60_000), mode: 'governance' } as const
    await expect(store.setRetention('free', retention)).rejects.toMatchObject({ kind: 'unsupported' })
    await store.close()
  })

  test('answers unavailable where nothing listens', async () => {
    const gone = await standBetween(server.url)
    await gone.close()
    const store = openGcsStore({ ...settingsOf(server), endpoint: gone.url })
    await expect(store.head('a')).rejects.toMatchObject({ kind: 'unavailable' })
    await store.close()
  })

  test('signs for the address by which others reach the service', async () => {
    const between = await standBetween(server.url)
    const store = openGcsStore({ ...settingsOf(server), publicEndpoint: between.url })
    await store.put('public', bodyOf(Buffer.from('public')))
    const { url } = await store.presignGet('public', { expiresInSeconds: 60 })
    expect(new URL(url).origin).toBe(between.url)
    expect(await (await fetch(url)).text()).toBe('public')
    await closeAll(store, between)
  })
})
