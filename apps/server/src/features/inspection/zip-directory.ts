import { type Entry, fromRandomAccessReaderPromise, RandomAccessReader } from 'yauzl'
import type { RandomReader } from './random-reader.ts'

const localHeaderBytes = 30
const localHeaderSignature = 0x04034b50
const centralHeaderSignature = 0x02014b50
const shownNameBytes = 200

/** One member as the central directory describes it; `name` is for showing and telling types, never for a path. */
export type ZipEntry = {
  name: string
  unsafeName: boolean
  method: number
  encrypted: boolean
  compressedBytes: number
  unpackedBytes: number
  headerOffset: number
}

class YauzlSource extends RandomAccessReader {
  readonly source: RandomReader
  constructor(source: RandomReader) {
    super()
    this.source = source
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ) {
    this.source.read(position, length).then(
      (bytes) => {
        bytes.copy(buffer, offset)
        callback(bytes.length < length ? new Error('The archive ends early') : null)
      },
      (error: Error) => callback(error),
    )
  }
}

/**
 * Opens a ZIP archive's central directory (APPNOTE 4.3.12, ZIP64 included) without trusting its count.
 *
 * @throws Error when there is no directory to be read, or the reader's error
 */
export async function openZip(reader: RandomReader) {
  const zip = await fromRandomAccessReaderPromise(new YauzlSource(reader), reader.sizeBytes, {
    autoClose: false,
    decodeStrings: false,
  })

  async function* entries(): AsyncGenerator<ZipEntry, void, void> {
    for await (const entry of zip.eachEntry()) yield describeEntry(entry)
  }

  /** True when the directory goes on after its declared last entry: readers that go by its size see more than we do. */
  async function hasUndeclaredEntries() {
    // Typed as a boolean by mistake: the position after the entry last read.
    const next = await reader.read(Number(zip.readEntryCursor), 4)
    return next.length === 4 && next.readUInt32LE(0) === centralHeaderSignature
  }

  return { declaredEntries: zip.entryCount, entries, hasUndeclaredEntries }
}

function describeEntry(entry: Entry): ZipEntry {
  const name = entry.fileNameRaw.subarray(0, shownNameBytes).toString('utf8')
  return {
    name,
    unsafeName: isUnsafe(entry.fileNameRaw.toString('latin1')),
    method: entry.compressionMethod,
    encrypted: entry.isEncrypted(),
    compressedBytes: entry.compressedSize,
    unpackedBytes: entry.uncompressedSize,
    headerOffset: entry.relativeOffsetOfLocalHeader,
  }
}

function isUnsafe(name: string) {
  return name.includes('\0') || /^[/\\]|^[a-z]:|(?:^|[/\\])\.\.(?:[/\\]|$)/i.test(name)
}

/**
 * Finds where a member's data starts: its own header states the length of its name and extra fields anew (APPNOTE 4.3.7).
 *
 * @throws Error when there is no such header
 */
export async function findDataStart(reader: RandomReader, entry: ZipEntry) {
  const header = await reader.read(entry.headerOffset, localHeaderBytes)
  if (header.length < localHeaderBytes || header.readUInt32LE(0) !== localHeaderSignature) {
    throw new Error(`The entry "${entry.name}" has no local header`)
  }
  return entry.headerOffset + localHeaderBytes + header.readUInt16LE(26) + header.readUInt16LE(28)
}
