import { type CompoundFile, findStream } from './compound-file.ts'
import { splitKeywords, toIsoInstant } from './fact-values.ts'
import type { Facts } from './port.ts'
import { openDecoding } from './text-decoding.ts'

const maxProperties = 200
const maxTextBytes = 64 * 1024

/** [MS-OLEPS] 2.15. */
const stringType = 0x1e
const wideStringType = 0x1f
const fileTimeType = 0x40
const intType = 0x03
const shortType = 0x02

/** Milliseconds from 1601, where file times begin, to 1970. */
const epochMs = 11_644_473_600_000

type Value = string | number | Date

/** What an old Office document says of itself ([MS-OLEPS] 3.1.2 and 3.1.3); nothing when that is broken. */
export function readSummary(file: CompoundFile): Facts {
  const stream = findStream(file, '\x05SummaryInformation')
  try {
    const found = stream ? readProperties(stream.read()) : new Map<number, Value>()
    const text = (id: number) => asText(found.get(id))
    return {
      title: text(2),
      subject: text(3),
      author: text(4),
      keywords: splitKeywords(text(5)),
      createdAt: toIsoInstant(found.get(12)),
      modifiedAt: toIsoInstant(found.get(13)),
      producer: text(18),
    }
  } catch {
    return {}
  }
}

function asText(value: Value | undefined) {
  return typeof value === 'string' ? value : undefined
}

/** [MS-OLEPS] 2.21 and 2.20: one set of properties, each an identifier and where its value lies. */
function readProperties(bytes: Buffer): Map<number, Value> {
  const set = bytes.subarray(bytes.readUInt32LE(44))
  const count = Math.min(set.readUInt32LE(4), maxProperties)
  const offsets = new Map<number, number>()
  for (let index = 0; index < count; index += 1) {
    offsets.set(set.readUInt32LE(8 + 8 * index), set.readUInt32LE(12 + 8 * index))
  }
  const codePageAt = offsets.get(1)
  // A code page is an unsigned number that is written as a signed one.
  const codePage = codePageAt === undefined ? 1252 : set.readUInt16LE(codePageAt + 4)
  const found = new Map<number, Value>()
  for (const [id, offset] of offsets) {
    const value = readValue(set, offset, codePage)
    if (value !== undefined) found.set(id, value)
  }
  return found
}

function readValue(set: Buffer, offset: number, codePage: number): Value | undefined {
  if (offset + 8 > set.length) return undefined
  const type = set.readUInt16LE(offset)
  const size = set.readUInt32LE(offset + 4)
  if (type === stringType) return decode(set.subarray(offset + 8, offset + 8 + Math.min(size, maxTextBytes)), codePage)
  if (type === wideStringType)
    return decode(set.subarray(offset + 8, offset + 8 + Math.min(2 * size, maxTextBytes)), 1200)
  if (type === intType || type === shortType) return size
  if (type !== fileTimeType || offset + 12 > set.length) return undefined
  const ms = Number(set.readBigUInt64LE(offset + 4) / 10_000n)
  return ms === 0 ? undefined : new Date(ms - epochMs)
}

function decode(bytes: Buffer, codePage: number) {
  const charset = codePage === 1200 ? 'utf-16le' : codePage === 65_001 ? 'utf-8' : `cp${codePage}`
  const decoding = openDecoding(charset)
  return (decoding.write(bytes) + decoding.end()).replace(/\0.*$/s, '')
}
