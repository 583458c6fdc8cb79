import { beforeAll, describe, expect, test } from 'vitest'
import { type Api, apiOf, newKey, openOrganization, type Shown } from './api.ts'
import { serve } from './server.ts'

const organization = await openOrganization(await serve())
const { owner } = organization
let editor: Api
let marked: Shown
let between: string

beforeAll(async () => {
  editor = apiOf(owner.url, (await newKey(owner, { role: 'editor' })).secret)
  await owner.upload('an older one', { name: 'older.txt' })
  between = new Date(Date.now() + 1).toISOString()
  while (Date.now() < Date.parse(between)) await owner.get('/livez')
  marked = await editor.upload('# marked', {
    name: 'marked.md',
    assetType: 'llm_txt',
    folder: 'one/two',
    tags: 'special,other',
    projectId: 'project-1',
    category: 'category-1',
    classification: 'restricted',
    visibility: 'private',
    links: JSON.stringify({ scanResultId: 'scan-1', callId: 'call-1', sessionId: 'session-1' }),
  })
})

async function idsOf(query: string, api = owner): Promise<string[]> {
  const answer = await api.get(`/v1/assets?${query}`)
  expect(answer.status).toBe(200)
  return answer.body.items.map((item: Shown) => item.id)
}

describe('a list of assets', () => {
  test.each([
    'type=llm_txt',
    'project=project-1',
    'scanResult=scan-1',
    'call=call-1',
    'session=session-1',
    'tag=special',
    'folder=one/two',
    'folder=one',
    'category=category-1',
    'classification=restricted',
    'visibility=private',
    'mediaType=text/markdown',
    'name=mark',
    'type=llm_txt&tag=other&folder=one',
  ])('is narrowed by %s', async (query) => {
    expect(await idsOf(query)).toEqual([marked.id])
  })

  test.each(['folder=on', 'tag=spec', 'name=arked', 'state=trashed', 'state=archived', 'type=recording'])(
    'is empty for %s',
    async (query) => {
      expect(await idsOf(query)).toEqual([])
    },
  )

  test('is narrowed by owner and by date', async () => {
    expect(await idsOf(`owner=${marked.ownerId}`)).toEqual([marked.id])
    expect(await idsOf('owner=me', editor)).toEqual([marked.id])
    expect(await idsOf(`createdAfter=${between}`)).toEqual([marked.id])
    expect(await idsOf(`createdBefore=${between}`)).not.toContain(marked.id)
    const { id } = (await owner.post('/v1/assets', { content: 'of nobody' })).body
    expect(await idsOf('owner=none')).toEqual([id])
  })

  test('begins with the newest and sorts by name and size in both directions', async () => {
    for (const [name, content] of [
      ['b.txt', 'xx'],
      ['c.txt', 'x'],
      ['a.txt', 'xxx'],
    ] as const) {
      await owner.upload(content, { name, projectId: 'sorted' })
    }
    const names = async (query: string) =>
      (await owner.get(`/v1/assets?project=sorted${query}`)).body.items.map((item: Shown) => item.name[0]).join('')
    expect(await names('')).toBe('acb')
    expect(await names('&order=asc')).toBe('bca')
    expect(await names('&sort=name&order=asc')).toBe('abc')
    expect(await names('&sort=name')).toBe('cba')
    expect(await names('&sort=sizeBytes&order=asc')).toBe('cba')
    expect(await names('&sort=updatedAt')).toBe('acb')
  })

  test.each(['', '&sort=name&order=asc'])('keeps its pages while assets are added%s', async (sort) => {
    const query = `project=paged${sort && '-by-name'}`
    const fields = { projectId: query.slice(8) }
    const before = await Promise.all(
      [1, 2, 3, 4, 5].map((n) => owner.upload(`paged ${n}`, { ...fields, name: `m${n}.txt` })),
    )
    const seen: string[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const { body }: Shown = await owner.get(`/v1/assets?${query}${sort}&limit=2${cursor && `&cursor=${cursor}`}`)
      seen.push(...body.items.map((item: Shown) => item.id))
      await owner.upload('added meanwhile', { ...fields, name: 'a.txt' })
      cursor = body.nextCursor
    }
    expect(seen.toSorted()).toEqual(before.map((asset) => asset.id).toSorted())
  })

  test('shows nobody what they may not read', async () => {
    const viewer = apiOf(owner.url, (await newKey(owner, { role: 'viewer' })).secret)
    expect(await idsOf('type=llm_txt', viewer)).toEqual([])
    expect(await idsOf('type=llm_txt', editor)).toContain(marked.id)
  })
})
