import { actions, type OperationName } from '@stowage/contract'
import { toId } from '../../src/domain/id.ts'
import { withClient } from '../../src/platform/database/client.ts'
import { startTestService, type TestService } from '../test-service.ts'
import type { Chooser, Input } from './command.ts'
import { type Difference, play } from './compare.ts'
import { type Caller, type Key, type Member, type Model, newModel, type Role } from './model.ts'
import { settings } from './request.ts'

/** A running service and what the model knows of it. */
export interface World {
  service: TestService
  model: Model
  /** Requests so far: each carries its number as its request id. */
  asked: number
}

const roles = ['owner', 'admin', 'editor', 'viewer'] as const

/**
 * Two organizations with members in every role, every kind of key, and assets of every visibility. It is made through
 * the API, each call compared with the model like any later one.
 */
export async function openWorld(): Promise<World> {
  let last = 0
  // No two moments are the same, so that the trail has one order.
  const clock = () => {
    last = Math.max(last + 1, Date.now())
    return new Date(last)
  }
  const service = await startTestService({ settings, clock })
  const world: World = { service, model: newModel(), asked: 0 }
  const platform = await addFoundations(world)
  for (const slug of ['default', 'beta']) {
    if (slug === 'beta') await expectAllowed(world, 'organizations.create', platform('default'), { name: 'Beta', slug })
    await fill(world, slug, platform(slug))
  }
  return world
}

/** The organization and the platform key that every installation begins with. */
async function addFoundations({ service, model }: World) {
  const { tenantId, keyId } = await withClient(service.database.owner, async (client) => {
    const { rows } = await client.query(
      `select o.tenant_id as "tenantId", k.id as "keyId" from stowage.organization o, stowage.api_key k where k.role = 'platform'`,
    )
    return rows[0] as { tenantId: string; keyId: string }
  })
  const id = toId('organization', tenantId)
  model.organizations.set(id, { id, slug: 'default', defaultVisibility: 'organization', quotaFiles: null })
  const key: Key = {
    id: toId('apiKey', keyId),
    organizationId: null,
    role: 'platform',
    memberId: null,
    scopes: null,
    secret: service.adminKey,
    revoked: false,
    expired: false,
  }
  model.keys.set(key.id, key)
  return (organization: string): Caller => ({ kind: 'key', keyId: key.id, secret: key.secret, organization })
}

async function expectAllowed(world: World, operation: OperationName, caller: Caller, input: Input) {
  const { difference, reply } = await play(world, operation, caller, input)
  if (difference || reply.answer !== 'allowed')
    throw new Error(`the world cannot be made: ${operation} ${describeDifference(difference)} ${reply.text}`)
  return reply.body
}

export function describeDifference(difference: Difference | undefined): string {
  return difference === undefined ? 'no difference' : JSON.stringify(difference, null, 2)
}

async function fill(world: World, slug: string, platform: Caller): Promise<void> {
  const organization = [...world.model.organizations.values()].find((each) => each.slug === slug)
  const organizationId = organization?.id as string
  const make = (operation: OperationName, input: Input, caller = platform) =>
    expectAllowed(world, operation, caller, input)
  const members = {} as Record<Role, string>
  for (const role of roles)
    members[role] = (await make('members.create', { organizationId, role, externalId: `${role}-of-${slug}` })).id
  await make('teams.create', { organizationId, name: 'red', memberIds: [members.editor, members.viewer] })

  const newKey = async (input: Input): Promise<Caller & { kind: 'key' }> => {
    const { id, secret } = await make('apiKeys.create', { name: 'A key', ...input })
    return { kind: 'key', keyId: id, secret }
  }
  const keys = {} as Record<Role, Caller & { kind: 'key' }>
  for (const role of roles) keys[role] = await newKey({ role })
  await newKey({ role: 'editor', scopes: ['assets.read', 'assets.create', 'assets.share'] })
  await newKey({ role: 'admin', scopes: ['assets.share', 'keys.manage', 'audit.read'] })
  const agent = await newKey({ role: 'agent', scopes: [...actions] })
  await newKey({ role: 'agent', scopes: ['assets.read'] })
  await newKey({ role: 'agent' })
  await newKey({ role: 'owner', userId: members.editor })
  await newKey({ role: 'viewer', userId: members.admin })
  const revoked = await newKey({ role: 'owner' })
  await make('apiKeys.delete', { keyId: revoked.keyId })
  await expire(world, (await newKey({ role: 'owner' })).keyId)

  const editor: Caller = { ...agent, actFor: members.editor }
  const makers: Caller[] = [platform, keys.admin, keys.editor, editor]
  for (const [index, caller] of makers.entries()) {
    for (const visibility of ['private', 'organization'] as const)
      await make('assets.create', { name: 'note.txt', content: `${visibility} ${index}\n`, visibility }, caller)
  }
  const open = await make('assets.create', { name: 'open.txt', content: 'open\n', visibility: 'public' }, keys.admin)
  await make('signedUrls.create', { assetId: open.id, expiresInSeconds: 3600 }, keys.admin)
  await make('uploads.create', { name: 'later.txt', sizeBytes: 20, strategy: 'single-put' }, keys.editor)
  const begun = { name: 'later.txt', sizeBytes: 20, content: 'twenty bytes in all\n', sendsBytes: 6 }
  for (const caller of [platform, keys.editor, editor]) await make('resumable.create', begun, caller)
  const thrown = await make('assets.create', { name: 'old.txt', content: 'old\n', visibility: 'private' }, keys.editor)
  await make('signedUrls.create', { assetId: thrown.id, expiresInSeconds: 3600 }, keys.editor)
  await make('versions.create', { assetId: thrown.id, content: 'newer\n' }, keys.editor)
  await make('assets.delete', { assetId: thrown.id, purge: 'false' }, keys.editor)
}

async function expire({ service, model }: World, keyId: string): Promise<void> {
  await withClient(service.database.owner, (client) =>
    client.query(`update stowage.api_key set expires_at = now() - interval '1 second' where prefix = $1`, [
      model.keys.get(keyId)?.secret.slice(0, 12),
    ]),
  )
  Object.assign(model.keys.get(keyId) as Key, { expired: true })
}

/** Somebody to ask: of either organization or of none, with a key, a token, a link or nothing. */
export function chooseCaller(operation: OperationName, chooser: Chooser, model: Model): Caller {
  const isContent = operation === 'assets.content'
  if (isContent && chooser.once(3) && model.links.length > 0) return { kind: 'link', link: chooser.pick(model.links) }
  const kind = chooser.pick([
    'key',
    'key',
    'key',
    'key',
    'key',
    'key',
    'token',
    'token',
    isContent ? 'none' : 'key',
    'stranger',
  ])
  if (kind === 'none' || (kind === 'stranger' && chooser.once(2))) return { kind: 'stranger' }
  if (kind === 'stranger') return { kind: 'stranger', secret: 'stw_nobody-has-this-secret' }
  const named = [...model.members.values()].filter(({ externalId }) => externalId !== null)
  return kind === 'token' && named.length > 0 ? tokenFor(model, chooser.pick(named), chooser) : keyFor(model, chooser)
}

function tokenFor(model: Model, { id, externalId, organizationId }: Member, chooser: Chooser): Caller {
  const slug = model.organizations.get(organizationId)?.slug as string
  const identity = { memberId: id, externalId: externalId as string, organizationId, slug }
  return { kind: 'token', ...identity, ...(chooser.once(4) && { role: chooser.pick(roles) }) }
}

function keyFor(model: Model, chooser: Chooser): Caller {
  const { id, secret, role } = chooser.pick([...model.keys.values()])
  const slugs = [...model.organizations.values()].map(({ slug }) => slug)
  const names = role === 'platform' || chooser.once(25)
  return {
    kind: 'key',
    keyId: id,
    secret,
    ...(names && { organization: chooser.pick([...slugs, 'nowhere']) }),
    ...(chooser.once(6) && { actFor: chooser.pick([...model.members.keys()]) }),
  }
}
