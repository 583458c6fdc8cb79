import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { contentDisposition } from './content-disposition.ts'

const servedName = (header: string) => decodeURIComponent(/filename\*=UTF-8''(.*)$/.exec(header)![1]!)

describe('contentDisposition', () => {
  test.each([
    ['report.pdf', `attachment; filename="report.pdf"; filename*=UTF-8''report.pdf`],
    ['Résumé 2.pdf', `attachment; filename="Resume 2.pdf"; filename*=UTF-8''R%C3%A9sum%C3%A9%202.pdf`],
    [
      'Αναφορά.pdf',
      `attachment; filename="_______.pdf"; filename*=UTF-8''%CE%91%CE%BD%CE%B1%CF%86%CE%BF%CF%81%CE%AC.pdf`,
    ],
    ['a"b\\c.txt', `attachment; filename="c.txt"; filename*=UTF-8''a%22b%5Cc.txt`],
    ['../../etc/passwd', `attachment; filename="passwd"; filename*=UTF-8''..%2F..%2Fetc%2Fpasswd`],
    ['a\r\nSet-Cookie: x', `attachment; filename="aSet-Cookie: x"; filename*=UTF-8''a%0D%0ASet-Cookie%3A%20x`],
    ['50%41.txt', `attachment; filename="50_41.txt"; filename*=UTF-8''50%2541.txt`],
    ['photo\u202egnp.exe', `attachment; filename="photognp.exe"; filename*=UTF-8''photo%E2%80%AEgnp.exe`],
    ['日本', `attachment; filename="download"; filename*=UTF-8''%E6%97%A5%E6%9C%AC`],
    ['a＂b／c', `attachment; filename="a_b_c"; filename*=UTF-8''a%EF%BC%82b%EF%BC%8Fc`],
    ["it's;a=b*.txt", `attachment; filename="it's;a=b*.txt"; filename*=UTF-8''it%27s%3Ba%3Db%2A.txt`],
    ['', `attachment; filename="download"; filename*=UTF-8''`],
  ])('%j', (name, header) => {
    expect(contentDisposition('attachment', name)).toBe(header)
  })

  test('may say inline', () => {
    expect(contentDisposition('inline', 'a.png')).toMatch(/^inline; /)
  })

  test('never breaks out of its header and gives every name back exactly', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        const header = contentDisposition('attachment', name)
        expect(header).toMatch(/^attachment; filename="[ !#$&-.0-[\]-~]+"; filename\*=UTF-8''[\w!#$&+.^`|~%-]*$/)
        expect(servedName(header)).toBe(name)
      }),
    )
  })

  test('a lone half of a character does no harm', () => {
    expect(servedName(contentDisposition('attachment', 'a\ud800'))).toBe('a\ufffd')
  })
})
