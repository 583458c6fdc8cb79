import { describe, expect, test } from 'vitest'
import { apiOf } from './api.ts'
import { serve } from './server.ts'

const ORIGIN = 'https://app.example.com'
const served = await serve({ STOWAGE_CORS_ORIGINS: `${ORIGIN}, https://other.example.com` })

function preflight(path: string, method: string, origin: string): Promise<Response> {
  const asked = { 'access-control-request-method': method, 'access-control-request-headers': 'authorization' }
  return fetch(`${served.url}${path}`, { method: 'OPTIONS', headers: { origin, ...asked } })
}

// Origins are a setting of the server, which one that is already running may not have.
describe.skipIf(!served.own)('a page of another origin', () => {
  test.each([
    ['/v1/assets', 'POST'],
    ['/v1/uploads', 'POST'],
    ['/v1/uploads/resumable', 'POST'],
    ['/v1/uploads/resumable/upl_01jd8e2x5kf6g9h0a1b2c3d4e5', 'PATCH'],
  ])('that is named may ask %s for %s', async (path, method) => {
    const response = await preflight(path, method, ORIGIN)
    expect(response.status).toBe(204)
    expect(response.headers.get('access-control-allow-origin')).toBe(ORIGIN)
    expect(response.headers.get('access-control-allow-methods')).toContain(method)
    expect(response.headers.get('access-control-allow-headers')).toContain('authorization')
    expect(response.headers.get('access-control-allow-credentials')).toBeNull()
  })

  test('that is named reads answers, refusals too, and the headers that uploads need', async () => {
    const api = apiOf(served.url, served.key, { origin: ORIGIN })
    for (const path of ['/v1/assets', '/v1/assets/ast_01jd8e2x5kf6g9h0a1b2c3d4e5']) {
      const { headers } = await api.get(path)
      expect(headers.get('access-control-allow-origin')).toBe(ORIGIN)
      for (const name of ['ETag', 'Location', 'Upload-Offset', 'Stowage-Asset']) {
        expect(headers.get('access-control-expose-headers')).toContain(name)
      }
    }
  })

  test('that is not named is told nothing', async () => {
    const response = await preflight('/v1/assets', 'POST', 'https://evil.example.com')
    expect(response.headers.get('access-control-allow-origin')).toBeNull()
  })
})
