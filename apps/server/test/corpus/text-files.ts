import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type CorpusFile, fileIn, type Workshop } from './corpus-file.ts'
import { escaped } from './flat-documents.ts'
import {
  ARABIC,
  CHINESE,
  EMOJI,
  ENGLISH,
  GREEK,
  JAPANESE,
  MANY_LANGUAGES,
  RUSSIAN,
  TRADITIONAL_CHINESE,
} from './texts.ts'
import { pipe } from './tools.ts'

/** Text as it lies, in every usual encoding, and what is written in text. */

const ENCODED: readonly [charset: string, paragraphs: readonly string[]][] = [
  ['UTF-16LE', MANY_LANGUAGES],
  ['UTF-16', MANY_LANGUAGES],
  ['UTF-16BE', [...ENGLISH, ...GREEK]],
  ['ISO-8859-7', GREEK],
  ['WINDOWS-1253', GREEK],
  ['WINDOWS-1256', ARABIC],
  ['ISO-8859-6', ARABIC.map((text) => text.replaceAll('ء', 'ا'))],
  ['GB18030', CHINESE],
  ['BIG5', TRADITIONAL_CHINESE],
  ['SHIFT_JIS', JAPANESE],
  ['EUC-JP', JAPANESE],
  ['WINDOWS-1251', RUSSIAN],
  ['KOI8-R', RUSSIAN],
]

export async function makeTexts(workshop: Workshop): Promise<CorpusFile[]> {
  const made: CorpusFile[] = []
  const keep = async (name: string, bytes: Buffer | string, about: Omit<CorpusFile, 'name' | 'path'>) => {
    await writeFile(join(workshop.folder, name), bytes)
    made.push({ ...fileIn(workshop, name), ...about })
  }
  const all = MANY_LANGUAGES.join('\n\n')
  await keep('utf-8.txt', all, { format: 'txt utf-8', maker: 'by hand', text: all })
  await keep('utf-8-mark.txt', `\ufeff${all}`, { format: 'txt utf-8', maker: 'by hand', text: all })
  for (const [charset, paragraphs] of ENCODED) {
    const text = paragraphs.join('\r\n')
    const bytes = pipe('iconv', ['-f', 'UTF-8', '-t', charset], Buffer.from(text))
    const name = charset.toLowerCase()
    await keep(`${name}.txt`, bytes, { format: `txt ${name}`, maker: 'iconv', text })
  }
  for (const { name, format, bytes, text, facts } of written()) {
    await keep(name, bytes, { format, maker: 'by hand', text, ...(facts && { facts }) })
  }
  for (const [charset, paragraphs] of [
    ['WINDOWS-1253', GREEK],
    ['WINDOWS-1256', ARABIC],
    ['GB18030', CHINESE],
    ['SHIFT_JIS', JAPANESE],
  ] as const) {
    const name = charset.toLowerCase()
    const page = htmlOf(name, paragraphs)
    const bytes = pipe('iconv', ['-f', 'UTF-8', '-t', charset], Buffer.from(page))
    const facts = { title: paragraphs[0]!.slice(0, 20).trim() }
    await keep(`page-${name}.html`, bytes, { format: 'html', maker: 'iconv', text: paragraphs.join('\n'), facts })
  }
  const xml = `<?xml version="1.0" encoding="ISO-8859-7"?>\n<letter>${GREEK.map((text) => `<p>${text}</p>`).join('')}</letter>`
  const greekXml = pipe('iconv', ['-f', 'UTF-8', '-t', 'ISO-8859-7'], Buffer.from(xml))
  await keep('letter-iso-8859-7.xml', greekXml, { format: 'xml', maker: 'iconv', text: GREEK.join('\n') })
  return made
}

function htmlOf(charset: string, paragraphs: readonly string[]): string {
  const title = paragraphs[0]!.slice(0, 20)
  return `<!DOCTYPE html><html><head><meta charset="${charset}"><title>${title}</title><style>p { color: red }</style></head>
<body>${paragraphs.map((text) => `<p>${escaped(text)}</p>`).join('')}<script>var unseen = "word"</script></body></html>`
}

interface Written extends Pick<CorpusFile, 'name' | 'format' | 'facts'> {
  bytes: string
  text: string
}

function written(): Written[] {
  const paragraphs = MANY_LANGUAGES
  const joined = paragraphs.join('\n')
  const entries = paragraphs.map((text, index) => ({ index, text, open: index % 2 === 0 }))
  const items = paragraphs.map((text) => `<item><title>${escaped(text)}</title></item>`).join('')
  const tspans = paragraphs.map((text, index) => `<text x="0" y="${20 * index}">${escaped(text)}</text>`).join('')
  const cues = paragraphs.map((text, index) => ({ at: `00:00:0${index % 10}`, text }))
  const folded = paragraphs.map((text) => text.replaceAll(/([,;\\])/g, '\\$1'))
  return [
    { name: 'list.json', format: 'json', bytes: JSON.stringify({ entries }, null, 2), text: joined },
    { name: 'escaped.json', format: 'json', bytes: asAscii(JSON.stringify(GREEK)), text: asAscii(GREEK.join('\n')) },
    {
      name: 'lines.ndjson',
      format: 'ndjson',
      bytes: entries.map((entry) => JSON.stringify(entry)).join('\n'),
      text: joined,
    },
    {
      name: 'notes.md',
      format: 'markdown',
      bytes: `# Harbour notes\n\n${paragraphs.map((text) => `* ${text}`).join('\n')}\n`,
      text: `Harbour notes\n${joined}`,
      facts: { title: 'Harbour notes' },
    },
    {
      name: 'feed.rss',
      format: 'rss',
      bytes: `<?xml version="1.0"?><rss version="2.0"><channel>${items}</channel></rss>`,
      text: joined,
    },
    {
      name: 'data.xml',
      format: 'xml',
      bytes: `<?xml version="1.0" encoding="UTF-8"?>\n<list xmlns="urn:x">${paragraphs.map((text) => `<p><![CDATA[${text}]]></p>`).join('\n')}</list>`,
      text: joined,
    },
    {
      name: 'drawing.svg',
      format: 'svg',
      bytes: `<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><title>Chart of the bay</title>${tspans}</svg>`,
      text: joined,
      facts: { title: 'Chart of the bay' },
    },
    {
      name: 'about.html',
      format: 'html',
      bytes: `<!DOCTYPE html><html lang="el"><head><meta charset="utf-8"><title>Λιμάνι</title><meta name="author" content="Ελένη"><meta name="keywords" content="λιμάνι, πλοία"><meta name="description" content="Το λιμάνι"></head><body>${paragraphs.map((text) => `<div>${escaped(text)}</div>`).join('')}</body></html>`,
      text: joined,
      facts: { title: 'Λιμάνι', author: 'Ελένη', keywords: ['λιμάνι', 'πλοία'], subject: 'Το λιμάνι', language: 'el' },
    },
    {
      name: 'rules.yaml',
      format: 'yaml',
      bytes: `entries:\n${entries.map(({ text }) => `  - ${JSON.stringify(text)}`).join('\n')}\n`,
      text: joined,
    },
    {
      name: 'speech.vtt',
      format: 'vtt',
      bytes: `WEBVTT\n\n${cues.map(({ at, text }) => `${at}.000 --> ${at}.900\n${text}`).join('\n\n')}\n`,
      text: joined,
    },
    {
      name: 'speech.srt',
      format: 'srt',
      bytes: cues.map(({ at, text }, index) => `${index + 1}\n${at},000 --> ${at},900\n${text}\n`).join('\n'),
      text: joined,
    },
    {
      name: 'event.ics',
      format: 'ics',
      bytes: `BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\n${folded.map((text) => `DESCRIPTION:${text}`).join('\r\n')}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n`,
      text: joined,
    },
    {
      name: 'card.vcf',
      format: 'vcf',
      bytes: `BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Ελένη Παπαδοπούλου\r\nNOTE:${folded[0]}\r\nEND:VCARD\r\n`,
      text: `Ελένη Παπαδοπούλου\n${paragraphs[0]}`,
    },
    {
      name: 'sign.py',
      format: 'source',
      bytes: `"""${EMOJI[0]}"""\nTEXT = '${GREEK[3]}'\n`,
      text: `${EMOJI[0]}\nTEXT\n${GREEK[3]}`,
    },
  ]
}

/** As many programs write JSON: each sign beyond ASCII by its number. A reader of text takes it as it lies. */
function asAscii(text: string): string {
  return text.replaceAll(/[^\0-\x7f]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
