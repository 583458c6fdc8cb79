import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { apiOf, created, expectProblem, newKey, openOrganization, type Shown } from './api.ts'
import { poll } from './poll.ts'
import { serve } from './server.ts'

const served = await serve()
const { owner, platform, id, slug } = await openOrganization(served)
const home = `/v1/organizations/${id}`

describe('an organization', () => {
  test('is read and changed by its owner', async () => {
    expect((await owner.get(home)).body).toMatchObject({ id, slug })
    const { body } = await owner.patch(home, { name: 'Renamed', maxSizeBytes: 1000 })
    expect(body).toMatchObject({ name: 'Renamed', maxSizeBytes: 1000 })
    expectProblem(await owner.raw('/v1/assets?name=a.txt', 'x'.repeat(1001)), 413, 'upload.tooLarge')
    await owner.patch(home, { maxSizeBytes: null })
    expect((await owner.get('/v1/organizations')).body.items).toMatchObject([{ id }])
  })

  test('has a slug of its own', async () => {
    const answer = await platform.post('/v1/organizations', { name: 'Again', slug })
    expectProblem(answer, 409, 'organization.slugTaken')
    expectProblem(await owner.post('/v1/organizations', { name: 'n', slug: randomUUID() }), 403, 'access.forbidden')
  })

  test('is deleted only when it is empty', async () => {
    const other = await openOrganization(served)
    const asset = await other.owner.upload('in the way')
    expectProblem(await other.owner.remove(`/v1/organizations/${other.id}`), 409, 'organization.notEmpty')
    await other.owner.remove(`/v1/assets/${asset.id}?purge=true`)
    expect((await other.owner.remove(`/v1/organizations/${other.id}`)).status).toBe(204)
    expect((await other.owner.get('/v1/assets')).status).toBe(401)
  })
})

describe('members, teams and asset types', () => {
  test('come, change and go', async () => {
    const externalId = randomUUID()
    const member = created(await owner.post(`${home}/members`, { externalId, email: 'a@example.com', role: 'editor' }))
    expectProblem(await owner.post(`${home}/members`, { externalId, role: 'viewer' }), 409, 'member.exists')
    expect((await owner.patch(`${home}/members/${member.id}`, { role: 'viewer' })).body.role).toBe('viewer')
    const team = created(await owner.post(`${home}/teams`, { name: 'Team', memberIds: [member.id] }))
    expect(team.memberIds).toEqual([member.id])
    expectProblem(await owner.post(`${home}/teams`, { name: 'Team' }), 409, 'team.nameTaken')
    expect((await owner.patch(`${home}/teams/${team.id}`, { memberIds: [] })).body.memberIds).toEqual([])
    expect((await owner.get(`${home}/teams`)).body.items).toHaveLength(1)
    expect((await owner.remove(`${home}/teams/${team.id}`)).status).toBe(204)
    expect((await owner.remove(`${home}/members/${member.id}`)).status).toBe(204)
    const { items } = (await owner.get(`${home}/members`)).body
    expect(items.map((each: Shown) => each.id)).not.toContain(member.id)
  })

  test('an added asset type rules what is uploaded under it', async () => {
    const rules = { mediaTypes: ['text/csv'], maxSizeBytes: 100, expiresInSeconds: 60, defaultVisibility: 'private' }
    expect((await owner.put(`${home}/asset-types/ledger`, rules)).status).toBe(200)
    const asset = await owner.upload('a,b\n1,2\n', { name: 'a.csv', assetType: 'ledger' })
    expect(asset.visibility).toBe('private')
    expect(Date.parse(asset.expiresAt) - Date.parse(asset.createdAt)).toBe(60_000)
    const large = await owner.raw('/v1/assets?name=a.csv&assetType=ledger', 'a,b\n'.repeat(50))
    expectProblem(large, 413, 'upload.tooLarge')
    expect((await owner.remove(`${home}/asset-types/ledger`)).status).toBe(204)
    const gone = await owner.raw('/v1/assets?name=a.csv&assetType=ledger', 'a,b\n')
    expectProblem(gone, 404, 'assetType.notFound')
    expectProblem(await owner.remove(`${home}/asset-types/recording`), 409, 'assetType.builtIn')
  })
})

describe('an API key', () => {
  test('works after rotation under both secrets until the overlap ends', async () => {
    const key = await newKey(owner, { role: 'editor' })
    const rotated = created(await owner.post(`/v1/api-keys/${key.id}/rotate`, { overlapSeconds: 2 }))
    const [before, after] = [apiOf(owner.url, key.secret), apiOf(owner.url, rotated.secret)]
    expect((await after.get('/v1/assets')).status).toBe(200)
    expect((await before.get('/v1/assets')).status).toBe(200)
    await poll(async () => (await before.get('/v1/assets')).status === 401)
    expect((await after.get('/v1/assets')).status).toBe(200)
  })

  test('ends when it expires or is revoked', async () => {
    const short = apiOf(owner.url, (await newKey(owner, { role: 'viewer', expiresInSeconds: 2 })).secret)
    expect((await short.get('/v1/assets')).status).toBe(200)
    const key = await newKey(owner, { role: 'viewer' })
    expect((await owner.remove(`/v1/api-keys/${key.id}`)).status).toBe(204)
    expectProblem(await apiOf(owner.url, key.secret).get('/v1/assets'), 401, 'credential.invalid')
    await poll(async () => (await short.get('/v1/assets')).status === 401)
    expectProblem(await short.get('/v1/assets'), 401, 'credential.expired')
  })

  test('does only what its scopes name', async () => {
    const reader = apiOf(owner.url, (await newKey(owner, { role: 'editor', scopes: ['assets.read'] })).secret)
    expect((await reader.get('/v1/assets')).status).toBe(200)
    expectProblem(await reader.raw('/v1/assets?name=a.txt', 'no'), 403, 'access.outOfScope')
  })

  test('does no more than its role, and makes no key above it', async () => {
    const [viewer, admin] = [await newKey(owner, { role: 'viewer' }), await newKey(owner, { role: 'admin' })]
    const answer = await apiOf(owner.url, viewer.secret).raw('/v1/assets?name=a.txt', 'no')
    expectProblem(answer, 403, 'access.forbidden')
    const above = await apiOf(owner.url, admin.secret).post('/v1/api-keys', { name: 'up', role: 'owner' })
    expectProblem(above, 403, 'apiKey.roleTooHigh')
  })

  test('is slowed down beyond its rate', async () => {
    const slow = apiOf(owner.url, (await newKey(owner, { role: 'viewer', requestsPerMinute: 3 })).secret)
    const answers = await Promise.all([1, 2, 3, 4, 5].map(() => slow.get('/v1/assets')))
    const refused = answers.filter((answer) => answer.status !== 200)
    expect(refused.length).toBeGreaterThanOrEqual(1)
    for (const answer of refused) {
      expectProblem(answer, 429, 'rate.limited')
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    }
  })

  test('never shows its secret again', async () => {
    const { secret, id: keyId } = await newKey(owner, { role: 'viewer' })
    const { items } = (await owner.get('/v1/api-keys?limit=200')).body
    expect(items.map((each: Shown) => each.id)).toContain(keyId)
    expect(JSON.stringify(items)).not.toContain(secret)
  })
})

describe('acting for a user', () => {
  test('makes the user the owner, with the rights of the user', async () => {
    const editor = created(await owner.post(`${home}/members`, { externalId: randomUUID(), role: 'editor' }))
    const viewer = created(await owner.post(`${home}/members`, { externalId: randomUUID(), role: 'viewer' }))
    const { secret } = await newKey(owner, { role: 'agent', scopes: ['assets.create', 'assets.read'] })
    const asset = await apiOf(owner.url, secret, { 'Stowage-User': editor.id }).upload('for a user')
    expect(asset.ownerId).toBe(editor.id)
    const asViewer = apiOf(owner.url, secret, { 'Stowage-User': viewer.externalId })
    expectProblem(await asViewer.raw('/v1/assets?name=a.txt', 'no'), 403, 'access.forbidden')
    const stranger = apiOf(owner.url, secret, { 'Stowage-User': 'nobody' })
    expectProblem(await stranger.get('/v1/assets'), 404, 'member.notFound')
  })

  test('is not for a key that is an editor or a user itself', async () => {
    const { secret } = await newKey(owner, { role: 'editor' })
    const { items } = (await owner.get(`${home}/members`)).body
    const answer = await apiOf(owner.url, secret, { 'Stowage-User': items[0].id }).get('/v1/assets')
    expectProblem(answer, 403, 'access.cannotActFor')
  })

  test('never gives an agent more than its maker has, whoever it acts for', async () => {
    const member = created(await owner.post(`${home}/members`, { externalId: randomUUID(), role: 'owner' }))
    const admin = apiOf(owner.url, (await newKey(owner, { role: 'admin' })).secret)
    const agent = await newKey(admin, { role: 'agent', scopes: ['keys.manage'] })
    const asOwner = apiOf(owner.url, agent.secret, { 'Stowage-User': member.id })
    expectProblem(await asOwner.post('/v1/api-keys', { name: 'k', role: 'owner' }), 403, 'apiKey.roleTooHigh')
    created(await asOwner.post('/v1/api-keys', { name: 'k', role: 'admin' }))
  })
})

describe('the audit trail', () => {
  test('tells who did what to which asset, refusals included, and its chain is intact', async () => {
    const asset = await owner.upload('audited')
    const { id: keyId, secret } = await newKey(owner, { role: 'viewer' })
    await apiOf(owner.url, secret).patch(`/v1/assets/${asset.id}`, { name: 'b.txt' })
    const done = (await owner.get(`/v1/audit-events?subject=${asset.id}&action=assets.create`)).body.items
    expect(done).toMatchObject([{ outcome: 'allowed', subject: asset.id, problem: null }])
    const refused = await poll(async () => {
      const { items } = (await owner.get(`/v1/audit-events?outcome=refused&principal=${keyId}`)).body
      return items.length > 0 && items
    })
    expect(refused[0]).toMatchObject({ problem: 'access.forbidden', principal: { id: keyId } })
    const page = (await owner.get('/v1/audit-events?limit=1')).body
    expect(page.items).toHaveLength(1)
    expect((await owner.get(`/v1/audit-events?limit=1&cursor=${page.nextCursor}`)).body.items).toHaveLength(1)
    expect((await owner.get('/v1/audit-events/verification')).body).toMatchObject({ intact: true, faults: [] })
  })
})

describe('the service', () => {
  test.each(['/livez', '/readyz'])('says at %s that it works', async (path) => {
    expect((await fetch(`${owner.url}${path}`)).status).toBe(200)
  })

  test('shows metrics and the description of its API', async () => {
    expect(await (await fetch(`${owner.url}/metrics`)).text()).toMatch(/^# HELP /m)
    const document: Shown = await (await fetch(`${owner.url}/openapi.json`)).json()
    expect(document.openapi).toMatch(/^3\./)
    expect(document.paths['/v1/assets/{assetId}'].patch).toBeDefined()
    expect((await fetch(`${owner.url}/docs`)).headers.get('content-type')).toMatch(/html/)
  })
})
