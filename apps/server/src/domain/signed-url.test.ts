import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { deriveSigningKey, type SignedRequest, type SignedUrlInput, signUrl, verifySignedUrl } from './signed-url.ts'

const root = Buffer.alloc(32, 7)
const now = new Date('2026-05-01T00:00:00Z')
const keyFor = (tenantId: string, keyId: string) =>
  keyId.startsWith('k') ? deriveSigningKey(root, tenantId, keyId) : undefined

const input: SignedUrlInput = {
  origin: 'https://assets.example:8443',
  path: '/v1/assets/ast_1/content',
  tenantId: 'org_1',
  epoch: 3,
  expiresAt: new Date('2026-05-01T01:00:00Z'),
  parameters: { disposition: 'attachment', version: '2' },
  keyId: 'k1',
  key: deriveSigningKey(root, 'org_1', 'k1'),
}

function requestOf(url: string, more: Partial<SignedRequest> = {}): SignedRequest {
  const { host, pathname, search } = new URL(url)
  return { method: 'GET', host, path: pathname, query: search, now, clientIp: '192.0.2.7', keyFor, ...more }
}

const sign = (more: Partial<SignedUrlInput> = {}) => signUrl({ ...input, ...more }, now)
const refusal = (request: SignedRequest) => {
  const answer = verifySignedUrl(request)
  return 'refused' in answer ? answer.refused : 'ok'
}

describe('a signed URL', () => {
  test('gives back what was signed, for GET and for HEAD', () => {
    const permission = {
      ok: true,
      tenantId: 'org_1',
      epoch: 3,
      expiresAt: input.expiresAt,
      parameters: { disposition: 'attachment', version: '2' },
    }
    expect(verifySignedUrl(requestOf(sign()))).toEqual(permission)
    expect(verifySignedUrl(requestOf(sign(), { method: 'HEAD' }))).toEqual(permission)
  })

  test('does not depend on the order of its query', () => {
    const request = requestOf(sign())
    const reversed = request.query.slice(1).split('&').reverse().join('&')
    expect(refusal({ ...request, query: reversed })).toBe('ok')
  })

  test('is refused when anything that was signed is changed', () => {
    const request = requestOf(sign({ ip: '192.0.2.7' }))
    const changes: Partial<SignedRequest>[] = [
      { method: 'PUT' },
      { host: 'other.example' },
      { path: '/v1/assets/ast_2/content' },
      { path: '/v1/assets/ast_%31/content' },
      { query: request.query.replace('version=2', 'version=1') },
      { query: request.query.replace('&version=2', '') },
      { query: request.query.replace('epoch=3', 'epoch=4') },
      { query: request.query.replace(/expires=(\d)/, 'expires=9') },
      { query: request.query.replace('tenant=org_1', 'tenant=org_2') },
      { query: request.query.replace('key=k1', 'key=k2') },
      { query: request.query.replace('&ip=192.0.2.7', '') },
      { query: `${request.query}&download=1` },
      { query: request.query.replace('disposition=attachment', 'disposition=inline') },
    ]
    for (const change of changes) {
      expect(refusal({ ...request, ...change }), JSON.stringify(change)).toBe('tampered')
    }
    expect(refusal(request)).toBe('ok')
  })

  test('is malformed with a duplicate, missing or strange parameter', () => {
    const { query } = requestOf(sign())
    for (const broken of [
      '',
      `${query}&version=1`,
      query.replace(/signature=.*/, 'signature=AAAA'),
      query.replace('scheme=1', 'scheme=2'),
      query.replace('epoch=3', 'epoch=x'),
      query.replace('epoch=3', 'epoch=-1'),
      query.replace('expires=', 'expires=1e'),
      query.replace('tenant=org_1', 'tenant='),
      `${query}&__proto__=1`,
      `${query}&pad=${'x'.repeat(5_000)}`,
    ]) {
      expect(refusal(requestOf(sign(), { query: broken })), broken).toBe('malformed')
    }
  })

  test('has one spelling of its signature', () => {
    const request = requestOf(sign())
    const last = request.query.at(-1)!
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const twin = alphabet[alphabet.indexOf(last) ^ 1]!
    expect(refusal({ ...request, query: request.query.slice(0, -1) + twin })).toBe('tampered')
  })

  test('is over when its moment has come', () => {
    expect(refusal(requestOf(sign(), { now: new Date('2026-05-01T00:59:59.999Z') }))).toBe('ok')
    expect(refusal(requestOf(sign(), { now: input.expiresAt }))).toBe('expired')
  })

  test('an altered URL that is also over is refused as altered', () => {
    const request = requestOf(sign(), { now: new Date('2027-01-01'), path: '/other' })
    expect(refusal(request)).toBe('tampered')
  })

  test('lives at most seven days', () => {
    const after = (seconds: number) => new Date(now.getTime() + seconds * 1000)
    expect(refusal(requestOf(sign({ expiresAt: after(604_800) })))).toBe('ok')
    for (const seconds of [604_801, 0, -1, Number.NaN]) {
      expect(() => sign({ expiresAt: after(seconds) })).toThrow(RangeError)
    }
    const early = requestOf(sign(), { now: new Date('2026-04-01') })
    expect(refusal(early)).toBe('malformed')
  })

  test('under a key that was retired is refused, while another goes on', () => {
    const url = sign()
    const rotated = sign({ keyId: 'k2', key: deriveSigningKey(root, 'org_1', 'k2') })
    const afterRetirement = (tenantId: string, keyId: string) => (keyId === 'k1' ? undefined : keyFor(tenantId, keyId))
    expect(refusal(requestOf(url, { keyFor: afterRetirement }))).toBe('unknownKey')
    expect(refusal(requestOf(rotated, { keyFor: afterRetirement }))).toBe('ok')
  })

  test.each([
    ['192.0.2.7', '192.0.2.7', 'ok'],
    ['192.0.2.7', '::ffff:192.0.2.7', 'ok'],
    ['192.0.2.0/24', '192.0.2.200', 'ok'],
    ['2001:db8::/32', '2001:db8:1::1', 'ok'],
    ['2001:db8::1', '2001:0db8:0:0:0:0:0:1', 'ok'],
    ['192.0.2.7', '192.0.2.8', 'wrongAddress'],
    ['192.0.2.0/24', '192.0.3.1', 'wrongAddress'],
    ['192.0.2.7', 'unknown', 'wrongAddress'],
    ['0.0.0.0/0', '2001:db8::1', 'wrongAddress'],
  ])('for %s used from %s is %s', (ip, clientIp, answer) => {
    expect(refusal(requestOf(sign({ ip }), { clientIp }))).toBe(answer)
  })

  test.each([
    { ip: 'localhost' },
    { ip: '10.0.0.0/33' },
    { ip: '10.0.0.0/8/8' },
    { path: 'a' },
    { path: '/a?b=1' },
    { path: '/a\nb' },
    { keyId: 'a b' },
    { epoch: -1 },
    { epoch: 0.5 },
    { parameters: { tenant: 'org_2' } },
    { parameters: { 'a&b': '1' } },
  ] as Partial<SignedUrlInput>[])('is not made for %j', (more) => {
    expect(() => sign(more)).toThrow(RangeError)
  })

  test('carries any value of its parameters', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }).map((text) => text.toWellFormed()),
        (version) => {
          const answer = verifySignedUrl(requestOf(sign({ parameters: { version } })))
          expect(answer).toMatchObject({ ok: true, parameters: { version } })
        },
      ),
    )
  })

  test('any query at all is answered', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(refusal(requestOf(sign(), { query: `${requestOf(sign()).query}${text}&x=1` }))).not.toBe('ok')
      }),
    )
  })
})

describe('deriveSigningKey', () => {
  test('differs by organization, by key id and by root', () => {
    const keys = [
      deriveSigningKey(root, 'a', 'bc'),
      deriveSigningKey(root, 'ab', 'c'),
      deriveSigningKey(root, 'a', 'b'),
      deriveSigningKey(Buffer.alloc(32, 8), 'a', 'b'),
    ]
    expect(new Set(keys.map((key) => key.toString('hex'))).size).toBe(4)
    expect(keys.every((key) => key.length === 32)).toBe(true)
  })
})
