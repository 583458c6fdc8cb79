import { makeCompoundFile } from './test-compound-file.ts'

/** What Outlook keeps of a message, by the identifiers of [MS-OXPROPS]; texts are in UTF-16 unless a code page is given. */
export interface MadeMessage {
  subject?: string
  senderName?: string
  senderAddress?: string
  body?: string
  html?: Buffer
  sentAt?: Date
  recipients?: { name: string; address: string; type: 1 | 2 }[]
  attachments?: ({ name: string; type: string; bytes: Buffer } | { message: MadeMessage; name: string })[]
  /** Texts as bytes of this encoding. */
  ansi?: { codePage: number; encode(text: string): Buffer }
}

/** Writes a message as Outlook saves it ([MS-OXMSG]). */
export function makeOutlookMessage(message: MadeMessage): Buffer {
  const streams: Record<string, Buffer> = { '__nameid_version1.0/__substg1.0_00020102': Buffer.alloc(0) }
  addMessage(streams, '', message, 32)
  return makeCompoundFile(streams)
}

function addMessage(streams: Record<string, Buffer>, folder: string, message: MadeMessage, headerBytes: number) {
  const { ansi } = message
  const text = (id: string, value: string | undefined) => {
    if (value === undefined) return
    const name = `${folder}__substg1.0_${id}${ansi ? '001E' : '001F'}`
    streams[name] = ansi ? ansi.encode(value) : Buffer.from(value, 'utf16le')
  }
  text('0037', message.subject)
  text('0C1A', message.senderName)
  text('5D01', message.senderAddress)
  text('1000', message.body)
  text('1035', '<made@example.test>')
  if (message.html) streams[`${folder}__substg1.0_10130102`] = message.html
  const properties = [Buffer.alloc(headerBytes)]
  if (ansi) properties.push(property(0x3ffd_0003, ansi.codePage), property(0x3fde_0003, ansi.codePage))
  if (message.sentAt) properties.push(timeProperty(0x0039_0040, message.sentAt))
  streams[`${folder}__properties_version1.0`] = Buffer.concat(properties)
  for (const [index, { name, address, type }] of (message.recipients ?? []).entries()) {
    const own = `${folder}__recip_version1.0_#${hex(index)}/`
    streams[`${own}__substg1.0_3001001F`] = Buffer.from(name, 'utf16le')
    streams[`${own}__substg1.0_39FE001F`] = Buffer.from(address, 'utf16le')
    streams[`${own}__properties_version1.0`] = Buffer.concat([Buffer.alloc(8), property(0x0c15_0003, type)])
  }
  for (const [index, attachment] of (message.attachments ?? []).entries()) {
    const own = `${folder}__attach_version1.0_#${hex(index)}/`
    streams[`${own}__substg1.0_3707001F`] = Buffer.from(attachment.name, 'utf16le')
    streams[`${own}__properties_version1.0`] = Buffer.alloc(8)
    if ('message' in attachment) addMessage(streams, `${own}__substg1.0_3701000D/`, attachment.message, 24)
    else {
      streams[`${own}__substg1.0_370E001F`] = Buffer.from(attachment.type, 'utf16le')
      streams[`${own}__substg1.0_37010102`] = attachment.bytes
    }
  }
}

function property(tag: number, value: number) {
  const bytes = Buffer.alloc(16)
  bytes.writeUInt32LE(tag, 0)
  bytes.writeUInt32LE(6, 4)
  bytes.writeUInt32LE(value, 8)
  return bytes
}

/** File times count tenths of microseconds since 1601. */
function timeProperty(tag: number, date: Date) {
  const bytes = property(tag, 0)
  bytes.writeBigUInt64LE((BigInt(date.getTime()) + 11_644_473_600_000n) * 10_000n, 8)
  return bytes
}

function hex(index: number) {
  return index.toString(16).toUpperCase().padStart(8, '0')
}
