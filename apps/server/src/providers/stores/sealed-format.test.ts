import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { openBuffer, sealWith } from './encrypted.ts'
import { createDataKeyWrapper } from './keyring.ts'
import { sealedSizeOf, shapeOf } from './sealed-format.ts'

const page = readFileSync(new URL('../../../../../docs/reference/encrypted-format.md', import.meta.url), 'utf8')
const vectors = page.slice(page.indexOf('## Test vectors'))

function vector(name: string): string {
  return vectors.match(new RegExp(`^\\| ${name} \\| \`([^\`]+)\` \\|$`, 'm'))![1]!
}

const dataKey = Buffer.from(vector('data key'), 'hex')
const context = vector('context')
const keyId = vector('scope key id')
const keys = createDataKeyWrapper({
  currentId: keyId,
  keys: new Map([[keyId, Buffer.from(vector('scope key'), 'hex')]]),
})
const envelope = Buffer.from(vector('envelope'), 'hex')

const whole = [...vectors.matchAll(/^\| `([0-9a-f]*)` \| `([0-9a-f]+)` \|$/gm)].map(([, plain, object]) => {
  return [Buffer.from(plain!, 'hex'), Buffer.from(object!, 'hex')] as const
})
const long = [...vectors.matchAll(/^\| (\d+) \| (\d+) \| `([0-9a-f]{64})` \|$/gm)].map(([, plain, stored, digest]) => {
  return [Number(plain), Number(stored), digest!] as const
})

describe('the documented format', () => {
  test('has vectors of both kinds', () => {
    expect(whole).toHaveLength(2)
    expect(long).toHaveLength(3)
  })

  test('gives the documented data key for the documented envelope', async () => {
    expect(await keys.unwrap(envelope, context)).toEqual(dataKey)
  })

  test.each(whole)('seals %j as documented, and opens it', async (plain, object) => {
    expect(Buffer.concat(sealWith({ dataKey, context }, plain))).toEqual(object)
    expect(await openBuffer(object, envelope, keys, context)).toEqual(plain)
  })

  test.each(long)('seals %d bytes as documented', (plainBytes, storedBytes, digest) => {
    const plain = Buffer.from(Array.from({ length: plainBytes }, (_, index) => index % 251))
    const object = Buffer.concat(sealWith({ dataKey, context }, plain))
    expect(object).toHaveLength(storedBytes)
    expect(createHash('sha256').update(object).digest('hex')).toBe(digest)
  })

  test('gives back each size from the stored one, and refuses sizes that no object has', () => {
    const stored = new Set<number>()
    for (const base of [0, 65_536, 131_072, 65_536 * 1_000_000]) {
      for (let plainBytes = Math.max(0, base - 40); plainBytes < base + 40; plainBytes++) {
        expect(shapeOf(sealedSizeOf(plainBytes)).plainBytes).toBe(plainBytes)
        stored.add(sealedSizeOf(plainBytes))
      }
    }
    for (let size = sealedSizeOf(65_536 - 40); size < sealedSizeOf(65_536 + 39); size++) {
      if (!stored.has(size)) expect(() => shapeOf(size)).toThrow('never')
    }
    expect(() => shapeOf(23)).toThrow('never')
  })
})
