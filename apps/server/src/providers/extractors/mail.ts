import { open } from 'node:fs/promises'
import PostalMime, { type Address, type Attachment, type Email } from 'postal-mime'
import { tidyText, toIsoInstant } from './fact-values.ts'
import { htmlVisitor, newPageFacts } from './html-visitor.ts'
import { joinAddress, type Message, mailFacts } from './mail-message.ts'
import { walkMarkup } from './markup.ts'
import { OUTLOOK } from './media-types.ts'
import { readOutlookMessage } from './outlook-message.ts'
import { extracting, type Output } from './output.ts'
import { ExtractionError, type ExtractionLimits, type Extractor, type Facts, type Place, type Source } from './port.ts'
import { createTextFlow } from './text-flow.ts'
import { collectingText } from './text-parts.ts'

/** A message is held in memory, several times over while it is decoded. */
const maxMailBytes = 64 * 1024 ** 2
const sliceChars = 64 * 1024
/** A part has a beginning, may be the last of others, and texts have such lines too. */
const dashedLinesPerEntry = 4

/**
 * Mail as it is sent and as Outlook saves it: headers as facts, the text of the body, the names of attachments, and the
 * text of attached messages.
 */
export const mailExtractor: Extractor = {
  extract: (source, emit, limits) => extracting(emit, limits, (output) => readMail(source, limits, output)),
}

async function readMail(source: Source, limits: ExtractionLimits, output: Output) {
  if (source.mediaType === OUTLOOK) {
    return writeMessage(await readOutlookMessage(source, limits), limits, output)
  }
  const head = await readStart(source)
  await writeMessage(await readSentMessage(head, limits), limits, output)
  if (source.sizeBytes > maxMailBytes)
    throw new ExtractionError('limits', `The mail has more than ${maxMailBytes} bytes`)
}

async function readStart(source: Source) {
  const file = await open(source.path)
  try {
    const bytes = Buffer.alloc(Math.min(source.sizeBytes, maxMailBytes))
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0)
    return bytes.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

/** RFC 5322 and RFC 2045 to 2049. */
async function readSentMessage(bytes: Uint8Array, limits: ExtractionLimits): Promise<Message> {
  const email = await parseMail(bytes, limits)
  if (!email.headers.some(({ key }) => /^(?:from|to|subject|date|message-id|received|mime-version)$/.test(key))) {
    throw new ExtractionError('corrupt', 'The message has no header of a mail')
  }
  const from = email.from ?? email.sender
  const facts: Facts = {
    title: email.subject,
    author: from && formatAddress(from),
    createdAt: toIsoInstant(email.date),
    more: mailFacts({
      from: from && formatAddress(from),
      to: format(email.to),
      cc: format(email.cc),
      id: email.messageId,
    }),
  }
  const attached = email.attachments.map((attachment) => describeAttachment(attachment, limits))
  return { facts, text: email.text ?? '', html: email.html ?? '', attached }
}

async function parseMail(bytes: Uint8Array, limits: ExtractionLimits): Promise<Email> {
  expectFewParts(bytes, limits)
  try {
    return await PostalMime.parse(bytes, { forceRfc822Attachments: true, maxNestingDepth: limits.depth })
  } catch (error) {
    const isLimit = error instanceof Error && /maximum|exceed/i.test(error.message)
    if (!isLimit) throw error
    throw new ExtractionError('limits', `The mail is too deep or its headers too long: ${error.message}`, {
      cause: error,
    })
  }
}

/**
 * Parts cost their reader far more than they take up, and it counts none. Each begins with a line that begins with two
 * hyphens (RFC 2046, 5.1.1), as few other lines do.
 */
function expectFewParts(bytes: Uint8Array, { entries }: ExtractionLimits) {
  const mail = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  let lines = 0
  for (let at = mail.indexOf('\n--'); at >= 0; at = mail.indexOf('\n--', at + 3)) {
    lines += 1
    if (lines > entries * dashedLinesPerEntry) throw new ExtractionError('limits', `More than ${entries} parts`)
  }
}

function describeAttachment(
  { content, filename, mimeType }: Attachment,
  limits: ExtractionLimits,
): Message['attached'][0] {
  const bytes = typeof content === 'string' ? Buffer.from(content) : new Uint8Array(content)
  if (mimeType === 'message/rfc822') return { message: () => readSentMessage(bytes, limits) }
  return { name: filename ?? undefined, mediaType: mimeType, sizeBytes: bytes.length }
}

function format(addresses: Address[] | undefined) {
  return addresses?.map(formatAddress)
}

function formatAddress(address: Address): string {
  const { name } = address
  if (address.group) return `${name}: ${address.group.map(formatAddress).join(', ')}`
  return joinAddress(name, address.address)
}

async function writeMessage(message: Message, limits: ExtractionLimits, output: Output) {
  await output.facts(message.facts)
  const left = { entries: limits.entries }
  await writeBody(message, {}, limits, output)
  await writeAttached(message, 1, left, limits, output)
}

async function writeAttached(
  { attached }: Message,
  depth: number,
  left: { entries: number },
  limits: ExtractionLimits,
  output: Output,
): Promise<void> {
  for (const each of attached) {
    left.entries -= 1
    if (left.entries < 0) throw new ExtractionError('limits', `More than ${limits.entries} attachments`)
    if (!('message' in each)) await output.attachment(each.name, each.mediaType, each.sizeBytes)
    else {
      if (depth >= limits.depth)
        throw new ExtractionError('limits', `More than ${limits.depth} messages in one another`)
      const message = typeof each.message === 'function' ? await each.message() : each.message
      const subject = tidyText(message.facts.title, 200)
      await writeBody(message, { label: subject ? `message: ${subject}` : 'message' }, limits, output)
      await writeAttached(message, depth + 1, left, limits, output)
    }
  }
}

async function writeBody({ text, html }: Message, place: Place, limits: ExtractionLimits, output: Output) {
  if (/\S/.test(text) || html === '') return output.text(text.replaceAll('\r\n', '\n'), place)
  await collectingText(output, async (parts) => {
    const flow = createTextFlow(parts)
    flow.moveTo(place)
    const visitor = htmlVisitor(flow, newPageFacts())
    await walkMarkup(sliceText(html), visitor, { dialect: 'html', depth: limits.depth, pause: parts.drain })
  })
}

async function* sliceText(text: string) {
  for (let at = 0; at < text.length; at += sliceChars) yield text.slice(at, at + sliceChars)
}
