import type { Output } from '@stowage/contract'
import type { Selectable } from 'kysely'
import { newUuid, toId, toUuid } from '../../domain/id.ts'
import { Problem } from '../../domain/problem.ts'
import { visibilityName, visibilityRank } from '../../domain/visibility.ts'
import type { OrganizationTable } from '../../platform/database/tables.ts'
import type { Context, Handler } from '../../platform/invoke.ts'
import { idAfter, pageOf } from '../../platform/page.ts'
import * as rows from './tenants.sql.ts'

/** The id in the path must be the organization that the credential has entered; a platform key enters it by header. */
export function ownTenant(context: Context, organizationId: string): string {
  if (toUuid(organizationId) !== context.tenantId) throw new Problem('organization.notFound')
  return context.tenantId
}

export function organizationHandlers(storeIds: ReadonlySet<string>) {
  return {
    'organizations.create': async (context, { name, slug, ...limits }) => {
      requireStores(limits, storeIds)
      const created = await rows.insertOrganization(context.db, {
        tenant_id: newUuid(),
        name,
        slug,
        ...limitColumns(limits),
      })
      if (!created) throw new Problem('organization.slugTaken', { slug })
      await rows.insertGuards(context.db, created.tenant_id)
      return shown(created)
    },
    'organizations.list': async (context, { limit, cursor }) => {
      const onlyTenant = context.principal.kind === 'platform' ? undefined : context.tenantId
      const found = await rows.findOrganizations(
        context.db,
        idAfter(context, { list: 'organizations' }, cursor),
        limit + 1,
        onlyTenant,
      )
      return pageOf(context, { list: 'organizations' }, limit, found, shown, (row) => [row.tenant_id])
    },
    'organizations.get': async (context, { organizationId }) => {
      const found = await rows.findOrganization(context.db, visibleTenant(context, organizationId))
      if (!found) throw new Problem('organization.notFound')
      return shown(found)
    },
    'organizations.update': async (context, { organizationId, name, ...limits }) => {
      const tenantId = ownTenant(context, organizationId)
      const ofPlatform = PLATFORM_LIMITS.some((limit) => limits[limit] !== undefined)
      if (ofPlatform && context.principal.kind !== 'platform')
        throw new Problem('access.forbidden', { action: 'organization.manage' })
      requireStores(limits, storeIds)
      const changed = await rows.updateOrganization(context.db, tenantId, {
        ...(name !== undefined && { name }),
        ...limitColumns(limits),
      })
      if (!changed) throw new Problem('organization.notFound')
      return shown(changed)
    },
    'organizations.delete': async (context, { organizationId }) => {
      const tenantId = ownTenant(context, organizationId)
      if (context.principal.role !== 'owner') throw new Problem('access.forbidden', { action: 'organization.manage' })
      const assets = await rows.countAssets(context.db, tenantId)
      if (assets > 0) throw new Problem('organization.notEmpty', { assets })
      await rows.deleteOrganization(context.db, tenantId)
      return undefined
    },
  } satisfies { [Name in `organizations.${'create' | 'list' | 'get' | 'update' | 'delete'}`]: Handler<Name> }
}

/** What an organization does not decide for itself. */
const PLATFORM_LIMITS = ['quotaBytes', 'quotaFiles', 'storeId', 'secondStoreId'] as const

function requireStores(limits: Limits, storeIds: ReadonlySet<string>): void {
  const unknown = (['storeId', 'secondStoreId'] as const).filter((field) => {
    const storeId = limits[field]
    return typeof storeId === 'string' && !storeIds.has(storeId)
  })
  if (unknown.length === 0) return
  const reason = `there is no such store; there are ${[...storeIds].join(', ')}`
  throw new Problem('request.invalid', { errors: unknown.map((field) => ({ field, reason })) })
}

/** A platform key sees every organization; the policy on the table says so too. */
function visibleTenant(context: Context, organizationId: string): string {
  return context.principal.kind === 'platform' ? toUuid(organizationId) : ownTenant(context, organizationId)
}

type Limits = Partial<
  Pick<
    Output<'organizations.get'>,
    | 'defaultVisibility'
    | 'maxSizeBytes'
    | 'quotaBytes'
    | 'quotaFiles'
    | 'keepVersions'
    | 'readableUnscanned'
    | 'storeId'
    | 'secondStoreId'
    | 'imageSizes'
  >
>

function limitColumns(limits: Limits) {
  return {
    ...(limits.defaultVisibility !== undefined && { default_visibility: visibilityRank(limits.defaultVisibility) }),
    ...(limits.maxSizeBytes !== undefined && { max_size_bytes: limits.maxSizeBytes }),
    ...(limits.quotaBytes !== undefined && { quota_bytes: limits.quotaBytes }),
    ...(limits.quotaFiles !== undefined && { quota_files: limits.quotaFiles }),
    ...(limits.keepVersions !== undefined && { keep_versions: limits.keepVersions }),
    ...(limits.readableUnscanned !== undefined && { readable_unscanned: limits.readableUnscanned }),
    ...(limits.storeId !== undefined && { store_id: limits.storeId }),
    ...(limits.secondStoreId !== undefined && { second_store_id: limits.secondStoreId }),
    ...(limits.imageSizes !== undefined && { image_sizes: JSON.stringify(limits.imageSizes) }),
  }
}

function shown(row: Selectable<OrganizationTable>): Output<'organizations.get'> {
  return {
    id: toId('organization', row.tenant_id),
    name: row.name,
    slug: row.slug,
    defaultVisibility: visibilityName(row.default_visibility) as 'private' | 'organization',
    maxSizeBytes: row.max_size_bytes,
    quotaBytes: row.quota_bytes,
    quotaFiles: row.quota_files,
    keepVersions: row.keep_versions,
    readableUnscanned: row.readable_unscanned as Output<'organizations.get'>['readableUnscanned'],
    storeId: row.store_id,
    secondStoreId: row.second_store_id,
    imageSizes: row.image_sizes as Output<'organizations.get'>['imageSizes'],
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  }
}
