import { describe, expect, test } from 'vitest'
import { type Api, created, expectProblem, openOrganization, type Shown } from './api.ts'
import { poll } from './poll.ts'
import { serve } from './server.ts'

const { owner, platform, id: organizationId } = await openOrganization(await serve())

async function threeVersions(api: Api): Promise<string> {
  const { id } = await api.upload('first')
  created(await api.raw(`/v1/assets/${id}/versions?name=b.txt`, 'second one'))
  created(await api.raw(`/v1/assets/${id}/versions`, 'third'))
  return id
}

async function numbersOf(assetId: string): Promise<number[]> {
  return (await owner.get(`/v1/assets/${assetId}/versions`)).body.items.map((item: Shown) => item.version)
}

describe('versions', () => {
  test('are listed newest first, and each is read by its number', async () => {
    const id = await threeVersions(owner)
    const { items } = (await owner.get(`/v1/assets/${id}/versions`)).body
    expect(items).toMatchObject([
      { version: 3, current: true, name: 'b.txt', sizeBytes: 5 },
      { version: 2, current: false, name: 'b.txt', sizeBytes: 10 },
      { version: 1, current: false, name: 'a.txt', sizeBytes: 5 },
    ])
    for (const [number, content] of [
      ['1', 'first'],
      ['2', 'second one'],
      ['3', 'third'],
    ]) {
      expect((await owner.get(`/v1/assets/${id}/content?version=${number}`)).body).toBe(content)
    }
    expect((await owner.get(`/v1/assets/${id}/content`)).body).toBe('third')
    expect((await owner.get(`/v1/assets/${id}/versions/2`)).body).toEqual(items[1])
    expectProblem(await owner.get(`/v1/assets/${id}/versions/9`), 404, 'version.notFound')
    expectProblem(await owner.get(`/v1/assets/${id}/content?version=9`), 404, 'version.notFound')
  })

  test('come in pages', async () => {
    const id = await threeVersions(owner)
    const first = (await owner.get(`/v1/assets/${id}/versions?limit=2`)).body
    const second = (await owner.get(`/v1/assets/${id}/versions?limit=2&cursor=${first.nextCursor}`)).body
    expect(second).toMatchObject({ items: [{ version: 1 }], nextCursor: null })
  })

  test('made current again become a new version with the same bytes', async () => {
    const id = await threeVersions(owner)
    const { body } = await owner.post(`/v1/assets/${id}/versions/1/make-current`)
    expect(body).toMatchObject({ version: 4, name: 'a.txt', sizeBytes: 5 })
    expect((await owner.get(`/v1/assets/${id}/content`)).body).toBe('first')
    expect((await owner.get(`/v1/assets/${id}/versions/4`)).body).toMatchObject({ madeFrom: 1, current: true })
    expect(await numbersOf(id)).toEqual([4, 3, 2, 1])
  })

  test('are compared field by field', async () => {
    const id = await threeVersions(owner)
    const { body } = await owner.get(`/v1/assets/${id}/versions/1/differences?with=2`)
    expect(body).toMatchObject({ version: 1, with: 2, sameContent: false })
    expect(body.differences).toContainEqual({ field: 'name', value: 'a.txt', otherValue: 'b.txt' })
    await owner.post(`/v1/assets/${id}/versions/1/make-current`)
    expect((await owner.get(`/v1/assets/${id}/versions/1/differences?with=4`)).body.sameContent).toBe(true)
  })

  test('are pruned down to the last ones, after a dry run that changes nothing', async () => {
    const id = await threeVersions(owner)
    const dry = await owner.post(`/v1/assets/${id}/versions/prune`, { keepLast: 1, dryRun: true })
    expect(dry.body.removed.toSorted()).toEqual([1, 2])
    expect(await numbersOf(id)).toEqual([3, 2, 1])
    const { body } = await owner.post(`/v1/assets/${id}/versions/prune`, { keepLast: 2 })
    expect(body).toEqual({ removed: [1], dryRun: false })
    expect(await numbersOf(id)).toEqual([3, 2])
    expectProblem(await owner.get(`/v1/assets/${id}/content?version=1`), 404, 'version.notFound')
    await owner.post(`/v1/assets/${id}/versions/prune`, { olderThanDays: 0 })
    expect(await numbersOf(id)).toEqual([3])
    expectProblem(await owner.post(`/v1/assets/${id}/versions/prune`, {}), 400, 'request.invalid')
  })

  test('beyond what the organization keeps are removed by themselves', async () => {
    await platform.patch(`/v1/organizations/${organizationId}`, { keepVersions: 2 })
    const id = await threeVersions(owner)
    await poll(async () => (await numbersOf(id)).length === 2)
    expect(await numbersOf(id)).toEqual([3, 2])
    await platform.patch(`/v1/organizations/${organizationId}`, { keepVersions: null })
  })

  test('are refused by If-Match once the asset has changed, and while it is in the trash', async () => {
    const id = await threeVersions(owner)
    const etag = (await owner.get(`/v1/assets/${id}`)).headers.get('etag') as string
    created(await owner.raw(`/v1/assets/${id}/versions`, 'fourth', { 'if-match': etag }))
    const late = await owner.raw(`/v1/assets/${id}/versions`, 'fifth', { 'if-match': etag })
    expectProblem(late, 412, 'precondition.failed')
    await owner.remove(`/v1/assets/${id}`)
    expectProblem(await owner.raw(`/v1/assets/${id}/versions`, 'sixth'), 409, 'asset.trashed')
  })

  test('sent at once all arrive, each under its own number', async () => {
    const { id } = await owner.upload('start')
    await Promise.all([1, 2, 3, 4].map(async (n) => created(await owner.raw(`/v1/assets/${id}/versions`, `v${n}`))))
    expect(await numbersOf(id)).toEqual([5, 4, 3, 2, 1])
  })
})
