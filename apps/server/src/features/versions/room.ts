import type { Output } from '@stowage/contract'
import { toId } from '../../domain/id.ts'
import { Problem } from '../../domain/problem.ts'
import type { Db } from '../../platform/database/connect.ts'
import type { Context, Handler } from '../../platform/invoke.ts'
import { pageOf, positionOf } from '../../platform/page.ts'
import {
  getAsset,
  lockAsset,
  lockAssetRow,
  lockForChange,
  recordUsage,
  removeVersions,
  requireManage,
  reserve,
  shareHoldGuard,
  showAsset,
  updateAsset,
} from '../assets/room.ts'
import * as rows from './versions.sql.ts'

const DAY_MS = 24 * 60 * 60 * 1000

/** What an asset was at each moment: list, read, compare, make current again, prune. */
export function versionHandlers(options: { releaseDelaySeconds: number }) {
  return {
    'versions.list': async (context, { assetId, limit, cursor }) => {
      const asset = await getAsset(context, assetId)
      const question = { list: 'versions', assetId }
      const before = positionOf(context, question, cursor)?.[0] as number | undefined
      const found = await rows.findVersions(context.db, context.tenantId, asset.id, before, limit + 1)
      return pageOf(
        context,
        question,
        limit,
        found,
        (row) => shown(row, asset.current_n),
        (row) => [row.n],
      )
    },
    'versions.get': async (context, { assetId, version }) => {
      const asset = await getAsset(context, assetId)
      return shown(await getVersion(context, asset.id, version), asset.current_n)
    },
    'versions.compare': async (context, { assetId, version, with: other }) => {
      const asset = await getAsset(context, assetId)
      const one = shown(await getVersion(context, asset.id, version), asset.current_n)
      const two = shown(await getVersion(context, asset.id, other), asset.current_n)
      return { version, with: other, sameContent: one.sha256 === two.sha256, differences: differences(one, two) }
    },
    'versions.makeCurrent': async (context, { assetId, version }) => {
      const asset = await lockForChange(context, assetId)
      const from = await getVersion(context, asset.id, version)
      if (from.n === asset.current_n) return showAsset(context, await getAsset(context, assetId))
      if (!(await reserve(context.db, from.size_bytes, 0))) throw new Problem('quota.exceeded')
      const n = asset.last_n + 1
      await rows.repeatVersion(context.db, from, n, context)
      await rows.shareCopies(context.db, from)
      const bytes = from.size_bytes + (await rows.repeatVariants(context.db, from, n))
      await recordUsage(context.db, context.tenantId, { bytes, files: 0, storedBytes: 0 })
      const { media_type, size_bytes, sha256, name } = from
      await updateAsset(
        context.db,
        context.tenantId,
        asset.id,
        { media_type, size_bytes, sha256, name, current_n: n, last_n: n },
        context.now,
      )
      return showAsset(context, await getAsset(context, assetId))
    },
    'versions.prune': async (context, { assetId, keepLast, olderThanDays, dryRun }) => {
      if (keepLast === undefined && olderThanDays === undefined) {
        throw new Problem('request.invalid', {
          errors: [{ field: 'keepLast', reason: 'say keepLast, olderThanDays or both' }],
        })
      }
      await shareHoldGuard(context.db, context.tenantId)
      const asset = await lockAsset(context, assetId)
      requireManage(context, asset, 'assets.delete')
      const before = olderThanDays === undefined ? undefined : new Date(context.now.getTime() - olderThanDays * DAY_MS)
      const removed = await rows.findPrunable(context.db, asset, { keepLast, before })
      if (!dryRun) await remove(context.db, context.tenantId, asset.id, removed, options.releaseDelaySeconds)
      return { removed, dryRun }
    },
  } satisfies { [Name in `versions.${'list' | 'get' | 'compare' | 'makeCurrent' | 'prune'}`]: Handler<Name> }
}

/** The pipeline's `prune` step: keeps as many versions of an asset as the organization's rules say. */
export async function pruneByRule(
  db: Db,
  tenantId: string,
  assetId: string,
  releaseDelaySeconds: number,
): Promise<void> {
  const asset = await lockAssetRow(db, tenantId, assetId)
  const keepLast = asset && (await rows.keptVersions(db, tenantId, asset.asset_type))
  if (!asset || keepLast == null) return
  const removed = await rows.findPrunable(db, asset, { keepLast })
  await remove(db, tenantId, asset.id, removed, releaseDelaySeconds)
}

async function remove(
  db: Db,
  tenantId: string,
  assetId: string,
  versions: readonly number[],
  releaseDelaySeconds: number,
): Promise<void> {
  if (versions.length === 0) return
  const freed = await removeVersions(db, tenantId, assetId, versions, releaseDelaySeconds)
  await recordUsage(db, tenantId, { bytes: -freed.bytes, files: 0, storedBytes: -freed.storedBytes })
}

/** @throws Problem `version.notFound` */
export async function getVersion(context: Context, assetId: string, n: number): Promise<rows.VersionRow> {
  const version = await rows.findVersion(context.db, context.tenantId, assetId, n)
  if (!version) throw new Problem('version.notFound')
  return version
}

type Version = Output<'versions.get'>

function shown(row: rows.VersionRow, current: number): Version {
  return {
    assetId: toId('asset', row.asset_id),
    version: row.n,
    current: row.n === current,
    name: row.name,
    mediaType: row.media_type,
    sizeBytes: row.size_bytes,
    sha256: row.sha256.toString('hex'),
    madeFrom: row.made_from,
    createdBy: row.created_by && toId(row.created_by_kind === 'user' ? 'member' : 'apiKey', row.created_by),
    createdAt: row.created_at.toISOString(),
  }
}

const COMPARED = ['name', 'mediaType', 'sizeBytes', 'sha256', 'createdBy', 'createdAt', 'madeFrom'] as const

function differences(one: Version, two: Version): Output<'versions.compare'>['differences'] {
  return COMPARED.filter((field) => one[field] !== two[field]).map((field) => ({
    field,
    value: one[field],
    otherValue: two[field],
  }))
}
