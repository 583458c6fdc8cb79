import { setImmediate as nextTurn } from 'node:timers/promises'
import { inflateRawSync } from 'node:zlib'
import { type ArchiveFacts, type BoundLimits, Refused } from './bound-limits.ts'
import { blockReader, bufferReader, type RandomReader, SourceFailure, sliceReader } from './random-reader.ts'
import { type Packing, replayReader, unpack } from './unpack.ts'
import { findDataStart, openZip, type ZipEntry } from './zip-directory.ts'

const blockBytes = 256 * 1024
const headBytes = 512
const tarBlockBytes = 512
/** Members up to here are unpacked at once: a thread's round trip would cost more. */
const smallPackedBytes = 256 * 1024
const smallUnpackedBytes = 1024 ** 2
const turnEveryBytes = 2 * 1024 ** 2
const turnEveryEntries = 500
/** What opening a member costs besides its bytes. */
const memberCostBytes = 16 * 1024
/** Nested archives are unpacked again for each look backwards; this many times the largest result is enough for honest ones. */
const workFactor = 4

export type ArchiveKind = 'zip' | 'gzip' | 'tar'

type Scan = { limits: BoundLimits; archiveBytes: number; facts: ArchiveFacts; workBytes: number; sinceTurn: number }

/**
 * Walks an archive and everything archived in it, counting what it declares and what it really unpacks to. Nothing is
 * written anywhere; what is held is a few blocks for each level of nesting.
 *
 * @throws Refused `archiveTooLarge` | `archiveTooManyEntries` | `archiveRatio` | `archiveNested` | `archiveMalformed`
 * @throws SourceFailure when the reader fails or its signal aborts
 */
export async function checkArchive(kind: ArchiveKind, source: RandomReader, limits: BoundLimits) {
  const facts: ArchiveFacts = {
    kind: 'archive',
    entries: 0,
    unpackedBytes: 0,
    nesting: 0,
    encryptedEntries: 0,
    opaqueEntries: 0,
    unsafeNames: 0,
  }
  const scan: Scan = { limits, archiveBytes: source.sizeBytes, facts, workBytes: 0, sinceTurn: 0 }
  await checkKind(scan, kind, blockReader(source, blockBytes), 0)
  return facts
}

async function checkKind(scan: Scan, kind: ArchiveKind, reader: RandomReader, nesting: number) {
  const { maxNesting } = scan.limits
  if (nesting > maxNesting) {
    throw new Refused('archiveNested', `Archives are nested more than ${maxNesting} deep`, { limit: maxNesting })
  }
  scan.facts.nesting = Math.max(scan.facts.nesting, nesting)
  if (kind === 'zip') return checkZip(scan, reader, nesting)
  if (kind === 'gzip') return checkGzip(scan, reader, nesting)
  return checkTar(scan, reader, nesting)
}

async function checkZip(scan: Scan, reader: RandomReader, nesting: number) {
  const entries = await readDirectory(scan, reader, nesting)
  let dataEnd = 0
  for (const entry of entries) {
    const dataStart = await orMalformed(findDataStart(reader, entry))
    if (entry.headerOffset < dataEnd) throw malformed(`The entry "${entry.name}" overlaps another`)
    dataEnd = dataStart + entry.compressedBytes
    if (dataEnd > reader.sizeBytes) throw malformed(`The entry "${entry.name}" ends past the end of the archive`)
    await checkEntry(scan, sliceReader(reader, dataStart, entry.compressedBytes), entry, nesting)
  }
}

/** Reads the directory, counts what it declares, and answers its entries in the order of their bytes. */
async function readDirectory(scan: Scan, reader: RandomReader, nesting: number): Promise<ZipEntry[]> {
  const opening = openZip(reader)
  const zip = await (nesting === 0 ? orMalformed(opening) : opening.catch(orOpaque(scan)))
  if (!zip) return []
  countEntries(scan, zip.declaredEntries)
  const entries: ZipEntry[] = []
  const walk = zip.entries()
  for (let next = await orMalformed(walk.next()); !next.done; next = await orMalformed(walk.next())) {
    entries.push(next.value)
    countUnpacked(scan, next.value.unpackedBytes)
    if (next.value.unsafeName) scan.facts.unsafeNames += 1
    if (entries.length % turnEveryEntries === 0) await nextTurn()
  }
  if (await zip.hasUndeclaredEntries()) throw malformed('The archive holds more entries than it declares')
  return entries.sort((a, b) => a.headerOffset - b.headerOffset)
}

async function checkEntry(scan: Scan, packed: RandomReader, entry: ZipEntry, nesting: number) {
  if (entry.encrypted) {
    scan.facts.encryptedEntries += 1
  } else if (entry.method === 0) {
    await checkMember(scan, await packed.read(0, headBytes), packed, nesting)
  } else if (entry.method === 8) {
    await checkDeflated(scan, packed, entry, nesting)
  } else {
    scan.facts.opaqueEntries += 1
  }
}

async function checkDeflated(scan: Scan, packed: RandomReader, entry: ZipEntry, nesting: number) {
  if (entry.compressedBytes === 0 && entry.unpackedBytes === 0) return
  if (entry.compressedBytes <= smallPackedBytes && entry.unpackedBytes <= smallUnpackedBytes) {
    const bytes = inflateSmall(await packed.read(0, entry.compressedBytes), entry)
    await countWork(scan, bytes.length)
    return checkMember(scan, bytes.subarray(0, headBytes), bufferReader(bytes), nesting)
  }
  const { head, sizeBytes } = await orMalformed(
    measure(countedUnpack(scan, packed, 'deflate'), (total) => {
      if (total > entry.unpackedBytes) throw lying(entry)
    }),
  )
  if (sizeBytes !== entry.unpackedBytes) throw lying(entry)
  await checkUnpackedMember(scan, head, packed, 'deflate', sizeBytes, nesting)
}

function inflateSmall(packed: Buffer, entry: ZipEntry) {
  try {
    const bytes = inflateRawSync(packed, { maxOutputLength: entry.unpackedBytes + 1 })
    if (bytes.length !== entry.unpackedBytes) throw lying(entry)
    return bytes
  } catch (error) {
    if (error instanceof Refused) throw error
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw lying(entry)
    throw malformed(`The entry "${entry.name}" cannot be unpacked`)
  }
}

async function checkGzip(scan: Scan, reader: RandomReader, nesting: number) {
  let counted = 0
  const measuring = measure(countedUnpack(scan, reader, 'gzip'), (total) => {
    countUnpacked(scan, total - counted)
    counted = total
  })
  const measured = await (nesting === 0 ? orMalformed(measuring) : measuring.catch(orOpaque(scan)))
  if (measured) await checkUnpackedMember(scan, measured.head, reader, 'gzip', measured.sizeBytes, nesting)
}

async function checkTar(scan: Scan, reader: RandomReader, nesting: number) {
  for (let at = 0; at + tarBlockBytes <= reader.sizeBytes; ) {
    const header = await reader.read(at, tarBlockBytes)
    if (header[0] === 0) return
    if (!isTarHeader(header)) throw malformed('A tar header is damaged')
    countEntries(scan, 1)
    if (scan.facts.entries % turnEveryEntries === 0) await nextTurn()
    const sizeBytes = readTarSize(header)
    const member = sliceReader(reader, at + tarBlockBytes, Math.min(sizeBytes, reader.sizeBytes - at - tarBlockBytes))
    await checkMember(scan, await member.read(0, headBytes), member, nesting)
    at += tarBlockBytes + Math.ceil(sizeBytes / tarBlockBytes) * tarBlockBytes
  }
}

/** Looks into a member that can be read in place, if it is an archive itself. */
async function checkMember(scan: Scan, head: Buffer, member: RandomReader, nesting: number) {
  const kind = findArchiveKind(head)
  if (kind === 'opaque') scan.facts.opaqueEntries += 1
  else if (kind) await checkKind(scan, kind, member, nesting + 1)
}

async function checkUnpackedMember(
  scan: Scan,
  head: Buffer,
  packed: RandomReader,
  packing: Packing,
  sizeBytes: number,
  nesting: number,
) {
  const kind = findArchiveKind(head)
  if (kind === 'opaque') scan.facts.opaqueEntries += 1
  if (!kind || kind === 'opaque') return
  const replay = replayReader(() => countedUnpack(scan, packed, packing), sizeBytes)
  const level = packing === 'gzip' && kind === 'tar' ? nesting : nesting + 1
  try {
    await checkKind(scan, kind, blockReader(replay, blockBytes), level)
  } finally {
    await replay.close()
  }
}

/** Counts an unpacked stream to its end and keeps only its first bytes. */
async function measure(slices: AsyncGenerator<Buffer, void, void>, onTotal: (total: number) => void) {
  let sizeBytes = 0
  let head: Buffer = Buffer.alloc(0)
  for await (const slice of slices) {
    sizeBytes += slice.length
    onTotal(sizeBytes)
    if (head.length < headBytes) head = Buffer.concat([head, slice.subarray(0, headBytes - head.length)])
  }
  return { sizeBytes, head }
}

async function* countedUnpack(scan: Scan, packed: RandomReader, packing: Packing) {
  for await (const slice of unpack(packed, packing)) {
    await countWork(scan, slice.length)
    yield slice
  }
}

const signatures: readonly [string, ArchiveKind | 'opaque'][] = [
  ['PK\x03\x04', 'zip'],
  ['PK\x05\x06', 'zip'],
  ['\x1f\x8b\x08', 'gzip'],
  ['7z\xbc\xaf\x27\x1c', 'opaque'],
  ['Rar!\x1a\x07', 'opaque'],
  ['BZh', 'opaque'],
  ['\xfd7zXZ\0', 'opaque'],
  ['\x28\xb5\x2f\xfd', 'opaque'],
  ['MSCF\0\0\0\0', 'opaque'],
]

/** What the first bytes of a member say, whatever its name says; `opaque` for archives that are not opened here. */
function findArchiveKind(head: Buffer): ArchiveKind | 'opaque' | undefined {
  const start = head.toString('latin1', 0, 8)
  const found = signatures.find(([signature]) => start.startsWith(signature))
  return found?.[1] ?? (isTarHeader(head) ? 'tar' : undefined)
}

/** A tar header sums its own bytes, its checksum read as spaces (POSIX pax, "ustar Interchange Format"). */
function isTarHeader(block: Buffer) {
  if (block.length < tarBlockBytes || block.toString('latin1', 257, 262) !== 'ustar') return false
  let sum = 8 * 0x20
  for (let at = 0; at < tarBlockBytes; at++) if (at < 148 || at >= 156) sum += block[at]!
  return sum === Number.parseInt(block.toString('latin1', 148, 156), 8)
}

function readTarSize(header: Buffer) {
  const field = header.subarray(124, 136)
  const sizeBytes =
    field[0]! & 0x80 ? Number(field.readBigUInt64BE(4)) : Number.parseInt(field.toString('latin1').trim() || '0', 8)
  if (!Number.isSafeInteger(sizeBytes)) throw malformed('A tar header states no size')
  return sizeBytes
}

function countEntries(scan: Scan, entries: number) {
  const { maxEntries } = scan.limits
  scan.facts.entries += entries
  if (scan.facts.entries > maxEntries) {
    const members = { limit: maxEntries, entries: scan.facts.entries }
    throw new Refused('archiveTooManyEntries', `The archive holds more than ${maxEntries} entries`, members)
  }
}

function countUnpacked(scan: Scan, bytes: number) {
  const { maxUnpackedBytes, maxRatio, ratioFromBytes } = scan.limits
  scan.facts.unpackedBytes += bytes
  const { unpackedBytes } = scan.facts
  if (unpackedBytes > maxUnpackedBytes) {
    const members = { limit: maxUnpackedBytes, unpackedBytes }
    throw new Refused('archiveTooLarge', `The archive unpacks to more than ${maxUnpackedBytes} bytes`, members)
  }
  if (unpackedBytes > ratioFromBytes && unpackedBytes > maxRatio * scan.archiveBytes) {
    const members = { limit: maxRatio, unpackedBytes, archiveBytes: scan.archiveBytes }
    throw new Refused('archiveRatio', `The archive unpacks to more than ${maxRatio} times its size`, members)
  }
}

async function countWork(scan: Scan, bytes: number) {
  const limit = workFactor * scan.limits.maxUnpackedBytes
  scan.workBytes += bytes
  scan.sinceTurn += bytes + memberCostBytes
  if (scan.workBytes > limit) {
    throw new Refused('archiveNested', 'The nested archives take too much work to look into', { limit })
  }
  if (scan.sinceTurn > turnEveryBytes) {
    scan.sinceTurn = 0
    await nextTurn()
  }
}

function malformed(detail: string) {
  return new Refused('archiveMalformed', detail)
}

function lying(entry: ZipEntry) {
  const detail = `The entry "${entry.name}" is not as large as it declares`
  return new Refused('archiveMalformed', detail, { declaredBytes: entry.unpackedBytes })
}

async function orMalformed<T>(work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    if (error instanceof Refused || error instanceof SourceFailure) throw error
    throw malformed(error instanceof Error ? error.message : 'The archive cannot be read')
  })
}

/** A member that only begins like an archive is data; what it may hold was not seen, so it is counted as such. */
function orOpaque(scan: Scan) {
  return (error: unknown) => {
    if (error instanceof Refused || error instanceof SourceFailure) throw error
    scan.facts.opaqueEntries += 1
    return undefined
  }
}
