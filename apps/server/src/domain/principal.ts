import type { Action } from '@stowage/contract'

export type PrincipalKind = 'user' | 'apiKey' | 'agent' | 'platform' | 'link' | 'public' | 'system'
export type Role = 'owner' | 'admin' | 'editor' | 'viewer' | 'agent' | 'public' | 'system'

/** Who acts. `id` is the member acted for, else the key; null for the public and for the service itself. */
export interface Principal {
  kind: PrincipalKind
  id: string | null
  keyId: string | null
  role: Role
  /** 0 public, 1 viewer, 2 editor, 3 admin, 4 owner, 5 the service. */
  rank: number
  /** The actions a credential is narrowed to; null for all that the role may. */
  scopes: readonly string[] | null
  tenantId: string
  organizationSlug: string
  requestsPerMinute: number | null
}

export const rankOf = { public: 0, viewer: 1, editor: 2, admin: 3, owner: 4, system: 5 } as const

const leastRank: Record<Action, number> = {
  'organization.create': rankOf.owner,
  'organization.read': rankOf.admin,
  'organization.manage': rankOf.admin,
  'members.manage': rankOf.admin,
  'assetTypes.read': rankOf.editor,
  'assetTypes.manage': rankOf.admin,
  'keys.manage': rankOf.admin,
  'usage.read': rankOf.admin,
  'audit.read': rankOf.admin,
  'quarantine.manage': rankOf.admin,
  'stores.report': rankOf.owner,
  'assets.create': rankOf.editor,
  'assets.read': rankOf.public,
  'assets.edit': rankOf.editor,
  'assets.share': rankOf.editor,
  'assets.delete': rankOf.editor,
}

/** What concerns the whole service, so that it is a platform key's alone. */
const ofPlatform: ReadonlySet<Action> = new Set<Action>(['organization.create', 'stores.report'])

/** What a role may try at all. Which assets it may try it on is the database's rule. */
export function permits(principal: Principal, action: Action): 'yes' | 'forbidden' | 'outOfScope' {
  if (ofPlatform.has(action) && principal.kind !== 'platform') return 'forbidden'
  if (principal.rank < leastRank[action]) return 'forbidden'
  if (principal.scopes !== null && !principal.scopes.includes(action)) return 'outOfScope'
  // An agent is what its scopes name; without any it may nothing.
  if (principal.kind === 'agent' && principal.scopes === null) return 'outOfScope'
  return 'yes'
}

/** Whether a principal is a member (`user`, also one acted for) or a key on its own. */
export function principalKind(principal: Pick<Principal, 'id' | 'keyId'>): 'user' | 'apiKey' | null {
  if (principal.id === null) return null
  return principal.id === principal.keyId ? 'apiKey' : 'user'
}

/** Whether an asset is the principal's to share, publish, trash and purge: its owner, admins and owners. */
export function manages(principal: Principal, asset: { ownerId: string | null }): boolean {
  if (principal.rank >= rankOf.admin) return true
  return principal.rank >= rankOf.editor && asset.ownerId !== null && asset.ownerId === principal.id
}
