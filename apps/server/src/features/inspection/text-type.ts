// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
const controlCharacter = /[\0-\x08\x0b\x0e-\x1a\x1c-\x1f]/
const isControlByte = Array.from({ length: 256 }, (_, byte) => controlCharacter.test(String.fromCharCode(byte)))

const mailHeaders = /^(?:from|to|subject|date|message-id|received|return-path|mime-version|delivered-to|reply-to):/i
const htmlStart =
  /^<(?:!doctype\s+html|html|head|body|script|iframe|h[1-6]|div|font|table|a|style|title|b|br|p|img|form|meta|link|object|embed|span|ul|ol|section|article)[\s/>]/i
const csvSampleLines = 20
const csvNames: Record<string, string> = {
  csv: 'text/csv',
  tsv: 'text/tab-separated-values',
  tab: 'text/tab-separated-values',
}
const htmlName = /^(?:html?|xhtml)$/
const markdownNames = ['md', 'markdown', 'mdown']
const proseNames = ['txt', 'text', 'log', 'srt', 'ini', 'conf', 'yaml', 'yml', 'toml']

/** True for what text does not hold: anything below the space but white space and the escape of terminal logs. */
export function hasControlCharacters(text: string) {
  return controlCharacter.test(text)
}

/**
 * The same for bytes in UTF-8 or any other encoding that extends ASCII. Four at a time: this is asked of every text, for
 * all that is looked at of it.
 */
export function hasControlBytes(bytes: Buffer): boolean {
  if (bytes.length < 8) return hasControlByte(bytes, 0, bytes.length)
  const lead = (4 - (bytes.byteOffset % 4)) % 4
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + lead, (bytes.length - lead) >> 2)
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!
    // Not 0 when one of the four is below 0x20: only its subtraction sets a top bit that was not set.
    if (((word - 0x20202020) & ~word & 0x80808080) === 0) continue
    if (hasControlByte(bytes, lead + 4 * index, lead + 4 * index + 4)) return true
  }
  return hasControlByte(bytes, 0, lead) || hasControlByte(bytes, lead + 4 * words.length, bytes.length)
}

function hasControlByte(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    if (isControlByte[bytes[at]!]) return true
  }
  return false
}

/** False when the first 16 KB of a text tell its type: markup and JSON are looked at whole. */
export function needsWholeText(first: string, name: string): boolean {
  const sign = first.trimStart()[0]
  const extension = extensionOf(name)
  return sign === undefined || '<{['.includes(sign) || extension === 'json' || htmlName.test(extension)
}

/**
 * Tells apart the kinds of text that matter to a reader of it. The name decides only between kinds that are equally
 * harmless (CSV, Markdown, plain), or makes text that holds tags HTML; it never makes markup plain.
 *
 * @param complete false when the text goes on
 */
export function findTextType(text: string, name: string, complete: boolean): string {
  const start = text.trimStart()
  const extension = extensionOf(name)
  if (start === '') return 'text/plain'
  if (/%PDF-/.test(text.slice(0, 1024))) return 'application/pdf'
  if (start[0] === '<') return findMarkupType(start)
  if (htmlName.test(extension) && /<[a-z!]/i.test(start)) return 'text/html'
  return (
    findFixedStart(start) ??
    findJsonType(start, extension, complete) ??
    findMailType(start) ??
    csvNames[extension] ??
    (markdownNames.includes(extension) ? 'text/markdown' : undefined) ??
    (!proseNames.includes(extension) && looksLikeTable(start, complete) ? 'text/csv' : 'text/plain')
  )
}

function extensionOf(name: string) {
  return name.slice(name.lastIndexOf('.') + 1).toLowerCase()
}

function findFixedStart(start: string) {
  if (start.startsWith('{\\rtf')) return 'application/rtf'
  if (start.startsWith('%!PS')) return 'application/postscript'
  if (start.startsWith('WEBVTT')) return 'text/vtt'
  if (start.startsWith('#!')) return 'text/x-shellscript'
  if (/^BEGIN:VCARD\s/i.test(start)) return 'text/vcard'
  if (/^BEGIN:VCALENDAR\s/i.test(start)) return 'text/calendar'
  return undefined
}

function findMarkupType(start: string) {
  const rootAt = skipProlog(start)
  if (rootAt < 0) return start.startsWith('<?xml') ? 'application/xml' : 'text/html'
  const root = start.slice(rootAt, rootAt + 256)
  if (htmlStart.test(root)) return 'text/html'
  const name = /^<([a-z_][\w.:-]*)/i.exec(root)?.[1] ?? ''
  const local = name.slice(name.indexOf(':') + 1).toLowerCase()
  if (local === 'svg' || /^<!doctype\s+svg\b/i.test(root)) return 'image/svg+xml'
  if (local === 'html') return 'text/html'
  if (start.startsWith('<?xml') || /\sxmlns[:=]/.test(start.slice(0, 4096))) return 'application/xml'
  if (/<(?:html|head|body|script|iframe|svg|img|style|object|embed|form|a)[\s/>]/i.test(start)) return 'text/html'
  return name && start.includes(`</${name}`) ? 'application/xml' : 'text/plain'
}

/** Where the first element or telling document type begins; -1 when the text ends before. */
function skipProlog(start: string) {
  let at = 0
  while (at >= 0) {
    if (start.startsWith('<!--', at)) at = after(start, '-->', at + 4)
    else if (start.startsWith('<?', at)) at = after(start, '?>', at)
    else if (/^<!doctype\s+(?:svg|html)\b/i.test(start.slice(at, at + 64))) return at
    else if (start.startsWith('<!', at)) at = afterDeclaration(start, at)
    else return at
    if (at >= 0) at = start.indexOf('<', at)
  }
  return -1
}

function after(text: string, sign: string, from: number) {
  const found = text.indexOf(sign, from)
  return found < 0 ? -1 : found + sign.length
}

function afterDeclaration(text: string, at: number) {
  const end = after(text, '>', at)
  return end > 0 && text.slice(at, end).includes('[') ? after(text, ']>', at) : end
}

function findJsonType(start: string, extension: string, complete: boolean) {
  const mayBeJson = start[0] === '{' || start[0] === '[' || extension === 'json'
  if (!mayBeJson) return undefined
  if (complete && isJson(start)) return 'application/json'
  const firstLine = start.slice(0, start.indexOf('\n'))
  if (start[0] === '{' && /^\{.*\}\r?\n\s*\{/.test(start.slice(0, firstLine.length + 8)) && isJson(firstLine)) {
    return 'application/x-ndjson'
  }
  return !complete && beginsLikeJson(start) ? 'application/json' : undefined
}

function isJson(text: string) {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function beginsLikeJson(start: string) {
  const inside = start.slice(0, 4096).replace(/^(?:\[\s*)+/, '')
  if (/^\{\s*"(?:[^"\\\n]|\\.)*"\s*:\s*["{[\dtfn-]/.test(inside)) return true
  return start[0] === '[' && /^(?:"(?:[^"\\\n]|\\.)*"|-?\d[\d.eE+-]*|true|false|null)\s*(?:,|\]\s*,)/.test(inside)
}

/** RFC 5322 sections 2.1.1 and 2.2: a message begins with header fields, in lines of 998; two well-known ones make it mail. */
function findMailType(start: string) {
  let known = 0
  for (const line of start.slice(0, 8192).split(/\r?\n/)) {
    if (/^[ \t]/.test(line)) continue
    if (!/^[!-9;-~]{1,998}:/.test(line) && !/^From \S+/.test(line)) return undefined
    if (mailHeaders.test(line)) known += 1
    if (known === 2) return 'message/rfc822'
  }
  return undefined
}

/** RFC 4180: the same number of separators in each record; prose has that by accident for a line or two. */
function looksLikeTable(start: string, complete: boolean) {
  const first = start.slice(0, 16_384)
  const lines = (first.includes('"') ? first.replace(/"(?:[^"]|"")*"/g, '') : first).split(/\r?\n/)
  if (!complete || start.length > 16_384) lines.pop()
  const sample = lines.filter((line) => line !== '').slice(0, csvSampleLines)
  return [',', ';', '\t'].some((separator) => {
    const columns = sample.map((line) => line.split(separator).length)
    const first = columns[0] ?? 0
    return columns.every((count) => count === first) && sample.length >= (first > 2 ? 3 : 5) && first > 1
  })
}
