import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dependsOn, type Layout, parseLayout, storeKey } from './key-layout.ts'
import { LAYOUT_PRESETS } from './key-layout-presets.ts'

describe('parseLayout', () => {
  test.each(LAYOUT_PRESETS.map((layout) => [layout.name, layout] as const))(
    'accepts the preset %s as it stands',
    (_, layout) => {
      expect(parseLayout(layout)).toEqual({ layout })
    },
  )

  const custom = (original: string, more: object = {}) =>
    parseLayout({
      name: 'ours',
      templates: { original },
      isolation: { scope: 'organization', prefix: '{org}/' },
      keys: 'perVersion',
      ...more,
    })
  const problemsOf = (parsed: ReturnType<typeof parseLayout>) => ('problems' in parsed ? parsed.problems : [])
  const userScope = { isolation: { scope: 'user', prefix: 'users/{user}' } }

  test('accepts a custom layout with values that come later, and closes its prefix with a slash', () => {
    const parsed = custom('{org}/{owner}/{category}/{year}/{id}{ext}', {
      isolation: { scope: 'organization', prefix: '{org}' },
    })
    expect(parsed).toMatchObject({ layout: { isolation: { prefix: '{org}/' }, sharedBucketSafe: true } })
    expect(dependsOn((parsed as { layout: Layout }).layout, 'original').later).toEqual(['owner', 'category', 'year'])
  })

  test.each([
    ['{org}/{name}/{id}', 7, 'not a placeholder'],
    ['{org}/Files/{id}', 7, 'may not stand in a key'],
    ['{org}/{id', 7, 'not closed'],
    ['{org}//{id}', 7, 'may be empty'],
    ['{org}/../{id}', 7, 'dots alone'],
    ['{org}/{id}/{ext}', 12, 'may be empty'],
    ['{org}/{id}/', 12, 'may be empty'],
    ['{org}/{ext}/{id}', 7, 'at the very end'],
    ['{org}/{id}{n}', 7, 'run into each other'],
    ['other/{id}', 1, 'isolation prefix'],
    ['{org}/{type}', undefined, 'Add {id}'],
    ['{org}/{user}/{id}', undefined, 'user scope'],
    ['', 1, 'empty'],
  ])('refuses %j and points at the place', (original, position, message) => {
    const expected = {
      at: 'templates.original',
      message: expect.stringContaining(message),
      ...(position && { position }),
    }
    expect(problemsOf(custom(original))).toContainEqual(expected)
  })

  test('keys of shared bytes hold nothing personal outside user scope', () => {
    expect(problemsOf(custom('{org}/{owner}/{id}', { keys: 'perObject' }))).toHaveLength(1)
    expect(problemsOf(custom('{org}/{session}/{id}', { keys: 'perObject' }))).toHaveLength(1)
    expect(problemsOf(custom('users/{user}/{id}', { keys: 'perObject', ...userScope }))).toEqual([])
  })

  test('shared bytes are known by the id of their copy alone', () => {
    expect(problemsOf(custom('users/{user}/{callId}', { keys: 'perObject', ...userScope }))).toHaveLength(1)
    expect(problemsOf(custom('users/{user}/{callId}', userScope))).toEqual([])
  })

  test.each([
    ['organization', 'users/{user}', 'contains {org} or {customer}'],
    ['user', '{org}', 'contains {user} or {owner}'],
    ['user', '', 'User scope needs a prefix'],
    ['organization', '{org}-{customer}', 'Put a slash between'],
    ['organization', '{org}/{type}', 'take out {type}'],
    ['organization', '/{org}', 'may be empty'],
  ])('refuses for %s scope the prefix %j', (scope, prefix, message) => {
    const problems = problemsOf(custom(`${prefix}/{id}`, { isolation: { scope, prefix } }))
    expect(problems).toContainEqual(
      expect.objectContaining({ at: 'isolation.prefix', message: expect.stringContaining(message) }),
    )
  })

  test('refuses two roles that can give the same key', () => {
    const templates = { original: '{org}/{id}.{ext}', thumbnail: '{org}/{id}.jpg' }
    expect(problemsOf(custom('', { templates }))).toEqual([
      { at: 'templates.thumbnail', message: expect.stringContaining('templates.original') },
    ])
    expect(problemsOf(custom('', { templates: { ...templates, thumbnail: '{org}/t/{id}.jpg' } }))).toEqual([])
  })

  test('an empty prefix is accepted and marked as unsafe in a shared bucket', () => {
    expect(custom('{id}', { isolation: { scope: 'organization', prefix: '' } })).toMatchObject({
      layout: { sharedBucketSafe: false },
    })
  })

  test('whatever it is given, it answers with a layout or with problems', () => {
    fc.assert(
      fc.property(fc.anything(), (input) => {
        const parsed = parseLayout(input)
        expect('layout' in parsed || parsed.problems.length > 0).toBe(true)
      }),
    )
  })

  test('every template it accepts gives valid keys', () => {
    const piece = fc.constantFrom(
      '{org}',
      '{id}',
      '{n}',
      '{type}',
      '{YYYY/MM/DD}',
      '{a|contracts}',
      '.',
      'x',
      '/',
      '..',
    )
    const values = { org: 'acme', id: 'ast_1', n: 3, type: 'report', category: 'contracts', createdAt: new Date(0) }
    const ending = fc.constantFrom('', '{ext}', '.{ext}', '.jpg')
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 6 }),
        ending,
        fc.integer({ min: 1, max: 20 }),
        (pieces, end, version) => {
          const parsed = custom(`{org}/${pieces.join('')}${end}`)
          if (!('layout' in parsed)) return
          for (const ext of [undefined, 'pdf']) {
            const { key } = storeKey(parsed.layout, 'original', { ...values, version, ext }) as { key: string }
            expect(key.split('/').every((segment) => !['', '.', '..'].includes(segment))).toBe(true)
          }
        },
      ),
      { numRuns: 2_000 },
    )
  })
})
