import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { GetOptions, ObjectStore, PutOptions, PutReceipt, StoredInfo } from './port.ts'

export interface StoreUnderTest {
  store: ObjectStore
  close(): Promise<void>
  /** Puts the store into the state that a crash of its process would leave, and opens it again in `store`. */
  crash?(): Promise<void>
  /** Given to every put and get: what decorators need. */
  options?: Pick<PutOptions, 'context' | 'keys'>
  /** Handles and connections that reads hold. */
  openHandles?(): number
}

export interface Bench {
  readonly store: ObjectStore
  readonly subject: StoreUnderTest
  /** A prefix that no other test uses, with `/` at its end. */
  prefix(): string
  put(key: string, bytes: Buffer, options?: PutOptions): Promise<PutReceipt>
  putBody(key: string, body: Readable, options?: PutOptions): Promise<PutReceipt>
  get(key: string, receipt?: PutReceipt, options?: GetOptions): ReturnType<ObjectStore['get']>
  read(key: string, receipt?: PutReceipt, options?: GetOptions): Promise<Buffer>
  listAll(prefix: string, limit?: number): Promise<StoredInfo[]>
}

export function benchOver(current: () => StoreUnderTest): Bench {
  return {
    get store() {
      return current().store
    },
    get subject() {
      return current()
    },
    prefix: () => `t-${randomUUID()}/`,
    put(key, bytes, options) {
      return this.putBody(key, bodyOf(bytes), { sizeBytes: bytes.length, ...options })
    },
    putBody: (key, body, options) => current().store.put(key, body, { ...current().options, ...options }),
    get: (key, receipt, options) => {
      return current().store.get(key, { ...current().options, envelope: receipt?.envelope, ...options })
    },
    async read(key, receipt, options) {
      return buffer((await this.get(key, receipt, options)).body)
    },
    async listAll(prefix, limit) {
      const items: StoredInfo[] = []
      let cursor: string | undefined
      do {
        const page = await current().store.list({ prefix, limit, cursor })
        items.push(...page.items)
        cursor = page.nextCursor
      } while (cursor !== undefined)
      return items
    },
  }
}

export function bodyOf(bytes: Buffer): Readable {
  return Readable.from(piecesOf(bytes), { objectMode: false })
}

function* piecesOf(bytes: Buffer): Generator<Buffer> {
  for (let offset = 0; offset < bytes.length; offset += 64 * 1024) yield bytes.subarray(offset, offset + 64 * 1024)
}

export function failingBody(size: number, failure: Error): Readable {
  return Readable.from(
    (async function* () {
      yield* piecesOf(randomBytes(size))
      throw failure
    })(),
    { objectMode: false },
  )
}

export function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
