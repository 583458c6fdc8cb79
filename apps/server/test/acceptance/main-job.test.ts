import { describe, expect, test } from 'vitest'
import { created, digestField, expectProblem, openOrganization, sha256Of } from './api.ts'
import { poll } from './poll.ts'
import { serve } from './server.ts'

const { platform, owner, id: organizationId } = await openOrganization(await serve())

describe('uploading', () => {
  test('takes a form and answers with the asset as described', async () => {
    const file = new File(['a,b\n1,2\n'], 'sales.csv', { type: 'text/csv' })
    const fields = { folder: 'reports/2026', tags: '["one","two"]', metadata: '{"title":"Sales"}', projectId: 'p1' }
    const answer = await owner.form({ ...fields, links: '{"callId":"c1"}' }, file)
    const asset = created(answer)
    expect(asset).toMatchObject({
      organizationId,
      name: 'sales.csv',
      mediaType: 'text/csv',
      sizeBytes: 8,
      sha256: sha256Of('a,b\n1,2\n'),
      version: 1,
      state: 'active',
      visibility: 'organization',
      folder: 'reports/2026',
      tags: ['one', 'two'],
      metadata: { title: 'Sales' },
      projectId: 'p1',
      links: { callId: 'c1', sessionId: null, scanResultId: null },
    })
    expect(asset.ownerId).toMatch(/^key_/)
    expect(answer.headers.get('location')).toBe(`/v1/assets/${asset.id}`)
  })

  test('takes a form whose describing fields come after the file', async () => {
    const form = new FormData()
    form.append('file', new File(['late'], 'late.txt'))
    form.append('folder', 'afterwards')
    const response = await owner.send('/v1/assets', { method: 'POST', body: form })
    expect(await response.json()).toMatchObject({ name: 'late.txt', folder: 'afterwards' })
  })

  test.each([10, 300_000, 3_000_000])('gives %i raw bytes back as they were', async (sizeBytes) => {
    const bytes = Buffer.from(Array.from({ length: sizeBytes }, (_, index) => 97 + (index % 26)))
    const asset = await owner.upload(bytes, { name: 'raw.txt' })
    expect(asset).toMatchObject({ name: 'raw.txt', sizeBytes, sha256: sha256Of(bytes) })
    const response = await owner.send(`/v1/assets/${asset.id}/content`)
    expect(sha256Of(await response.bytes())).toBe(asset.sha256)
  })

  test('names a generated text after its type and moment; it has no owner and is not public', async () => {
    const asset = created(await owner.post('/v1/assets', { content: 'hello', assetType: 'llm_txt' }))
    expect(asset.name).toMatch(/^llm_txt_\d{8}_\d{6}\.txt$/)
    expect(asset).toMatchObject({ ownerId: null, publicUrl: null, mediaType: 'text/plain', sha256: sha256Of('hello') })
    expect(asset.visibility).not.toBe('public')
  })

  test('keeps the name given to a generated text', async () => {
    expect(created(await owner.post('/v1/assets', { name: 'brief.md', content: '# Hi' })).name).toBe('brief.md')
  })

  test('takes bytes that have the hash described', async () => {
    const headers = { 'repr-digest': digestField('right') }
    created(await owner.raw(`/v1/assets?name=a.txt&sha256=${sha256Of('right')}`, 'right', headers))
  })

  test('counts equal bytes of two assets once as stored', async () => {
    const { body: before } = await owner.get('/v1/usage')
    const content = 'the same bytes '.repeat(20_000)
    await Promise.all([owner.upload(content), owner.upload(content)])
    const { body: after } = await owner.get('/v1/usage')
    expect(after.bytes - before.bytes).toBe(2 * content.length)
    expect(after.files - before.files).toBe(2)
    expect(after.storedBytes - before.storedBytes).toBe(content.length)
    expect(after.staging).toEqual({ count: 0, bytes: 0 })
  })

  test('reads back under the exact count what the running totals say', async () => {
    const [running, exact] = [await owner.get('/v1/usage'), await owner.get('/v1/usage?exact=true')]
    expect(exact.body).toEqual(running.body)
  })
})

describe('an Idempotency-Key', () => {
  test.each(['small', 'large '.repeat(60_000)])('answers a replayed upload with the first asset', async (content) => {
    const headers = { 'idempotency-key': `once-${content.length}` }
    const first = created(await owner.raw('/v1/assets?name=once.txt', content, headers))
    const second = created(await owner.raw('/v1/assets?name=once.txt', content, headers))
    expect(second.id).toBe(first.id)
    expectProblem(await owner.raw('/v1/assets?name=other.txt', content, headers), 422, 'idempotency.keyReused')
  })

  test('refuses another small body under the same key', async () => {
    const headers = { 'idempotency-key': 'same-key-small' }
    created(await owner.raw('/v1/assets?name=once.txt', 'one body', headers))
    expectProblem(await owner.raw('/v1/assets?name=once.txt', 'two body', headers), 422, 'idempotency.keyReused')
  })

  test('refuses another large body of the same length under the same key', async () => {
    const headers = { 'idempotency-key': 'same-key-large' }
    created(await owner.raw('/v1/assets?name=once.txt', 'one '.repeat(100_000), headers))
    const other = await owner.raw('/v1/assets?name=once.txt', 'two '.repeat(100_000), headers)
    expectProblem(other, 422, 'idempotency.keyReused')
  })

  test('belongs to the caller who used it', async () => {
    const headers = { 'idempotency-key': 'of-two-callers' }
    const one = created(await owner.raw('/v1/assets?name=a.txt', 'one', headers))
    const two = created(await platform.raw('/v1/assets?name=a.txt', 'one', headers))
    expect(two.id).not.toBe(one.id)
  })
})

describe('changing an asset', () => {
  test('changes what is said of it and nothing else', async () => {
    const asset = await owner.upload('text', { folder: 'here', tags: 'old' })
    const changes = { name: 'b.txt', tags: ['x', 'y'], metadata: { n: 1, yes: true }, category: 'c', projectId: 'p' }
    const changed = await owner.patch(`/v1/assets/${asset.id}`, { ...changes, links: { sessionId: 's' } })
    expect(changed).toMatchObject({ status: 200, body: { ...changes, folder: 'here', version: 1 } })
    const { body } = await owner.get(`/v1/assets/${asset.id}`)
    expect(body).toMatchObject({ ...changes, links: { sessionId: 's' }, sha256: asset.sha256 })
  })

  test('is refused when it changed since it was read', async () => {
    const { id } = await owner.upload('text')
    const etag = (await owner.get(`/v1/assets/${id}`)).headers.get('etag') as string
    const first = await owner.patch(`/v1/assets/${id}`, { category: 'one' }, { 'if-match': etag })
    expect(first.status).toBe(200)
    const late = await owner.patch(`/v1/assets/${id}`, { category: 'two' }, { 'if-match': etag })
    expectProblem(late, 412, 'precondition.failed')
    expectProblem(await owner.remove(`/v1/assets/${id}`, { 'if-match': etag }), 412, 'precondition.failed')
    const fresh = first.headers.get('etag') as string
    expect((await owner.patch(`/v1/assets/${id}`, { category: 'two' }, { 'if-match': fresh })).status).toBe(200)
  })

  test('archives it and brings it back', async () => {
    const { id } = await owner.upload('text')
    await owner.patch(`/v1/assets/${id}`, { state: 'archived' })
    expect((await owner.get('/v1/assets?state=archived')).body.items).toMatchObject([{ id }])
    expect((await owner.patch(`/v1/assets/${id}`, { state: 'active' })).body.state).toBe('active')
  })
})

describe('the trash', () => {
  test('keeps an asset out of lists and unread until it is restored', async () => {
    const { id } = await owner.upload('to and fro')
    expect((await owner.remove(`/v1/assets/${id}`)).status).toBe(204)
    const { body: trashed } = await owner.get(`/v1/assets/${id}`)
    expect(trashed.state).toBe('trashed')
    expect(Date.parse(trashed.purgeAfter)).toBeGreaterThan(Date.parse(trashed.trashedAt))
    expectProblem(await owner.get(`/v1/assets/${id}/content`), 409, 'asset.trashed')
    expectProblem(await owner.patch(`/v1/assets/${id}`, { name: 'b' }), 409, 'asset.trashed')
    expect((await owner.get('/v1/assets?state=trashed')).body.items).toMatchObject([{ id }])
    expect((await owner.post(`/v1/assets/${id}/restore`)).body).toMatchObject({ state: 'active', purgeAfter: null })
    expect((await owner.get(`/v1/assets/${id}/content`)).body).toBe('to and fro')
    expectProblem(await owner.post(`/v1/assets/${id}/restore`), 409, 'asset.notTrashed')
  })

  test('purging removes the asset, its versions and its usage', async () => {
    const { body: before } = await owner.get('/v1/usage')
    const { id } = await owner.upload('purged '.repeat(50_000))
    await owner.raw(`/v1/assets/${id}/versions`, 'second version')
    expect((await owner.remove(`/v1/assets/${id}?purge=true`)).status).toBe(204)
    for (const path of ['', '/content', '/versions', '/content?version=1']) {
      expectProblem(await owner.get(`/v1/assets/${id}${path}`), 404, 'asset.notFound')
    }
    const { body: after } = await owner.get('/v1/usage')
    expect([after.bytes, after.files, after.storedBytes]).toEqual([before.bytes, before.files, before.storedBytes])
  })

  test('lies ahead of an asset only until its expiry is taken back', async () => {
    const { id } = await owner.upload('soon gone')
    const expiresAt = new Date(Date.now() + 86_400_000).toISOString()
    expect((await owner.patch(`/v1/assets/${id}`, { expiresAt })).body.expiresAt).toBe(expiresAt)
    expect((await owner.patch(`/v1/assets/${id}`, { expiresAt: null })).body.expiresAt).toBeNull()
  })

  test('an asset type with a time to live gives its assets an expiry', async () => {
    const { createdAt, expiresAt } = await owner.upload('export', { assetType: 'export_file' })
    expect(Date.parse(expiresAt) - Date.parse(createdAt)).toBe(86_400_000)
  })
})

describe('a quota', () => {
  test('refuses the file that would go beyond the number of files or bytes', async () => {
    const usage = (await owner.get('/v1/usage')).body
    const set = (limits: object) => platform.patch(`/v1/organizations/${organizationId}`, limits)
    expect((await set({ quotaFiles: usage.files + 1 })).status).toBe(200)
    await owner.upload('the last one')
    expectProblem(await owner.raw('/v1/assets?name=a.txt', 'one more'), 413, 'quota.exceeded')
    const { bytes } = (await owner.get('/v1/usage')).body
    await set({ quotaFiles: null, quotaBytes: bytes + 500_000 })
    expectProblem(await owner.raw('/v1/assets?name=a.txt', 'x'.repeat(500_001)), 413, 'quota.exceeded')
    await owner.upload('y'.repeat(500_000))
    await poll(async () => (await owner.get('/v1/usage')).body.staging.count === 0)
    await set({ quotaBytes: null })
  })

  test('is set by the platform alone', async () => {
    const answer = await owner.patch(`/v1/organizations/${organizationId}`, { quotaBytes: 1 })
    expectProblem(answer, 403, 'access.forbidden')
  })
})
