import { createHash } from 'node:crypto'
import { openAsBlob } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type UploadRequest, uploadRequestTransport } from '../src/browser-upload.ts'
import { createClient, type Progress } from '../src/index.ts'
import { hangUp, json, refuse, serve } from './tiny-server.ts'

const quick = { firstDelayMs: 1, longestDelayMs: 1 }
const bytes = new Uint8Array(300_000).map((_zero, index) => index)
const digestField = `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`

describe('an upload', () => {
  test('sends the bytes as they are, its fields in the query and the digest in a header', async () => {
    await using server = await serve(json({ id: 'ast_1' }, 201))
    const client = createClient({ url: server.url, key: 'k' })
    const asset = await client.upload(bytes, { name: 'a b.bin', tags: ['x'], metadata: { n: 1 }, projectId: null })
    expect(asset).toEqual({ id: 'ast_1' })
    const [request] = server.received
    expect(request!.body.equals(bytes)).toBe(true)
    expect(Object.fromEntries(request!.query)).toEqual({ name: 'a b.bin', tags: '["x"]', metadata: '{"n":1}' })
    expect(request!.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-length': '300000',
      'repr-digest': digestField,
    })
  })

  test('becomes a new version where an asset is named', async () => {
    await using server = await serve(json({}, 201))
    const client = createClient({ url: server.url, key: 'k' })
    await client.upload('text', { assetId: 'ast_1', mediaType: 'text/plain', ifMatch: '"1"' })
    expect(server.received[0]).toMatchObject({ method: 'POST', path: '/v1/assets/ast_1/versions' })
    expect(server.received[0]!.headers).toMatchObject({ 'content-type': 'text/plain', 'if-match': '"1"' })
  })

  test('takes name and type from a File', async () => {
    await using server = await serve(json({}, 201))
    const client = createClient({ url: server.url, key: 'k' })
    await client.upload(new File(['a'], 'notes.txt', { type: 'text/plain' }))
    expect(server.received[0]!.query.get('name')).toBe('notes.txt')
    expect(server.received[0]!.headers['content-type']).toBe('text/plain')
  })

  test('of a JSON file is not taken for a request in JSON', async () => {
    await using server = await serve(json({}, 201))
    const client = createClient({ url: server.url, key: 'k' })
    await client.upload(new File(['{}'], 'a.json', { type: 'application/json' }))
    expect(server.received[0]!.headers['content-type']).toBe('application/octet-stream')
  })

  test('is sent again whole, under the same key, when the connection is lost', async () => {
    await using server = await serve(hangUp, json({ id: 'ast_1' }, 201))
    const client = createClient({ url: server.url, key: 'k', retry: quick })
    await client.upload(bytes, { name: 'a', onProgress: () => {} })
    const [first, second] = server.received
    expect(second!.body.equals(bytes)).toBe(true)
    expect(second!.headers['idempotency-key']).toBe(first!.headers['idempotency-key'])
  })

  test('of a stream in one request is sent once, since its bytes are gone', async () => {
    await using server = await serve(hangUp)
    const client = createClient({ url: server.url, key: 'k', retry: quick })
    await expect(client.upload(new Blob([bytes]).stream(), { name: 'a', road: 'single' })).rejects.toMatchObject({
      code: 'client.unreachable',
    })
    expect(server.received).toHaveLength(1)
  })

  test('tells how far it has come, and still says its length beforehand', async () => {
    await using server = await serve(json({}, 201))
    const client = createClient({ url: server.url, key: 'k' })
    const seen: Progress[] = []
    await client.upload(new Blob([bytes]), { name: 'a', onProgress: (progress) => seen.push(progress) })
    expect(seen.length).toBeGreaterThan(1)
    expect(seen.at(-1)).toEqual({ transferredBytes: 300_000, totalBytes: 300_000 })
    expect(server.received[0]!.headers['content-length']).toBe('300000')
  })

  test('of a file that changes meanwhile fails, and says so', async () => {
    await using server = await serve(json({}, 201))
    const folder = await mkdtemp(join(tmpdir(), 'stowage-client-'))
    await writeFile(join(folder, 'a'), 'before')
    const file = await openAsBlob(join(folder, 'a'))
    await writeFile(join(folder, 'a'), 'and after')
    const client = createClient({ url: server.url, key: 'k', retry: quick })
    const sha256 = '0'.repeat(64)
    for (const fields of [{ name: 'a', sha256 }, { name: 'a' }]) {
      await expect(client.upload(file, fields)).rejects.toMatchObject({ code: 'client.bodyUnreadable' })
    }
    await rm(folder, { recursive: true })
  })

  test('of a generated text is JSON', async () => {
    await using server = await serve(json({}, 201))
    const client = createClient({ url: server.url, key: 'k' })
    await client.saveText('# Brief', { assetType: 'content_brief' })
    expect(JSON.parse(server.received[0]!.body.toString())).toEqual({ assetType: 'content_brief', content: '# Brief' })
    expect(server.received[0]!.headers['content-type']).toBe('application/json')
  })
})

describe('an upload from a browser', () => {
  test('reports what the browser reports and reads the answer', async () => {
    const sent: Record<string, string> = {}
    class BrowserRequest implements UploadRequest {
      upload: UploadRequest['upload'] = { onprogress: null }
      onload: (() => void) | null = null
      onerror: (() => void) | null = null
      onabort: (() => void) | null = null
      status = 201
      responseText = '{"id":"ast_1"}'
      open(method: string, url: string) {
        sent['line'] = `${method} ${url}`
      }
      setRequestHeader(name: string, value: string) {
        sent[name] = value
      }
      getAllResponseHeaders() {
        return 'content-type: application/json\r\nx-request-id: req_1\r\n'
      }
      send(body: Blob) {
        this.upload.onprogress?.({ loaded: body.size, total: body.size })
        this.onload?.()
      }
      abort() {
        this.onabort?.()
      }
    }
    const seen: Progress[] = []
    const transport = uploadRequestTransport(BrowserRequest, new Blob([bytes]), (progress) => seen.push(progress))
    const response = await transport(new URL('http://localhost/v1/assets'), {
      method: 'POST',
      headers: { 'Idempotency-Key': 'i' },
      signal: undefined,
    })
    expect(sent).toEqual({ line: 'POST http://localhost/v1/assets', 'Idempotency-Key': 'i' })
    expect(seen).toEqual([{ transferredBytes: 300_000, totalBytes: 300_000 }])
    expect(await response.json()).toEqual({ id: 'ast_1' })
    expect(response.headers.get('x-request-id')).toBe('req_1')
  })
})

describe('a download', () => {
  const headers = {
    'Content-Type': 'image/png',
    'Content-Disposition': `attachment; filename="site.png"; filename*=UTF-8''s%C3%AFte.png`,
    'Repr-Digest': digestField,
    ETag: '"e1"',
  }
  const whole = (response: ServerResponse) =>
    response.writeHead(200, { ...headers, 'Content-Length': bytes.length }).end(bytes)
  const tail = (response: ServerResponse) =>
    response
      .writeHead(206, { ...headers, 'Content-Length': 10, 'Content-Range': 'bytes 299990-299999/300000' })
      .end(bytes.subarray(299_990))

  test('gives the bytes and what the service says of them', async () => {
    await using server = await serve(whole)
    const client = createClient({ url: server.url, key: 'k' })
    const seen: Progress[] = []
    const { stream, ...facts } = await client.download('ast_1', { version: 2, onProgress: (p) => seen.push(p) })
    expect(facts).toEqual({
      start: 0,
      sizeBytes: 300_000,
      name: 'sïte.png',
      mediaType: 'image/png',
      sha256: createHash('sha256').update(bytes).digest('hex'),
      etag: '"e1"',
    })
    expect(Buffer.from(await new Response(stream).arrayBuffer()).equals(bytes)).toBe(true)
    expect(seen.at(-1)).toEqual({ transferredBytes: 300_000, totalBytes: 300_000 })
    expect(server.received[0]!.query.get('version')).toBe('2')
  })

  test('of a range asks for it under the ETag that was read before and says where it begins', async () => {
    await using server = await serve(tail)
    const client = createClient({ url: server.url, key: 'k' })
    const part = await client.download('ast_1', { range: { start: 299_990 }, ifRange: '"e1"' })
    expect(part).toMatchObject({ start: 299_990, sizeBytes: 300_000 })
    expect(server.received[0]!.headers).toMatchObject({ range: 'bytes=299990-', 'if-range': '"e1"' })
  })

  test('says that it begins at the beginning where the range was not honoured', async () => {
    await using server = await serve(whole)
    const client = createClient({ url: server.url, key: 'k' })
    const all = await client.download('ast_1', { range: { start: 10 }, ifRange: '"old"' })
    expect(all).toMatchObject({ start: 0, sizeBytes: 300_000 })
    await all.stream.cancel()
  })

  test('is refused as a problem', async () => {
    await using server = await serve(refuse('asset.notReadable', 403, { scanStatus: 'pending' }))
    const client = createClient({ url: server.url, key: 'k' })
    await expect(client.download('ast_1')).rejects.toMatchObject({
      code: 'asset.notReadable',
      members: { scanStatus: 'pending' },
    })
  })
})
