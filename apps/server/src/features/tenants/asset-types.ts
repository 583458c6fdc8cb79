import { Problem } from '../../domain/problem.ts'
import type { Handler } from '../../platform/invoke.ts'
import { ownTenant } from './organizations.ts'
import { type AssetTypeRules, builtInAssetTypes } from './tenants.rules.ts'
import * as rows from './tenants.sql.ts'

export const assetTypeHandlers = {
  'assetTypes.list': async (context, { organizationId }) => {
    const own = await rows.findAssetTypes(context.db, ownTenant(context, organizationId))
    const merged: Record<string, AssetTypeRules> = { ...builtInAssetTypes }
    for (const row of own) merged[row.name] = row.rules as AssetTypeRules
    const items = Object.entries(merged).map(([name, rules]) => shown(name, rules))
    return { items, nextCursor: null }
  },
  'assetTypes.put': async (context, { organizationId, name, ...rules }) => {
    const tenantId = ownTenant(context, organizationId)
    await rows.putAssetType(context.db, tenantId, name, rules)
    return shown(name, rules)
  },
  'assetTypes.delete': async (context, { organizationId, name }) => {
    const deleted = await rows.deleteAssetType(context.db, ownTenant(context, organizationId), name)
    if (deleted) return undefined
    if (name in builtInAssetTypes) throw new Problem('assetType.builtIn')
    throw new Problem('assetType.notFound', { assetType: name })
  },
} satisfies { [Name in `assetTypes.${'list' | 'put' | 'delete'}`]: Handler<Name> }

function shown(name: string, rules: AssetTypeRules) {
  return { name, builtIn: name in builtInAssetTypes, ...rules }
}
