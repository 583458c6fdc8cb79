import type { Output } from '@stowage/contract'
import { variantPath } from '../../domain/content-path.ts'
import { toId } from '../../domain/id.ts'
import type { Context } from '../../platform/invoke.ts'
import type { VersionId } from '../inspection/room.ts'
import type { VariantId } from './variants.rules.ts'
import type { VariantRow } from './variants.sql.ts'

type Variant = Output<'variants.list'>['items'][number]

export function shownVariant({ origin }: Context, of: VersionId, row: VariantRow): Variant {
  return {
    ...named(origin, of, row),
    state: row.state as Variant['state'],
    attached: row.attached,
    reason: row.reason,
    mediaType: row.media_type,
    sizeBytes: row.size_bytes,
    sha256: row.sha256?.toString('hex') ?? null,
    width: row.width,
    height: row.height,
    createdAt: row.state === 'made' ? row.created_at.toISOString() : null,
  }
}

/** One that nobody has asked for yet, or that cannot be made here at all. */
export function unaskedVariant({ origin }: Context, of: VersionId, id: VariantId, reason: string | null): Variant {
  return {
    ...named(origin, of, id),
    state: reason === null ? 'possible' : 'failed',
    attached: false,
    reason,
    mediaType: null,
    sizeBytes: null,
    sha256: null,
    width: null,
    height: null,
    createdAt: null,
  }
}

function named(origin: string, { asset_id, n }: VersionId, { name, suffix }: VariantId) {
  const query = new URLSearchParams({ version: String(n), ...(suffix !== '' && { suffix }) })
  const url = `${origin}${variantPath(toId('asset', asset_id), name)}?${query}`
  return { name, suffix: suffix === '' ? null : suffix, version: n, url }
}
