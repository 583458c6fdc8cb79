import { z } from 'zod'
import { flag, list, name, page, role, roles, slug, timestamp, typeName, visibility } from '../fields.ts'
import { id } from '../ids.ts'
import { actions, operation } from '../operation.ts'
import { imageSize, madeVariants, variantName } from './variants.ts'

/** The name of a configured store. */
const storeName = z.string().min(1).max(63)

const limits = {
  defaultVisibility: visibility.exclude(['public']),
  maxSizeBytes: z.number().int().positive().nullable(),
  quotaBytes: z.number().int().nonnegative().nullable(),
  quotaFiles: z.number().int().nonnegative().nullable(),
  keepVersions: z.number().int().positive().max(10_000).nullable(),
  readableUnscanned: z.array(z.enum(['noScanner', 'tooLarge', 'encrypted', 'limits'])),
  storeId: storeName.nullable().describe('Where its new files go; null for where the installation says'),
  secondStoreId: storeName.nullable().describe('Where a second copy of them goes'),
  imageSizes: z
    .record(variantName, imageSize)
    .refine((sizes) => Object.keys(sizes).length <= 20, 'at most 20 sizes')
    .refine((sizes) => !madeVariants.some((name) => name in sizes), `not one of ${madeVariants.join(', ')}`)
    .describe('Pictures of its own, asked for as variants by these names'),
}

export const organization = z.object({
  id: id('organization'),
  name,
  slug,
  ...limits,
  createdAt: timestamp,
  updatedAt: timestamp,
})
export const member = z.object({
  id: id('member'),
  externalId: z.string().nullable(),
  email: z.string().nullable(),
  name: z.string().nullable(),
  role,
  createdAt: timestamp,
})
export const team = z.object({ id: id('team'), name, memberIds: z.array(id('member')), createdAt: timestamp })

export const assetTypeRules = z.strictObject({
  mediaTypes: z.array(z.string().max(127)).max(100).describe('Media types taken, `image/*` for a family'),
  maxSizeBytes: z.number().int().positive().nullable().default(null),
  defaultVisibility: visibility.nullable().default(null),
  membersMayPublish: z.boolean().default(false),
  expiresInSeconds: z
    .number()
    .int()
    .positive()
    .nullable()
    .default(null)
    .describe('Time to live; the asset is purged after it'),
  variants: z.array(z.string().max(64)).max(20).default([]),
  keepVersions: z.number().int().positive().max(10_000).nullable().default(null),
})
export const assetType = assetTypeRules.extend({ name: typeName, builtIn: z.boolean() })

const keyRole = z.enum([...roles, 'agent'])
export const apiKey = z.object({
  id: id('apiKey'),
  name,
  role: z.enum([...roles, 'agent', 'platform']),
  userId: id('member').nullable(),
  scopes: z.array(z.enum(actions)).nullable().describe('null: all that the role may'),
  prefix: z.string().describe('The first characters of the secret'),
  requestsPerMinute: z.number().int().nullable(),
  createdAt: timestamp,
  expiresAt: timestamp.nullable(),
})
const secret = z.object({
  id: id('apiKey'),
  secret: z.string().describe('Shown this once'),
  prefix: z.string(),
  expiresAt: timestamp.nullable(),
})

const organizationId = id('organization')
const memberId = id('member')
const teamId = id('team')
const ofOrganization = (input: { organizationId: string }) => [input.organizationId]

export const tenantOperations = {
  'organizations.create': operation({
    method: 'POST',
    path: '/v1/organizations',
    action: 'organization.create',
    summary: 'Create an organization (platform key)',
    input: z.strictObject({ name, slug, ...z.object(limits).partial().shape }),
    output: organization,
    problems: ['organization.slugTaken', 'idempotency.keyReused', 'idempotency.inFlight'],
    preconditions: ['idempotencyKey'],
  }),
  'organizations.list': operation({
    method: 'GET',
    path: '/v1/organizations',
    action: 'organization.read',
    summary: 'List organizations: all for a platform key, else your own',
    input: z.strictObject({ ...page }),
    output: list(organization),
    problems: ['cursor.invalid'],
  }),
  'organizations.get': operation({
    method: 'GET',
    path: '/v1/organizations/{organizationId}',
    action: 'organization.read',
    summary: 'Read an organization',
    input: z.strictObject({ organizationId }),
    output: organization,
    subject: ofOrganization,
  }),
  'organizations.update': operation({
    method: 'PATCH',
    path: '/v1/organizations/{organizationId}',
    action: 'organization.manage',
    summary: 'Change name, limits and defaults of an organization; quotas and stores with a platform key',
    input: z.strictObject({ organizationId, name: name.optional(), ...z.object(limits).partial().shape }),
    output: organization,
    subject: ofOrganization,
  }),
  'organizations.delete': operation({
    method: 'DELETE',
    path: '/v1/organizations/{organizationId}',
    action: 'organization.manage',
    summary: 'Delete an empty organization (owner)',
    input: z.strictObject({ organizationId }),
    output: z.undefined(),
    problems: ['organization.notEmpty'],
    subject: ofOrganization,
  }),
  'members.list': operation({
    method: 'GET',
    path: '/v1/organizations/{organizationId}/members',
    action: 'members.manage',
    summary: 'List members',
    input: z.strictObject({ organizationId, ...page }),
    output: list(member),
    problems: ['cursor.invalid'],
    subject: ofOrganization,
  }),
  'members.create': operation({
    method: 'POST',
    path: '/v1/organizations/{organizationId}/members',
    action: 'members.manage',
    summary: 'Add a member',
    input: z.strictObject({
      organizationId,
      externalId: z.string().min(1).max(255).optional().describe('The subject of their tokens'),
      email: z.email().max(320).optional(),
      name: name.optional(),
      role,
    }),
    output: member,
    problems: ['member.exists', 'idempotency.keyReused', 'idempotency.inFlight'],
    subject: ofOrganization,
    preconditions: ['idempotencyKey'],
  }),
  'members.update': operation({
    method: 'PATCH',
    path: '/v1/organizations/{organizationId}/members/{memberId}',
    action: 'members.manage',
    summary: "Change a member's role or name",
    input: z.strictObject({ organizationId, memberId, role: role.optional(), name: name.optional() }),
    output: member,
    problems: ['member.lastOwner'],
    subject: (input) => [input.organizationId, input.memberId],
  }),
  'members.delete': operation({
    method: 'DELETE',
    path: '/v1/organizations/{organizationId}/members/{memberId}',
    action: 'members.manage',
    summary: 'Remove a member; only owners remove owners',
    input: z.strictObject({ organizationId, memberId }),
    output: z.undefined(),
    problems: ['member.lastOwner'],
    subject: (input) => [input.organizationId, input.memberId],
  }),
  'teams.list': operation({
    method: 'GET',
    path: '/v1/organizations/{organizationId}/teams',
    action: 'members.manage',
    summary: 'List teams',
    input: z.strictObject({ organizationId }),
    output: list(team),
    subject: ofOrganization,
  }),
  'teams.create': operation({
    method: 'POST',
    path: '/v1/organizations/{organizationId}/teams',
    action: 'members.manage',
    summary: 'Create a team',
    input: z.strictObject({ organizationId, name, memberIds: z.array(memberId).max(1000).default([]) }),
    output: team,
    problems: ['team.nameTaken', 'idempotency.keyReused', 'idempotency.inFlight'],
    subject: ofOrganization,
    preconditions: ['idempotencyKey'],
  }),
  'teams.update': operation({
    method: 'PATCH',
    path: '/v1/organizations/{organizationId}/teams/{teamId}',
    action: 'members.manage',
    summary: "Change a team's name or members",
    input: z.strictObject({
      organizationId,
      teamId,
      name: name.optional(),
      memberIds: z.array(memberId).max(1000).optional(),
    }),
    output: team,
    problems: ['team.notFound', 'team.nameTaken'],
    subject: (input) => [input.organizationId, input.teamId],
  }),
  'teams.delete': operation({
    method: 'DELETE',
    path: '/v1/organizations/{organizationId}/teams/{teamId}',
    action: 'members.manage',
    summary: 'Delete a team',
    input: z.strictObject({ organizationId, teamId }),
    output: z.undefined(),
    problems: ['team.notFound'],
    subject: (input) => [input.organizationId, input.teamId],
  }),
  'assetTypes.list': operation({
    method: 'GET',
    path: '/v1/organizations/{organizationId}/asset-types',
    action: 'assetTypes.read',
    summary: 'List asset types and their rules',
    input: z.strictObject({ organizationId }),
    output: list(assetType),
    subject: ofOrganization,
  }),
  'assetTypes.put': operation({
    method: 'PUT',
    path: '/v1/organizations/{organizationId}/asset-types/{name}',
    action: 'assetTypes.manage',
    summary: 'Add an asset type, or put own rules in place of a built-in one',
    input: assetTypeRules.extend({ organizationId, name: typeName }),
    output: assetType,
    subject: ofOrganization,
  }),
  'assetTypes.delete': operation({
    method: 'DELETE',
    path: '/v1/organizations/{organizationId}/asset-types/{name}',
    action: 'assetTypes.manage',
    summary: 'Delete an added asset type, or go back to the built-in rules',
    input: z.strictObject({ organizationId, name: typeName }),
    output: z.undefined(),
    problems: ['assetType.notFound', 'assetType.builtIn'],
    subject: ofOrganization,
  }),
  'apiKeys.create': operation({
    method: 'POST',
    path: '/v1/api-keys',
    action: 'keys.manage',
    summary: 'Create an API key; the secret is shown once',
    input: z.strictObject({
      name,
      role: keyRole,
      organizationId: organizationId.optional().describe('With a platform key: whose key it is'),
      userId: memberId.optional().describe('The member whose key it is; it never has more than their rights'),
      scopes: z.array(z.enum(actions)).max(actions.length).optional(),
      expiresInSeconds: z.number().int().min(1).max(315_360_000).optional(),
      requestsPerMinute: z.number().int().min(1).max(10_000_000).optional(),
    }),
    output: secret,
    problems: ['apiKey.roleTooHigh', 'idempotency.keyReused', 'idempotency.inFlight'],
    preconditions: [],
  }),
  'apiKeys.list': operation({
    method: 'GET',
    path: '/v1/api-keys',
    action: 'keys.manage',
    summary: 'List API keys',
    input: z.strictObject({ ...page }),
    output: list(apiKey),
    problems: ['cursor.invalid'],
  }),
  'apiKeys.rotate': operation({
    method: 'POST',
    path: '/v1/api-keys/{keyId}/rotate',
    action: 'keys.manage',
    summary: 'Give a key a new secret; the old one works until the overlap ends',
    input: z.strictObject({
      keyId: id('apiKey'),
      overlapSeconds: z.number().int().min(0).max(2_592_000).default(86_400),
    }),
    output: secret,
    problems: ['apiKey.notFound', 'apiKey.roleTooHigh'],
    subject: (input) => [input.keyId],
  }),
  'apiKeys.delete': operation({
    method: 'DELETE',
    path: '/v1/api-keys/{keyId}',
    action: 'keys.manage',
    summary: 'Revoke an API key at once',
    input: z.strictObject({ keyId: id('apiKey') }),
    output: z.undefined(),
    problems: ['apiKey.notFound', 'apiKey.roleTooHigh'],
    subject: (input) => [input.keyId],
  }),
  'usage.get': operation({
    method: 'GET',
    path: '/v1/usage',
    action: 'usage.read',
    summary: 'What the organization stores, its quota, and what is unfinished or being removed',
    input: z.strictObject({
      exact: flag.default(false).describe('Count the rows instead of trusting the running totals'),
    }),
    output: z.object({
      bytes: z.number().describe('Sum of the sizes of all versions'),
      files: z.number(),
      storedBytes: z.number().describe('After deduplication, before encryption'),
      quotaBytes: z.number().nullable(),
      quotaFiles: z.number().nullable(),
      staging: z.object({ count: z.number(), bytes: z.number() }).describe('Unfinished uploads'),
      releasing: z.object({ count: z.number(), bytes: z.number() }).describe('Waiting for the reaper'),
    }),
  }),
}
