import { createHash, randomBytes, randomInt } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { countingProxy } from '../../cli/test/counting-proxy.ts'
import { type RunningServer, startServer } from '../../cli/test/server.ts'
import {
  type Client,
  type ClientOptions,
  createClient,
  type KeptUpload,
  type Progress,
  type UploadMemory,
  type UploadStart,
} from '../src/index.ts'

const MIB = 1024 * 1024
const PART_BYTES = 8 * MIB
/** Shorter than a part, so that a connection is cut even where each part has one of its own. */
const cutsOf = (count: number) => Array.from({ length: count }, () => randomInt(MIB / 2, PART_BYTES))
const retry = { attempts: 12, firstDelayMs: 1, longestDelayMs: 20 }

let server: RunningServer
let direct: Client
beforeAll(async () => {
  server = await startServer()
  direct = createClient({ url: server.url, key: server.key })
})
afterAll(() => server?.stop())

function clientOf(url: string, options: Partial<ClientOptions> = {}): Client {
  return createClient({
    url,
    key: server.key,
    retry,
    createHash: () => createHash('sha256'),
    ...options,
  } as ClientOptions)
}

function fileOf(sizeBytes: number, name = 'a.bin'): { file: File; sha256: string } {
  const bytes = randomBytes(sizeBytes)
  const file = new File([bytes], name, { lastModified: 1_700_000_000_000 })
  return { file, sha256: createHash('sha256').update(bytes).digest('hex') }
}

function memoryOf(): UploadMemory & { kept: Map<string, KeptUpload> } {
  const kept = new Map<string, KeptUpload>()
  return {
    kept,
    find: async (key) => kept.get(key),
    keep: async (key, upload) => void kept.set(key, upload),
    forget: async (key) => void kept.delete(key),
  }
}

const fields = { assetType: 'backup_file' }

async function hashOf(assetId: string): Promise<string> {
  const { stream } = await direct.download(assetId)
  const hash = createHash('sha256')
  for await (const bytes of stream) hash.update(bytes)
  return hash.digest('hex')
}

/** Uploads until so many bytes were sent, then pauses. */
async function pauseAfter(client: Client, file: File, bytes: number, road: 'parts' | 'resumable'): Promise<void> {
  const upload = client.upload(file, {
    ...fields,
    road,
    parallel: 1,
    onProgress: ({ transferredBytes }) => {
      if (transferredBytes > bytes) void upload.pause()
    },
  })
  await expect(upload).rejects.toMatchObject({ name: 'AbortError' })
}

describe('a large file', () => {
  test('arrives exactly although connections are cut at random', async () => {
    await using proxy = await countingProxy(server.url, cutsOf(6))
    const { file, sha256 } = fileOf(40 * MIB)
    const seen: Progress[] = []
    const asset = await clientOf(proxy.url).upload(file, { ...fields, onProgress: (progress) => seen.push(progress) })
    expect(asset).toMatchObject({ name: 'a.bin', sizeBytes: file.size, sha256 })
    expect(await hashOf(asset.id)).toBe(sha256)
    expect(proxy.cuts()).toBeGreaterThan(0)
    expect(proxy.sentBytes()).toBeLessThan(file.size + proxy.cuts() * PART_BYTES + MIB)
    const steps = seen.map(({ transferredBytes }) => transferredBytes)
    expect(steps).toEqual([...steps].sort((one, other) => one - other))
    expect(seen.at(-1)).toEqual({ transferredBytes: file.size, totalBytes: file.size })
  })

  test('that was paused goes on where it was, and sends only what is missing', async () => {
    const { file, sha256 } = fileOf(40 * MIB)
    const memory = memoryOf()
    await using proxy = await countingProxy(server.url)
    await pauseAfter(clientOf(proxy.url, { memory }), file, 20 * MIB, 'parts')
    const [kept] = [...memory.kept.values()]
    const { items } = await direct.uploads.parts({ uploadId: kept!.uploadId })
    expect(items.map((part) => part.number)).toEqual([1, 2])
    proxy.reset()
    const starts: UploadStart[] = []
    const again = new File([file], file.name, { lastModified: file.lastModified })
    const client = clientOf(proxy.url, { memory })
    const asset = await client.upload(again, { ...fields, onStart: (start) => starts.push(start) })
    expect(starts).toEqual([{ road: 'parts', arrivedBytes: 16 * MIB }])
    expect(asset.sha256).toBe(sha256)
    expect([...proxy.parts].sort()).toEqual([3, 4, 5])
    expect(proxy.sentBytes()).toBeLessThan(25 * MIB)
    expect(memory.kept.size).toBe(0)
  })

  test('is another one once it has changed, or goes elsewhere', async () => {
    const { file } = fileOf(17 * MIB)
    const memory = memoryOf()
    const client = clientOf(server.url, { memory })
    await pauseAfter(client, file, 9 * MIB, 'parts')
    const starts: UploadStart[] = []
    const onStart = (start: UploadStart) => starts.push(start)
    await client.upload(new File([file], file.name, { lastModified: 1 }), { ...fields, onStart })
    await client.upload(file, { ...fields, folder: 'elsewhere', onStart })
    expect(starts.map(({ arrivedBytes }) => arrivedBytes)).toEqual([0, 0])
    expect(memory.kept.size).toBe(1)
  })

  test('begins anew when what was begun is gone', async () => {
    const { file, sha256 } = fileOf(17 * MIB)
    const memory = memoryOf()
    const client = clientOf(server.url, { memory })
    await pauseAfter(client, file, 9 * MIB, 'parts')
    await direct.uploads.cancel({ uploadId: [...memory.kept.values()][0]!.uploadId })
    const asset = await client.upload(file, fields)
    expect(asset.sha256).toBe(sha256)
    expect(memory.kept.size).toBe(0)
  })

  test('is given up when it is cancelled', async () => {
    const { file } = fileOf(20 * MIB)
    const memory = memoryOf()
    const uploadIds: string[] = []
    const upload = clientOf(server.url, { memory }).upload(file, {
      ...fields,
      parallel: 1,
      onProgress: () => uploadIds.push([...memory.kept.values()][0]!.uploadId),
    })
    const refused = expect(upload).rejects.toMatchObject({ name: 'AbortError' })
    await expect.poll(() => uploadIds.length).toBeGreaterThan(0)
    await upload.cancel()
    await refused
    expect(memory.kept.size).toBe(0)
    await expect(direct.uploads.get({ uploadId: uploadIds[0]! })).rejects.toMatchObject({ code: 'upload.notFound' })
  })

  test('of up to two parts is one request to the store', async () => {
    const { file, sha256 } = fileOf(10 * MIB)
    await using proxy = await countingProxy(server.url, [9 * MIB, 9 * MIB])
    const asset = await clientOf(proxy.url).upload(file, fields)
    expect(asset.sha256).toBe(sha256)
    expect(proxy.cuts()).toBeGreaterThan(0)
    expect(proxy.parts).toEqual([])
  })

  test('is refused with the problem that the service found when it looked', async () => {
    const program = Buffer.concat([Buffer.from('7f454c46020101000000000000000000', 'hex'), Buffer.alloc(9 * MIB)])
    const upload = clientOf(server.url).upload(new File([program], 'a.txt'), {})
    await expect(upload).rejects.toMatchObject({ name: 'StowageError', status: 415 })
  })

  test('is an error when the service holds another one than was read', async () => {
    const createWrong = () => ({ update: () => {}, digest: () => '0'.repeat(64) })
    const upload = clientOf(server.url, { createHash: createWrong }).upload(fileOf(9 * MIB).file, fields)
    await expect(upload).rejects.toMatchObject({
      code: 'client.keptOtherwise',
      members: { expected: '0'.repeat(64), assetId: expect.stringMatching(/^ast_/) },
    })
  })
})

describe('a resumable upload', () => {
  test('brings a stream of unknown length exactly although connections are cut', async () => {
    await using proxy = await countingProxy(server.url, cutsOf(5))
    const { file, sha256 } = fileOf(24 * MIB)
    const asset = await clientOf(proxy.url).upload(file.stream(), { ...fields, name: 'streamed.bin' })
    expect(asset).toMatchObject({ name: 'streamed.bin', sizeBytes: file.size, sha256 })
    expect(await hashOf(asset.id)).toBe(sha256)
    expect(proxy.cuts()).toBeGreaterThan(0)
  })

  test('of a file goes on where it was paused', async () => {
    const { file, sha256 } = fileOf(24 * MIB)
    const memory = memoryOf()
    await using proxy = await countingProxy(server.url)
    const client = clientOf(proxy.url, { memory })
    await pauseAfter(client, file, 12 * MIB, 'resumable')
    const { uploadId } = [...memory.kept.values()][0]!
    const arrived = async () => (await direct.uploads.get({ uploadId })).receivedBytes
    await expect.poll(arrived, { timeout: 10_000 }).toBeGreaterThan(0)
    proxy.reset()
    const starts: UploadStart[] = []
    const onStart = (start: UploadStart) => starts.push(start)
    const asset = await client.upload(file, { ...fields, road: 'resumable', onStart })
    expect(asset.sha256).toBe(sha256)
    expect(starts).toMatchObject([{ road: 'resumable' }])
    expect(proxy.sentBytes()).toBeLessThan(file.size - starts[0]!.arrivedBytes + MIB)
    expect(memory.kept.size).toBe(0)
  })
})

describe('a road', () => {
  test('that cannot carry what is asked for is not taken', async () => {
    const client = clientOf(server.url)
    const stream = new Blob(['a']).stream()
    await expect(client.upload(stream, { name: 'a', road: 'parts' })).rejects.toBeInstanceOf(TypeError)
    const versioned = client.upload('a', { assetId: 'ast_1', ifMatch: '"1"', road: 'parts' })
    await expect(versioned).rejects.toBeInstanceOf(TypeError)
  })
})
