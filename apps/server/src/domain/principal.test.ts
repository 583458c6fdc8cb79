import { actions } from '@stowage/contract'
import { describe, expect, test } from 'vitest'
import { manages, type Principal, permits, principalKind, type Role, rankOf } from './principal.ts'

function principal(role: keyof typeof rankOf, more: Partial<Principal> = {}): Principal {
  return {
    kind: 'user',
    id: 'me',
    keyId: null,
    role: role as Role,
    rank: rankOf[role],
    scopes: null,
    tenantId: 't',
    organizationSlug: 'o',
    requestsPerMinute: null,
    ...more,
  }
}

const permitted = (who: Principal) => actions.filter((action) => permits(who, action) === 'yes')

describe('permits', () => {
  test('lets owners and admins do everything in the organization, and nothing that concerns others', () => {
    const all = actions.filter((action) => action !== 'organization.create' && action !== 'stores.report')
    expect(permitted(principal('owner'))).toEqual(all)
    expect(permitted(principal('admin'))).toEqual(all)
  })

  test('lets editors work with assets and nothing else', () => {
    expect(permitted(principal('editor')).sort()).toEqual(
      ['assetTypes.read', 'assets.create', 'assets.delete', 'assets.edit', 'assets.read', 'assets.share'].sort(),
    )
  })

  test('lets viewers and the public only read assets', () => {
    expect(permitted(principal('viewer'))).toEqual(['assets.read'])
    expect(permitted(principal('public'))).toEqual(['assets.read'])
  })

  test('lets the platform key alone make organizations', () => {
    expect(permits(principal('owner', { kind: 'platform' }), 'organization.create')).toBe('yes')
    expect(permits(principal('owner'), 'organization.create')).toBe('forbidden')
  })

  test('narrows a credential to its scopes and never widens it', () => {
    const narrowed = principal('editor', { scopes: ['assets.read', 'audit.read'] })
    expect(permits(narrowed, 'assets.read')).toBe('yes')
    expect(permits(narrowed, 'assets.create')).toBe('outOfScope')
    expect(permits(narrowed, 'audit.read')).toBe('forbidden')
  })

  test('lets an agent do what its scopes name, and nothing without any', () => {
    expect(permitted(principal('admin', { kind: 'agent', scopes: ['assets.create'] }))).toEqual(['assets.create'])
    expect(permitted(principal('admin', { kind: 'agent' }))).toEqual([])
  })
})

describe('principalKind', () => {
  test('tells a key on its own from a member, also one that a key acts for', () => {
    expect(principalKind({ id: 'key', keyId: 'key' })).toBe('apiKey')
    expect(principalKind({ id: 'member', keyId: 'key' })).toBe('user')
    expect(principalKind({ id: 'member', keyId: null })).toBe('user')
    expect(principalKind({ id: null, keyId: null })).toBeNull()
  })
})

describe('manages', () => {
  test('is for admins, owners, and editors over what is theirs', () => {
    expect(manages(principal('admin'), { ownerId: 'another' })).toBe(true)
    expect(manages(principal('editor'), { ownerId: 'me' })).toBe(true)
    expect(manages(principal('editor'), { ownerId: 'another' })).toBe(false)
    expect(manages(principal('viewer'), { ownerId: 'me' })).toBe(false)
  })

  test('is for admins alone where nobody owns the asset', () => {
    expect(manages(principal('editor', { id: null }), { ownerId: null })).toBe(false)
    expect(manages(principal('admin'), { ownerId: null })).toBe(true)
  })
})
