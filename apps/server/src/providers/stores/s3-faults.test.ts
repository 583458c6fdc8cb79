import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { bodyOf } from './conformance-bench.ts'
import type { ObjectStore } from './port.ts'
import { openS3Store, s3Settings } from './s3.ts'

const keys = { accessKeyId: 'anaccesskey', secretAccessKey: 'asecretkey' }
const MIB = 1024 ** 2
const closing: (() => void)[] = []

afterEach(() => {
  for (const close of closing.splice(0)) close()
})

function storeAt(port: number, more: object = {}): ObjectStore {
  const endpoint = `http://127.0.0.1:${port}`
  const times = { connectTimeoutMs: 300, idleTimeoutMs: 300 }
  const store = openS3Store(
    s3Settings.parse({ bucket: 'bucket', endpoint, pathStyle: true, ...keys, ...times, ...more }),
  )
  closing.push(() => store.close())
  return store
}

async function portOf(server: Server | ReturnType<typeof createTcpServer>): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** A server that answers as it is told, in the protocol. */
async function answering(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<number> {
  const server = createServer((request, response) => {
    request.resume()
    answer(request, response)
  })
  closing.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return portOf(server)
}

const UNAVAILABLE = { name: 'StoreError', kind: 'unavailable' }

describe('a server that takes a connection and never answers', () => {
  const silent = async () => {
    const sockets: Socket[] = []
    const server = createTcpServer((socket) => {
      sockets.push(socket.on('error', () => {}))
    })
    closing.push(() => {
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    return storeAt(await portOf(server), { conditionalCreate: true })
  }

  test('ends a put, sent whole or in parts, as unavailable', async () => {
    const store = await silent()
    for (const size of [0, 1000, 3 * MIB, 9 * MIB]) {
      const body = bodyOf(randomBytes(size))
      await expect(store.put('a', body)).rejects.toMatchObject(UNAVAILABLE)
      expect(body.destroyed).toBe(true)
    }
  })

  test('ends every other operation as unavailable', async () => {
    const store = await silent()
    const calls = [
      store.get('a'),
      store.head('a'),
      store.delete('a'),
      store.abandon('a'),
      store.list({}),
      store.copy('a', { to: 'b', sizeBytes: 1 }),
      store.startParts('a', {}),
      store.listParts('a', { reference: 'r' }),
    ]
    for (const result of await Promise.allSettled(calls)) {
      expect(result).toMatchObject({ status: 'rejected', reason: UNAVAILABLE })
    }
  })

  test('holds nobody whose signal aborts', async () => {
    const store = await silent()
    const reason = new Error('changed my mind')
    const abort = new AbortController()
    const calls = [
      store.put('a', bodyOf(randomBytes(10)), { signal: abort.signal }),
      store.get('a', { signal: abort.signal }),
      store.head('a', { signal: abort.signal }),
      store.delete('a', { signal: abort.signal }),
    ]
    setTimeout(() => abort.abort(reason), 20)
    for (const result of await Promise.allSettled(calls)) expect(result).toMatchObject({ status: 'rejected', reason })
  })
})

describe('a server that falls silent or goes away', () => {
  const sendingHalf = (after: (response: ServerResponse) => void) =>
    answering((_, response) => {
      response.writeHead(200, { 'content-length': 200_000 })
      response.write(randomBytes(100_000), () => after(response))
    })

  test('in the middle of a body fails its stream as unavailable', async () => {
    const store = storeAt(await sendingHalf(() => {}))
    const { body } = await store.get('a')
    await expect(buffer(body)).rejects.toMatchObject(UNAVAILABLE)
  })

  test('by closing the connection in the middle of a body fails its stream as unavailable', async () => {
    const store = storeAt(await sendingHalf((response) => response.destroy()))
    const { body } = await store.get('a')
    await expect(buffer(body)).rejects.toMatchObject(UNAVAILABLE)
  })

  test('is not taken for one whose reader rests', async () => {
    const bytes = randomBytes(5 * MIB)
    const port = await answering((_, response) => {
      response.writeHead(200, { 'content-length': bytes.length })
      response.end(bytes)
    })
    const { body } = await storeAt(port).get('a')
    await once(body, 'readable')
    await wait(900)
    expect((await buffer(body)).equals(bytes)).toBe(true)
  })

  test('is unavailable where nobody listens', async () => {
    const server = createServer()
    const port = await portOf(server)
    server.close()
    await once(server, 'close')
    await expect(storeAt(port).head('a')).rejects.toMatchObject(UNAVAILABLE)
  })

  test('fails a put whose body waits for more as soon as a part is refused', async () => {
    const port = await answering((request, response) => {
      if (request.method === 'POST') {
        const text = '<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>'
        return void response.writeHead(200, { 'content-type': 'application/xml' }).end(text)
      }
      response.writeHead(request.method === 'HEAD' ? 404 : 503).end()
    })
    const body = new Readable({ read() {} })
    body.push(randomBytes(9 * MIB))
    await expect(storeAt(port).put('a', body)).rejects.toMatchObject({ name: 'StoreError', kind: 'throttled' })
    expect(body.destroyed).toBe(true)
  })

  test('with fewer connections than callers serves them in turn', async () => {
    const port = await answering((_, response) => void response.writeHead(404).end())
    const store = storeAt(port, { connections: 2, connectTimeoutMs: 10_000, idleTimeoutMs: 10_000 })
    const found = await Promise.all(Array.from({ length: 40 }, (_, index) => store.head(`a${index}`)))
    expect(new Set(found)).toEqual(new Set([undefined]))
  })
})

describe('a store whose connections are all in use', () => {
  const BIG = 5 * MIB
  /** Sends more than fits between two ends, so that a reader who rests keeps its connection. */
  const reading = (more: object = {}) =>
    answering(({ method }, response) => {
      if (method !== 'GET') return void response.writeHead(method === 'HEAD' ? 404 : 200).end()
      response.writeHead(200, { 'content-length': BIG }).end(randomBytes(BIG))
    }).then((port) => storeAt(port, { connections: 1, ...more }))

  test('lets the others wait for longer than it takes to connect', async () => {
    const port = await answering(async (_, response) => {
      await wait(100)
      response.writeHead(404).end()
    })
    const store = storeAt(port, { connections: 2, connectTimeoutMs: 150, idleTimeoutMs: 10_000 })
    const found = await Promise.all(Array.from({ length: 12 }, (_, index) => store.head(`a${index}`)))
    expect(new Set(found)).toEqual(new Set([undefined]))
  })

  test('writes while readers rest', async () => {
    const store = await reading()
    const { body } = await store.get('a')
    await expect(store.put('b', bodyOf(Buffer.from('x')))).resolves.toEqual({ storedBytes: 1 })
    expect((await buffer(body)).length).toBe(BIG)
  })

  test('refuses whoever has waited too long as throttled, and serves the next when one is free', async () => {
    const store = await reading()
    const { body } = await store.get('a')
    await expect(store.get('b')).rejects.toMatchObject({ name: 'StoreError', kind: 'throttled' })
    const waiting = store.get('b')
    body.destroy()
    expect((await buffer((await waiting).body)).length).toBe(BIG)
  })

  test('holds nobody whose signal aborts, and keeps no turn for it', async () => {
    const store = await reading({ idleTimeoutMs: 10_000 })
    const { body } = await store.get('a')
    const abort = new AbortController()
    const reason = new Error('changed my mind')
    const waiting = store.get('b', { signal: abort.signal })
    abort.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    await buffer(body)
    expect((await buffer((await store.get('c')).body)).length).toBe(BIG)
  })
})

describe('an answer of the server', () => {
  test.each([
    ['NoSuchKey', 404, 'notFound'],
    ['NoSuchBucket', 404, 'unavailable'],
    ['AccessDenied', 403, 'denied'],
    ['InvalidAccessKeyId', 403, 'denied'],
    ['SignatureDoesNotMatch', 403, 'denied'],
    ['RequestTimeTooSkewed', 403, 'denied'],
    ['ExpiredToken', 400, 'denied'],
    ['InvalidObjectState', 403, 'denied'],
    ['InvalidRange', 416, 'badRange'],
    ['SlowDown', 503, 'throttled'],
    ['TooManyRequests', 429, 'throttled'],
    ['RequestTimeout', 400, 'unavailable'],
    ['InternalError', 500, 'unavailable'],
    ['BadGateway', 502, 'unavailable'],
    ['NotImplemented', 501, 'unsupported'],
    ['QuotaExceeded', 403, 'full'],
    ['PermanentRedirect', 301, 'unavailable'],
  ])('%s, %d is told as %s, with its cause', async (code, status, kind) => {
    const port = await answering((_, response) => {
      const text = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>m</Message></Error>`
      response.writeHead(status, { 'content-type': 'application/xml' }).end(text)
    })
    const failure = await storeAt(port)
      .get('a')
      .catch((error) => error)
    expect(failure).toMatchObject({ name: 'StoreError', kind })
    expect(failure.cause).toBeInstanceOf(Error)
    expect(failure.message).not.toContain(keys.secretAccessKey)
  })

  test.each([412, 409])('%d to a put is told as exists', async (status) => {
    const port = await answering((_, response) => void response.writeHead(status).end())
    const putting = storeAt(port, { conditionalCreate: true }).put('a', bodyOf(Buffer.from('x')))
    await expect(putting).rejects.toMatchObject({ name: 'StoreError', kind: 'exists' })
  })

  test.each([
    ['exists when the target is there', 200, 'exists'],
    ['unavailable when it is not, for then the source was replaced', 404, 'unavailable'],
  ])('412 to a copy is told as %s', async (_, targetStatus, kind) => {
    const port = await answering(({ method, url }, response) => {
      if (method === 'PUT') return void response.writeHead(412).end()
      response.writeHead(url?.includes('/from') ? 200 : targetStatus, { etag: '"e"' }).end()
    })
    const store = storeAt(port, { conditionalCreate: true })
    await expect(store.copy('from', { to: 'to', sizeBytes: 1 })).rejects.toMatchObject({ name: 'StoreError', kind })
  })

  test('with another range than was asked for is refused', async () => {
    const port = await answering((_, response) => void response.writeHead(200, { 'content-length': 5 }).end('whole'))
    await expect(storeAt(port).get('a', { range: { start: 2 } })).rejects.toMatchObject({ kind: 'unsupported' })
  })

  test('whose bytes differ from their checksum fails its stream as corrupt', async () => {
    const port = await answering((_, response) => {
      const headers = { 'content-length': 5, 'x-amz-checksum-crc32': 'AAAAAA==' }
      response.writeHead(200, headers).end('whole')
    })
    const { body } = await storeAt(port, { checksums: 'supported' }).get('a')
    await expect(buffer(body)).rejects.toMatchObject({ name: 'StoreError', kind: 'corrupt' })
  })
})

describe('an Amazon store', () => {
  const store = openS3Store(s3Settings.parse({ bucket: 'bucket', ...keys, sessionToken: 'token' }))

  test('signs no checksum of an empty body, though it sends checksums', async () => {
    const told = { expiresInSeconds: 60, sizeBytes: 1000 }
    const requests = [
      await store.presignPut('a', told),
      await store.presignPut('a', { ...told, contentType: 'image/png', sha256: 'ab'.repeat(32) }),
      await store.presignPart('a', { ...told, reference: 'r', number: 1 }),
      await store.presignGet('a', told),
    ]
    for (const { url, headers } of requests) {
      expect(decodeURIComponent(url)).not.toMatch(/AAAAAA==|checksum-crc|sdk-checksum/i)
      expect(JSON.stringify(headers)).not.toMatch(/AAAAAA==/)
    }
  })

  test('signs the size, the hash, the type and that the key is free', async () => {
    const told = { expiresInSeconds: 60, sizeBytes: 1000, contentType: 'image/png', sha256: 'ab'.repeat(32) }
    const { url, headers } = await store.presignPut('a', told)
    const names = new URL(url).searchParams.get('X-Amz-SignedHeaders')!.split(';')
    expect(names).toEqual(['content-length', 'content-type', 'host', 'if-none-match', 'x-amz-checksum-sha256'])
    expect(headers).toMatchObject({ 'if-none-match': '*', 'content-type': 'image/png' })
    expect(Buffer.from(headers['x-amz-checksum-sha256']!, 'base64').toString('hex')).toBe('ab'.repeat(32))
  })

  test('signs for the address by which it is reached from outside', async () => {
    const endpoints = { endpoint: 'http://10.0.0.1:9000', publicEndpoint: 'https://files.example.com', pathStyle: true }
    const behind = openS3Store(s3Settings.parse({ bucket: 'bucket', ...keys, ...endpoints }))
    const told = { expiresInSeconds: 60, minBytes: 1, maxBytes: 2 }
    expect((await behind.presignGet('a', told)).url).toMatch(/^https:\/\/files\.example\.com\/bucket\/a\?/)
    expect((await behind.presignPost('a/', told)).url).toMatch(/^https:\/\/files\.example\.com\/bucket\/?$/)
  })

  test('declares what Amazon has', () => {
    expect(store.capabilities).toMatchObject({ conditionalCreate: true, serverCopy: true, objectLock: false })
    expect(store.capabilities.storageClasses).toContain('GLACIER_IR')
  })
})

describe('settings', () => {
  test('of another server assume nothing of Amazon', () => {
    const settings = s3Settings.parse({ bucket: 'bucket', endpoint: 'http://localhost:9000' })
    expect(settings).toMatchObject({ checksums: 'required', conditionalCreate: false, storageClasses: [] })
  })

  test.each([
    ['half a pair of keys', { accessKeyId: 'a' }],
    ['parts below 5 MiB', { partBytes: 1024 }],
    ['an endpoint that is no URL', { endpoint: 'localhost' }],
    ['no connections', { connections: 0 }],
  ])('refuse %s', (_, wrong) => {
    expect(s3Settings.safeParse({ bucket: 'bucket', ...wrong }).success).toBe(false)
  })
})
