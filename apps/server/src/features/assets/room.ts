import type { Parsed } from '@stowage/contract'
import { assetNameProblems } from '../../domain/asset-name.ts'
import { isKind, toId, toUuid } from '../../domain/id.ts'
import { ifMatch } from '../../domain/preconditions.ts'
import { manages, rankOf } from '../../domain/principal.ts'
import { Problem } from '../../domain/problem.ts'
import { visibilityRank } from '../../domain/visibility.ts'
import type { Db } from '../../platform/database/connect.ts'
import type { Context, Handler } from '../../platform/invoke.ts'
import { pageOf, positionOf } from '../../platform/page.ts'
import * as rows from './assets.sql.ts'
import { purgeAsset, shareHoldGuard } from './removal.sql.ts'
import { assetEtag, showAsset } from './shown.ts'

export interface AssetsOptions {
  trashDays: number
  releaseDelaySeconds: number
}

const DAY_MS = 24 * 60 * 60 * 1000

/** Assets as people name them: list, describe, change, trash, restore, purge. */
export function assetHandlers(options: AssetsOptions) {
  return {
    'assets.list': async (context, { limit, cursor, ...query }) => {
      const question = { list: 'assets', ...query }
      const after = positionOf(context, question, cursor) as [string | number, string] | undefined
      const found = await rows.findAssets(context.db, context.tenantId, filterOf(context, query), {
        sort: query.sort,
        order: query.order,
        limit: limit + 1,
        after: after && { value: after[0], id: after[1] },
      })
      const place = (row: rows.AssetRow): [string | number, string] => [sortValue(row, query.sort), row.id]
      return pageOf(context, question, limit, found, (row) => showAsset(context, row), place)
    },
    'assets.get': async (context, { assetId }) => {
      const asset = showAsset(context, await getAsset(context, assetId))
      if (context.principal.rank < rankOf.admin || context.principal.kind === 'link') return asset
      const copies = await rows.findCopies(context.db, context.tenantId, toUuid(assetId))
      return {
        ...asset,
        copies: copies.map((copy) => ({
          id: toId('copy', copy.id),
          store: copy.store_id,
          key: copy.key,
          state: copy.state as 'live',
          storageClass: copy.storage_class,
        })),
      }
    },
    'assets.update': async (context, input) => {
      const asset = await lockForChange(context, input.assetId)
      await rows.updateAsset(context.db, context.tenantId, asset.id, changesOf(context, asset, input), context.now)
      if (input.tags !== undefined) await rows.replaceTags(context.db, context.tenantId, asset.id, unique(input.tags))
      return showAsset(context, await getAsset(context, input.assetId))
    },
    'assets.delete': async (context, { assetId, purge }) => {
      if (purge) await shareHoldGuard(context.db, context.tenantId)
      const asset = await lockAsset(context, assetId)
      requireManage(context, asset, 'assets.delete')
      if (purge) await purgeAsset(context.db, context.tenantId, asset.id, options.releaseDelaySeconds)
      else if (asset.state !== 'trashed') await trashAsset(context.db, asset, context.now, options.trashDays)
      return undefined
    },
    'assets.restore': async (context, { assetId }) => {
      const asset = await lockAsset(context, assetId)
      requireManage(context, asset, 'assets.delete')
      if (asset.state !== 'trashed') throw new Problem('asset.notTrashed')
      // An expiry that has passed would send it straight back.
      const expired = asset.expires_at !== null && asset.expires_at <= context.now
      const changes = { state: asset.state_before ?? 'active', state_before: null, trashed_at: null, purge_after: null }
      await rows.updateAsset(
        context.db,
        context.tenantId,
        asset.id,
        { ...changes, ...(expired && { expires_at: null }) },
        context.now,
      )
      return showAsset(context, await getAsset(context, assetId))
    },
  } satisfies { [Name in `assets.${'list' | 'get' | 'update' | 'delete' | 'restore'}`]: Handler<Name> }
}

export async function getAsset(context: Context, assetId: string): Promise<rows.AssetRow> {
  const asset = await findAsset(context, assetId)
  if (!asset) throw new Problem('asset.notFound')
  return asset
}

/** An asset that the caller sees, or undefined. */
export async function findAsset(context: Context, assetId: string): Promise<rows.AssetRow | undefined> {
  const asset = await rows.findAsset(context.db, context.tenantId, toUuid(assetId))
  if (asset) noteOthersPrivate(context, asset)
  return asset
}

/** Reading another's private asset is an admin's right, and is recorded as such. */
export function noteOthersPrivate(context: Context, asset: { visibility: number; owner_id: string | null }): void {
  if (asset.visibility === 0 && asset.owner_id !== context.principal.id) context.remarks.add('privileged')
}

export type LockedAsset = NonNullable<Awaited<ReturnType<typeof rows.lockAsset>>>

/** Locks an asset that the caller sees; one they may only read is refused as such, since they know it is there. */
export async function lockAsset(context: Context, assetId: string): Promise<LockedAsset> {
  const asset = await rows.lockAsset(context.db, context.tenantId, toUuid(assetId))
  if (asset) {
    if (context.ifMatch !== undefined && !ifMatch(context.ifMatch, { etag: assetEtag(asset) }))
      throw new Problem('precondition.failed')
    return asset
  }
  // FOR UPDATE asks the policy for changing as well: look whether it is there to be read.
  await getAsset(context, assetId)
  throw new Problem('access.forbidden', { action: 'assets.edit' })
}

/** Locks an asset for a change of what it is: not while it is in the trash or in quarantine. */
export async function lockForChange(context: Context, assetId: string): Promise<LockedAsset> {
  const asset = await lockAsset(context, assetId)
  if (asset.state === 'trashed') throw new Problem('asset.trashed')
  if (asset.state === 'quarantined') throw new Problem('asset.quarantined')
  return asset
}

export function requireManage(context: Context, asset: { owner_id: string | null }, action: string): void {
  if (!manages(context.principal, { ownerId: asset.owner_id })) throw new Problem('access.forbidden', { action })
}

/** Moves an asset, whose row the caller has locked, to the trash for so many days. */
export async function trashAsset(db: Db, asset: LockedAsset, now: Date, trashDays: number): Promise<void> {
  const changes = {
    state: 'trashed',
    state_before: asset.state,
    trashed_at: now,
    purge_after: new Date(now.getTime() + trashDays * DAY_MS),
  }
  await rows.updateAsset(db, asset.tenant_id, asset.id, changes, now)
}

function changesOf(context: Context, asset: LockedAsset, input: Parsed<'assets.update'>) {
  const managed = input.visibility !== undefined || input.expiresAt !== undefined || input.state !== undefined
  if (managed) requireManage(context, asset, 'assets.edit')
  if (input.name !== undefined) checkName(input.name)
  return {
    ...(input.name !== undefined && { name: input.name }),
    ...(input.visibility !== undefined && { visibility: visibilityRank(input.visibility) }),
    ...(input.state !== undefined && { state: input.state }),
    ...(input.expiresAt !== undefined && { expires_at: input.expiresAt === null ? null : new Date(input.expiresAt) }),
    ...(input.tags !== undefined && { tags: unique(input.tags) }),
    ...describing(input),
  }
}

/** The columns for what callers say of an asset, at upload and later. */
export function describing(input: Partial<Parsed<'assets.update'>>) {
  return {
    ...(input.projectId !== undefined && { project_id: input.projectId }),
    ...(input.folder !== undefined && { folder: input.folder }),
    ...(input.category !== undefined && { category: input.category }),
    ...(input.classification !== undefined && { classification: input.classification }),
    ...(input.metadata !== undefined && { metadata: JSON.stringify(input.metadata) }),
    ...(input.links?.scanResultId !== undefined && { scan_result_id: input.links.scanResultId }),
    ...(input.links?.callId !== undefined && { call_id: input.links.callId }),
    ...(input.links?.sessionId !== undefined && { session_id: input.links.sessionId }),
  }
}

/** @throws Problem `upload.nameInvalid` with the rule that the name breaks, in words */
export function checkName(name: string): void {
  const [fault] = assetNameProblems(name)
  if (fault) throw new Problem('upload.nameInvalid', { reason: fault.message })
}

export function unique(tags: readonly string[]): string[] {
  return [...new Set(tags)]
}

function filterOf(context: Context, query: Omit<Parsed<'assets.list'>, 'limit' | 'cursor'>): rows.AssetFilter {
  return {
    assetType: query.type,
    ownerId: ownerFilter(context, query.owner),
    projectId: query.project,
    scanResultId: query.scanResult,
    callId: query.call,
    sessionId: query.session,
    tag: query.tag,
    folder: query.folder,
    category: query.category,
    classification: query.classification,
    visibility: query.visibility && visibilityRank(query.visibility),
    state: query.state ?? 'active',
    mediaType: query.mediaType,
    namePrefix: query.name,
    createdAfter: query.createdAfter,
    createdBefore: query.createdBefore,
  }
}

function ownerFilter(context: Context, owner: string | undefined): string | null | undefined {
  if (owner === undefined) return undefined
  if (owner === 'none') return null
  if (owner === 'me') return context.principal.id
  return isKind('member', owner) || isKind('apiKey', owner) ? toUuid(owner) : undefined
}

function sortValue(row: rows.AssetRow, sort: keyof typeof rows.sortColumns): string | number {
  const value = row[rows.sortColumns[sort]]
  return value instanceof Date ? value.toISOString() : value
}

export { type AssetRow, insertTags, lockAsset as lockAssetRow, updateAsset } from './assets.sql.ts'
export { letVariantsGo, purgeAsset, removeVersions, shareHoldGuard, type VariantPointer } from './removal.sql.ts'
export { type Asset, assetEtag, showAsset } from './shown.ts'
export { recordUsage, reserve } from './usage.sql.ts'
