import { actions, type OperationName } from '@stowage/contract'
import { allowed, type Chooser, type Command, type Commands, type Input, near, refused, sameIds } from './command.ts'
import {
  type Actor,
  builtInTypes,
  type Caller,
  isAtLeast,
  isOwner,
  type Member,
  type Model,
  type Role,
  type Visibility,
} from './model.ts'

const roles = ['owner', 'admin', 'editor', 'viewer'] as const
const teamNames = ['red', 'green', 'blue', 'white']
const typeNames = ['document_upload', 'custom_a', 'custom_b', 'user_avatar', 'custom_c']

const someOrganization = (chooser: Chooser, model: Model, caller: Caller) =>
  chooser.id('org', near(chooser, model, caller, model.organizations))
const someMember = (chooser: Chooser, model: Model, caller: Caller) =>
  chooser.id('usr', near(chooser, model, caller, model.members))
const someKey = (chooser: Chooser, model: Model, caller: Caller) =>
  chooser.id('key', near(chooser, model, caller, model.keys))
const isElsewhere = (actor: Actor, input: Input) => input['organizationId'] !== actor.organizationId

/** A command inside the organization that its address names: whoever did not enter it finds nothing there. */
function inside(command: Command): Command {
  return {
    ...command,
    input: (chooser, model, caller) => ({
      organizationId: someOrganization(chooser, model, caller),
      ...command.input(chooser, model, caller),
    }),
    expect: (model, actor, input) =>
      isElsewhere(actor, input) ? refused('notThere') : command.expect(model, actor, input),
  }
}

function ofOrganization<T extends { organizationId: string | null }>(actor: Actor, all: Map<string, T>): T[] {
  return [...all.values()].filter(({ organizationId }) => organizationId === actor.organizationId)
}

function presentMember(model: Model, actor: Actor, id: unknown): Member | undefined {
  const member = model.members.get(id as string)
  return member && !member.removed && member.organizationId === actor.organizationId ? member : undefined
}

const organizationCommands = {
  'organizations.create': {
    input: (chooser) => ({ name: 'Another', slug: `other-${chooser.pick([1, 2, 3, 4])}` }),
    expect: (model, _actor, { slug }) =>
      [...model.organizations.values()].some((each) => each.slug === slug)
        ? refused('conflict')
        : allowed({
            after: ({ id }) => {
              model.organizations.set(id, {
                id,
                slug: slug as string,
                defaultVisibility: 'organization',
                quotaFiles: null,
              })
            },
          }),
  },
  'organizations.list': {
    paged: true,
    input: (chooser) => ({ limit: chooser.pick([1, 50]) }),
    expect: (model, actor) => {
      const all = [...model.organizations.values()]
      return allowed({ shows: sameIds(all.filter(({ id }) => actor.isPlatform || id === actor.organizationId)) })
    },
  },
  'organizations.get': inside({
    input: () => ({}),
    expect: (_model, actor) => allowed({ shows: ({ id }) => ({ got: id, wanted: actor.organizationId }) }),
  }),
  'organizations.update': inside({
    input: (chooser) => ({
      defaultVisibility: chooser.pick(['private', 'organization']),
      ...(chooser.once(3) && { quotaFiles: chooser.pick([null, 1_000_000]) }),
    }),
    expect: (model, actor, { quotaFiles, defaultVisibility }) => {
      if (quotaFiles !== undefined && !actor.isPlatform) return refused('forbidden')
      return allowed({
        after: () => {
          const organization = model.organizations.get(actor.organizationId)
          if (!organization) return
          organization.defaultVisibility = defaultVisibility as Visibility
          if (quotaFiles !== undefined) organization.quotaFiles = quotaFiles as number | null
        },
      })
    },
  }),
  'organizations.delete': inside({
    input: (chooser, model) => {
      const full = new Set([...model.assets.values()].map(({ organizationId }) => organizationId))
      const spare = [...model.organizations.values()].filter(({ slug }) => slug.startsWith('other-'))
      return { organizationId: chooser.id('org', [...full, ...spare.map(({ id }) => id)]) }
    },
    expect: (model, actor) => {
      if (!isOwner(actor)) return refused('forbidden')
      if (ofOrganization(actor, model.assets).length > 0) return refused('conflict')
      return allowed({ after: () => forget(model, actor) })
    },
  }),
} satisfies Commands

function forget(model: Model, actor: Actor): void {
  for (const all of [model.members, model.keys, model.teams, model.uploads])
    for (const { id } of ofOrganization<{ id: string; organizationId: string | null }>(actor, all as never))
      all.delete(id)
  for (const all of [model.organizations, model.assetTypes, model.trails]) all.delete(actor.organizationId)
}

const memberCommands = {
  'members.list': inside({
    paged: true,
    input: (chooser) => ({ limit: chooser.pick([2, 200]) }),
    expect: (model, actor) =>
      allowed({ shows: sameIds(ofOrganization(actor, model.members).filter(({ removed }) => !removed)) }),
  }),
  'members.create': inside({
    input: (chooser) => ({
      role: chooser.pick(roles),
      ...(chooser.once(2) && { externalId: `person-${chooser.pick([1, 2, 3, 4, 5])}` }),
    }),
    expect: (model, actor, { role, externalId }) => {
      if (role === 'owner' && !isOwner(actor)) return refused('forbidden')
      const same = ofOrganization(actor, model.members).filter(
        (each) => !each.removed && each.externalId === externalId,
      )
      if (externalId !== undefined && same.length > 0) return refused('conflict')
      return allowed({
        after: ({ id }) => {
          const { organizationId } = actor
          const external = (externalId ?? null) as string | null
          model.members.set(id, { id, organizationId, role: role as Role, externalId: external, removed: false })
        },
      })
    },
  }),
  'members.update': inside({
    input: (chooser, model, caller) => ({ memberId: someMember(chooser, model, caller), role: chooser.pick(roles) }),
    expect: (model, actor, { memberId, role }) => {
      const member = presentMember(model, actor, memberId)
      if (!member) return refused('notThere')
      if ((member.role === 'owner' || role === 'owner') && !isOwner(actor)) return refused('forbidden')
      if (role !== 'owner' && isLastOwner(model, actor, member)) return refused('conflict')
      return allowed({
        after: () => {
          member.role = role as Role
        },
      })
    },
  }),
  'members.delete': inside({
    input: (chooser, model, caller) => ({ memberId: someMember(chooser, model, caller) }),
    expect: (model, actor, { memberId }) => {
      const member = presentMember(model, actor, memberId)
      if (!member) return refused('notThere')
      if (member.role === 'owner' && !isOwner(actor)) return refused('forbidden')
      if (isLastOwner(model, actor, member)) return refused('conflict')
      return allowed({ after: () => remove(model, member) })
    },
  }),
} satisfies Commands

function isLastOwner(model: Model, actor: Actor, member: Member): boolean {
  const owners = ofOrganization(actor, model.members).filter((each) => !each.removed && each.role === 'owner')
  return owners.length === 1 && owners[0] === member
}

function remove(model: Model, member: Member): void {
  member.removed = true
  for (const team of model.teams.values()) team.memberIds = team.memberIds.filter((id) => id !== member.id)
}

const teamCommands = {
  'teams.list': inside({
    input: () => ({}),
    expect: (model, actor) => {
      const shape = (team: { id: string; memberIds: string[] }) => `${team.id}: ${[...team.memberIds].sort().join(' ')}`
      const wanted = ofOrganization(actor, model.teams).map(shape).sort()
      return allowed({ shows: ({ items }) => ({ got: items.map(shape).sort(), wanted }) })
    },
  }),
  'teams.create': inside({
    input: (chooser, model, caller) => ({
      name: chooser.pick(teamNames),
      memberIds: someMembers(chooser, model, caller),
    }),
    expect: (model, actor, { name, memberIds }) => {
      if (isNameTaken(model, actor, name)) return refused('conflict')
      const ids = memberIds as string[]
      if (!ids.every((id) => presentMember(model, actor, id))) return refused('notThere')
      const { organizationId } = actor
      return allowed({
        after: ({ id }) => void model.teams.set(id, { id, organizationId, name: name as string, memberIds: ids }),
      })
    },
  }),
  'teams.update': inside({
    input: (chooser, model, caller) => ({
      teamId: chooser.id('team', near(chooser, model, caller, model.teams)),
      name: chooser.pick(teamNames),
      memberIds: someMembers(chooser, model, caller),
    }),
    expect: (model, actor, { teamId, name, memberIds }) => {
      const team = ofOrganization(actor, model.teams).find(({ id }) => id === teamId)
      if (!team) return refused('notThere')
      if (isNameTaken(model, actor, name, team.id)) return refused('conflict')
      const ids = memberIds as string[]
      if (!ids.every((id) => presentMember(model, actor, id))) return refused('notThere')
      return allowed({ after: () => void Object.assign(team, { name, memberIds: ids }) })
    },
  }),
  'teams.delete': inside({
    input: (chooser, model, caller) => ({ teamId: chooser.id('team', near(chooser, model, caller, model.teams)) }),
    expect: (model, actor, { teamId }) => {
      const team = ofOrganization(actor, model.teams).find(({ id }) => id === teamId)
      return team ? allowed({ after: () => void model.teams.delete(team.id) }) : refused('notThere')
    },
  }),
} satisfies Commands

function someMembers(chooser: Chooser, model: Model, caller: Caller): string[] {
  return chooser.once(3) ? [someMember(chooser, model, caller)] : []
}

function isNameTaken(model: Model, actor: Actor, name: unknown, except?: string): boolean {
  return ofOrganization(actor, model.teams).some((team) => team.name === name && team.id !== except)
}

const assetTypeCommands = {
  'assetTypes.list': inside({
    input: () => ({}),
    expect: (model, actor) => {
      const own = model.assetTypes.get(actor.organizationId)?.keys() ?? []
      const wanted = [...new Set([...builtInTypes, ...own])].sort()
      const got = (items: { name: string }[]) => items.map(({ name }) => name).sort()
      return allowed({ shows: ({ items }) => ({ got: got(items), wanted }) })
    },
  }),
  'assetTypes.put': inside({
    input: (chooser) => ({
      name: chooser.pick(typeNames),
      mediaTypes: ['*/*'],
      defaultVisibility: chooser.pick([null, 'private', 'public']),
      membersMayPublish: chooser.once(2),
    }),
    expect: (model, actor, { name, defaultVisibility, membersMayPublish }) =>
      allowed({
        after: () => {
          const own = model.assetTypes.get(actor.organizationId) ?? new Map()
          own.set(name as string, { defaultVisibility, membersMayPublish })
          model.assetTypes.set(actor.organizationId, own)
        },
      }),
  }),
  'assetTypes.delete': inside({
    input: (chooser) => ({ name: chooser.pick(typeNames) }),
    expect: (model, actor, { name }) => {
      const own = model.assetTypes.get(actor.organizationId)
      if (own?.has(name as string)) return allowed({ after: () => void own.delete(name as string) })
      return refused(builtInTypes.includes(name as string) ? 'conflict' : 'notThere')
    },
  }),
} satisfies Commands

const keyCommands = {
  'apiKeys.create': {
    input: (chooser, model, caller) => ({
      name: 'Another key',
      role: chooser.pick([...roles, 'agent']),
      ...(chooser.once(3) && { organizationId: someOrganization(chooser, model, caller) }),
      ...(chooser.once(3) && { userId: someMember(chooser, model, caller) }),
      ...(chooser.once(2) && { scopes: actions.filter(() => chooser.once(2)) }),
    }),
    expect: (model, actor, input) => {
      if (input['organizationId'] !== undefined && isElsewhere(actor, input)) return refused('notThere')
      const role = input['role'] as Role | 'agent'
      if (isAbove(actor, role)) return refused('forbidden')
      const { userId } = input
      if (userId !== undefined && !presentMember(model, actor, userId)) return refused('notThere')
      const asked = (input['scopes'] ?? null) as string[] | null
      const own = actor.scopes
      const scopes = own === null ? asked : (asked ?? own).filter((scope) => own.includes(scope))
      const { organizationId } = actor
      const memberId = (userId ?? null) as string | null
      const key = { organizationId, role, memberId, scopes, revoked: false, expired: false }
      return allowed({ after: ({ id, secret }) => void model.keys.set(id, { id, secret, ...key }) })
    },
  },
  'apiKeys.list': {
    paged: true,
    input: (chooser) => ({ limit: chooser.pick([3, 200]) }),
    expect: (model, actor) =>
      allowed({ shows: sameIds(ofOrganization(actor, model.keys).filter(({ revoked }) => !revoked)) }),
  },
  'apiKeys.rotate': {
    input: (chooser, model, caller) => ({ keyId: someKey(chooser, model, caller) }),
    expect: (model, actor, { keyId }) => {
      const key = presentKey(model, actor, keyId)
      if (!key) return refused('notThere')
      if (isAbove(actor, key.role as Role)) return refused('forbidden')
      return allowed({ after: ({ secret }) => void Object.assign(key, { secret }) })
    },
  },
  'apiKeys.delete': {
    input: (chooser, model, caller) => ({ keyId: someKey(chooser, model, caller) }),
    expect: (model, actor, { keyId }) => {
      const key = presentKey(model, actor, keyId)
      if (!key) return refused('notThere')
      if (isAbove(actor, key.role as Role)) return refused('forbidden')
      return allowed({ after: () => void Object.assign(key, { revoked: true }) })
    },
  },
} satisfies Commands

function presentKey(model: Model, actor: Actor, id: unknown) {
  return ofOrganization(actor, model.keys).find((key) => key.id === id && !key.revoked)
}

function isAbove(actor: Actor, role: Role | 'agent'): boolean {
  return !isAtLeast(actor, role === 'agent' ? 'editor' : role)
}

const usageCommands = {
  'usage.get': {
    input: (chooser) => ({ exact: chooser.pick(['true', 'false']) }),
    expect: (model, actor) => {
      const assets = ofOrganization(actor, model.assets)
      const contents = assets.flatMap(({ versions, variants }) => [
        ...versions.values(),
        // What was attached to a version has gone with it.
        ...[...variants].filter(([key]) => versions.has(Number.parseInt(key, 10))).map(([, text]) => text),
      ])
      const sum = (texts: Iterable<string>) => [...texts].reduce((total, text) => total + text.length, 0)
      const wanted = {
        bytes: sum(contents),
        files: assets.length,
        storedBytes: sum(new Set(contents)),
        quotaFiles: model.organizations.get(actor.organizationId)?.quotaFiles ?? null,
      }
      return allowed({
        shows: ({ bytes, files, storedBytes, quotaFiles }) => ({
          got: { bytes, files, storedBytes, quotaFiles },
          wanted,
        }),
      })
    },
  },
} satisfies Commands

export const tenantCommands = {
  ...organizationCommands,
  ...memberCommands,
  ...teamCommands,
  ...assetTypeCommands,
  ...keyCommands,
  ...usageCommands,
} satisfies Partial<Record<OperationName, Command>>
