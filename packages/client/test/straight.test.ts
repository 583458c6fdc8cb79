import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addressOf } from '../../../apps/server/test/real-services.ts'
import { openStoreSettings, type StoreSettings } from '../../../apps/server/test/store-settings.ts'
import { countingProxy } from '../../cli/test/counting-proxy.ts'
import { type RunningServer, startServer } from '../../cli/test/server.ts'
import { type Client, createClient, type KeptUpload, type UploadMemory, type UploadStart } from '../src/index.ts'

const MIB = 1024 * 1024

describe.skipIf(!addressOf('s3'))('a large file, where the store takes bytes itself', () => {
  let settings: StoreSettings
  let server: RunningServer
  beforeAll(async () => {
    settings = await openStoreSettings('s3')
    server = await startServer(settings.settings)
  })
  afterAll(async () => {
    await server?.stop()
    await settings?.close()
  })

  function clientOf(url: string, memory: UploadMemory, request: typeof fetch): Client {
    const retry = { firstDelayMs: 1, longestDelayMs: 20 }
    return createClient({ url, key: server.key, retry, memory, fetch: request, createHash: () => createHash('sha256') })
  }

  function memoryOf(): UploadMemory {
    const kept = new Map<string, KeptUpload>()
    return {
      find: async (key) => kept.get(key),
      keep: async (key, upload) => void kept.set(key, upload),
      forget: async (key) => void kept.delete(key),
    }
  }

  /** Counts what is put, and loses every second answer to it. */
  function losing(): { request: typeof fetch; puts: string[] } {
    const puts: string[] = []
    const request: typeof fetch = async (url, init) => {
      const response = await fetch(url, init)
      if (init?.method !== 'PUT') return response
      puts.push(String(url))
      if (puts.length % 2 === 0) return response
      await response.arrayBuffer()
      throw new TypeError('the connection was lost')
    }
    return { request, puts }
  }

  test.each([
    ['in parts', 20 * MIB, 6],
    ['in one request', 10 * MIB, 2],
  ])('passes the service by and arrives exactly, %s, although answers are lost', async (_, sizeBytes, requests) => {
    await using proxy = await countingProxy(server.url)
    const { request, puts } = losing()
    const bytes = randomBytes(sizeBytes)
    const client = clientOf(proxy.url, memoryOf(), request)
    const asset = await client.upload(bytes, { name: 'a.bin', assetType: 'backup_file', parallel: 1 })
    expect(asset).toMatchObject({ sizeBytes, sha256: createHash('sha256').update(bytes).digest('hex') })
    expect(puts).toHaveLength(requests)
    expect(proxy.sentBytes()).toBeLessThan(MIB)
  })

  test('goes on where it was paused', async () => {
    const file = new File([randomBytes(20 * MIB)], 'b.bin', { lastModified: 1 })
    const client = clientOf(server.url, memoryOf(), fetch)
    const paused = client.upload(file, {
      assetType: 'backup_file',
      parallel: 1,
      onProgress: ({ transferredBytes }) => {
        if (transferredBytes > 18 * MIB) void paused.pause()
      },
    })
    await expect(paused).rejects.toMatchObject({ name: 'AbortError' })
    const starts: UploadStart[] = []
    const again = client.upload(file, { assetType: 'backup_file', onStart: (start) => starts.push(start) })
    expect((await again).sizeBytes).toBe(file.size)
    expect(starts).toEqual([{ road: 'parts', arrivedBytes: 16 * MIB }])
  })
})
