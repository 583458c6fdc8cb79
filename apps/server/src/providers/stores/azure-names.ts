import { randomBytes } from 'node:crypto'
import { StoreError, type StoreKey } from './port.ts'
import { segmentsOf } from './store-key.ts'

const MAX_NAME_CHARACTERS = 1024
const MAX_SEGMENTS = 254
const WRITER_BYTES = 16

/**
 * The name of the blob for a store key: the same, save that a dot at the end of a segment, which the service would drop,
 * is written `%2E` (and a segment that really ends so gets `%252E`).
 *
 * @throws StoreError `badKey`
 */
export function blobNameOf(key: StoreKey): string {
  const segments = segmentsOf(key)
  const name = segments.map(escapeEnd).join('/')
  if (segments.length > MAX_SEGMENTS || name.length > MAX_NAME_CHARACTERS) {
    throw new StoreError('badKey', `Store key refused: Azure takes ${MAX_SEGMENTS} segments at most`)
  }
  return name
}

export function storeKeyOf(name: string): StoreKey {
  return name.split('/').map(unescapeEnd).join('/')
}

/** The longest text with which the names of all keys begin that begin with `prefix`; others may begin with it too. */
export function namePrefixOf(prefix: string): string {
  const segments = prefix.split('/')
  const last = segments.pop()!
  return [...segments.map(escapeEnd), last.replace(/(?:\.|%(?:25)*(?:25?|2E)?)$/, '')].join('/')
}

function escapeEnd(segment: string): string {
  if (segment.endsWith('.')) return `${segment.slice(0, -1)}%2E`
  return segment.replace(/%((?:25)*2E)$/, '%25$1')
}

function unescapeEnd(segment: string): string {
  const stated = segment.replace(/%25((?:25)*2E)$/, '%$1')
  return stated === segment ? segment.replace(/%2E$/, '.') : stated
}

/** Names a writer of blocks, so that those who write the same blob at a time do not replace each other's blocks. */
export function newWriter(): string {
  return randomBytes(WRITER_BYTES).toString('hex')
}

/** The id of a writer's block; all ids of a blob must have one length. */
export function blockIdOf(writer: string, number: number): string {
  const id = Buffer.alloc(WRITER_BYTES + 4)
  id.write(writer, 'hex')
  id.writeUInt32BE(number, WRITER_BYTES)
  return id.toString('base64')
}

/** The number of a block, or undefined for another writer's. */
export function blockNumberOf(writer: string, blockId: string): number | undefined {
  const id = Buffer.from(blockId, 'base64')
  if (id.length !== WRITER_BYTES + 4 || id.toString('hex', 0, WRITER_BYTES) !== writer) return undefined
  return id.readUInt32BE(WRITER_BYTES)
}

/**
 * Metadata as the service takes them. A name must be a C# identifier: `-` between letters or digits becomes `_`, any other
 * sign `__` and its bytes in hexadecimal. A value must be ASCII in one line: the rest is percent-encoded.
 */
export function metadataToAzure(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return mapEntries(metadata, (name, value) => [nameToAzure(name), valueToAzure(value)])
}

export function metadataFromAzure(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return mapEntries(metadata, (name, value) => [nameFromAzure(name), valueFromAzure(value)])
}

function mapEntries(
  entries: Readonly<Record<string, string>>,
  map: (name: string, value: string) => [string, string],
): Record<string, string> {
  return Object.fromEntries(Object.entries(entries).map(([name, value]) => map(name, value)))
}

function nameToAzure(name: string): string {
  const signs = /((?<=[a-z0-9])-(?=[a-z0-9]))|^[0-9]|[^a-z0-9]/gu
  return name.toWellFormed().replace(signs, (sign, dash?: string) => (dash ? '_' : escapeSign(sign)))
}

function escapeSign(sign: string): string {
  return [...Buffer.from(sign)].map((byte) => `__${byte.toString(16).padStart(2, '0')}`).join('')
}

function nameFromAzure(name: string): string {
  return name.replace(/((?:__[0-9a-f]{2})+)|_/g, (_, escaped?: string) =>
    escaped ? Buffer.from(escaped.replaceAll('_', ''), 'hex').toString() : '-',
  )
}

function valueToAzure(value: string): string {
  return value.toWellFormed().replace(/[^\x20-\x7e]|%|^ +| +$/gu, encodeURIComponent)
}

function valueFromAzure(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value // not written by us
  }
}
