import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findSecretForms } from './secret-forms.rules.ts'

/** Put together here, so that none of them stands in the source as a whole. */
const letters = (count: number) => 'aB3dE5gH7jK9mN2pQ4sT6vW8y'.repeat(20).slice(0, count)
const hex = (count: number) => '0a1b2c3d4e5f6789'.repeat(8).slice(0, count)
const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const KEY = ['-----BEGIN', 'RSA PRIVATE', 'KEY-----'].join(' ')
const TOKEN = [base64url({ alg: 'HS256', typ: 'JWT' }), base64url({ sub: '12345678' }), letters(43)].join('.')

describe('forms of secrets', () => {
  test.each([
    ['privatekey', KEY],
    ['privatekey', KEY.replace('RSA', 'OPENSSH')],
    ['privatekey', KEY.replace('RSA ', '')],
    ['age', `AGE-SECRET-KEY-1${'QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L'.repeat(2).slice(0, 58)}`],
    ['azure-storage', `AccountKey=${letters(86)}==`],
    ['google', `AIza${letters(35)}`],
    ['google-oauth', `GOCSPX-${letters(28)}`],
    ['pypi', `pypi-AgEIcHlwaS5vcmc${letters(80)}`],
    ['digitalocean', `dop_v1_${hex(64)}`],
    ['webhook', `whsec_${letters(32)}`],
    ['stowage', `stw_${letters(43)}`],
    ['jwt', TOKEN],
  ])('%s is found by its form', (rule, value) => {
    for (const text of [value, `before "${value}" after`, `KEY=${value}\n`, `Ο κωδικός: ${value}, τέλος.`]) {
      const [secret] = findSecretForms(text, 10)
      expect(secret).toMatchObject({ rule })
      expect(value.startsWith(text.slice(secret!.at, secret!.at + secret!.length))).toBe(true)
    }
  })

  test.each([
    ['url-password', 'postgres://service:q8Zr-41kk@db.example.net:5432/files', 'q8Zr-41kk'],
    ['url-password', 'https://maria:Καλημέρα7@files.example.gr/', 'Καλημέρα7'],
    ['password', 'Password: hX9-qqT2-vv41', 'hX9-qqT2-vv41'],
    ['password', `aws_secret_access_key = ${letters(40)}`, letters(40)],
    ['password', `"api_key": "${letters(24)}"`, letters(24)],
    ['stowage', `token: stw_${letters(43)}`, `stw_${letters(43)}`],
    ['password', 'DB_PASSWORD=tr0ub4dor&3x', 'tr0ub4dor&3x'],
  ])('%s is found by what stands before it: %s', (rule, text, value) => {
    const [secret] = findSecretForms(text, 10)
    expect(secret).toMatchObject({ rule })
    expect(text.slice(secret!.at, secret!.at + secret!.length)).toBe(value)
  })

  test.each([
    'The password must have at least eight characters.',
    'Password: ********',
    'password: changeme',
    `password=${'{DB_PASSWORD}'}`,
    'Token: <your token here>',
    'api_key: YOUR_API_KEY_123',
    'secret: unbelievable',
    'The secret = patience and practice',
    'postgres://user:password@localhost/db',
    'https://example.com:8080/path@2x.png',
    'mailto:someone@example.com',
    'at 10:30 meet me @ https://meet.example.com/abc-defg-hij',
    'AKIAIOSFODNN7EXAMPLE',
    'sk-learn and task-force-one-hundred-and-twenty-three',
    'ghp_short',
    '-----BEGIN CERTIFICATE-----',
    '-----BEGIN PUBLIC KEY-----',
    '3f2504e0-4f89-41d3-9a0c-0305e82c3301',
    hex(64),
    `sha512-${letters(86)}==`,
    `data:image/png;base64,${letters(200)}`,
    `eyJ${letters(20)}.eyJ${letters(20)}.${letters(30)}`,
    `xAIza${letters(35)}`,
    `AIza${letters(60)}`,
    'Ο μυστικός δείπνος: ένα βιβλίο',
  ])('none is in: %s', (text) => {
    expect(findSecretForms(text, 10)).toEqual([])
  })

  test('are no more than was asked for', () => {
    expect(findSecretForms(`stw_${letters(43)} `.repeat(50), 7)).toHaveLength(7)
  })

  test('are looked for in any text at all', () => {
    const parts = ['sk-', 'eyJ', '://', ':', '@', '-----BEGIN ', 'password=', letters(30), ' ', '.', '\ud83c', '\n']
    const any = fc.array(fc.oneof(fc.constantFrom(...parts), fc.string({ unit: 'binary' })), { maxLength: 60 })
    fc.assert(
      fc.property(any, (pieces) => {
        const text = pieces.join('')
        let end = 0
        for (const { at, length } of findSecretForms(text, 50)) {
          expect(at).toBeGreaterThanOrEqual(end)
          end = at + length
        }
        expect(end).toBeLessThanOrEqual(text.length)
      }),
      { numRuns: 300, seed: 20_261_121 },
    )
  })
})
