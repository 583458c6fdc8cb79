import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { MasterKeys } from './port.ts'

export interface MasterKeysUnderTest {
  keys: MasterKeys
  /** The same keys after a new one has become current. */
  rotate(): Promise<MasterKeys>
  /** Keys that know nothing of the others. */
  foreign(): Promise<MasterKeys>
}

/** The suite that every provider of master keys passes. */
export function describeMasterKeys(name: string, open: () => Promise<MasterKeysUnderTest>): void {
  describe(`${name} as master keys`, () => {
    const key = randomBytes(32)

    test('gives back the key it wrapped, under the id of the current master key', async () => {
      const { keys } = await open()
      const { masterId, wrapped } = await keys.wrap(key, 'scope-1')
      expect(masterId).toBe(keys.currentId)
      expect(wrapped.includes(key)).toBe(false)
      expect(await keys.unwrap(masterId, wrapped, 'scope-1')).toEqual(key)
    })

    test('wraps the same key differently every time', async () => {
      const { keys } = await open()
      const first = await keys.wrap(key, 'scope-1')
      expect((await keys.wrap(key, 'scope-1')).wrapped).not.toEqual(first.wrapped)
    })

    test('refuses another context', async () => {
      const { keys } = await open()
      const { masterId, wrapped } = await keys.wrap(key, 'scope-1')
      await expect(keys.unwrap(masterId, wrapped, 'scope-2')).rejects.toMatchObject({ kind: 'corrupt' })
    })

    test('refuses a wrapped key with any byte changed, or cut', async () => {
      const { keys } = await open()
      const { masterId, wrapped } = await keys.wrap(key, 'scope-1')
      for (const index of wrapped.keys()) {
        const changed = Buffer.from(wrapped)
        changed[index]! ^= 1
        await expect(keys.unwrap(masterId, changed, 'scope-1')).rejects.toMatchObject({ kind: 'corrupt' })
      }
      for (const length of [0, 1, 27, 28, wrapped.length - 1]) {
        const cut = wrapped.subarray(0, length)
        await expect(keys.unwrap(masterId, cut, 'scope-1')).rejects.toMatchObject({ kind: 'corrupt' })
      }
    })

    test('refuses a master key it does not have', async () => {
      const { keys, foreign } = await open()
      const { masterId, wrapped } = await (await foreign()).wrap(key, 'scope-1')
      await expect(keys.unwrap(masterId, wrapped, 'scope-1')).rejects.toMatchObject({ kind: 'unknownKey' })
    })

    test('reads what the former master key wrapped, and wraps with the new one', async () => {
      const { keys, rotate } = await open()
      const old = await keys.wrap(key, 'scope-1')
      const rotated = await rotate()
      expect(rotated.currentId).not.toBe(keys.currentId)
      expect(await rotated.unwrap(old.masterId, old.wrapped, 'scope-1')).toEqual(key)
      const fresh = await rotated.wrap(key, 'scope-1')
      expect(fresh.masterId).toBe(rotated.currentId)
      await expect(keys.unwrap(fresh.masterId, fresh.wrapped, 'scope-1')).rejects.toMatchObject({ kind: 'unknownKey' })
    })
  })
}
