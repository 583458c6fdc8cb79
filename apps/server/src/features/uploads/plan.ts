import { extensionOf } from '../../domain/asset-name.ts'
import { newUuid, toId } from '../../domain/id.ts'
import { principalKind, rankOf } from '../../domain/principal.ts'
import { Problem } from '../../domain/problem.ts'
import { visibilityRank } from '../../domain/visibility.ts'
import type { Db } from '../../platform/database/connect.ts'
import type { Context } from '../../platform/invoke.ts'
import {
  type Asset,
  type AssetRow,
  checkName,
  describing,
  getAsset,
  insertTags,
  type LockedAsset,
  lockForChange,
  showAsset,
  unique,
  updateAsset,
} from '../assets/room.ts'
import { type AssetTypeRules, DEFAULT_ASSET_TYPE, effectiveRules } from '../tenants/room.ts'
import type { KeyFacts } from './placing.ts'
import type { Fields, StagedSource, UploadRequest, UploadsOptions } from './room.ts'
import {
  acceptedType,
  type ContentFacts,
  nameOf,
  type Owner,
  ownerOf,
  RECORDING,
  recordedAtOf,
  type ScanFacts,
  sizeLimit,
} from './uploads.rules.ts'
import * as rows from './uploads.sql.ts'

/** What is settled before the bytes are looked at: whose they will be, under which rules, as what. */
export interface Plan {
  assetType: string
  rules: AssetTypeRules
  name: string
  owner: Owner
  visibility: number
  limitBytes: number
  keepVersions: number | null
  /** Where larger objects go, and where a second copy of them. */
  storeId: string
  secondStoreId: string | undefined
  /** The call that it is linked to. */
  callId: string | undefined
  /** Of a recording, where it is said. */
  recordedAt: Date | undefined
  /** The asset, its row locked, when this is a new version. */
  existing: LockedAsset | undefined
}

/**
 * @throws Problem `assetType.notFound` | `upload.nameInvalid` | `access.forbidden` | `asset.notFound` | `asset.trashed` |
 *   `asset.quarantined` | `request.invalid`
 */
export async function planUpload(
  context: Context,
  input: Fields,
  request: Pick<UploadRequest, 'generated'>,
  options: UploadsOptions,
  ahead: rows.Terms | undefined,
): Promise<Plan> {
  const existing = input.assetId === undefined ? undefined : await lockForChange(context, input.assetId)
  const assetType = existing?.asset_type ?? input.assetType ?? DEFAULT_ASSET_TYPE
  const terms = (existing ? await rows.findTerms(context.db, assetType) : ahead) as rows.Terms
  const rules = effectiveRules(assetType, (terms.rules ?? undefined) as AssetTypeRules | undefined)
  if (!rules) throw new Problem('assetType.notFound', { assetType })
  const name = input.name ?? existing?.name ?? nameOf(undefined, request.generated, assetType, context.now)
  checkName(name)
  const chosen = input.visibility ?? rules.defaultVisibility
  const visibility = chosen ? visibilityRank(chosen) : terms.default_visibility
  const publishes = !existing && visibility === visibilityRank('public')
  if (publishes && context.principal.rank < rankOf.admin && !rules.membersMayPublish) {
    throw new Problem('access.forbidden', { action: 'assets.create' })
  }
  return {
    assetType,
    rules,
    name,
    owner: existing
      ? { id: existing.owner_id, kind: existing.owner_kind as Owner['kind'] }
      : ownerOf(context.principal, request.generated),
    visibility,
    limitBytes: sizeLimit(options.maxSizeBytes, terms.max_size_bytes, rules),
    keepVersions: rules.keepVersions ?? terms.keep_versions,
    storeId: terms.store_id ?? options.storeId,
    secondStoreId: terms.second_store_id ?? options.secondStoreId,
    callId: (existing ? existing.call_id : input.links?.callId) ?? undefined,
    recordedAt: assetType === RECORDING ? recordedAt(input, existing) : undefined,
    existing,
  }
}

/** @throws Problem `request.invalid` for what is no date */
function recordedAt({ metadata }: Fields, existing: LockedAsset | undefined): Date | undefined {
  if (existing) return recordedAtOf(existing.metadata as Fields['metadata'])
  const moment = recordedAtOf(metadata)
  if (moment || (metadata?.['recordedAt'] ?? null) === null) return moment
  const reason = 'must be a date, or a moment with its time zone, such as 2026-03-05 or 2026-03-05T10:00:00Z'
  throw new Problem('request.invalid', { errors: [{ field: 'metadata.recordedAt', reason }] })
}

/** What the key of a new copy is made of. */
export function keyFactsOf(context: Context, plan: Plan, assetId: string, n: number): KeyFacts {
  return {
    organizationSlug: context.principal.organizationSlug,
    assetType: plan.assetType,
    owner: ownerName(plan.owner),
    assetId,
    copyId: newUuid(),
    n,
    name: plan.name,
    extension: extensionOf(plan.name),
    callId: plan.callId,
    createdAt: plan.recordedAt ?? context.now,
  }
}

/** What `planUpload` needs of the organization; of a new version's asset the type is not known yet. */
export function termsAhead(db: Db, input: Fields): Promise<rows.Terms | undefined> {
  return input.assetId === undefined
    ? rows.findTerms(db, input.assetType ?? DEFAULT_ASSET_TYPE)
    : Promise.resolve(undefined)
}

/**
 * Holds what has been received against its plan and what its sender said of it.
 *
 * @returns the media type that it goes by
 * @throws Problem `upload.tooLarge`, and like `acceptedType`
 */
export function acceptContent(
  plan: Plan,
  request: Pick<UploadRequest, 'declaredType' | 'expectedSha256'>,
  input: Fields,
  facts: ContentFacts,
): string {
  if (facts.sizeBytes > plan.limitBytes) throw new Problem('upload.tooLarge', { limitBytes: plan.limitBytes })
  const { declaredType, expectedSha256 = input.sha256 } = request
  return acceptedType(facts, { name: plan.name, declaredType, expectedSha256 }, plan.assetType, plan.rules)
}

/** A content that has passed every check, and the copy that holds it. */
export interface Checked {
  facts: ContentFacts
  mediaType: string
  /** Whether there is somebody to read what such files say. */
  isRead: boolean
  /** Whether pictures are made of such files at once. */
  isDrawn: boolean
  copy: Pick<
    rows.CopyCommit,
    'copyId' | 'placementId' | 'storeId' | 'key' | 'encrypted' | 'storedBytes' | 'envelope' | 'bytes' | 'packed'
  >
  scope: string
  perVersion: boolean
  assetId: string
  /** The version number that the copy's key was made for, where it had to be known beforehand. */
  n: number | undefined
  /** The upload that the bytes were staged by, which ends here. */
  staged: StagedSource | undefined
  /** What the quota is asked for; undefined for this upload's own part. */
  share?: rows.Share | undefined
}

/**
 * The rows of a new version: quota, object and copy, asset, version, tags, pipeline steps. They are sent and left to
 * COMMIT to wait for, which then fails with `quota.exceeded`, or `upload.lost` when the reaper has taken the copy.
 */
export async function commitVersion(context: Context, input: Fields, plan: Plan, checked: Checked): Promise<Asset> {
  const { db, tenantId } = context
  const { facts, assetId } = checked
  const n = checked.n ?? (plan.existing ? plan.existing.last_n + 1 : 1)
  const files = plan.existing ? 0 : 1
  const asset = plan.existing ? grown(context, plan, checked, n) : fresh(context, input, plan, checked)
  const version = {
    tenant_id: tenantId,
    asset_id: assetId,
    n,
    sha256: facts.sha256,
    scope: checked.scope,
    size_bytes: facts.sizeBytes,
    media_type: checked.mediaType,
    charset: facts.charset,
    name: plan.name,
    created_by: context.principal.id,
    created_by_kind: principalKind(context.principal),
    created_at: context.now,
  }
  const copy = {
    ...checked.copy,
    sha256: facts.sha256,
    sizeBytes: facts.sizeBytes,
    scan: facts.scan,
    scope: checked.scope,
    boundTo: checked.perVersion ? { assetId, n } : null,
    usageId: newUuid(),
    files,
    share: checked.share ?? { bytes: facts.sizeBytes, files },
  }
  // Its reservation ends here, so that the same bytes are not counted twice.
  if (checked.staged) context.atCommit(checked.staged.end(db, assetId))
  if (plan.existing) context.atCommit(changeAsset(context, asset))
  context.atCommit(rows.commitRows(db, version, copy, plan.existing ? undefined : asset))
  if (!plan.existing && asset.tags.length > 0) context.atCommit(insertTags(db, tenantId, assetId, asset.tags))
  if (plan.keepVersions !== null && n > plan.keepVersions)
    context.atCommit(rows.insertStep(db, tenantId, assetId, n, 'prune'))
  const isDrawn = checked.isDrawn && plan.rules.variants.length > 0
  const steps = nextSteps(facts.scan.status, { ...checked, isDrawn })
  // Somebody is on the line.
  const priority = plan.callId === undefined ? 1 : 0
  for (const step of steps) context.atCommit(rows.insertStep(db, tenantId, assetId, n, step, priority))
  if (steps.length > 0) asset.pipeline = 'processing'
  // A new version's asset has been read before: its counters come with it.
  return plan.existing && input.assetId
    ? showAsset(context, await getAsset(context, input.assetId))
    : showAsset(context, asset)
}

/** Where the pipeline begins, after a scanner's first look. */
function nextSteps(scan: ScanFacts['status'], { isRead, isDrawn }: Pick<Checked, 'isRead' | 'isDrawn'>): string[] {
  if (scan === 'pending') return ['scan']
  if (scan === 'infected') return ['quarantine']
  return [...(isRead ? ['extract'] : []), ...(isDrawn ? ['variants'] : [])]
}

/** What the row of the asset's current version says; an upload that began earlier than another does not overtake it. */
function current(plan: Plan, checked: Checked, n: number) {
  const overtaken = plan.existing !== undefined && plan.existing.current_n > n
  if (overtaken) return {}
  return {
    current_n: n,
    media_type: checked.mediaType,
    size_bytes: checked.facts.sizeBytes,
    sha256: checked.facts.sha256,
    scan: checked.facts.scan.status,
    scan_reason: checked.facts.scan.reason,
  }
}

function grown(context: Context, plan: Plan, checked: Checked, n: number): AssetRow {
  const existing = plan.existing as LockedAsset
  return {
    ...existing,
    ...current(plan, checked, n),
    name: plan.name,
    last_n: Math.max(existing.last_n, n),
    updated_at: context.now,
    pipeline: null,
    downloads: null,
    last_at: null,
  }
}

function changeAsset(context: Context, asset: AssetRow) {
  const { current_n, last_n, media_type, size_bytes, sha256, scan, scan_reason, name } = asset
  const changes = { current_n, last_n, media_type, size_bytes, sha256, scan, scan_reason, name }
  return updateAsset(context.db, context.tenantId, asset.id, changes, context.now)
}

function fresh(context: Context, input: Fields, plan: Plan, checked: Checked): AssetRow {
  const timeToLive = plan.rules.expiresInSeconds
  const lasting = timeToLive === null ? null : new Date(context.now.getTime() + timeToLive * 1000)
  return {
    tenant_id: context.tenantId,
    id: checked.assetId,
    name: plan.name,
    asset_type: plan.assetType,
    owner_id: plan.owner.id,
    owner_kind: plan.owner.kind,
    visibility: plan.visibility,
    state: 'active',
    state_before: null,
    trashed_at: null,
    purge_after: null,
    expires_at: input.expiresAt ? new Date(input.expiresAt) : lasting,
    expiry_action: timeToLive === null ? 'trash' : 'purge',
    url_epoch: 0,
    last_n: 1,
    ...(current(plan, checked, 1) as Required<ReturnType<typeof current>>),
    folder: null,
    project_id: null,
    scan_result_id: null,
    call_id: null,
    session_id: null,
    category: null,
    classification: null,
    ...described(input),
    tags: unique(input.tags ?? []),
    created_at: context.now,
    updated_at: context.now,
    pipeline: null,
    downloads: null,
    last_at: null,
  } as AssetRow
}

function described(input: Fields) {
  const { metadata: _text, ...columns } = describing(input)
  return { ...columns, metadata: input.metadata ?? {} }
}

/** The name by which a layout that keeps users apart knows an owner. */
export function ownerName(owner: Owner): string {
  if (owner.id === null) return 'system'
  return toId(owner.kind === 'user' ? 'member' : 'apiKey', owner.id)
}
