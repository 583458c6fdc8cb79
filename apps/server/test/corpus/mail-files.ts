import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type CorpusFile, fileIn, type Workshop } from './corpus-file.ts'
import { ARABIC, CHINESE, EMOJI, ENGLISH, GREEK, JAPANESE, RUSSIAN, TRADITIONAL_CHINESE } from './texts.ts'
import { exec, has, pipe } from './tools.ts'

/** Mail in the encodings that mail comes in: by hand, and as Python's email package writes it. */

const DATE = 'Mon, 06 May 2024 10:08:09 +0300'
const SENT_AT = '2024-05-06T07:08:09.000Z'

const BY_HAND: readonly { charset: string; subject: string; paragraphs: readonly string[]; transfer: Transfer }[] = [
  { charset: 'UTF-8', subject: 'Λιμάνι 🎉', paragraphs: [...ENGLISH, ...GREEK, ...EMOJI], transfer: 'base64' },
  { charset: 'UTF-8', subject: 'Harbour fees', paragraphs: [...ENGLISH, ...ARABIC], transfer: '8bit' },
  { charset: 'ISO-8859-7', subject: 'Τέλη ελλιμενισμού', paragraphs: GREEK, transfer: 'quoted-printable' },
  { charset: 'WINDOWS-1256', subject: 'رسوم الرسو', paragraphs: ARABIC, transfer: 'base64' },
  { charset: 'GB18030', subject: '停泊费', paragraphs: CHINESE, transfer: 'base64' },
  { charset: 'BIG5', subject: '停泊費', paragraphs: TRADITIONAL_CHINESE, transfer: 'quoted-printable' },
  { charset: 'SHIFT_JIS', subject: '係留料金', paragraphs: JAPANESE, transfer: '8bit' },
  { charset: 'ISO-2022-JP', subject: '港湾の料金', paragraphs: JAPANESE, transfer: '8bit' },
  { charset: 'KOI8-R', subject: 'Портовый сбор', paragraphs: RUSSIAN, transfer: 'quoted-printable' },
]

type Transfer = 'base64' | '8bit' | 'quoted-printable'

export async function makeMails(workshop: Workshop): Promise<CorpusFile[]> {
  const made: CorpusFile[] = []
  for (const [index, { charset, subject, paragraphs, transfer }] of BY_HAND.entries()) {
    const name = `mail-${index + 1}-${charset.toLowerCase()}.eml`
    const encode = (text: string) => pipe('iconv', ['-f', 'UTF-8', '-t', charset], Buffer.from(text))
    const words = `=?${charset}?B?${encode(subject).toString('base64')}?=`
    const head = `From: =?UTF-8?B?${Buffer.from('Ελένη').toString('base64')}?= <eleni@example.org>\r\nTo: office@example.org\r\nSubject: ${words}\r\nDate: ${DATE}\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=${charset}\r\nContent-Transfer-Encoding: ${transfer}\r\n\r\n`
    const body = transferred(encode(paragraphs.join('\r\n')), transfer)
    await writeFile(join(workshop.folder, name), Buffer.concat([Buffer.from(head), body]))
    const facts = { title: subject, author: 'Ελένη <eleni@example.org>', createdAt: SENT_AT }
    made.push({ ...fileIn(workshop, name), format: 'eml', maker: 'by hand', text: paragraphs.join('\n'), facts })
  }
  if (has('python3', '-c', 'import email.message')) made.push(...(await makePythons(workshop)))
  else workshop.missing.push('mail by Python: python3 is not there')
  return made
}

function transferred(bytes: Buffer, transfer: Transfer): Buffer {
  if (transfer === '8bit') return bytes
  if (transfer === 'base64') return Buffer.from(bytes.toString('base64').replaceAll(/(.{76})/g, '$1\r\n'))
  // RFC 2045, 6.7: lines end softly before they are 76 signs long.
  let line = ''
  let text = ''
  for (const byte of bytes) {
    const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x3d
    const sign = plain ? String.fromCharCode(byte) : `=${byte.toString(16).toUpperCase().padStart(2, '0')}`
    if (line.length + sign.length > 72) {
      text += `${line}=\r\n`
      line = ''
    }
    line += sign
  }
  return Buffer.from(text + line)
}

/** Writes three messages: an alternative of text and page with an attachment, a page alone, and one within another. */
const PYTHON = `
import json, sys
from email.message import EmailMessage
said = json.loads(sys.argv[1])
def message(subject):
    made = EmailMessage()
    made['From'] = 'Γιώργος Νικολάου <giorgos@example.org>'
    made['To'] = 'Harbour Office <office@example.org>'
    made['Subject'] = subject
    made['Date'] = '${DATE}'
    return made
both = message(said['subject'])
both.set_content(said['text'])
both.add_alternative('<html><body><p>' + said['text'] + '</p></body></html>', subtype='html')
both.add_attachment(b'a,b\\n1,2\\n', maintype='text', subtype='csv', filename=said['attachment'])
page = message(said['subject'])
page.set_content('<html><body>' + ''.join('<p>' + each + '</p>' for each in said['paragraphs']) + '</body></html>', subtype='html', charset='iso-8859-7')
inner = message(said['inner'])
inner.set_content(said['innerText'])
outer = message(said['subject'])
outer.set_content(said['text'])
outer.add_attachment(inner)
for name, each in (('both', both), ('page', page), ('outer', outer)):
    with open(sys.argv[2] + '/python-' + name + '.eml', 'wb') as file:
        file.write(each.as_bytes())
`

async function makePythons(workshop: Workshop): Promise<CorpusFile[]> {
  const said = {
    subject: 'Τέλη και αποδείξεις',
    text: [...ENGLISH, ...GREEK].join('\n'),
    paragraphs: GREEK,
    attachment: 'αποδείξεις 2024.csv',
    inner: 'The message inside',
    innerText: RUSSIAN.join('\n'),
  }
  await exec('python3', ['-c', PYTHON, JSON.stringify(said), workshop.folder])
  const facts = { title: said.subject, author: 'Γιώργος Νικολάου <giorgos@example.org>', createdAt: SENT_AT }
  const common = { format: 'eml', maker: 'Python', facts } as const
  return [
    { ...fileIn(workshop, 'python-both.eml'), ...common, text: said.text, attachments: [said.attachment] },
    { ...fileIn(workshop, 'python-page.eml'), ...common, text: GREEK.join('\n') },
    { ...fileIn(workshop, 'python-outer.eml'), ...common, text: `${said.text}\n${said.innerText}` },
  ]
}
