import { describe, expect, test } from 'vitest'
import { answerOf, apiOf, expectProblem, openOrganization } from './api.ts'
import { answerOn, begin } from './hostile-bytes.ts'
import { serve } from './server.ts'

const served = await serve()
const { owner, id: organizationId } = await openOrganization(served)
const other = await openOrganization(served)
const asset = await owner.upload('here')
const UNKNOWN = 'ast_01jd8e2x5kf6g9h0a1b2c3d4e5'

describe('an id', () => {
  test('of another organization is answered like one that is not there', async () => {
    const theirs = await other.owner.upload('theirs')
    for (const path of ['', '/content', '/versions', '/versions/1', '/content?version=1']) {
      const [foreign, unknown] = [`/v1/assets/${theirs.id}${path}`, `/v1/assets/${UNKNOWN}${path}`]
      const answers = [await owner.get(foreign), await owner.get(unknown)]
      for (const answer of answers) expectProblem(answer, 404, 'asset.notFound')
      const [one, two] = answers.map(({ body }) => ({ ...body, instance: undefined }))
      expect(one).toEqual(two)
    }
    expectProblem(await owner.patch(`/v1/assets/${theirs.id}`, { name: 'mine.txt' }), 404, 'asset.notFound')
    expectProblem(await owner.remove(`/v1/assets/${theirs.id}?purge=true`), 404, 'asset.notFound')
    expectProblem(await owner.raw(`/v1/assets/${theirs.id}/versions`, 'mine'), 404, 'asset.notFound')
    expectProblem(await owner.post(`/v1/assets/${theirs.id}/signed-urls`, {}), 404, 'asset.notFound')
    expectProblem(await owner.get(`/v1/organizations/${other.id}`), 404, 'organization.notFound')
    expect((await other.owner.get(`/v1/assets/${theirs.id}/content`)).body).toBe('theirs')
  })

  test.each(['nothing', 'ast_', `${UNKNOWN}0`, 'ast_8zzzzzzzzzzzzzzzzzzzzzzzzz', "ast_'or'1'='1"])(
    'that is none is refused: %s',
    async (text) => {
      expectProblem(await owner.get(`/v1/assets/${encodeURIComponent(text)}`), 400, 'request.invalid')
    },
  )

  test('of another kind is refused', async () => {
    expectProblem(await owner.get(`/v1/assets/${organizationId}`), 400, 'request.invalid')
    expectProblem(await owner.get(`/v1/organizations/${asset.id}`), 400, 'request.invalid')
  })
})

describe('JSON is refused', () => {
  const patch = async (body: string, type = 'application/json') =>
    answerOf(await owner.send(`/v1/assets/${asset.id}`, { method: 'PATCH', body, headers: { 'content-type': type } }))

  test('10,000 levels deep', async () => {
    expectProblem(await patch(`{"metadata":${'['.repeat(10_000)}${']'.repeat(10_000)}}`), 400, 'request.tooDeep')
    const text = `{"content":"x","metadata":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}}`
    const answer = await owner.raw('/v1/assets', text, { 'content-type': 'application/json' })
    expectProblem(answer, 400, 'request.tooDeep')
  })

  test.each(['{"__proto__":{"admin":true}}', '{"metadata":{"__proto__":1}}', '{', 'not json', '[]', '"text"', '\xff'])(
    'as %s',
    async (body) => {
      expectProblem(await patch(body), 400, 'request.malformed')
    },
  )

  test.each(['{"constructor":1}', '{"ownerId":null}', '{"name":5}', '{"tags":["a",5]}', '{"expiresAt":"tomorrow"}'])(
    'with the unknown or wrong field of %s',
    async (body) => {
      const answer = await patch(body)
      expectProblem(answer, 400, 'request.invalid')
      expect(answer.body.errors[0]).toMatchObject({ field: expect.any(String), reason: expect.any(String) })
    },
  )

  test('under another content type, and when it is too large', async () => {
    expectProblem(await patch('{}', 'text/plain'), 415, 'request.unsupportedType')
    expectProblem(await patch(`{"name":"${'n'.repeat(2 * 1024 ** 2)}"}`), 413, 'request.tooLarge')
  })

  test('with a missing field', async () => {
    expectProblem(await owner.post('/v1/api-keys', { name: 'no role' }), 400, 'request.invalid')
    expectProblem(await owner.post('/v1/assets', { name: 'no-content.txt' }), 400, 'request.invalid')
  })
})

describe('an address', () => {
  test.each([
    '/v1/assets?tagging',
    '/v1/assets?acl',
    `/v1/assets/${asset.id}?acl`,
    `/v1/assets/${asset.id}/content?tagging`,
    '/v1/assets?limit=0',
    '/v1/assets?limit=1&limit=2',
    '/v1/assets?sort=secret',
    '/v1/assets?state=anything',
  ])('with a query that is not known is refused: %s', async (path) => {
    expectProblem(await owner.get(path), 400, 'request.invalid')
  })

  test.each([
    `/v1/assets/${asset.id}/nothing`,
    '/v1/nothing',
    '//v1/assets',
    '/v1//assets',
    `/v1/assets//${asset.id}`,
    '/v1/assets/..%2f..%2fetc%2fpasswd/x',
    `/v1/assets/${asset.id}/content/`,
    '/v1%2fassets',
  ])('that is not there is told so: %s', async (path) => {
    expectProblem(await owner.get(path), 404, 'route.notFound')
  })

  test('with an encoded slash in an id is not another address', async () => {
    expectProblem(await owner.get(`/v1/assets/${asset.id}%2fcontent`), 400, 'request.invalid')
  })

  test.each(['/v1/assets/%', '/v1/assets/%ff'])('that cannot be decoded is refused: %s', async (path) => {
    const answer = await owner.get(path)
    expect(answer.status).toBe(400)
    expect(answer.body.code).toMatch(/^request\./)
  })

  test('does not take every method, and says which it takes', async () => {
    const answer = await owner.put('/v1/assets', {})
    expectProblem(answer, 405, 'route.methodNotAllowed')
    expect(answer.headers.get('allow')?.split(', ').toSorted()).toEqual(['GET', 'POST'])
    expectProblem(await owner.remove(`/v1/assets/${asset.id}/content`), 405, 'route.methodNotAllowed')
  })
})

describe('a cursor', () => {
  test('of another query, or made up, is refused', async () => {
    await owner.upload('a second one')
    const { nextCursor } = (await owner.get('/v1/assets?limit=1')).body
    expect((await owner.get(`/v1/assets?limit=1&cursor=${nextCursor}`)).status).toBe(200)
    for (const query of ['sort=name&', 'type=recording&']) {
      expectProblem(await owner.get(`/v1/assets?${query}cursor=${nextCursor}`), 400, 'cursor.invalid')
    }
    expectProblem(await owner.get(`/v1/audit-events?cursor=${nextCursor}`), 400, 'cursor.invalid')
    expectProblem(await owner.get('/v1/assets?cursor=abc'), 400, 'cursor.invalid')
    expectProblem(await other.owner.get(`/v1/assets?cursor=${nextCursor}`), 400, 'cursor.invalid')
  })
})

describe('a credential', () => {
  test('that is missing or wrong is refused', async () => {
    expectProblem(await answerOf(await fetch(`${served.url}/v1/assets`)), 401, 'credential.missing')
    expectProblem(await apiOf(served.url, 'stw_wrong').get('/v1/assets'), 401, 'credential.invalid')
    const basic = await owner.get('/v1/assets', { authorization: 'Basic YTpi' })
    expectProblem(basic, 401, 'credential.invalid')
    expect(basic.headers.get('www-authenticate')).toMatch(/^Bearer/)
  })
})

describe('headers', () => {
  test('in a flood are refused', async () => {
    const socket = await begin(served.url, ['GET /v1/assets HTTP/1.1', `X-Flood: ${'x'.repeat(100_000)}`])
    const { status, body } = await answerOn(socket)
    expect([status, JSON.parse(body).code]).toEqual([431, 'request.malformed'])
    expect((await owner.get('/readyz')).status).toBe(200)
  })

  test('with a line break hidden in them end in a refusal', async () => {
    const socket = await begin(served.url, ['GET / HTTP/1.1', 'Content-Length: 1', 'Content-Length: 2'])
    expect((await answerOn(socket)).status).toBe(400)
  })
})
