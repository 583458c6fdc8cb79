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
  return reply.body
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

describe('a resumable upload', () => {
  const content = 'the whole of it\n'
  const newUpload = async (caller: Caller, more: Input = {}) =>
    (await answers('allowed', 'resumable.create', caller, { ...begun, ...more })).id as string
  const begun = { name: 'whole.txt', sizeBytes: content.length, content, visibility: 'private', sendsBytes: 4 }
  const rest = (uploadId: string) => ({ uploadId, content, offset: 4, sendsBytes: content.length - 4 })
  const newKey = async (input: Input): Promise<Caller & { kind: 'key' }> => {
    const { id: keyId, secret } = await answers('allowed', 'apiKeys.create', plain('admin'), { name: 'Key', ...input })
    return { kind: 'key', keyId, secret }
  }

  test("takes no bytes from another editor, nor from another organization, and becomes its maker's asset", async () => {
    const [maker, other] = [plain('editor'), await newKey({ role: 'editor' })]
    const uploadId = await newUpload(maker)
    const { id: keyId, secret } = [...world.model.keys.values()].find(
      (key) => key.organizationId !== home() && key.role === 'admin' && !key.scopes,
    ) as Key
    for (const caller of [other, { kind: 'key', keyId, secret }] as Caller[]) {
      await answers('notThere', 'resumable.append', caller, rest(uploadId))
      await answers('notThere', 'uploads.get', caller, { uploadId, tus: true })
    }
    const { assetId } = await answers('allowed', 'resumable.append', plain('admin'), rest(uploadId))
    await answers('allowed', 'assets.get', maker, { assetId })
    await answers('notThere', 'assets.get', other, { assetId })
  })

  test('makes nothing with the key of a maker that was revoked, whoever sends the last byte', async () => {
    const maker = await newKey({ role: 'editor' })
    const uploadId = await newUpload(maker)
    await answers('allowed', 'apiKeys.delete', plain('admin'), { keyId: maker.keyId })
    await answers('unauthenticated', 'resumable.append', plain('admin'), rest(uploadId))
    await answers('allowed', 'uploads.get', plain('admin'), { uploadId })
  })

  test('makes no more than its maker may when it ends', async () => {
    const organizationId = home()
    const { id: memberId } = await answers('allowed', 'members.create', plain('admin'), {
      organizationId,
      role: 'editor',
    })
    const uploadId = await newUpload(await newKey({ role: 'editor', userId: memberId }))
    await answers('allowed', 'members.update', plain('admin'), { organizationId, memberId, role: 'viewer' })
    await answers('forbidden', 'resumable.append', plain('admin'), rest(uploadId))
  })

  test('makes no version of an asset that its maker does not see any more', async () => {
    const { id: assetId } = await answers('allowed', 'assets.create', plain('admin'), {
      name: 'shared.txt',
      content: 'shared\n',
      visibility: 'organization',
    })
    const { visibility: _, ...said } = begun
    const newVersion = async () =>
      (await answers('allowed', 'resumable.create', plain('editor'), { ...said, assetId })).id as string
    const [first, second] = [await newVersion(), await newVersion()]
    await answers('allowed', 'resumable.append', plain('editor'), rest(first))
    await answers('allowed', 'assets.update', plain('admin'), { assetId, visibility: 'private' })
    await answers('notThere', 'resumable.append', plain('admin'), rest(second))
    await answers('allowed', 'uploads.get', plain('editor'), { uploadId: first })
    await answers('allowed', 'uploads.get', plain('admin'), { uploadId: first })
    await answers('allowed', 'auditEvents.list', plain('admin'), { limit: 100 })
  })
})
