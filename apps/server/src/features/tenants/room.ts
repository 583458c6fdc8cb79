import { apiKeyHandlers } from './api-keys.ts'
import { assetTypeHandlers } from './asset-types.ts'
import { memberHandlers } from './members.ts'
import { organizationHandlers } from './organizations.ts'
import { teamHandlers } from './teams.ts'
import { usageHandlers } from './usage.ts'

/** Organizations, members, teams, asset types and API keys. */
export function tenantHandlers(storeIds: ReadonlySet<string>) {
  return {
    ...organizationHandlers(storeIds),
    ...memberHandlers,
    ...teamHandlers,
    ...assetTypeHandlers,
    ...apiKeyHandlers,
    ...usageHandlers,
  }
}

export { hashSecret } from './api-keys.ts'
export { type AssetTypeRules, DEFAULT_ASSET_TYPE, effectiveRules } from './tenants.rules.ts'
