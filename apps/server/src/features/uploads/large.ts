import { newUuid, toUuid } from '../../domain/id.ts'
import type { Principal } from '../../domain/principal.ts'
import { Problem } from '../../domain/problem.ts'
import { committing, refuseBetween } from '../../platform/failure.ts'
import { type Context, invoke } from '../../platform/invoke.ts'
import { storeProblem } from '../../platform/store-problem.ts'
import { type Asset, reserve } from '../assets/room.ts'
import { type Opened, sourceOf, tallied } from './body.ts'
import { orBusy, requireFreeKey } from './exact-key.ts'
import { isKeyedByCall, scopeOf } from './placing.ts'
import { acceptContent, commitVersion, keyFactsOf, type Plan, planUpload, termsAhead } from './plan.ts'
import type { Fields, UploadRequest, Uploads } from './room.ts'
import { fallbackOf, makeTarget, placeOf, type Target } from './target.ts'
import { type StoredContent, storeBytes, type Transfer } from './transfer.ts'
import { acceptedType, NO_SCANNER, ZIP } from './uploads.rules.ts'
import * as rows from './uploads.sql.ts'

/** What the first transaction has settled and recorded. */
interface Intended extends Transfer {
  principal: Principal
  assetId: string
  n: number | undefined
  /** The store that the bytes belong in, and the one that gets a second copy. */
  homeStoreId: string
  secondStoreId: string | undefined
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
    (context, input, ahead) => intend(uploads, request, context, input as Fields, first, ahead),
    {
      ahead: (db, input) => termsAhead(db, input as Fields),
      audited: false,
      idempotency: key === undefined ? undefined : { key, identity: request.call.input, part: 'claim' },
    },
  )
  // A repeated request gets the first one's answer instead of an intent.
  if (!('uploadId' in intended)) return repeatedAnswer(request, intended as unknown as Asset, opened)
  try {
    const content = await storeBytes(uploads, request, opened, intended)
    const late = await lateFields(request, fieldsOfPlace(uploads, intended))
    return await commit(uploads, request, intended, content, late)
  } catch (error) {
    throw await refuseBetween(
      uploads.platform,
      request.operation,
      request.call,
      intended.principal,
      storeProblem(error),
    )
  }
}

async function intend(
  uploads: Uploads,
  request: UploadRequest,
  context: Context,
  input: Fields,
  first: Transfer['first'],
  ahead: rows.Terms | undefined,
): Promise<Intended> {
  const { options } = uploads
  const plan = await planUpload(context, input, request, options, ahead)
  if ((request.sizeBytes ?? 0) > plan.limitBytes) throw new Problem('upload.tooLarge', { limitBytes: plan.limitBytes })
  refuseWrongTypeEarly(request, plan, first.mediaType)
  // What is staged has been reserved already.
  const reservedBytes = request.staged?.reserved ? 0 : (request.sizeBytes ?? 0)
  const reservedFiles = request.staged?.reserved || plan.existing ? 0 : 1
  if (!(await reserve(context.db, reservedBytes, reservedFiles))) throw new Problem('quota.exceeded')
  const scope = scopeOf(options.layout, plan.owner.id)
  const assetId = input.assetId === undefined ? newUuid() : toUuid(input.assetId)
  const n = await versionNumber(uploads, context, plan, assetId)
  const facts = keyFactsOf(context, plan, assetId, n ?? 1)
  const instead = uploads.isUp(plan.storeId) ? undefined : fallbackOf(uploads, plan.storeId)
  const place = placeOf(options.layout, instead ?? plan.storeId, scope, facts, instead !== undefined)
  await requireFreeKey(context.db, context.tenantId, options.layout, facts, place)
  const target = await makeTarget(uploads, context.db, context.tenantId, place)
  const uploadId = newUuid()
  const leaseUntil = new Date(context.now.getTime() + options.leaseSeconds * 1000)
  context.atCommit(
    orBusy(facts, rows.insertCopy(context.db, target, leaseUntil)),
    rows.insertReservation(context.db, {
      tenantId: context.tenantId,
      uploadId,
      copyId: target.copyId,
      assetId: plan.existing ? assetId : null,
      principalId: context.principal.id ?? context.tenantId,
      reservedBytes,
      reservedFiles,
      leaseUntil,
    }),
  )
  const { limitBytes, storeId: homeStoreId, secondStoreId } = plan
  return {
    principal: context.principal,
    target,
    facts,
    uploadId,
    limitBytes,
    first,
    assetId,
    n,
    homeStoreId,
    secondStoreId,
  }
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
  const facts = { scan: NO_SCANNER, sizeBytes: 0, sha256: Buffer.alloc(0), detected, charset: null }
  acceptedType(
    facts,
    { name: plan.name, declaredType: request.declaredType, expectedSha256: undefined },
    plan.assetType,
    plan.rules,
  )
}

/** Fields after the file may describe it, but no longer decide where it goes. */
async function lateFields(request: UploadRequest, fieldsOfPlace: readonly string[]): Promise<Record<string, unknown>> {
  const late = await request.lateFields()
  for (const field of fieldsOfPlace) {
    if (field in late) throw new Problem('upload.fieldsAfterFile', { field })
  }
  return late
}

function fieldsOfPlace({ options }: Uploads, { facts }: Intended): string[] {
  const ofCall = isKeyedByCall(options.layout, facts) ? ['links', 'metadata'] : []
  return ['assetType', 'name', 'assetId', ...ofCall]
}

async function commit(
  uploads: Uploads,
  request: UploadRequest,
  intended: Intended,
  { target, facts, receipt }: StoredContent,
  late: Record<string, unknown>,
): Promise<Asset> {
  const { options } = uploads
  const call = { ...request.call, input: { ...request.call.input, ...late } }
  const key = call.idempotencyKey
  const finish = async (context: Context, input: Fields, ahead: rows.Terms | undefined) => {
    const plan = await planUpload(context, input, request, options, ahead)
    const mediaType = acceptContent(plan, request, input, facts)
    // Its reservation ends here, so that the same bytes are not counted twice.
    context.atCommit(rows.deleteUpload(context.db, context.tenantId, intended.uploadId))
    const { copyId, placementId, storeId, key: copyKey, scope } = target
    const asset = await commitVersion(context, input, plan, {
      facts,
      mediaType,
      isRead: uploads.inspector.reads(mediaType),
      isDrawn: uploads.inspector.draws(mediaType),
      scope,
      perVersion: options.layout.keys === 'perVersion',
      assetId: intended.assetId,
      n: intended.n,
      staged: request.staged,
      copy: {
        copyId,
        placementId,
        storeId,
        key: copyKey,
        encrypted: receipt.envelope !== undefined,
        storedBytes: receipt.storedBytes,
        envelope: receipt.envelope ?? null,
        bytes: null,
      },
    })
    wantElsewhere(context, intended, target)
    return asset
  }
  return committing(
    invoke<typeof request.operation, Asset, rows.Terms | undefined>(
      uploads.platform,
      request.operation,
      call,
      (context, input, ahead) => finish(context, input as Fields, ahead),
      {
        ahead: (db, input) => termsAhead(db, input as Fields),
        idempotency: key === undefined ? undefined : { key, identity: undefined, part: 'keep' },
      },
    ),
  )
}

/** A copy that could not be written at home is to be moved there; one that is at home may be wanted in a second store. */
function wantElsewhere(context: Context, { homeStoreId, secondStoreId }: Intended, { copyId, storeId }: Target): void {
  const away = storeId !== homeStoreId
  if (away) context.remarks.add('fallback')
  const wanted = away ? homeStoreId : secondStoreId
  if (wanted === undefined || wanted === storeId) return
  context.atCommit(rows.wantElsewhere(context.db, context.tenantId, copyId, wanted, away))
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
