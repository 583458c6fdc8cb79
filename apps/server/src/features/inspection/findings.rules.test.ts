import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findSensitive, isLuhn } from './findings.rules.ts'

const found = (text: string) =>
  findSensitive(text, 100).map(({ kind, detail }) => (detail ? `${kind} ${detail}` : kind))

describe('personal and payment data in a text', () => {
  test.each([
    ['4111 1111 1111 1111', 'paymentCard visa'],
    ['5555-5555-5555-4444', 'paymentCard mastercard'],
    ['378282246310005', 'paymentCard amex'],
    ['DE89 3704 0044 0532 0130 00', 'iban DE'],
    ['GB82WEST12345698765432', 'iban GB'],
    ['GR1601101250000000012300695', 'iban GR'],
    ['maria.papadopoulou+files@example.gr', 'email'],
    ['χρήστης@παράδειγμα.ελ', 'email'],
    ['+30 210 123 4567', 'phone'],
    ['+1 (212) 555-0123', 'phone'],
    ['12345678Z', 'nationalId ES'],
    ['X1234567L', 'nationalId ES'],
    ['RSSMRA85T10A562S', 'nationalId IT'],
    ['44051401359', 'nationalId PL'],
    ['86095742719', 'nationalId DE'],
    ['094019245', 'nationalId GR'],
    ['111222333', 'nationalId NL'],
  ])('%s is found', (value, kind) => {
    const text = `Before: ${value}, and after.`
    expect(found(text)).toEqual([kind])
    const [finding] = findSensitive(text, 1)
    expect(text.slice(finding!.at, finding!.at + finding!.length)).toBe(value)
  })

  test.each([
    '4111 1111 1111 1112',
    '0000000000000000',
    'DE89 3704 0044 0532 0130 01',
    'XX8937040044053201',
    '12345678A',
    '999999999',
    'version 1.2.3, order 20261121-0007',
    'maria(at)example.gr',
    'a4111111111111111b',
  ])('%s is none', (text) => {
    expect(found(text)).toEqual([])
  })

  test('is never repeated whole', () => {
    const [card, iban, mail] = ['4111 1111 1111 1111', 'DE89370400440532013000', 'someone@example.com']
    for (const { masked } of findSensitive(`${card} ${iban} ${mail}`, 10)) {
      expect(masked).toContain('***')
      for (const value of [card, iban, mail]) expect(masked).not.toContain(value.slice(5, 12))
    }
  })

  test('is found once: the digits of an IBAN are no card, and no more is told than was asked for', () => {
    expect(found('DE89370400440532013000')).toEqual(['iban DE'])
    expect(findSensitive('a@b.com '.repeat(50), 7)).toHaveLength(7)
  })

  test('a check digit differs from every other', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^\d{10,18}$/), (digits) => {
        const right = Array.from({ length: 10 }, (_, check) => `${digits}${check}`).filter(isLuhn)
        expect(right).toHaveLength(1)
      }),
    )
  })

  test('any text at all is looked through', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 2000 }), (text) => {
        for (const { at, length, confidence } of findSensitive(text, 50)) {
          expect(at + length).toBeLessThanOrEqual(text.length)
          expect(confidence).toBeGreaterThan(0)
        }
      }),
    )
  })
})
