import type pg from 'pg'
import { toId } from '../../apps/server/src/domain/id.ts'

export interface OrganizationState {
  tenantId: string
  versions: { assetId: string; n: number; sha256: string }[]
  versionsWithoutCopy: number
  copiesWithoutVersion: number
  /** Copies that are due for the reaper. */
  unfinished: number
}

/** What lies in the database for one organization, read past every policy. */
export async function stateOf(owner: pg.ClientBase, slug: string): Promise<OrganizationState> {
  const { rows } = await owner.query<{ tenant_id: string; no_copy: number; no_version: number; due: number }>(
    `select o.tenant_id,
      (select count(*)::int from stowage.version v where v.tenant_id = o.tenant_id and not exists (
        select from stowage.copy c where c.tenant_id = v.tenant_id and c.sha256 = v.sha256 and c.scope = v.scope and c.state = 'live')) as no_copy,
      (select count(*)::int from stowage.copy c where c.tenant_id = o.tenant_id and c.state = 'live' and not exists (
        select from stowage.version v where v.tenant_id = c.tenant_id and v.sha256 = c.sha256 and v.scope = c.scope)) as no_version,
      (select count(*)::int from stowage.copy c where c.tenant_id = o.tenant_id and c.state = 'writing') as due
    from stowage.organization o where o.slug = $1`,
    [slug],
  )
  const found = rows[0]
  if (!found) throw new Error(`there is no organization ${slug}`)
  const versions = await owner.query<{ asset_id: string; n: number; sha256: Buffer }>(
    'select asset_id, n, sha256 from stowage.version where tenant_id = $1',
    [found.tenant_id],
  )
  return {
    tenantId: found.tenant_id,
    versions: versions.rows.map(({ asset_id, n, sha256 }) => ({
      assetId: toId('asset', asset_id),
      n,
      sha256: sha256.toString('hex'),
    })),
    versionsWithoutCopy: found.no_copy,
    copiesWithoutVersion: found.no_version,
    unfinished: found.due,
  }
}
