import { extensionOf } from '../../domain/asset-name.ts'
import { newUuid, toUuid } from '../../domain/id.ts'
import type { Principal } from '../../domain/principal.ts'
import { Problem } from '../../domain/problem.ts'
import { type Context, invoke, refuseBetween } from '../../platform/invoke.ts'
import { storeProblem } from '../../platform/store-problem.ts'
import type { DataKeyWrapper } from '../../providers/stores/keyring.ts'
import { type CallOptions, type ObjectStore, type PutReceipt, StoreError } from '../../providers/stores/port.ts'
import { type Asset, reserve } from '../assets/room.ts'
import { type Opened, sourceOf, tallied } from './body.ts'
import { keyFor, scopeOf } from './placing.ts'
import { commitVersion, ownerName, type Plan, planUpload, termsAhead } from './plan.ts'
import type { Fields, UploadRequest, Uploads } from './room.ts'
import { acceptedType, type ContentFacts } from './uploads.rules.ts'
import * as rows from './uploads.sql.ts'

const TAIL_BYTES = 128 * 1024
const ZIP = 'application/zip'

/** What the first transaction has settled and recorded. */
interface Intended {
  principal: Principal
  tenantId: string
  uploadId: string
  copyId: string
  assetId: string
  n: number | undefined
  key: string
  scope: string
  placementId: string
  limitBytes: number
  keys: DataKeyWrapper | undefined
  name: string
}

/**
 * The long way, for a body of any size: the intent is recorded, the bytes stream once through limit, hash and store with
 * no transaction open, and a second transaction, authorised again, makes the version. Nothing is cleaned up here when
 * something fails: what was left in `writing` is the reaper's.
 */
export async function receiveLarge(uploads: Uploads, request: UploadRequest, opened: Opened): Promise<Asset> {
  const head = opened.complete ? opened.bytes : opened.head
  const first = await uploads.inspector.detect(head, { name: nameIn(request), complete: opened.complete })
  const key = request.call.idempotencyKey
  const intended = await invoke<typeof request.operation, Intended, rows.Terms | undefined>(
    uploads.platform,
    request.operation,
    request.call,
    (context, input, ahead) => intend(uploads, request, context, input as Fields, first.mediaType, ahead),
    {
      ahead: (db, input) => termsAhead(db, input as Fields),
      audited: false,
      idempotency: key === undefined ? undefined : { key, identity: request.call.input, part: 'claim' },
    },
  )
  // A repeated request gets the first one's answer instead of an intent.
  if (!('uploadId' in intended)) return repeatedAnswer(request, intended as unknown as Asset, opened)
  try {
    const content = await storeBytes(uploads, request, opened, intended, first)
    const late = await lateFields(request)
    return await commit(uploads, request, intended, content, late)
  } catch (error) {
    if (error instanceof Committed) throw error.problem
    throw await refuseBetween(
      uploads.platform,
      request.operation,
      request.call,
      intended.principal,
      storeProblem(error),
    )
  }
}

/** A failure of the second transaction, which `invoke` has recorded already. */
class Committed extends Error {
  readonly problem: unknown

  constructor(problem: unknown) {
    super('the commit was refused')
    this.problem = problem
  }
}

async function intend(
  uploads: Uploads,
  request: UploadRequest,
  context: Context,
  input: Fields,
  detected: string,
  ahead: rows.Terms | undefined,
): Promise<Intended> {
  const { options } = uploads
  const plan = await planUpload(context, input, request, options, ahead)
  if ((request.sizeBytes ?? 0) > plan.limitBytes) throw new Problem('upload.tooLarge', { limitBytes: plan.limitBytes })
  refuseWrongTypeEarly(request, plan, detected)
  const reservedBytes = request.sizeBytes ?? 0
  if (!(await reserve(context.db, reservedBytes, plan.existing ? 0 : 1))) throw new Problem('quota.exceeded')
  const scope = scopeOf(options.layout, plan.owner.id)
  const assetId = input.assetId === undefined ? newUuid() : toUuid(input.assetId)
  const copyId = newUuid()
  const n = await versionNumber(uploads, context, plan, assetId)
  const storeId = options.storeId
  const facts = {
    organizationSlug: context.principal.organizationSlug,
    assetType: plan.assetType,
    owner: ownerName(plan.owner),
    assetId,
    copyId,
    n: n ?? 1,
    extension: extensionOf(plan.name),
    createdAt: context.now,
  }
  const intent = {
    tenantId: context.tenantId,
    uploadId: newUuid(),
    copyId,
    scope,
    placementId: await uploads.placements.idOf(context.db, context.tenantId, { storeId, layout: options.layout }),
    key: keyFor(options.layout, facts),
  }
  const encrypted = uploads.encryptedStores.has(storeId)
  context.atCommit(
    ...rows.insertIntent(context.db, {
      ...intent,
      assetId: plan.existing ? assetId : null,
      principalId: context.principal.id ?? context.tenantId,
      storeId,
      encrypted,
      reservedBytes,
      leaseUntil: new Date(context.now.getTime() + options.leaseSeconds * 1000),
    }),
  )
  const keys = encrypted ? await uploads.scopeKeys.wrapperOf(context.db, context.tenantId, scope) : undefined
  return { ...intent, principal: context.principal, assetId, n, limitBytes: plan.limitBytes, keys, name: plan.name }
}

/** A per-version key names the version, so its number is taken before the bytes arrive. */
async function versionNumber(
  uploads: Uploads,
  context: Context,
  plan: Plan,
  assetId: string,
): Promise<number | undefined> {
  if (uploads.options.layout.keys === 'perObject' || !plan.existing) return undefined
  return rows.takeVersionNumber(context.db, context.tenantId, assetId)
}

/** What the first bytes show is refused before the rest is sent; an archive's true kind may only show at its end. */
function refuseWrongTypeEarly(request: UploadRequest, plan: Plan, detected: string): void {
  if (detected === ZIP) return
  const facts = { sizeBytes: 0, sha256: Buffer.alloc(0), detected, charset: null }
  acceptedType(
    facts,
    { name: plan.name, declaredType: request.declaredType, expectedSha256: undefined },
    plan.assetType,
    plan.rules,
  )
}

interface StoredContent {
  facts: ContentFacts
  receipt: PutReceipt
}

async function storeBytes(
  uploads: Uploads,
  request: UploadRequest,
  opened: Opened,
  intended: Intended,
  first: { mediaType: string; encoding?: string },
): Promise<StoredContent> {
  const store = uploads.stores.get(uploads.options.storeId) as ObjectStore
  const abort = new AbortController()
  const stopBeating = beat(uploads, intended, abort)
  const { stream, tally } = tallied(sourceOf(opened), intended.limitBytes)
  const stopWatching = watchProgress(tally, uploads.options.stallSeconds, abort)
  try {
    const receipt = await store.put(intended.key, stream, {
      context: intended.copyId,
      requestId: request.call.requestId,
      signal: abort.signal,
      ...(intended.keys && { keys: intended.keys }),
      ...(request.sizeBytes !== undefined && { sizeBytes: request.sizeBytes }),
    })
    if (tally.sha256.length === 0) throw new StoreError('unavailable', 'The store did not take every byte')
    const reader = storeReader(store, intended, receipt, tally.sizeBytes, {
      requestId: request.call.requestId,
      signal: abort.signal,
    })
    const detected = await settleType(uploads, intended, first, opened, reader)
    await uploads.inspector.checkBounds(detected.mediaType, reader, abort.signal)
    return { receipt, facts: { ...tally, detected: detected.mediaType, charset: detected.encoding ?? null } }
  } finally {
    stopBeating()
    stopWatching()
  }
}

/** Gives a store up that takes nothing for twice as long as a client may stand still, for which `steady` watches. */
function watchProgress(tally: { sizeBytes: number }, stallSeconds: number, abort: AbortController): () => void {
  let seenBytes = -1
  const timer = setInterval(() => {
    if (tally.sizeBytes === seenBytes) abort.abort(new StoreError('unavailable', 'The store stands still'))
    seenBytes = tally.sizeBytes
  }, 2000 * stallSeconds)
  return () => clearInterval(timer)
}

/** Tells the reaper, five times in a lease, that the upload lives; stops it when the reaper has taken its copy. */
function beat(uploads: Uploads, intended: Intended, abort: AbortController): () => void {
  const { tenantId, copyId, uploadId } = intended
  const leaseMs = uploads.options.leaseSeconds * 1000
  const timer = setInterval(() => {
    const until = new Date(Date.now() + leaseMs)
    uploads.platform
      .inTenant(tenantId, (db) => rows.extendLease(db, tenantId, copyId, uploadId, until))
      .then((alive) => {
        if (!alive) abort.abort(new Problem('upload.lost'))
      })
      // A beat that fails is made up for by the next: a lease outlasts several.
      .catch(() => undefined)
  }, leaseMs / 5)
  return () => clearInterval(timer)
}

/** Reads back what was stored: an archive's directory lies at its end, which had not arrived when the head was looked at. */
function storeReader(
  store: ObjectStore,
  intended: Intended,
  receipt: PutReceipt,
  sizeBytes: number,
  call: CallOptions,
) {
  return {
    sizeBytes,
    async read(start: number, length: number): Promise<Buffer> {
      if (length <= 0 || start >= sizeBytes) return Buffer.alloc(0)
      const { body } = await store.get(intended.key, {
        range: { start, end: Math.min(start + length, sizeBytes) - 1 },
        context: intended.copyId,
        ...call,
        ...(receipt.envelope && { envelope: receipt.envelope }),
        ...(intended.keys && { keys: intended.keys }),
      })
      return Buffer.concat(await body.toArray())
    },
  }
}

async function settleType(
  uploads: Uploads,
  intended: Intended,
  first: { mediaType: string; encoding?: string },
  opened: Opened,
  reader: { sizeBytes: number; read(start: number, length: number): Promise<Buffer> },
) {
  if (first.mediaType !== ZIP || opened.complete) return first
  const tail = await reader.read(Math.max(0, reader.sizeBytes - TAIL_BYTES), TAIL_BYTES)
  return uploads.inspector.detect(opened.head, { name: intended.name, complete: false, tail })
}

/** Fields after the file may describe it, but no longer decide where it goes. */
async function lateFields(request: UploadRequest): Promise<Record<string, unknown>> {
  const late = await request.lateFields()
  for (const field of ['assetType', 'name', 'assetId']) {
    if (field in late) throw new Problem('upload.fieldsAfterFile', { field })
  }
  return late
}

async function commit(
  uploads: Uploads,
  request: UploadRequest,
  intended: Intended,
  { facts, receipt }: StoredContent,
  late: Record<string, unknown>,
): Promise<Asset> {
  const { options } = uploads
  const call = { ...request.call, input: { ...request.call.input, ...late } }
  const key = call.idempotencyKey
  const finish = async (context: Context, input: Fields, ahead: rows.Terms | undefined) => {
    const plan = await planUpload(context, input, request, options, ahead)
    if (facts.sizeBytes > plan.limitBytes) throw new Problem('upload.tooLarge', { limitBytes: plan.limitBytes })
    const claims = {
      name: plan.name,
      declaredType: request.declaredType,
      expectedSha256: request.expectedSha256 ?? input.sha256,
    }
    const mediaType = acceptedType(facts, claims, plan.assetType, plan.rules)
    // Its reservation ends here, so that the same bytes are not counted twice.
    context.atCommit(rows.deleteUpload(context.db, context.tenantId, intended.uploadId))
    const { copyId, placementId, key: copyKey, scope, assetId, n } = intended
    return commitVersion(context, input, plan, {
      facts,
      mediaType,
      scope,
      perVersion: options.layout.keys === 'perVersion',
      assetId,
      n,
      copy: {
        copyId,
        placementId,
        storeId: options.storeId,
        key: copyKey,
        encrypted: receipt.envelope !== undefined,
        storedBytes: receipt.storedBytes,
        envelope: receipt.envelope ?? null,
        bytes: null,
      },
    })
  }
  return invoke<typeof request.operation, Asset, rows.Terms | undefined>(
    uploads.platform,
    request.operation,
    call,
    (context, input, ahead) => finish(context, input as Fields, ahead),
    {
      ahead: (db, input) => termsAhead(db, input as Fields),
      idempotency: key === undefined ? undefined : { key, identity: undefined, part: 'keep' },
    },
  ).catch((error) => {
    throw new Committed(error)
  })
}

/** The first answer again, if these are the same bytes: knowing the key alone must not pass for having sent them. */
async function repeatedAnswer(request: UploadRequest, answer: Asset, opened: Opened): Promise<Asset> {
  const { stream, tally } = tallied(sourceOf(opened), Number.POSITIVE_INFINITY)
  for await (const _piece of stream) {
    // Only the hash is wanted.
  }
  await request.lateFields()
  if (tally.sha256.toString('hex') !== answer.sha256) throw new Problem('idempotency.keyReused')
  return answer
}

function nameIn(request: UploadRequest): string {
  const { name } = request.call.input
  return typeof name === 'string' ? name : ''
}
