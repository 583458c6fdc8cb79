import type { Action } from '@stowage/contract'

/**
 * Who may do what, told a second time: from the matrix in the design, in plain data, knowing nothing of policies, roles
 * in the database or the server's own rules. What the server answers is compared with what this says.
 */

export type Answer = 'allowed' | 'forbidden' | 'notThere' | 'unauthenticated' | 'invalid' | 'conflict'
export type Role = 'owner' | 'admin' | 'editor' | 'viewer'
export type Visibility = 'private' | 'organization' | 'public'

export interface Organization {
  id: string
  slug: string
  defaultVisibility: Visibility
  quotaFiles: number | null
}
export interface Member {
  id: string
  organizationId: string
  role: Role
  externalId: string | null
  removed: boolean
}
export interface Key {
  id: string
  /** Null for a platform key. */
  organizationId: string | null
  role: Role | 'agent' | 'platform'
  memberId: string | null
  scopes: readonly string[] | null
  secret: string
  revoked: boolean
  expired: boolean
}
export interface Team {
  id: string
  organizationId: string
  name: string
  memberIds: string[]
}
export interface TypeRules {
  defaultVisibility: Visibility | null
  membersMayPublish: boolean
}
export interface Asset {
  id: string
  organizationId: string
  ownerId: string | null
  visibility: Visibility
  state: 'active' | 'archived' | 'trashed'
  stateBefore: 'active' | 'archived'
  assetType: string
  current: number
  lastVersion: number
  /** Content by version number. */
  versions: Map<number, string>
  /** What was attached to which version, by number and name. */
  variants: Map<string, string>
  urlEpoch: number
}
/** An upload whose bytes arrive apart from the request that began it. */
export interface Upload {
  id: string
  organizationId: string
  maker: Actor
  strategy: string
  /** What was said of the asset, or which one gets a new version. */
  fields: Record<string, unknown>
  /** The file that a resumable one is to bring, and how much of it has arrived. */
  content: string
  receivedBytes: number
  state: 'open' | 'done' | 'failed'
  /** What was made of it. */
  assetId: string | null
  /** Why nothing was. */
  refusal: Exclude<Answer, 'allowed'> | undefined
}
export interface Link {
  url: string
  assetId: string
  organizationId: string
  maker: { kind: 'member' | 'key'; id: string }
  epoch: number
}

export interface Model {
  organizations: Map<string, Organization>
  members: Map<string, Member>
  keys: Map<string, Key>
  teams: Map<string, Team>
  /** Own rules, by organization and then by name. */
  assetTypes: Map<string, Map<string, TypeRules>>
  assets: Map<string, Asset>
  uploads: Map<string, Upload>
  links: Link[]
  /** What an organization's trail must hold, oldest first: request ids, and the service's `ownWork`. */
  trails: Map<string, string[]>
}

export type Caller =
  | { kind: 'key'; keyId: string; secret: string; organization?: string; actFor?: string }
  | { kind: 'token'; memberId: string; externalId: string; organizationId: string; slug: string; role?: Role }
  | { kind: 'link'; link: Link }
  | { kind: 'stranger'; secret?: string }

/** A caller who was recognised, inside one organization. */
export interface Actor {
  organizationId: string
  /** Whose assets are theirs: the member, else the key. */
  id: string | null
  standsFor: 'member' | 'key' | 'nobody'
  /** The key that was shown, also where it acts for a member. */
  keyId: string | null
  role: Role | 'public'
  isAgent: boolean
  isPlatform: boolean
  scopes: readonly string[] | null
}

/** The names that the design gives to built-in types. */
export const builtInTypes = (
  'user_avatar project_logo document_upload llm_txt content_brief seo_report competitor_analysis ' +
  'email_attachment export_file backup_file recording'
).split(' ')

export function newModel(): Model {
  return {
    organizations: new Map(),
    members: new Map(),
    keys: new Map(),
    teams: new Map(),
    assetTypes: new Map(),
    assets: new Map(),
    uploads: new Map(),
    links: [],
    trails: new Map(),
  }
}

const levels = { public: 0, viewer: 1, editor: 2, admin: 3, owner: 4 }

export function isAtLeast(who: { role: Role | 'public' }, role: Role): boolean {
  return levels[who.role] >= levels[role]
}

/**
 * Recognises a caller. An organization that is named in the address is the one a key enters; a key of another
 * organization finds that there is none. A token enters its own.
 */
export function recognise(model: Model, caller: Caller, named: string | undefined): Actor | Answer {
  switch (caller.kind) {
    case 'stranger':
      return 'unauthenticated'
    case 'link':
      return recogniseLink(model, caller.link)
    case 'token':
      return recogniseToken(model, caller)
    case 'key':
      return recogniseKey(model, caller, named ?? caller.organization)
  }
}

function recogniseKey(model: Model, caller: Caller & { kind: 'key' }, named: string | undefined): Actor | Answer {
  const key = model.keys.get(caller.keyId)
  if (!key || key.revoked || key.expired) return 'unauthenticated'
  const organization = [...model.organizations.values()].find(({ id, slug }) =>
    key.organizationId === null
      ? [id, slug].includes(named ?? 'default')
      : id === key.organizationId && (named === undefined || [id, slug].includes(named)),
  )
  if (!organization) return 'notThere'
  const role = key.role === 'platform' ? 'owner' : key.role === 'agent' ? 'editor' : key.role
  const alone: Actor = {
    organizationId: organization.id,
    id: key.id,
    standsFor: 'key',
    keyId: key.id,
    role,
    isAgent: key.role === 'agent',
    isPlatform: key.role === 'platform',
    scopes: key.role === 'agent' ? (key.scopes ?? []) : key.scopes,
  }
  if (key.memberId === null && caller.actFor === undefined) return alone
  const mayActForOthers = key.memberId === null && key.role !== 'viewer' && key.role !== 'editor'
  if (caller.actFor !== undefined && !mayActForOthers) return 'forbidden'
  const member = model.members.get(caller.actFor ?? (key.memberId as string))
  if (!member || member.removed || member.organizationId !== organization.id)
    return caller.actFor === undefined ? 'unauthenticated' : 'notThere'
  const narrowest = key.role === 'agent' || isAtLeast({ role }, member.role) ? member.role : role
  return { ...alone, id: member.id, standsFor: 'member', role: narrowest, isPlatform: false }
}

function recogniseToken(model: Model, caller: Caller & { kind: 'token' }): Actor | Answer {
  const member = model.members.get(caller.memberId)
  if (!model.organizations.has(caller.organizationId)) return 'notThere'
  if (!member || member.removed) return 'unauthenticated'
  const role = caller.role && !isAtLeast({ role: caller.role }, member.role) ? caller.role : member.role
  return actorFor(caller.organizationId, { kind: 'member', id: member.id }, role, null)
}

/** A link acts with the present rights of its maker, on its one asset, until it is revoked. */
function recogniseLink(model: Model, link: Link): Actor | Answer {
  const role = presentRole(model, link)
  const asset = model.assets.get(link.assetId)
  if (!role || asset?.urlEpoch !== link.epoch) return 'forbidden'
  return actorFor(link.organizationId, link.maker, role, ['assets.read'])
}

function presentRole(model: Model, { maker }: Link): Role | undefined {
  if (maker.kind === 'member') {
    const member = model.members.get(maker.id)
    return member && !member.removed ? member.role : undefined
  }
  const key = model.keys.get(maker.id)
  if (!key || key.revoked || key.expired) return undefined
  return key.role === 'platform' ? 'owner' : key.role === 'agent' ? 'editor' : key.role
}

function actorFor(organizationId: string, { kind, id }: Link['maker'], role: Role, scopes: Actor['scopes']): Actor {
  const keyId = kind === 'key' ? id : null
  return { organizationId, id, standsFor: kind, keyId, role, isAgent: false, isPlatform: false, scopes }
}

/** Somebody without a credential, in front of one asset: only its being public lets them in. */
export function recognisePublic(model: Model, assetId: string): Actor | Answer {
  const asset = model.assets.get(assetId)
  if (asset?.visibility !== 'public') return 'unauthenticated'
  const { organizationId } = asset
  const nobody = { id: null, standsFor: 'nobody', keyId: null, role: 'public' } as const
  return { organizationId, ...nobody, isAgent: false, isPlatform: false, scopes: ['assets.read'] }
}

/** An upload acts with the present rights of its maker, and never with more than they had when it began. */
export function presentMaker(model: Model, { maker }: Upload): Actor | undefined {
  const key = model.keys.get(maker.keyId ?? '')
  if (maker.keyId !== null && (!key || key.revoked || key.expired)) return undefined
  if (maker.standsFor !== 'member') return maker
  const member = model.members.get(maker.id as string)
  if (!member || member.removed) return undefined
  return isAtLeast(member, maker.role as Role) ? maker : { ...maker, role: member.role }
}

/** An entry of the trail for what the service did by itself, later than it was asked. */
export function ownWork(action: string, subject: string): string {
  return `${action} ${subject}`
}

const forEditors = new Set<Action>(['assetTypes.read', 'assets.create', 'assets.edit', 'assets.share', 'assets.delete'])

/** Whether the role, and the scopes of the key, let somebody try an action at all. */
export function mayTry(actor: Actor, action: Action): boolean {
  if (actor.scopes !== null && !actor.scopes.includes(action)) return false
  if (action === 'organization.create' || action === 'stores.report') return actor.isPlatform
  if (action === 'assets.read') return true
  return isAtLeast(actor, forEditors.has(action) ? 'editor' : 'admin')
}

export function sees(actor: Actor, asset: Asset): boolean {
  if (asset.organizationId !== actor.organizationId) return false
  if (isAtLeast(actor, 'admin') || asset.visibility === 'public') return true
  if (asset.ownerId !== null && asset.ownerId === actor.id) return true
  return asset.visibility === 'organization' && isAtLeast(actor, 'viewer')
}

/** Sharing, visibility, trash, restore, purge: the owner's and the admins'. */
export function manages(actor: Actor, asset: Asset): boolean {
  if (isAtLeast(actor, 'admin')) return true
  return isAtLeast(actor, 'editor') && asset.ownerId !== null && asset.ownerId === actor.id
}

export function mayPublish(model: Model, actor: Actor, assetType: string): boolean {
  return isAtLeast(actor, 'admin') || rulesOf(model, actor.organizationId, assetType)?.membersMayPublish === true
}

/** Only an owner makes, changes and removes owners, and ends the organization; an agent never does. */
export function isOwner(actor: Actor): boolean {
  return actor.role === 'owner' && !actor.isAgent
}

/** Undefined where the organization has no such type. */
export function rulesOf(model: Model, organizationId: string, name: string): TypeRules | undefined {
  const own = model.assetTypes.get(organizationId)?.get(name)
  return own ?? (builtInTypes.includes(name) ? { defaultVisibility: null, membersMayPublish: false } : undefined)
}
