import { readFile } from 'node:fs/promises'
import { ExtractionError, type Source } from './port.ts'

/** Files of this format are read as a whole: its parts lie strewn over all of it. */
const maxFileBytes = 128 * 1024 ** 2
const maxDepth = 64

const signature = Buffer.from('d0cf11e0a1b11ae1', 'hex')
const headerBytes = 512
const entryBytes = 128
const miniSectorBytes = 64
const miniStreamBelowBytes = 4096
const difatInHeader = 109
const endOfChain = 0xfffffffe
const noStream = 0xffffffff

/** A compound file ([MS-CFB]) that was found to be whole: no part of it leads in circles or out of it. */
export interface CompoundFile {
  bytes: Buffer
  streams: CompoundStream[]
}

export interface CompoundStream {
  /** The names of its storages and its own, from below the root. */
  path: string[]
  sizeBytes: number
  read(): Buffer
}

interface Entry {
  name: string
  type: 'storage' | 'stream' | 'root' | 'none'
  left: number
  right: number
  child: number
  start: number
  sizeBytes: number
}

/** Sectors by number, and what follows each. */
interface Sectors {
  count: number
  bytesEach: number
  next: Uint32Array
  /** Those that a chain runs through already: no sector belongs to two. */
  taken: Uint8Array
}

/** @throws ExtractionError `corrupt` | `limits` */
export async function readCompoundFile(source: Source, maxEntries: number): Promise<CompoundFile> {
  if (source.sizeBytes > maxFileBytes) {
    throw new ExtractionError('limits', `The file has more than ${maxFileBytes} bytes`)
  }
  return openCompoundFile(await readFile(source.path), maxEntries)
}

export function isCompoundFile(head: Buffer): boolean {
  return head.subarray(0, signature.length).equals(signature)
}

/**
 * Reads the directory and follows every chain of sectors once, so that readers which trust a file may be given it.
 *
 * @throws ExtractionError `corrupt` | `limits`
 */
export function openCompoundFile(bytes: Buffer, maxEntries: number): CompoundFile {
  const header = readHeader(bytes)
  const sectors = readSectors(bytes, header)
  const read = (chain: number[]) => joinSectors(bytes, chain, header.sectorBytes)
  const entries = readEntries(read(follow(sectors, header.firstDirectorySector)))
  const root = entries[0]
  if (root?.type !== 'root') throw corrupt('The compound file has no root')
  const miniStream =
    root.start === endOfChain || root.sizeBytes === 0 ? Buffer.alloc(0) : read(follow(sectors, root.start))
  const miniSectors = readMiniSectors(miniStream, sectors, header, read)
  const streams = listStreams(entries, maxEntries).map(({ path, entry }): CompoundStream => {
    const isMini = entry.sizeBytes < miniStreamBelowBytes
    const chain = entry.sizeBytes === 0 ? [] : follow(isMini ? miniSectors : sectors, entry.start)
    const [whole, each] = isMini
      ? [miniStream, miniSectorBytes]
      : [bytes.subarray(header.sectorBytes), header.sectorBytes]
    if (chain.length * each < entry.sizeBytes) throw corrupt('A stream ends early')
    return {
      path,
      sizeBytes: entry.sizeBytes,
      read: () =>
        Buffer.concat(chain.map((sector) => whole.subarray(sector * each, (sector + 1) * each))).subarray(
          0,
          entry.sizeBytes,
        ),
    }
  })
  return { bytes, streams }
}

/** The stream at the root by one of these names, the first that is there. */
export function findStream(file: CompoundFile, ...names: string[]): CompoundStream | undefined {
  for (const name of names) {
    const found = file.streams.find(({ path }) => path.length === 1 && path[0] === name)
    if (found) return found
  }
  return undefined
}

type Header = ReturnType<typeof readHeader>

/** [MS-CFB] 2.2. */
function readHeader(bytes: Buffer) {
  if (bytes.length < headerBytes || !isCompoundFile(bytes)) throw corrupt('The file is no compound file')
  const sectorShift = bytes.readUInt16LE(30)
  const isKnown = (sectorShift === 9 || sectorShift === 12) && bytes.readUInt16LE(32) === 6
  if (!isKnown || bytes.readUInt32LE(56) !== miniStreamBelowBytes) throw corrupt('The compound file has an odd header')
  return {
    sectorBytes: 1 << sectorShift,
    fatSectors: bytes.readUInt32LE(44),
    firstDirectorySector: bytes.readUInt32LE(48),
    firstMiniFatSector: bytes.readUInt32LE(60),
    miniFatSectors: bytes.readUInt32LE(64),
    firstDifatSector: bytes.readUInt32LE(68),
    difatSectors: bytes.readUInt32LE(72),
  }
}

/** [MS-CFB] 2.3 and 2.5: the table of what follows each sector, and the list of the sectors that hold it. */
function readSectors(bytes: Buffer, header: Header): Sectors {
  const { sectorBytes } = header
  const count = Math.ceil(bytes.length / sectorBytes) - 1
  if (count < 1 || header.fatSectors > count) throw corrupt('The compound file ends early')
  const taken = new Uint8Array(count)
  const fat = listFatSectors(bytes, header, count, taken)
  for (const sector of fat) take(taken, sector)
  const perSector = sectorBytes / 4
  const next = new Uint32Array(fat.length * perSector).fill(noStream)
  const table = joinSectors(bytes, fat, sectorBytes)
  for (let index = 0; index < next.length && 4 * index + 4 <= table.length; index += 1) {
    next[index] = table.readUInt32LE(4 * index)
  }
  return { count, bytesEach: sectorBytes, next, taken }
}

function listFatSectors(bytes: Buffer, header: Header, count: number, taken: Uint8Array) {
  const { sectorBytes, fatSectors } = header
  const listed: number[] = []
  const list = (from: number, entries: number) => {
    for (let index = 0; index < entries && listed.length < fatSectors; index += 1)
      listed.push(bytes.readUInt32LE(from + 4 * index))
  }
  list(76, difatInHeader)
  let sector = header.firstDifatSector
  for (let index = 0; index < header.difatSectors && listed.length < fatSectors; index += 1) {
    if (sector >= count || (sector + 2) * sectorBytes > bytes.length)
      throw corrupt('The compound file leads beyond its end')
    take(taken, sector)
    const from = (sector + 1) * sectorBytes
    list(from, sectorBytes / 4 - 1)
    sector = bytes.readUInt32LE(from + sectorBytes - 4)
  }
  if (listed.length < fatSectors) throw corrupt('The compound file does not list its sectors')
  return listed
}

function take(taken: Uint8Array, sector: number) {
  if (sector >= taken.length) throw corrupt('The compound file leads beyond its end')
  if (taken[sector] === 1) throw corrupt('The compound file leads in a circle')
  taken[sector] = 1
}

function follow(sectors: Sectors, start: number): number[] {
  const chain: number[] = []
  for (let sector = start; sector !== endOfChain; sector = sectors.next[sector] ?? noStream) {
    take(sectors.taken, sector)
    chain.push(sector)
  }
  return chain
}

function joinSectors(bytes: Buffer, chain: number[], sectorBytes: number) {
  return Buffer.concat(chain.map((sector) => bytes.subarray((sector + 1) * sectorBytes, (sector + 2) * sectorBytes)))
}

/** [MS-CFB] 2.4. */
function readMiniSectors(
  miniStream: Buffer,
  sectors: Sectors,
  header: Header,
  read: (chain: number[]) => Buffer,
): Sectors {
  const count = Math.ceil(miniStream.length / miniSectorBytes)
  const isEmpty = header.miniFatSectors === 0
  const chain = isEmpty ? [] : follow(sectors, header.firstMiniFatSector)
  if (chain.length !== header.miniFatSectors) throw corrupt('The compound file does not list its small sectors')
  const table = read(chain)
  const next = new Uint32Array(Math.floor(table.length / 4))
  for (let index = 0; index < next.length; index += 1) next[index] = table.readUInt32LE(4 * index)
  return { count, bytesEach: miniSectorBytes, next, taken: new Uint8Array(count) }
}

const types = ['none', 'storage', 'stream', 'none', 'none', 'root'] as const

/** [MS-CFB] 2.6. */
function readEntries(directory: Buffer): Entry[] {
  const entries: Entry[] = []
  for (let at = 0; at + entryBytes <= directory.length; at += entryBytes) {
    const nameBytes = Math.min(Math.max(directory.readUInt16LE(at + 64) - 2, 0), 62)
    entries.push({
      name: directory.toString('utf16le', at, at + nameBytes),
      type: types[directory[at + 66] ?? 0] ?? 'none',
      left: directory.readUInt32LE(at + 68),
      right: directory.readUInt32LE(at + 72),
      child: directory.readUInt32LE(at + 76),
      start: directory.readUInt32LE(at + 116),
      sizeBytes: directory.readUInt32LE(at + 120),
    })
  }
  return entries
}

/** Walks the tree of trees; each entry may hang in it once. */
function listStreams(entries: Entry[], maxEntries: number) {
  const streams: { path: string[]; entry: Entry }[] = []
  const seen = new Set<number>()
  const toVisit: { index: number; path: string[] }[] = [{ index: entries[0]?.child ?? noStream, path: [] }]
  for (let next = toVisit.pop(); next; next = toVisit.pop()) {
    const { index, path } = next
    if (index === noStream) continue
    const entry = entries[index]
    if (!entry || index === 0 || seen.has(index)) throw corrupt('The directory of the compound file leads in a circle')
    seen.add(index)
    if (seen.size > maxEntries) throw new ExtractionError('limits', `More than ${maxEntries} entries`)
    if (path.length > maxDepth) throw new ExtractionError('limits', `More than ${maxDepth} storages in one another`)
    const own = [...path, entry.name]
    toVisit.push({ index: entry.left, path }, { index: entry.right, path })
    if (entry.type === 'stream') streams.push({ path: own, entry })
    else if (entry.type === 'storage') toVisit.push({ index: entry.child, path: own })
    else throw corrupt('The directory of the compound file holds something odd')
  }
  return streams
}

function corrupt(message: string) {
  return new ExtractionError('corrupt', message)
}
