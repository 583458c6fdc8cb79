import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  dependsOn,
  isolationPrefix,
  type Layout,
  MAXIMUM_KEY_BYTES,
  parseLayout,
  prefixesMayMeet,
  ROLES,
  type Role,
  storeKey,
} from './key-layout.ts'
import { LAYOUT_PRESETS } from './key-layout-presets.ts'
import type { KeyValues } from './key-template.ts'

const preset = (name: string): Layout => LAYOUT_PRESETS.find((layout) => layout.name === name)!

const VALUES: KeyValues = {
  org: 'acme',
  customer: 'acme-bv',
  user: 'usr_1',
  owner: 'usr_2',
  type: 'seo_report',
  id: 'ast_01abc',
  n: 3,
  version: 1,
  ext: 'pdf',
  suffix: 'walk',
  session: 's-9',
  callId: 'call.77',
  category: 'contracts',
  year: 2025,
  createdAt: new Date('2026-01-02T23:59:59Z'),
}

const keyOf = (layout: string, role: Role, values: KeyValues = {}) =>
  storeKey(preset(layout), role, { ...VALUES, ...values })

const slug = fc.stringMatching(/^[a-z0-9_-]{1,64}$/)
const anyLayout = fc.constantFrom(...LAYOUT_PRESETS)
const anyRole = fc.constantFrom(...ROLES)
const ordinal = fc.integer({ min: 1, max: 1e9 })
const anyValues: fc.Arbitrary<KeyValues> = fc.record({
  org: slug,
  customer: slug,
  user: slug,
  type: slug,
  id: slug,
  n: ordinal,
  version: ordinal,
  ext: fc.option(fc.oneof(fc.stringMatching(/^[a-z0-9]{1,10}$/), fc.constant('v2'), fc.string()), { nil: undefined }),
  suffix: fc.string({ unit: 'binary', minLength: 1, maxLength: 30 }),
  session: fc.string({ unit: 'binary', minLength: 1, maxLength: 30 }),
  callId: fc.string({ unit: 'binary', minLength: 1, maxLength: 30 }),
  category: fc.constantFrom('financial', 'contracts', 'reports', 'general'),
  year: fc.integer({ min: 1, max: 9999 }),
  createdAt: fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
})

describe('the presets', () => {
  test.each([
    ['dated', 'original', 'acme/seo_report/2026/01/02/ast_01abc.pdf'],
    ['security_firms', 'original', 'security_firms/acme/seo_report_ast_01abc.pdf'],
    ['flat', 'original', 'uploaded/ast_01abc.pdf'],
    ['flat', 'restored', 'restored/ast_01abc/3.pdf'],
    ['flat', 'thumbnail', 'thumbnails/ast_01abc.jpg'],
    ['flat', 'animated', 'animated/ast_01abc/3_walk.mp4'],
    ['flat', 'sidecar', 'meta/ast_01abc.json'],
    ['user', 'original', 'users/usr_1/raw/ast_01abc/original.pdf'],
    ['user', 'restored', 'users/usr_1/processed/ast_01abc/restored.pdf'],
    ['user', 'thumbnail', 'users/usr_1/thumbs/ast_01abc.jpg'],
    ['user', 'animated', 'users/usr_1/animated/ast_01abc/3_walk.mp4'],
    ['user', 'sidecar', 'users/usr_1/meta/ast_01abc.json'],
    ['customer', 'original', 'acme-bv/uploads/2026/01/02/ast_01abc'],
    ['customer', 'document', 'acme-bv/documents/contracts/ast_01abc.pdf'],
    ['customer', 'recording', 'acme-bv/recordings/2026-01-02/call.77.pdf'],
    ['customer', 'temporary', 'acme-bv/temp/s-9/ast_01abc.pdf'],
    ['customer', 'archive', 'acme-bv/archive/2025/ast_01abc.pdf'],
    ['default', 'original', 'acme/bc/ast_01abc'],
  ] as const)('%s gives %s its exact key', (layout, role, key) => {
    expect(keyOf(layout, role)).toEqual({ key })
  })

  test('only flat is unsafe in a bucket that organizations share', () => {
    expect(LAYOUT_PRESETS.filter((layout) => !layout.sharedBucketSafe).map((layout) => layout.name)).toEqual(['flat'])
  })
})

describe('storeKey', () => {
  test('versions after the first put their number before the extension, or at the end where there is none', () => {
    expect(keyOf('flat', 'original', { version: 2 })).toEqual({ key: 'uploaded/ast_01abc.v2.pdf' })
    expect(keyOf('flat', 'thumbnail', { version: 12 })).toEqual({ key: 'thumbnails/ast_01abc.v12.jpg' })
    expect(keyOf('customer', 'original', { version: 2 })).toEqual({ key: 'acme-bv/uploads/2026/01/02/ast_01abc.v2' })
    expect(keyOf('dated', 'original', { version: 2, ext: undefined })).toEqual({
      key: 'acme/seo_report/2026/01/02/ast_01abc.v2',
    })
  })

  test('an asset without a usable extension gets bin after a dot and nothing elsewhere', () => {
    for (const ext of [undefined, '', 'not/one', 'waytoolongext', 'v2', '..']) {
      expect(keyOf('flat', 'original', { ext })).toEqual({ key: 'uploaded/ast_01abc.bin' })
      expect(keyOf('dated', 'original', { ext })).toEqual({ key: 'acme/seo_report/2026/01/02/ast_01abc' })
    }
  })

  test('extensions are lower case and lose their dot', () => {
    expect(keyOf('flat', 'original', { ext: '.JPG' })).toEqual({ key: 'uploaded/ast_01abc.jpg' })
  })

  test('names every value that is not known yet', () => {
    expect(keyOf('customer', 'archive', { customer: undefined, year: undefined })).toEqual({
      missing: ['customer', 'year'],
    })
    expect(keyOf('flat', 'original', { version: undefined })).toEqual({ missing: ['version'] })
    expect(storeKey(preset('default'), 'original', { org: 'acme', id: 'cpy_1' })).toEqual({ key: 'acme/_1/cpy_1' })
  })

  test.each([
    { org: '../other' },
    { org: 'Acme' },
    { org: '' },
    { type: 'a/b' },
    { id: 'a.b' },
    { id: 'a\n' },
    { id: 'x'.repeat(65) },
    { version: 0 },
    { version: 1.5 },
    { createdAt: new Date('never') },
    { createdAt: new Date('+010000-01-01T00:00:00Z') },
  ])('refuses %j and says which value it is', (values) => {
    expect(keyOf('dated', 'original', values)).toEqual({
      refused: [{ value: Object.keys(values)[0], reason: expect.stringMatching(/^must be /) }],
    })
  })

  test.each([
    { customer: '..' },
    { customer: 'a..b' },
    { customer: '.a' },
    { customer: 'a/b' },
    { customer: 'ACME' },
    { category: 'secret' },
  ])('refuses %j for a document of a customer', (values) => {
    expect(keyOf('customer', 'document', values)).toHaveProperty('refused')
  })

  test('writes free values so that no two become one', () => {
    const key = (callId: string) => keyOf('customer', 'recording', { callId, ext: 'wav' })
    const start = 'acme-bv/recordings/2026-01-02'
    expect(key('a84b@pc33.example')).toEqual({ key: `${start}/a84b!40pc33.example.wav` })
    expect(key('../x')).toEqual({ key: `${start}/!2E!2E!2Fx.wav` })
    expect(key('1.v2')).toEqual({ key: `${start}/1!2Ev2.wav` })
    expect(key('a\u0000b')).toEqual({ key: `${start}/a!00b.wav` })
    expect(key('')).toHaveProperty('refused')
    expect(key('\ud800')).toHaveProperty('refused')
    expect(key('x'.repeat(100))).toHaveProperty('key')
    expect(key('x'.repeat(101))).toHaveProperty('refused')
    expect(key('é'.repeat(20))).toHaveProperty('refused')
    expect(key('é'.repeat(16))).toHaveProperty('key')
  })

  test('a derived piece without a template of its own never meets the original', () => {
    expect(keyOf('security_firms', 'thumbnail', { ext: 'jpg' })).toEqual({
      key: 'security_firms/acme/derived.thumbnail/ast_01abc/3.jpg',
    })
    expect(keyOf('default', 'thumbnail')).toEqual(keyOf('default', 'original'))
  })

  test('refuses a key of more than 1,024 bytes', () => {
    const long = `{org}/${'{type}/'.repeat(20)}{id}`
    const parsed = parseLayout({
      name: 'long',
      templates: { original: long },
      isolation: { scope: 'organization', prefix: '{org}' },
      keys: 'perObject',
    })
    const layout = (parsed as { layout: Layout }).layout
    expect(storeKey(layout, 'original', { org: 'a', id: 'b', type: 'x'.repeat(64) })).toEqual({
      refused: [{ value: 'key', reason: `must be at most ${MAXIMUM_KEY_BYTES} bytes in all` }],
    })
  })

  test('a key is always valid for a store and lies under its isolation prefix', () => {
    fc.assert(
      fc.property(anyLayout, anyRole, anyValues, (layout, role, values) => {
        const result = storeKey(layout, role, values)
        if (!('key' in result)) {
          // Only free values may be too long once written out; all others here are valid.
          expect(result).toEqual({ refused: [expect.objectContaining({ reason: expect.stringContaining('bytes') })] })
          return
        }
        const segments = result.key.split('/')
        expect(Buffer.byteLength(result.key)).toBeLessThanOrEqual(MAXIMUM_KEY_BYTES)
        expect(segments.every((segment) => !['', '.', '..'].includes(segment))).toBe(true)
        expect(result.key).toMatch(/^[A-Za-z0-9._/!-]+$/)
        expect(result.key.startsWith((isolationPrefix(layout, values) as { prefix: string }).prefix)).toBe(true)
      }),
    )
  })

  test('the same values give the same key', () => {
    fc.assert(
      fc.property(anyLayout, anyRole, anyValues, (layout, role, values) => {
        expect(storeKey(layout, role, { ...values })).toEqual(storeKey(layout, role, values))
      }),
    )
  })

  test('two ids, ordinals or versions never share a key, whatever the extension', () => {
    const identity = fc.record({
      id: fc.stringMatching(/^[a-b1_-]{1,3}$/),
      n: fc.integer({ min: 1, max: 12 }),
      version: fc.integer({ min: 1, max: 12 }),
      ext: fc.constantFrom(undefined, 'v2', 'pdf'),
    })
    fc.assert(
      fc.property(anyLayout, anyRole, identity, identity, (layout, role, one, other) => {
        const { values } = dependsOn(layout, role)
        const told = (['id', 'n', 'version'] as const).filter((name) => values.includes(name))
        const same = told.every((name) => one[name] === other[name])
        fc.pre(!same && (values.includes('id') || one.version !== other.version))
        expect(storeKey(layout, role, { ...VALUES, ...one })).not.toEqual(
          storeKey(layout, role, { ...VALUES, ...other }),
        )
      }),
      { numRuns: 1_000 },
    )
  })

  test('two free values never share a key', () => {
    const free = fc.string({ unit: fc.constantFrom('a', '.', '!', '2', 'E', '/', 'v'), minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(free, free, ordinal, ordinal, (one, other, version, otherVersion) => {
        fc.pre(one !== other)
        expect(keyOf('customer', 'recording', { callId: one, version })).not.toEqual(
          keyOf('customer', 'recording', { callId: other, version: otherVersion }),
        )
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('isolation', () => {
  test("no key of one organization or user begins with another's prefix", () => {
    const short = fc.stringMatching(/^[a-b-]{1,3}$/)
    const isolated = fc.constantFrom(...LAYOUT_PRESETS.filter((layout) => layout.sharedBucketSafe))
    fc.assert(
      fc.property(isolated, anyRole, short, short, (layout, role, one, other) => {
        fc.pre(one !== other)
        const { key } = storeKey(layout, role, { ...VALUES, org: one, customer: one, user: one }) as { key: string }
        const { prefix } = isolationPrefix(layout, { org: other, customer: other, user: other }) as { prefix: string }
        expect(prefix.endsWith('/')).toBe(true)
        expect(key.startsWith(prefix)).toBe(false)
      }),
      { numRuns: 500 },
    )
  })

  test('the prefix of a scope is refused or asked for like a key', () => {
    expect(isolationPrefix(preset('user'), { user: 'usr_1' })).toEqual({ prefix: 'users/usr_1/' })
    expect(isolationPrefix(preset('user'), {})).toEqual({ missing: ['user'] })
    expect(isolationPrefix(preset('user'), { user: '../a' })).toHaveProperty('refused')
    expect(isolationPrefix(preset('flat'), {})).toEqual({ prefix: '' })
  })

  test('layouts whose prefixes can lie inside one another are told apart from those that cannot', () => {
    expect(prefixesMayMeet(preset('dated'), preset('user'))).toBe(true)
    expect(prefixesMayMeet(preset('user'), preset('security_firms'))).toBe(false)
    expect(prefixesMayMeet(preset('user'), preset('flat'))).toBe(true)
  })
})

describe('dependsOn', () => {
  test('names the values of a key and those that may come later', () => {
    expect(dependsOn(preset('customer'), 'archive')).toEqual({
      values: ['customer', 'year', 'id', 'ext', 'version'],
      later: ['year'],
    })
    expect(dependsOn(preset('customer'), 'document').later).toEqual(['category'])
    expect(dependsOn(preset('default'), 'original')).toEqual({ values: ['org', 'id'], later: [] })
  })
})
