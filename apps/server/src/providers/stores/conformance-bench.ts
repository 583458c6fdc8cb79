import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { aroundExtras } from './extras.ts'
import type { CallOptions, GetOptions, ObjectStore, PutOptions, PutReceipt, StoredInfo } from './port.ts'

export interface StoreUnderTest {
  store: ObjectStore
  close(): Promise<void>
  /** Puts the store into the state that a crash of its process would leave, and opens it again in `store`. */
  crash?(): Promise<void>
  /** Given to every put and get: what decorators need. `tenantId` is given to every operation. */
  options?: Pick<PutOptions, 'context' | 'keys' | 'tenantId'>
  /** Handles and connections that reads hold. */
  openHandles?(): number
  /** What the kind of store cannot keep although the port asks for it: those tests are left out for it. */
  limits?: StoreLimits
}

export interface StoreLimits {
  /** What a presigned GET does not send back: Cloud Storage knows no such parameter, and the store says `unsupported`. */
  presignedGet?: readonly 'cacheControl'[]
  /** Puts that race may all win: RadosGW 16 does not keep `If-None-Match` in a bucket with versions. */
  racingPuts?: boolean
  /**
   * What a presigned PUT is not bound to. A shared access signature of Azure names neither size, hash, type nor headers;
   * RadosGW 16 does not check `x-amz-checksum-sha256`, nor `If-None-Match` in a bucket with versions (`reuse`).
   */
  presignedPut?: readonly ('size' | 'hash' | 'type' | 'headers' | 'reuse')[]
  /**
   * What a presigned part is not bound to, likewise. A shared access signature cannot be recalled (`abandoned`): a part
   * that comes late is an uncommitted block, which no reader sees and the next `abandon` removes.
   */
  presignedPart?: readonly ('size' | 'abandoned')[]
  /** Takes parts below 5 MiB that are not the last, as Azure's blocks are. */
  smallParts?: boolean
  /** Classes whose objects are not read at once, such as archives. */
  unreadableClasses?: readonly string[]
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
      return toldTenant(current())
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
        const page = await this.store.list({ prefix, limit, cursor })
        items.push(...page.items)
        cursor = page.nextCursor
      } while (cursor !== undefined)
      return items
    },
  }
}

function toldTenant({ store, options }: StoreUnderTest): ObjectStore {
  if (options?.tenantId === undefined) return store
  const told = <Given extends CallOptions>(given?: Given) => ({ tenantId: options.tenantId, ...given }) as Given
  return {
    ...aroundExtras(store, (_verb, _key, given, work) => work(told(given))),
    capabilities: store.capabilities,
    put: (key, body, given) => store.put(key, body, told(given)),
    get: (key, given) => store.get(key, told(given)),
    head: (key, given) => store.head(key, told(given)),
    delete: (key, given) => store.delete(key, told(given)),
    abandon: (key, given) => store.abandon(key, told(given)),
    list: (given) => store.list(told(given)),
    close: () => store.close(),
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
