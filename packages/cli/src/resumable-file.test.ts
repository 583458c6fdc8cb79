import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@stowage/client'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Content } from './content.ts'
import { downloadFile } from './resumable-file.ts'

const bytes = Buffer.from(new Uint8Array(500_000).map((_zero, index) => (index * 7) % 251))
const content: Content = {
  assetId: 'ast_1',
  version: 1,
  name: 'a.bin',
  sizeBytes: bytes.length,
  sha256: createHash('sha256').update(bytes).digest('hex'),
}

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stowage-cli-'))
})
afterEach(() => rm(folder, { recursive: true }))

/** Sends `bytes`, and breaks off after `cuts[n]` bytes of the n-th answer; `refuse` from then on. */
async function serveContent({ cuts = [] as number[], ranges = true, sent = bytes, away = false } = {}) {
  const asked: (string | undefined)[] = []
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const { range } = request.headers
    if (away && asked.length >= cuts.length) return request.socket.destroy()
    const cut = cuts[asked.length]
    asked.push(range)
    const start = ranges ? Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0) : 0
    const status = start > 0 ? 206 : 200
    const part = start > 0 ? { 'Content-Range': `bytes ${start}-${sent.length - 1}/${sent.length}` } : {}
    response.writeHead(status, { ETag: '"e1"', 'Content-Length': sent.length - start, ...part })
    if (cut === undefined) return response.end(sent.subarray(start))
    return response.write(sent.subarray(start, start + cut), () => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const retry = { attempts: 2, firstDelayMs: 1 }
  return {
    asked,
    client: createClient({ url, key: 'k', retry }),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

describe('a download', () => {
  test('is gone on with where the connection broke', async () => {
    await using server = await serveContent({ cuts: [200_000, 100_000] })
    const path = join(folder, 'a.bin')
    await downloadFile(server.client, content, path, undefined)
    expect((await readFile(path)).equals(bytes)).toBe(true)
    expect(await readdir(folder)).toEqual(['a.bin'])
    expect(server.asked.map((range) => range !== undefined)).toEqual([false, true, true])
  })

  test('that ended with an error is gone on with by the next run', async () => {
    const path = join(folder, 'a.bin')
    {
      await using server = await serveContent({ cuts: [200_000], away: true })
      await expect(downloadFile(server.client, content, path, undefined)).rejects.toThrow('cannot be reached')
    }
    expect((await readdir(folder)).sort()).toEqual(['a.bin.part', 'a.bin.part.json'])
    await using server = await serveContent()
    await downloadFile(server.client, content, path, undefined)
    expect((await readFile(path)).equals(bytes)).toBe(true)
    expect(server.asked).toHaveLength(1)
    expect(server.asked[0]).toMatch(/^bytes=[1-9]\d*-$/)
    expect(await readdir(folder)).toEqual(['a.bin'])
  })

  test('of another version begins again, whatever an earlier run has left', async () => {
    const path = join(folder, 'a.bin')
    {
      await using server = await serveContent({ cuts: [200_000], away: true })
      const older = { ...content, version: 9 }
      await expect(downloadFile(server.client, older, path, undefined)).rejects.toThrow('cannot be reached')
    }
    await using server = await serveContent()
    await downloadFile(server.client, content, path, undefined)
    expect(server.asked).toEqual([undefined])
    expect((await readFile(path)).equals(bytes)).toBe(true)
  })

  test('begins again where the service honours no range', async () => {
    await using server = await serveContent({ cuts: [200_000], ranges: false })
    const path = join(folder, 'a.bin')
    await downloadFile(server.client, content, path, undefined)
    expect((await readFile(path)).equals(bytes)).toBe(true)
  })

  test('that arrives damaged leaves nothing behind', async () => {
    const damaged = Buffer.from(bytes)
    damaged[4711]! ^= 1
    await using server = await serveContent({ sent: damaged })
    const path = join(folder, 'a.bin')
    await expect(downloadFile(server.client, content, path, undefined)).rejects.toThrow('damaged')
    expect(await readdir(folder)).toEqual([])
  })
})
