import type { Output } from '@stowage/contract'
import { contentPath, publicPath } from '../../domain/content-path.ts'
import { toId } from '../../domain/id.ts'
import { visibilityName } from '../../domain/visibility.ts'
import type { Context } from '../../platform/invoke.ts'
import type { AssetRow } from './assets.sql.ts'

export type Asset = Output<'assets.get'>

/** An asset as the API shows it. */
export function showAsset(context: Pick<Context, 'origin' | 'cdn'>, row: AssetRow): Asset {
  const id = toId('asset', row.id)
  const url = `${context.origin}${contentPath(id)}`
  const visibility = visibilityName(row.visibility)
  return {
    id,
    organizationId: toId('organization', row.tenant_id),
    name: row.name,
    assetType: row.asset_type,
    mediaType: row.media_type,
    sizeBytes: row.size_bytes,
    sha256: row.sha256.toString('hex'),
    version: row.current_n,
    visibility,
    state: row.state as Asset['state'],
    processingState:
      row.scan === 'pending' ? 'processing' : row.scan === 'error' ? 'failed' : (row.pipeline ?? 'ready'),
    scan: {
      status: row.scan as Asset['scan']['status'],
      reason: row.scan_reason,
      text: scanText(row.scan, row.scan_reason),
    },
    ownerId: row.owner_id === null ? null : toId(row.owner_kind === 'user' ? 'member' : 'apiKey', row.owner_id),
    projectId: row.project_id,
    folder: row.folder,
    category: row.category,
    classification: row.classification as Asset['classification'],
    tags: row.tags,
    metadata: row.metadata as Asset['metadata'],
    links: { scanResultId: row.scan_result_id, callId: row.call_id, sessionId: row.session_id },
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
    expiresAt: iso(row.expires_at),
    trashedAt: iso(row.trashed_at),
    purgeAfter: iso(row.purge_after),
    retainUntil: null,
    held: false,
    downloadCount: row.downloads ?? 0,
    lastAccessedAt: iso(row.last_at),
    url,
    publicUrl: visibility === 'public' ? url : null,
    cdnUrl:
      visibility === 'public' ? (context.cdn?.publicUrl(publicPath(id, row.current_n, 'attachment')) ?? null) : null,
  }
}

/** The ETag of an asset's description: it changes with every change of the row. */
export function assetEtag(row: { current_n: number; updated_at: Date }): string {
  return `"${row.current_n}-${row.updated_at.getTime().toString(36)}"`
}

function iso(at: Date | null): string | null {
  return at === null ? null : at.toISOString()
}

const unscannedReasons: Record<string, string> = {
  noScanner: 'No virus scanner is set up.',
  tooLarge: 'It is too large for the scanner.',
  encrypted: 'It is encrypted, so the scanner cannot look inside.',
  limits: "It goes beyond the scanner's limits.",
}

function scanText(status: string, reason: string | null): string {
  if (status === 'clean') return 'No virus was found.'
  if (status === 'infected') return 'A virus was found.'
  if (status === 'pending') return 'The virus scan has not finished yet.'
  if (status === 'error') return 'The virus scan failed.'
  return `Not scanned. ${unscannedReasons[reason ?? ''] ?? ''}`.trim()
}
