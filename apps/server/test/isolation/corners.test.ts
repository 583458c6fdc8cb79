import type { OperationName } from '@stowage/contract'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Input } from './command.ts'
import { play } from './compare.ts'
import type { Answer, Asset, Caller, Key, Member } from './model.ts'
import { openWorld, type World } from './world.ts'

/** Corners that random commands reach seldom; each answer is compared with the model as well. */
let world: World

beforeAll(async () => {
  world = await openWorld()
})

afterAll(() => world.service.stop())

async function answers(wanted: Answer, operation: OperationName, caller: Caller, input: Input) {
  const { difference, reply } = await play(world, operation, caller, input)
  expect(difference).toBeUndefined()
  expect(reply.answer).toBe(wanted)
}

const home = () => [...world.model.organizations.values()].find(({ slug }) => slug === 'default')?.id as string
const memberOf = (role: string) =>
  [...world.model.members.values()].find((each) => each.organizationId === home() && each.role === role) as Member

function keyOf(is: (key: Key) => boolean): Caller {
  const { id, secret } = [...world.model.keys.values()].find((key) => key.organizationId === home() && is(key)) as Key
  return { kind: 'key', keyId: id, secret }
}

const plain = (role: string) =>
  keyOf((key) => key.role === role && key.scopes === null && key.memberId === null && !key.revoked)
const ownAsset = (caller: Caller) =>
  [...world.model.assets.values()].find(
    (asset) => caller.kind === 'key' && asset.ownerId === caller.keyId && asset.state === 'active',
  ) as Asset

describe('the matrix at its corners', () => {
  test('an editor does not publish an asset of their own', async () => {
    const editor = plain('editor')
    await answers('forbidden', 'assets.update', editor, { assetId: ownAsset(editor).id, visibility: 'public' })
  })

  test('a new version is no publication, whatever the default of its type', async () => {
    const editor = plain('editor')
    const rules = { mediaTypes: ['*/*'], defaultVisibility: 'public', membersMayPublish: false }
    await answers('allowed', 'assetTypes.put', plain('admin'), {
      organizationId: home(),
      name: 'document_upload',
      ...rules,
    })
    await answers('allowed', 'versions.create', editor, { assetId: ownAsset(editor).id, content: 'again\n' })
    await answers('forbidden', 'assets.create', editor, { name: 'new.txt', content: 'new\n' })
  })

  test('a key that may share but not read makes no signed URL', async () => {
    const sharer = keyOf(({ scopes }) => scopes?.includes('assets.share') === true && !scopes.includes('assets.read'))
    await answers('forbidden', 'signedUrls.create', sharer, { assetId: ownAsset(plain('editor')).id })
  })

  test('a member who was removed leaves their teams, gets in with no token, and can be added again', async () => {
    const organizationId = home()
    const { id: memberId, externalId } = memberOf('viewer')
    const token: Caller = { kind: 'token', memberId, externalId: externalId as string, organizationId, slug: 'default' }
    await answers('allowed', 'assets.list', token, { state: 'active' })
    await answers('allowed', 'members.delete', plain('admin'), { organizationId, memberId })
    await answers('unauthenticated', 'assets.list', token, { state: 'active' })
    await answers('allowed', 'teams.list', plain('admin'), { organizationId })
    await answers('allowed', 'members.create', plain('admin'), {
      organizationId,
      role: 'viewer',
      externalId: externalId as string,
    })
    await answers('allowed', 'assets.list', token, { state: 'active' })
  })
})
