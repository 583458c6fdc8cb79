import type { Readable } from 'node:stream'
import { toUuid } from '../../domain/id.ts'
import { Problem } from '../../domain/problem.ts'
import type { Db } from '../../platform/database/connect.ts'
import type { Call, Context, Platform } from '../../platform/invoke.ts'
import { invoke } from '../../platform/invoke.ts'
import type { ScopeKeyring } from '../../platform/scope-keys.ts'
import { storeProblem } from '../../platform/store-problem.ts'
import { openBuffer } from '../../providers/stores/encrypted.ts'
import type { DataKeyWrapper } from '../../providers/stores/keyring.ts'
import type { Packs } from '../../providers/stores/packs.ts'
import { type ByteRange, type ObjectStore, StoreError } from '../../providers/stores/port.ts'
import { noteOthersPrivate } from '../assets/room.ts'
import { refuseUnreadable, variantFileName } from './delivery.rules.ts'
import {
  assetExists,
  findContent,
  findOtherCopies,
  findVariant,
  type Placed,
  type PlacedVariant,
} from './delivery.sql.ts'
import { type Presign, presignerOf } from './direct.ts'
import type { DownloadCounter } from './downloads.ts'

export interface Delivery {
  platform: Platform
  stores: ReadonlyMap<string, ObjectStore>
  scopeKeys: ScopeKeyring
  packs: Packs
  downloads: DownloadCounter
  /** Whether readers are sent to the CDN or the store where that is possible. */
  redirects: boolean
}

/** A version that its reader may have, and how to get at its bytes once the transaction has ended. */
export interface Content {
  assetId: string
  tenantId: string
  principalId: string | null
  name: string
  mediaType: string
  charset: string | null
  sizeBytes: number
  sha256: Buffer
  version: number
  modifiedAt: Date
  isPublic: boolean
  /** Undefined where the bytes come from here alone. */
  presign: Presign | undefined
  open(range: ByteRange | undefined, signal: AbortSignal): Promise<Readable | Buffer>
}

/**
 * Finds what a caller may read: permission, state and verdict are decided here and nowhere else. `admit` runs in the
 * same transaction, before a byte moves: a limited link takes its use there.
 */
export async function findDelivery(
  delivery: Delivery,
  call: Call,
  admit?: (context: Context) => Promise<void>,
): Promise<Content> {
  return invoke<'assets.content', Content, Placed | undefined>(
    delivery.platform,
    'assets.content',
    call,
    async (context, input, ahead) => {
      const found = ahead ?? (await refuseMissing(context, input))
      noteOthersPrivate(context, found)
      refuseUnreadable(found)
      await admit?.(context)
      return contentOf(delivery, context, found)
    },
    {
      writes: admit !== undefined,
      ahead: async (db, input) => findContent(db, toUuid(input.assetId), input.version ?? null),
    },
  )
}

/** A variant that is not there, and what decides whether it may be made. */
export interface Unmade {
  tenantId: string
  assetId: string
  version: number
  /** Null where nobody has asked for it yet. */
  state: 'wanted' | 'failed' | null
  reason: string | null
  /** Of its source. */
  mediaType: string
  assetType: string
}

/** Finds a variant for whoever may read its source, and by the same rules. */
export async function findVariantDelivery(
  delivery: Delivery,
  call: Call,
  admit?: (context: Context) => Promise<void>,
): Promise<Content | Unmade> {
  return invoke<'variants.content', Content | Unmade, PlacedVariant | undefined>(
    delivery.platform,
    'variants.content',
    call,
    async (context, input, ahead) => {
      const found = ahead ?? (await refuseMissing(context, input))
      noteOthersPrivate(context, found)
      refuseUnreadable(found)
      if (found.variant_state !== 'made') return unmade(context, found)
      await admit?.(context)
      return contentOf(delivery, context, { ...found, name: variantFileName(found.name, input, found.media_type) })
    },
    {
      writes: admit !== undefined,
      ahead: async (db, { assetId, version = null, name, suffix = '' }) =>
        findVariant(db, toUuid(assetId), version, { name, suffix }),
    },
  )
}

function unmade({ tenantId }: Context, found: PlacedVariant): Unmade {
  return {
    tenantId,
    assetId: found.asset_id,
    version: found.n,
    state: found.variant_state as Unmade['state'],
    reason: found.variant_reason,
    mediaType: found.source_type,
    assetType: found.asset_type,
  }
}

async function refuseMissing(context: Context, input: { assetId: string }): Promise<never> {
  const assetId = toUuid(input.assetId)
  throw new Problem((await assetExists(context.db, context.tenantId, assetId)) ? 'version.notFound' : 'asset.notFound')
}

async function contentOf(delivery: Delivery, context: Context, found: Placed): Promise<Content> {
  if (found.copy_id === null) throw new Problem('content.missing')
  const keys = found.encrypted
    ? await delivery.scopeKeys.wrapperOf(context.db, context.tenantId, found.scope)
    : undefined
  const presigner = presignerOf(delivery.stores, context, found)
  const source = { requestId: context.requestId, delivery, tenantId: context.tenantId, found, keys }
  return {
    assetId: found.asset_id,
    tenantId: context.tenantId,
    principalId: context.principal.id,
    name: found.name,
    mediaType: found.media_type,
    charset: found.charset,
    sizeBytes: found.size_bytes,
    sha256: found.sha256,
    version: found.n,
    modifiedAt: found.created_at,
    isPublic: found.visibility === 2,
    presign: typeof presigner === 'string' ? undefined : presigner,
    open: (range, signal) => openContent(source, range, signal),
  }
}

interface Source {
  requestId: string
  delivery: Delivery
  tenantId: string
  found: Placed
  keys: DataKeyWrapper | undefined
}

/** @throws Problem `content.missing` | `content.corrupt` | `store.unavailable`, always before the first byte where it can be known */
async function openContent(
  source: Source,
  range: ByteRange | undefined,
  signal: AbortSignal,
): Promise<Readable | Buffer> {
  const { delivery, found } = source
  try {
    if (found.base64 !== null) return await smallContent(source, await smallBytes(source, found.base64), range)
    return await openCopy(source, found, range, signal)
  } catch (error) {
    if (!(error instanceof StoreError && ELSEWHERE.has(error.kind))) return rethrow(error)
    // The copy was released since it was looked up, or its store is down: another copy may serve.
    for (const other of await findOthers(delivery, source)) {
      const stream = await openCopy({ ...source, keys: other.keys }, other.copy, range, signal).catch(() => undefined)
      if (stream) return stream
    }
    return rethrow(error)
  }
}

const ELSEWHERE: ReadonlySet<string> = new Set([
  'notFound',
  'unavailable',
  'throttled',
  'denied',
  'noCredentials',
  'corrupt',
])

function rethrow(error: unknown): never {
  throw storeProblem(error)
}

async function smallBytes({ delivery, found }: Source, base64: string): Promise<Buffer> {
  const { pack_id: packId, pack_start: start, packed_bytes: sizeBytes } = found
  if (packId === null) return Buffer.from(base64, 'base64')
  return delivery.packs.read({ packId, start: start as number, sizeBytes: sizeBytes as number })
}

async function smallContent({ found, keys }: Source, bytes: Buffer, range: ByteRange | undefined): Promise<Buffer> {
  if (keys && found.envelope) return openBuffer(bytes, found.envelope, keys, found.copy_id as string, range)
  return range ? bytes.subarray(range.start, (range.end ?? bytes.length - 1) + 1) : bytes
}

async function openCopy(
  source: Source,
  found: Pick<Placed, 'copy_id' | 'store_id' | 'key' | 'isolation' | 'envelope'>,
  range: ByteRange | undefined,
  signal: AbortSignal,
): Promise<Readable> {
  const store = source.delivery.stores.get(found.store_id as string)
  if (!store) throw new StoreError('unavailable', `the store ${found.store_id} is not configured`)
  const { body } = await store.get(found.key as string, {
    signal,
    tenantId: source.tenantId,
    requestId: source.requestId,
    context: found.copy_id as string,
    ...(found.isolation !== null && { within: found.isolation }),
    ...(range && { range }),
    ...(found.envelope && { envelope: found.envelope }),
    ...(source.keys && { keys: source.keys }),
  })
  return body
}

async function findOthers({ platform, scopeKeys }: Delivery, { tenantId, found }: Source) {
  return platform.inTenant(tenantId, async (db: Db) => {
    const copies = await findOtherCopies(db, tenantId, found)
    return Promise.all(
      copies.map(async (copy) => ({
        copy,
        keys: copy.encrypted ? await scopeKeys.wrapperOf(db, tenantId, found.scope) : undefined,
      })),
    )
  })
}

export { purgeCached } from './cdn-purge.ts'
export { type Address, cacheControlOf, REVOCABLE_SECONDS, refuseUnreadable, safelyNamed } from './delivery.rules.ts'
export { findDirect } from './direct.ts'
export { createDownloadCounter, type DownloadCounter } from './downloads.ts'
