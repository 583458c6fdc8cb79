import { createHash } from 'node:crypto'
import { newUuid, toUuid } from '../../domain/id.ts'
import { release } from '../../domain/release.ts'
import { type Call, type Context, invoke, invokeTogether } from '../../platform/invoke.ts'
import { storeProblem } from '../../platform/store-problem.ts'
import { sealBuffer } from '../../providers/stores/encrypted.ts'
import type { Asset } from '../assets/room.ts'
import { DATABASE_STORE, scopeOf } from './placing.ts'
import { acceptContent, commitVersion, planUpload, termsAhead } from './plan.ts'
import type { Fields, UploadRequest, Uploads } from './room.ts'
import { type ContentFacts, NO_SCANNER, type ScanFacts } from './uploads.rules.ts'
import type { Share, Terms } from './uploads.sql.ts'

/** From here on the database would cut a value into pieces of 2 KB, which costs more than all its rows. */
const PACKED_BYTES = 8 * 1024
const NO_BYTES = Buffer.alloc(0)

/** A small file that has been looked at. */
interface Small {
  request: UploadRequest
  call: UploadRequest['call']
  bytes: Buffer
  facts: ContentFacts
}

/**
 * The short way, for a body that is here whole: checked in memory, then kept in the database in the transaction of its
 * rows. One commit, and nothing that could be left behind. Those that a caller sends while earlier ones are being
 * committed share a transaction (docs/decisions/0024-shared-commits.md).
 */
export async function receiveSmall(uploads: Uploads, request: UploadRequest, bytes: Buffer): Promise<Asset> {
  const call = { ...request.call, input: { ...request.call.input, ...(await request.lateFields()) } }
  const small = { request, call, bytes, facts: await inspectBuffer(uploads, call, bytes) }
  const lane = laneOf(small)
  if (lane === undefined) return saveAlone(uploads, small)
  return uploads.lanes.add(lane, small, bytes.length, (group) => saveGroup(uploads, group))
}

/**
 * New assets of one caller and type may go together; undefined for what waits for answers of its own. Names all that
 * decides which organization is entered, and as whom.
 */
function laneOf({ request, call }: Small): string | undefined {
  const { assetId, assetType, organizationId } = call.input
  if (assetId !== undefined || call.idempotencyKey !== undefined || request.staged) return undefined
  return JSON.stringify([request.operation, call.credential, organizationId, assetType])
}

async function saveGroup(uploads: Uploads, group: readonly Small[]): Promise<PromiseSettledResult<Asset>[]> {
  const together = group.length > 1 ? await saveTogether(uploads, group) : undefined
  return together ?? Promise.allSettled(group.map((small) => saveAlone(uploads, small)))
}

/** @returns undefined when nothing has happened, and each is to be saved alone */
async function saveTogether(
  uploads: Uploads,
  group: readonly Small[],
): Promise<PromiseSettledResult<Asset>[] | undefined> {
  // In the order of their contents, so that two groups never wait for each other crosswise.
  const sorted = [...group].sort((a, b) => Buffer.compare(a.facts.sha256, b.facts.sha256))
  const all = { bytes: sorted.reduce((sum, { bytes }) => sum + bytes.length, 0), files: sorted.length }
  const calls = sorted.map((small, index) => ({
    call: small.call,
    handler: savingOf(uploads, small, index === 0 ? all : { bytes: 0, files: 0 }),
  }))
  const results = await invokeTogether(uploads.platform, 'assets.create', calls, termsAhead)
  const bySmall = results && new Map(sorted.map((small, index) => [small, results[index]]))
  return bySmall && group.map((small) => bySmall.get(small) as PromiseSettledResult<Asset>)
}

function saveAlone(uploads: Uploads, small: Small): Promise<Asset> {
  const { request, call, facts } = small
  const use = call.idempotencyKey && {
    key: call.idempotencyKey,
    identity: { input: call.input, sha256: facts.sha256.toString('hex') },
    part: 'whole' as const,
  }
  return invoke<typeof request.operation, Asset, Terms | undefined>(
    uploads.platform,
    request.operation,
    call,
    savingOf(uploads, small),
    { idempotency: use || undefined, ahead: (db, input) => termsAhead(db, input as Fields) },
  )
}

/** @param share what the quota is asked for; undefined for this file's own part */
function savingOf(uploads: Uploads, { request, bytes, facts }: Small, share?: Share) {
  return async (context: Context, parsed: object, ahead: Terms | undefined): Promise<Asset> => {
    const input = parsed as Fields
    const plan = await planUpload(context, input, request, uploads.options, ahead)
    const mediaType = acceptContent(plan, request, input, facts)
    const destination = { storeId: DATABASE_STORE, layout: uploads.options.layout }
    const placementId = await uploads.placements.idOf(context.db, context.tenantId, destination)
    const scope = scopeOf(destination.layout, plan.owner.id)
    const copyId = newUuid()
    const sealed = await sealSmall(uploads, context, scope, copyId, bytes)
    return commitVersion(context, input, plan, {
      facts,
      mediaType,
      isRead: uploads.inspector.reads(mediaType),
      isDrawn: uploads.inspector.draws(mediaType),
      scope,
      perVersion: false,
      assetId: input.assetId === undefined ? newUuid() : toUuid(input.assetId),
      n: undefined,
      staged: request.staged,
      share,
      copy: {
        copyId,
        placementId,
        storeId: DATABASE_STORE,
        key: copyId,
        ...sealed.terms,
        ...keep(uploads, context, sealed),
      },
    })
  }
}

/** What is too large to lie well in a row goes to disk, and is durable there before its rows are (R1). */
function keep({ packs, options }: Uploads, context: Context, { parts, terms }: Awaited<ReturnType<typeof sealSmall>>) {
  if (!options.packSmall || terms.storedBytes < PACKED_BYTES) return { bytes: Buffer.concat(parts) }
  const { place, durable } = packs.append(parts)
  const written = durable.then(
    () => parts.forEach(release),
    (error) => {
      throw storeProblem(error)
    },
  )
  context.beforeCommit(written)
  return { bytes: NO_BYTES, packed: place }
}

async function inspectBuffer(uploads: Uploads, call: Call, bytes: Buffer): Promise<ContentFacts> {
  const name = (call.input as { name?: unknown }).name
  const detected = await uploads.inspector.detect(bytes, { name: typeof name === 'string' ? name : '', complete: true })
  const reader = {
    sizeBytes: bytes.length,
    read: async (start: number, length: number) => bytes.subarray(start, start + length),
  }
  await uploads.inspector.checkBounds(detected.mediaType, reader, new AbortController().signal)
  return {
    scan: await scanBuffer(uploads, bytes),
    sizeBytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest(),
    detected: detected.mediaType,
    charset: detected.encoding ?? null,
  }
}

async function scanBuffer({ scanning }: Uploads, bytes: Buffer): Promise<ScanFacts> {
  if (!scanning) return NO_SCANNER
  const tap = scanning.begin()
  await tap.write(bytes)
  return tap.verdict()
}

/**
 * The bytes of a small object as they are to be kept, in pieces, and what must be known to read them. The pieces are the
 * caller's own: the body may have to be kept again, should the others of its group be refused.
 */
export async function sealSmall(
  uploads: Uploads,
  { db, tenantId }: Pick<Context, 'db' | 'tenantId'>,
  scope: string,
  copyId: string,
  bytes: Buffer,
) {
  const plain = { envelope: null, encrypted: false, storedBytes: bytes.length }
  if (!uploads.options.encryptSmall) return { parts: [Buffer.from(bytes)], terms: plain }
  const wrapper = await uploads.scopeKeys.wrapperOf(db, tenantId, scope)
  const { sealed, envelope } = await sealBuffer(bytes, wrapper, copyId)
  const storedBytes = sealed.reduce((sum, part) => sum + part.length, 0)
  return { parts: sealed, terms: { envelope, encrypted: true, storedBytes } }
}
