import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatDigestField, parseDigestField, parseSha256 } from './digest.ts'

const hash = (algorithm: 'sha256' | 'sha512') => createHash(algorithm).update('{"hello": "world"}\n').digest()
const sha256 = hash('sha256').toString('hex')
const sha512 = hash('sha512').toString('hex')
// RFC 9530 appendix B.1
const example = 'sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:'

describe('parseDigestField', () => {
  test('reads the example of the standard', () => {
    expect(parseDigestField(example)).toEqual({ digests: { 'sha-256': sha256 } })
  })

  test('reads several algorithms and ignores those it does not know', () => {
    const field = `md5=:1B2M2Y8AsgTpgAmY7PhCfg==:, ${example}, x=1;a="b" ,sha-512=:${hash('sha512').toString('base64')}:`
    expect(parseDigestField(field)).toEqual({ digests: { 'sha-256': sha256, 'sha-512': sha512 } })
    expect(parseDigestField('crc32c=:AAAAAA==:')).toEqual({ digests: {} })
  })

  test('accepts parameters and a missing padding', () => {
    expect(parseDigestField(`${example};q=1`)).toEqual({ digests: { 'sha-256': sha256 } })
    expect(parseDigestField(example.replace(/=:$/, ':'))).toEqual({ digests: { 'sha-256': sha256 } })
  })

  test.each([
    '',
    ',',
    'sha-256',
    'sha-256=',
    'sha-256=abc',
    'sha-256=::',
    'sha-256=:AAAA:',
    `sha-256=:${'?'.repeat(43)}=:`,
    `sha-256=${'A'.repeat(43)}=`,
    `SHA-256=${example.slice(8)}`,
    `${example},`,
    `${example} sha-512=:AAAA:`,
    `sha-256=:${'A'.repeat(42)}B=:`,
  ])('%j is malformed', (field) => {
    expect(parseDigestField(field)).toEqual({ malformed: expect.any(String) })
  })

  test('reads back what is written', () => {
    const bytes = (length: number) =>
      fc.uint8Array({ minLength: length, maxLength: length }).map((each) => Buffer.from(each).toString('hex'))
    const digests = fc.record({ 'sha-256': bytes(32), 'sha-512': bytes(64) }, { requiredKeys: ['sha-256'] })
    fc.assert(
      fc.property(digests, (given) => {
        expect(parseDigestField(formatDigestField(given))).toEqual({ digests: { ...given } })
      }),
    )
  })

  test('answers any text at all', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(Object.keys(parseDigestField(`sha-256=${text}`))).toHaveLength(1)
      }),
    )
  })
})

describe('parseSha256', () => {
  test('reads hexadecimal and base64 of either alphabet', () => {
    const bytes = hash('sha256')
    for (const text of [sha256, sha256.toUpperCase(), ` ${bytes.toString('base64')} `, bytes.toString('base64url')]) {
      expect(parseSha256(text)).toBe(sha256)
    }
  })

  test('refuses everything else', () => {
    for (const text of [
      '',
      sha256.slice(1),
      `${sha256}0`,
      `${sha256.slice(1)}g`,
      sha512,
      'AAAA',
      `${'A'.repeat(43)}==`,
    ]) {
      expect(parseSha256(text)).toBeUndefined()
    }
  })
})
