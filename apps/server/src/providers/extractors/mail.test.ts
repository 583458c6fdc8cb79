import iconv from 'iconv-lite'
import { describe, expect, test } from 'vitest'
import { describeExtractor } from './conformance.ts'
import { mailExtractor } from './mail.ts'
import { type MadeMessage, makeOutlookMessage } from './test-mail.ts'
import { tell } from './test-run.ts'

const sent = 'message/rfc822'
const outlook = 'application/vnd.ms-outlook'

const read = (bytes: Buffer | string, limits = {}) =>
  tell(mailExtractor, { bytes: Buffer.from(bytes), mediaType: sent }, limits)
const readOutlook = (message: MadeMessage, limits = {}) =>
  tell(mailExtractor, { bytes: makeOutlookMessage(message), mediaType: outlook }, limits)

const word = (charset: string, text: string) => `=?${charset}?B?${iconv.encode(text, charset).toString('base64')}?=`
const base64 = (bytes: Buffer | string) =>
  Buffer.from(bytes)
    .toString('base64')
    .replace(/(.{76})/g, '$1\r\n')

const headers = `From: ${word('utf-8', 'Ελένη Π.')} <eleni@example.test>\r
To: ${word('gb2312', '李雷')} <li@example.test>, Ali <ali@example.test>\r
Cc: Team: a@example.test, B <b@example.test>;\r
Subject: ${word('iso-8859-7', 'Τριμηνιαία έκθεση')}\r
Date: Mon, 06 May 2024 10:08:09 +0300\r
Message-ID: <1@example.test>\r
MIME-Version: 1.0\r
`

/** A multipart body of parts with their own headers. */
function multipart(type: string, ...parts: string[]) {
  return `Content-Type: multipart/${type}; boundary="b-${type}"\r\n\r\n${parts.map((part) => `--b-${type}\r\n${part}\r\n`).join('')}--b-${type}--\r\n`
}

const part = (type: string, text: string | Buffer, more = '') =>
  `Content-Type: ${type}\r\n${more}Content-Transfer-Encoding: base64\r\n\r\n${base64(text)}`

const inner = `From: Inner <in@example.test>\r\nSubject: ${word('utf-8', 'Προώθηση')}\r\nMIME-Version: 1.0\r\n${part('text/plain; charset=utf-8', 'inner words')}`

const honest =
  headers +
  multipart(
    'mixed',
    part('text/plain; charset=iso-8859-7', iconv.encode('Καλημέρα,\r\nτα νούμερα.\r\n', 'iso-8859-7')),
    part('application/pdf; name="έκθεση.pdf"', Buffer.alloc(1000), 'Content-Disposition: attachment\r\n'),
    `Content-Type: message/rfc822\r\n\r\n${inner}`,
  )

const message: MadeMessage = {
  subject: 'Τριμηνιαία έκθεση',
  senderName: 'Ελένη Π.',
  senderAddress: 'eleni@example.test',
  body: 'Καλημέρα,\r\n早上好 😀\r\n',
  sentAt: new Date('2024-05-06T07:08:09Z'),
  recipients: [
    { name: '李雷', address: 'li@example.test', type: 1 },
    { name: 'B', address: 'b@example.test', type: 2 },
  ],
  attachments: [
    { name: 'έκθεση.pdf', type: 'application/pdf', bytes: Buffer.alloc(5000, 1) },
    { name: 'forwarded', message: { subject: 'Προώθηση', body: 'inner words' } },
  ],
}

describeExtractor('sent mail', () => ({
  extractor: mailExtractor,
  honest: { bytes: Buffer.from(honest), mediaType: sent },
  says: ['Καλημέρα,\nτα νούμερα.', 'inner words'],
  limits: { textChars: { value: 10 }, entries: { value: 1 }, depth: { value: 1 } },
}))

describeExtractor('Outlook mail', () => ({
  extractor: mailExtractor,
  honest: { bytes: makeOutlookMessage(message), mediaType: outlook },
  says: ['Καλημέρα,\n早上好 😀', 'inner words'],
  limits: { textChars: { value: 8 }, entries: { value: 10 }, depth: { value: 1 } },
}))

describe('a mail', () => {
  test('says in its headers who wrote it to whom, about what and when', async () => {
    const { facts } = await read(honest)
    expect(facts).toEqual({
      title: 'Τριμηνιαία έκθεση',
      author: 'Ελένη Π. <eleni@example.test>',
      createdAt: '2024-05-06T07:08:09.000Z',
      more: {
        'mail.from': 'Ελένη Π. <eleni@example.test>',
        'mail.to': ['李雷 <li@example.test>', 'Ali <ali@example.test>'],
        'mail.cc': ['Team: a@example.test, B <b@example.test>'],
        'mail.messageId': '<1@example.test>',
      },
    })
  })

  test('is told with its attached messages, and names its attachments', async () => {
    const { texts, pieces } = await read(honest)
    expect(texts).toEqual({
      '': 'Καλημέρα,\nτα νούμερα.\n',
      'message: Προώθηση': expect.stringContaining('inner words'),
    })
    expect(pieces.filter(({ kind }) => kind === 'attachment')).toEqual([
      { kind: 'attachment', name: 'έκθεση.pdf', mediaType: 'application/pdf', sizeBytes: 1000 },
    ])
  })

  test.each(['utf-8', 'iso-8859-7', 'windows-1253'])('is read in %s', async (charset) => {
    const body = part(`text/plain; charset=${charset}`, iconv.encode('Ποσό και ημερομηνία', charset))
    expect((await read(headers + body)).texts['']).toContain('Ποσό και ημερομηνία')
  })

  test('is read in gb2312, and in Arabic by quoted-printable', async () => {
    expect(
      (await read(headers + part('text/plain; charset=gb2312', iconv.encode('你好', 'gb2312')))).texts[''],
    ).toContain('你好')
    const arabic = [...Buffer.from('صباح الخير')].map((byte) => `=${byte.toString(16).toUpperCase()}`).join('')
    const body = `Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n${arabic}`
    expect((await read(headers + body)).texts['']).toContain('صباح الخير')
  })

  test('is told by its HTML when it has no other text', async () => {
    const html = '<style>p{}</style><p>Αγαπητή <b>Άννα</b>,</p><script>x()</script><p>τα λέμε &amp; γεια</p>'
    expect((await read(headers + part('text/html; charset=utf-8', html))).texts['']).toBe(
      'Αγαπητή Άννα,\nτα λέμε & γεια',
    )
    const both = multipart(
      'alternative',
      part('text/plain; charset=utf-8', 'plain'),
      part('text/html; charset=utf-8', html),
    )
    expect((await read(headers + both)).texts['']?.trim()).toBe('plain')
  })

  test('stops at the limit of messages within each other', async () => {
    let nested = 'Subject: 0\r\n\r\nend'
    for (let depth = 1; depth < 20; depth += 1)
      nested = `Subject: ${depth}\r\nContent-Type: message/rfc822\r\n\r\n${nested}`
    expect((await read(nested, { depth: 10 })).error).toMatchObject({ kind: 'limits' })
    expect((await read(nested, { depth: 50 })).texts['message: 0']).toBe('end\n')
    let parts = part('text/plain', 'deep')
    for (let depth = 0; depth < 40; depth += 1)
      parts = `Content-Type: multipart/mixed; boundary=x${depth}\r\n\r\n--x${depth}\r\n${parts}\r\n--x${depth}--`
    expect((await read(`Subject: a\r\n${parts}`, { depth: 10 })).error).toMatchObject({ kind: 'limits' })
  })

  test('stops at once when it has far more parts than it may', async () => {
    const parts = `Subject: a\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n${'--x\r\n\r\na\r\n'.repeat(500)}`
    expect((await read(parts, { entries: 100 })).error).toMatchObject({ kind: 'limits' })
    expect((await read(parts, { entries: 500 })).error).toBeUndefined()
  })

  test('needs a header that mails have', async () => {
    expect((await read('just some words\r\nand more')).error).toMatchObject({ kind: 'corrupt' })
  })
})

describe('a mail of Outlook', () => {
  test('says who wrote it to whom, about what and when', async () => {
    const { facts } = await readOutlook(message)
    expect(facts).toEqual({
      title: 'Τριμηνιαία έκθεση',
      author: 'Ελένη Π. <eleni@example.test>',
      createdAt: '2024-05-06T07:08:09.000Z',
      more: {
        'mail.from': 'Ελένη Π. <eleni@example.test>',
        'mail.to': ['李雷 <li@example.test>'],
        'mail.cc': ['B <b@example.test>'],
        'mail.messageId': '<made@example.test>',
      },
    })
  })

  test('is told with its attached messages, and names its attachments', async () => {
    const { texts, pieces } = await readOutlook(message)
    expect(texts).toEqual({ '': 'Καλημέρα,\n早上好 😀\n', 'message: Προώθηση': 'inner words' })
    expect(pieces.filter(({ kind }) => kind === 'attachment')).toEqual([
      { kind: 'attachment', name: 'έκθεση.pdf', mediaType: 'application/pdf', sizeBytes: 5000 },
    ])
  })

  test('is read in the code page that it names', async () => {
    const ansi = { codePage: 1253, encode: (text: string) => iconv.encode(text, 'windows-1253') }
    const { facts, texts } = await readOutlook({ subject: 'Θέμα', body: 'Κείμενο', ansi })
    expect(facts.title).toBe('Θέμα')
    expect(texts).toEqual({ '': 'Κείμενο' })
    const html = iconv.encode('<p>Σώμα</p>', 'windows-1253')
    expect((await readOutlook({ subject: 'x', html, ansi })).texts).toEqual({ '': 'Σώμα' })
  })

  test('is none without the properties of a message', async () => {
    const bytes = makeOutlookMessage(message)
    const name = Buffer.from('__properties_version1.0', 'utf16le')
    for (let at = bytes.indexOf(name); at >= 0; at = bytes.indexOf(name, at + 1)) bytes[at] = 0x61
    expect((await tell(mailExtractor, { bytes, mediaType: outlook })).error).toMatchObject({ kind: 'corrupt' })
  })
})
