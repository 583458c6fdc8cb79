import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningServer, startServer } from '../../cli/test/server.ts'
import { type Client, createClient, type Progress } from '../src/index.ts'
import { cutOnce } from './cutting-fetch.ts'

let server: RunningServer
let client: Client
beforeAll(async () => {
  server = await startServer()
  client = createClient({ url: server.url, key: server.key })
})
afterAll(() => server?.stop())

const bytes = randomBytes(2_000_000)

describe('a client of a running service', () => {
  test('gets back what it uploaded, whole and in part', async () => {
    const seen: Progress[] = []
    const fields = {
      name: 'ünï "quoted".bin',
      assetType: 'backup_file',
      tags: ['t'],
      metadata: { n: 1 },
      links: { callId: 'c1' },
    }
    const asset = await client.upload(bytes, { ...fields, onProgress: (progress) => seen.push(progress) })
    expect(asset).toMatchObject({ name: fields.name, sizeBytes: bytes.length, tags: ['t'], metadata: { n: 1 } })
    expect(seen.at(-1)).toEqual({ transferredBytes: bytes.length, totalBytes: bytes.length })
    const whole = await client.download(asset.id)
    expect(whole).toMatchObject({ name: fields.name, sizeBytes: bytes.length, sha256: asset.sha256, start: 0 })
    expect(Buffer.from(await new Response(whole.stream).arrayBuffer()).equals(bytes)).toBe(true)
    const part = await client.download(asset.id, { range: { start: 10, end: 19 }, ifRange: whole.etag })
    expect(part).toMatchObject({ start: 10, sizeBytes: bytes.length, sha256: asset.sha256 })
    expect(Buffer.from(await new Response(part.stream).arrayBuffer()).equals(bytes.subarray(10, 20))).toBe(true)
  })

  test('uploads a stream', async () => {
    const asset = await client.upload(new Blob([bytes]).stream(), { name: 'streamed.bin', assetType: 'backup_file' })
    expect(asset.sizeBytes).toBe(bytes.length)
  })

  test('makes one asset although the first answer was lost', async () => {
    const retry = { firstDelayMs: 1 }
    const unlucky = createClient({ url: server.url, key: server.key, retry, fetch: cutOnce() })
    const asset = await unlucky.upload('once', { name: 'once.txt', projectId: 'once' })
    const { items } = await client.assets.list({ project: 'once' })
    expect(items.map((item) => item.id)).toEqual([asset.id])
  })

  test('lists over pages', async () => {
    for (const n of [1, 2, 3]) await client.upload(`text ${n}`, { name: `${n}.txt`, projectId: 'paged' })
    const names: string[] = []
    for await (const asset of client.pages('assets.list', { project: 'paged', limit: 2, sort: 'name', order: 'asc' })) {
      names.push(asset.name)
    }
    expect(names).toEqual(['1.txt', '2.txt', '3.txt'])
  })

  test('adds versions to an asset and saves generated texts', async () => {
    const text = await client.saveText('# Brief', { assetType: 'content_brief', name: 'brief.md' })
    const second = await client.upload('# Brief 2', { assetId: text.id })
    expect(second).toMatchObject({ id: text.id, version: 2, name: 'brief.md' })
    const first = await client.download(text.id, { version: 1 })
    expect(await new Response(first.stream).text()).toBe('# Brief')
  })

  test('hears why it is refused', async () => {
    await expect(client.upload('', { name: 'empty.txt' })).rejects.toMatchObject({ code: 'upload.empty', status: 422 })
    await expect(client.upload('a', { name: 'a.txt', sha256: '0'.repeat(64) })).rejects.toMatchObject({
      code: 'upload.digestMismatch',
      requestId: expect.stringMatching(/^req_/),
    })
    const stranger = createClient({ url: server.url, key: 'wrong' })
    await expect(stranger.assets.list()).rejects.toMatchObject({ code: 'credential.invalid' })
  })
})
