import { createRequire } from 'node:module'
import type MsgReader from '@kenjiuno/msgreader'
import type { FieldsData } from '@kenjiuno/msgreader'
import { type CompoundFile, findStream, readCompoundFile } from './compound-file.ts'
import { toIsoInstant } from './fact-values.ts'
import { joinAddress, type Message, mailFacts } from './mail-message.ts'
import { ExtractionError, type ExtractionLimits, type Source } from './port.ts'
import { findHtmlEncoding, openDecoding } from './text-decoding.ts'

// Its default export is found in different places by the ways there are to import it.
const reader: { default: new (bytes: DataView) => MsgReader.default } = createRequire(import.meta.url)(
  '@kenjiuno/msgreader',
)

/** [MS-OXMSG] 2.4. */
const propertiesName = '__properties_version1.0'
const propertiesHeaderBytes = 32
const propertyBytes = 16
/** [MS-OXPROPS] 2.800 and 2.731. */
const messageCodePage = 0x3ffd_0003
const internetCodePage = 0x3fde_0003

/**
 * Reads a message that Outlook saved ([MS-OXMSG]).
 *
 * @throws ExtractionError
 */
export async function readOutlookMessage(source: Source, limits: ExtractionLimits): Promise<Message> {
  const file = await readCompoundFile(source, limits.entries)
  const properties = findStream(file, propertiesName)?.read()
  if (!properties) throw new ExtractionError('corrupt', 'The file holds no message')
  const charset = charsetOf(readNumber(properties, messageCodePage))
  const message = new reader.default(new DataView(file.bytes.buffer, file.bytes.byteOffset, file.bytes.length))
  message.parserConfig = { ansiEncoding: hasByteTexts(file) ? charset : undefined }
  const fields = message.getFileData()
  return describe(fields, charsetOf(readNumber(properties, internetCodePage)) ?? charset)
}

/** [MS-OXCDATA] 2.11.1: texts of this type are in the message's code page, all others in UTF-16. */
function hasByteTexts(file: CompoundFile) {
  return file.streams.some(({ path }) => path.at(-1)?.toUpperCase().endsWith('001E'))
}

function readNumber(properties: Buffer, tag: number) {
  for (let at = propertiesHeaderBytes; at + propertyBytes <= properties.length; at += propertyBytes) {
    if (properties.readUInt32LE(at) === tag) return properties.readUInt32LE(at + 8)
  }
  return undefined
}

function charsetOf(codePage: number | undefined) {
  if (codePage === undefined || codePage === 0) return undefined
  return codePage === 65_001 ? 'utf-8' : `cp${codePage}`
}

function describe(fields: FieldsData, charset: string | undefined): Message {
  const from = joinAddress(fields.senderName, fields.senderSmtpAddress ?? internetAddress(fields.senderEmail))
  const list = (type: 'to' | 'cc') =>
    fields.recipients?.filter(({ recipType }) => recipType === type).map(nameRecipient)
  return {
    facts: {
      title: fields.subject,
      author: from,
      createdAt: toIsoInstant(fields.clientSubmitTime ?? fields.messageDeliveryTime),
      more: mailFacts({ from, to: list('to'), cc: list('cc'), id: fields.messageId }),
    },
    text: fields.body ?? '',
    html: fields.bodyHtml ?? decodeHtml(fields.html, charset),
    attached: (fields.attachments ?? []).map((attachment) => {
      if (attachment.innerMsgContentFields) return { message: describe(attachment.innerMsgContentFields, charset) }
      return {
        name: attachment.fileName ?? attachment.fileNameShort ?? attachment.name,
        mediaType: attachment.attachMimeTag,
        sizeBytes: attachment.contentLength ?? 0,
      }
    }),
  }
}

function nameRecipient({ name, smtpAddress, email }: FieldsData) {
  return joinAddress(name, smtpAddress ?? internetAddress(email))
}

/** Inside an organization people are known by names of its directory instead. */
function internetAddress(address: string | undefined) {
  return address?.includes('@') ? address : undefined
}

function decodeHtml(html: Uint8Array | undefined, charset: string | undefined) {
  if (!html) return ''
  const bytes = Buffer.from(html.buffer, html.byteOffset, html.length)
  const decoding = openDecoding(findHtmlEncoding(bytes, charset))
  return decoding.write(bytes) + decoding.end()
}
