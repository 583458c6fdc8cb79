import { describe, expect, test } from 'vitest'
import { cacheControlOf, refuseUnreadable } from './delivery.rules.ts'

const asked = (state: string, scan: string, reason: string | null = null, accepted: string[] = []) => {
  try {
    refuseUnreadable({ state, scan, scan_reason: reason, readable_unscanned: accepted })
    return 'read'
  } catch (error) {
    return (error as { code: string }).code
  }
}

describe('refuseUnreadable', () => {
  test.each(['pending', 'infected', 'error'])('refuses bytes whose verdict is %s, whatever is accepted', (scan) => {
    expect(asked('active', scan, null, ['noScanner', 'tooLarge'])).toBe('asset.notReadable')
  })

  test('lets bytes be read that are clean, or were not scanned for a reason that the organization accepts', () => {
    expect(asked('active', 'clean')).toBe('read')
    expect(asked('archived', 'clean')).toBe('read')
    expect(asked('active', 'not_scanned', 'noScanner', ['noScanner'])).toBe('read')
    expect(asked('active', 'not_scanned', 'tooLarge', ['noScanner'])).toBe('asset.notReadable')
    expect(asked('active', 'not_scanned', null, [])).toBe('asset.notReadable')
  })

  test('refuses what is in the trash or in quarantine, though it is clean', () => {
    expect(asked('trashed', 'clean')).toBe('asset.trashed')
    expect(asked('quarantined', 'clean')).toBe('asset.quarantined')
  })
})

describe('cacheControlOf', () => {
  test('lets no shared cache keep what is not public, and none answer by itself with what may be revoked', () => {
    for (const address of ['plain', 'version'] as const)
      expect(cacheControlOf(false, address)).toBe('private, no-cache')
    for (const isPublic of [true, false]) expect(cacheControlOf(isPublic, 'signed')).toBe('max-age=0, s-maxage=60')
    expect(cacheControlOf(true, 'plain')).toBe('public, max-age=60')
  })
})
