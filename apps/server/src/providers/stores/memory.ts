import { Readable } from 'node:stream'
import { destroyOnAbort } from './abort.ts'
import { chunksOf } from './body.ts'
import { spanOf } from './byte-range.ts'
import { NO_CAPABILITIES, noExtras } from './extras.ts'
import { limitOf } from './paging.ts'
import {
  type GetOptions,
  type ListOptions,
  type ListPage,
  type ObjectStore,
  type PutOptions,
  type PutReceipt,
  type StoredInfo,
  type StoredObject,
  StoreError,
} from './port.ts'
import { segmentsOf } from './store-key.ts'

const READ_BYTES = 256 * 1024

interface Contents {
  objects: Map<string, { bytes: Buffer; info: StoredInfo }>
  unfinished: Map<string, StoredInfo>
  writes: number
}

/** A store in memory: for tests, where nothing needs to outlive the process. Durable only as long as it runs. */
export function createMemoryStore(): ObjectStore {
  const contents: Contents = { objects: new Map(), unfinished: new Map(), writes: 0 }
  return {
    ...noExtras,
    capabilities: NO_CAPABILITIES,
    put: (key, body, options) => put(contents, key, body, options),
    get: async (key, options) => get(contents, key, options),
    head: async (key, options) => {
      segmentsOf(key)
      options?.signal?.throwIfAborted()
      return contents.objects.get(key)?.info
    },
    delete: async (key, options) => {
      segmentsOf(key)
      options?.signal?.throwIfAborted()
      contents.objects.delete(key)
    },
    abandon: async (key, options) => {
      segmentsOf(key)
      options?.signal?.throwIfAborted()
      for (const [id, info] of contents.unfinished) if (info.key === key) contents.unfinished.delete(id)
    },
    list: async (options) => list(contents, options),
    close: async () => {},
  }
}

async function put(contents: Contents, key: string, body: Readable, options: PutOptions = {}): Promise<PutReceipt> {
  const chunks = chunksOf(body, options)
  try {
    segmentsOf(key)
    options.signal?.throwIfAborted()
    const id = `${key}\0${++contents.writes}`
    const remains: StoredInfo = { key, storedBytes: 0, modifiedAt: new Date(), unfinished: true }
    contents.unfinished.set(id, remains)
    const received: Buffer[] = []
    for await (const chunk of chunks) {
      received.push(chunk)
      remains.storedBytes += chunk.length
    }
    if (contents.objects.has(key)) throw new StoreError('exists', `${key} is already stored`)
    const bytes = Buffer.concat(received)
    contents.objects.set(key, {
      bytes,
      info: { key, storedBytes: bytes.length, modifiedAt: new Date(), unfinished: false },
    })
    contents.unfinished.delete(id)
    return { storedBytes: bytes.length }
  } catch (error) {
    body.destroy()
    throw error
  }
}

function get(contents: Contents, key: string, { range, signal }: GetOptions = {}): StoredObject {
  segmentsOf(key)
  signal?.throwIfAborted()
  const found = contents.objects.get(key)
  if (!found) throw new StoreError('notFound', `Nothing is stored under ${key}`)
  const { start, length } = spanOf(range, found.bytes.length)
  const body = readBytes(found.bytes.subarray(start, start + length))
  destroyOnAbort(body, signal)
  return { body, sizeBytes: found.bytes.length }
}

function readBytes(bytes: Buffer): Readable {
  let position = 0
  return new Readable({
    highWaterMark: READ_BYTES,
    read() {
      const chunk = bytes.subarray(position, position + READ_BYTES)
      position += chunk.length
      this.push(chunk.length > 0 ? chunk : null)
    },
  })
}

function list(contents: Contents, options: ListOptions): ListPage {
  options.signal?.throwIfAborted()
  const { prefix = '', cursor = '' } = options
  const finished = [...contents.objects].map(([key, { info }]) => [key, info] as const)
  const matching = [...finished, ...contents.unfinished]
    .filter(([id, info]) => id > cursor && info.key.startsWith(prefix))
    .sort(([a], [b]) => (a < b ? -1 : 1))
  const page = matching.slice(0, limitOf(options))
  const items = page.map(([, info]) => ({ ...info }))
  return page.length < matching.length ? { items, nextCursor: page.at(-1)?.[0] } : { items }
}
