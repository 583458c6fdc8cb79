import { describe, expect, test } from 'vitest'
import { type Answer, answerOf, created, expectProblem, openOrganization } from './api.ts'
import { poll } from './poll.ts'
import { serve } from './server.ts'

const { owner, id: organizationId } = await openOrganization(await serve())

const read = async (url: string | URL, request?: RequestInit): Promise<Answer> => answerOf(await fetch(url, request))

async function sign(assetId: string, terms: object = {}): Promise<string> {
  return created(await owner.post(`/v1/assets/${assetId}/signed-urls`, terms)).url
}

function refused(answer: Answer): void {
  expect([400, 403]).toContain(answer.status)
  expect(answer.body.code).toMatch(/^signedUrl\./)
}

describe('a signed URL', () => {
  test('reads the bytes without a login, whole, in part and as headers', async () => {
    const { id } = await owner.upload('signed content')
    const { url, expiresAt } = created(await owner.post(`/v1/assets/${id}/signed-urls`, {}))
    expect(await read(url)).toMatchObject({ status: 200, body: 'signed content' })
    expect(await read(url, { headers: { range: 'bytes=0-5' } })).toMatchObject({ status: 206, body: 'signed' })
    expect((await fetch(url, { method: 'HEAD' })).headers.get('content-length')).toBe('14')
    const lifetimeMs = Date.parse(expiresAt) - Date.now()
    expect(lifetimeMs).toBeGreaterThan(3_500_000)
    expect(lifetimeMs).toBeLessThanOrEqual(3_600_000)
  })

  test('is refused with any parameter changed, left out or added', async () => {
    const { id } = await owner.upload('signed')
    await owner.raw(`/v1/assets/${id}/versions`, 'second')
    const url = await sign(id, { version: 1, disposition: 'attachment', maxDownloads: 5, ip: '203.0.113.9' })
    const parameters = [...new URL(url).searchParams.keys()]
    expect(parameters.length).toBeGreaterThan(6)
    for (const name of parameters) {
      const changed = new URL(url)
      const value = changed.searchParams.get(name) as string
      changed.searchParams.set(name, (value[0] === '2' ? '3' : '2') + value.slice(1))
      refused(await read(changed))
      const without = new URL(url)
      without.searchParams.delete(name)
      const answer = await read(without)
      if (name === 'signature') expect(answer.status).toBeGreaterThanOrEqual(400)
      else refused(answer)
    }
    refused(await read(`${url}&more=1`))
    expectProblem(await read(`${url}&version=2`), 400, 'request.invalid')
  })

  test('is refused for another asset', async () => {
    const [one, two] = [await owner.upload('one'), await owner.upload('two')]
    expectProblem(await read((await sign(one.id)).replace(one.id, two.id)), 403, 'signedUrl.tampered')
  })

  test('gives the version and the disposition it was made for', async () => {
    const { id } = await owner.upload('first')
    await owner.raw(`/v1/assets/${id}/versions`, 'second')
    const answer = await read(await sign(id, { version: 1, disposition: 'inline' }))
    expect(answer.body).toBe('first')
    expect(answer.headers.get('content-disposition')).toMatch(/^inline/)
    expect((await read(await sign(id))).body).toBe('second')
  })

  test('ends when its time is over', async () => {
    const { id } = await owner.upload('short')
    const url = await sign(id, { expiresInSeconds: 1 })
    const over = await poll(async () => {
      const answer = await read(url)
      return answer.status === 200 ? undefined : answer
    })
    expectProblem(over, 403, 'signedUrl.expired')
  })

  test('is revoked at once, and a later one is not', async () => {
    const { id } = await owner.upload('revoked')
    const url = await sign(id)
    expect((await owner.remove(`/v1/assets/${id}/signed-urls`)).status).toBe(204)
    expectProblem(await read(url), 403, 'signedUrl.revoked')
    expect((await read(await sign(id))).status).toBe(200)
  })

  test('gives no more downloads than it may, also when all come at once', async () => {
    const { id } = await owner.upload('limited')
    const url = await sign(id, { maxDownloads: 3 })
    await fetch(url, { method: 'HEAD' })
    const answers = await Promise.all(Array.from({ length: 8 }, () => read(url)))
    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(3)
    expectProblem(await read(url), 403, 'signedUrl.usedUp')
  })

  test('for one address works from no other', async () => {
    const { id } = await owner.upload('addressed')
    expectProblem(await read(await sign(id, { ip: '203.0.113.9' })), 403, 'signedUrl.wrongAddress')
    const { items } = (await owner.get(`/v1/audit-events?action=assets.create&subject=${id}`)).body
    expect((await read(await sign(id, { ip: items[0].ip }))).status).toBe(200)
  })

  test('ends with the asset and with the right of its maker', async () => {
    const { id } = await owner.upload('gone')
    const url = await sign(id)
    await owner.remove(`/v1/assets/${id}`)
    expect((await read(url)).status).toBeGreaterThanOrEqual(400)
    const maker = created(await owner.post('/v1/api-keys', { name: 'maker', role: 'owner' }))
    const kept = await owner.upload('kept')
    const response = await fetch(`${owner.url}/v1/assets/${kept.id}/signed-urls`, {
      method: 'POST',
      headers: { authorization: `Bearer ${maker.secret}`, 'content-type': 'application/json' },
      body: '{}',
    })
    const made = created(await answerOf(response)).url
    expect((await read(made)).status).toBe(200)
    await owner.remove(`/v1/api-keys/${maker.id}`)
    expect((await read(made)).status).toBeGreaterThanOrEqual(400)
  })

  test('reads what the member who made it may read now, and nothing once they have left', async () => {
    const members = `/v1/organizations/${organizationId}/members`
    const member = created(await owner.post(members, { externalId: 'maker', role: 'admin' }))
    const { id } = await owner.upload('of another', { visibility: 'private' })
    const { url } = created(await owner.post(`/v1/assets/${id}/signed-urls`, {}, { 'Stowage-User': member.id }))
    const statusAs = async (role: string) => {
      expect((await owner.patch(`${members}/${member.id}`, { role })).status).toBe(200)
      return (await read(url)).status
    }
    expect([await statusAs('admin'), await statusAs('viewer'), await statusAs('admin')]).toEqual([200, 404, 200])
    expect((await owner.remove(`${members}/${member.id}`)).status).toBe(204)
    expectProblem(await read(url), 403, 'signedUrl.revoked')
  })

  test('lives at least a second and at most seven days', async () => {
    const { id } = await owner.upload('bounds')
    for (const expiresInSeconds of [0, 604_801]) {
      const answer = await owner.post(`/v1/assets/${id}/signed-urls`, { expiresInSeconds })
      expectProblem(answer, 400, 'request.invalid')
    }
    expect((await read(await sign(id, { expiresInSeconds: 604_800 }))).status).toBe(200)
  })
})
