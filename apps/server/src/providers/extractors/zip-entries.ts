import { isUtf8 } from 'node:buffer'
import { type FileHandle, open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { createInflateRaw } from 'node:zlib'
import { type Entry, fromRandomAccessReaderPromise, getFileNameLowLevel, RandomAccessReader } from 'yauzl'
import { ExtractionError, type ExtractionLimits } from './port.ts'

const SLICE_BYTES = 64 * 1024
const MAX_NAME_BYTES = 1024
const LOCAL_HEADER_BYTES = 30
const LOCAL_HEADER = 0x04034b50
/** An entry that unpacks to more than this many times its size is a bomb, once it is large at all. */
const MAX_RATIO = 200
const RATIO_FROM_BYTES = 16 * 1024 * 1024
const STORED = 0
const DEFLATED = 8

/** The packed entries of one archive, by name. Names are never used as paths. */
export interface ZipEntries {
  has(name: string): boolean
  names(): IterableIterator<string>
  /**
   * Unpacks an entry as fast as its slices are taken. All that an archive unpacks counts towards `unpackedBytes`, as
   * often as it is read.
   *
   * @throws ExtractionError
   */
  read(name: string): AsyncGenerator<Buffer, void, void>
}

interface ZipEntry {
  method: number
  encrypted: boolean
  packedBytes: number
  headerOffset: number
}

interface Archive {
  handle: FileHandle
  sizeBytes: number
  limits: ExtractionLimits
  entries: Map<string, ZipEntry>
  unpackedBytes: number
}

/**
 * Opens an archive for as long as `work` takes.
 *
 * Names may be asked for in another case, as Open Packaging allows (ISO/IEC 29500-2, 6.2.2). Of entries with one name
 * the first is read.
 *
 * @throws ExtractionError `corrupt` | `limits` | `encrypted`, or what `work` throws
 */
export async function withZipEntries(
  path: string,
  limits: ExtractionLimits,
  work: (zip: ZipEntries) => Promise<void>,
): Promise<void> {
  const handle = await open(path)
  try {
    const { size } = await handle.stat()
    const archive: Archive = { handle, sizeBytes: size, limits, entries: new Map(), unpackedBytes: 0 }
    await readDirectory(archive)
    await work(entriesOf(archive))
  } finally {
    await handle.close()
  }
}

function entriesOf(archive: Archive): ZipEntries {
  const { entries } = archive
  const lower = new Map([...entries.keys()].reverse().map((name) => [name.toLowerCase(), name]))
  const find = (name: string) => entries.get(name) ?? entries.get(lower.get(name.toLowerCase()) ?? '')
  return {
    has: (name) => find(name) !== undefined,
    names: () => entries.keys(),
    read(name) {
      const entry = find(name)
      if (!entry) throw new ExtractionError('corrupt', `The archive has no entry ${shown(name)}`)
      return unpack(archive, name, entry)
    },
  }
}

function shown(name: string) {
  return JSON.stringify(name.slice(0, 100))
}

/** Gives the directory's reader whole blocks, since it asks for a few bytes at a time. */
class DirectoryReader extends RandomAccessReader {
  readonly archive: Archive
  block = Buffer.alloc(0)
  blockStart = 0

  constructor(archive: Archive) {
    super()
    this.archive = archive
  }

  override read(
    target: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    this.#fill(target, offset, length, position).then(
      () => callback(null),
      (error: Error) => callback(error),
    )
  }

  async #fill(target: Buffer, offset: number, length: number, position: number) {
    if (position < 0 || position + length > this.archive.sizeBytes) throw corrupt('The archive ends early')
    const inside = position - this.blockStart
    if (inside < 0 || inside + length > this.block.length) {
      this.block = await readAt(this.archive, position, Math.max(length, SLICE_BYTES))
      this.blockStart = position
    }
    const start = position - this.blockStart
    if (this.block.copy(target, offset, start, start + length) < length) throw corrupt('The archive ends early')
  }
}

async function readDirectory(archive: Archive) {
  const { limits, entries } = archive
  let seen = 0
  try {
    const zip = await fromRandomAccessReaderPromise(new DirectoryReader(archive), archive.sizeBytes, {
      autoClose: false,
      decodeStrings: false,
      validateEntrySizes: false,
    })
    for await (const entry of zip.eachEntry()) {
      seen += 1
      if (seen > limits.entries) throw new ExtractionError('limits', `More than ${limits.entries} packed entries`)
      addEntry(entries, entry)
    }
  } catch (error) {
    throw toExtractionError(error)
  }
}

function toExtractionError(error: unknown) {
  if (error instanceof ExtractionError || !(error instanceof Error) || 'syscall' in error) return error
  // APPNOTE 4.4.4, bit 6: told by its message alone.
  const kind = error.message.includes('encryption') ? 'encrypted' : 'corrupt'
  return new ExtractionError(kind, `The archive cannot be read: ${error.message.slice(0, 200)}`, { cause: error })
}

function addEntry(entries: Map<string, ZipEntry>, entry: Entry) {
  if (entry.fileNameRaw.length > MAX_NAME_BYTES) return
  const name = nameOf(entry)
  if (entries.has(name)) return
  entries.set(name, {
    method: entry.compressionMethod,
    encrypted: entry.isEncrypted(),
    packedBytes: entry.compressedSize,
    headerOffset: entry.relativeOffsetOfLocalHeader,
  })
}

/** Many writers use UTF-8 without saying so; some begin names with a slash or part them with backslashes. */
function nameOf({ fileNameRaw, generalPurposeBitFlag, extraFields }: Entry) {
  const name = isUtf8(fileNameRaw)
    ? fileNameRaw.toString('utf8').replaceAll('\\', '/')
    : getFileNameLowLevel(generalPurposeBitFlag, fileNameRaw, extraFields, false)
  return name.replace(/^\/+/, '')
}

async function* unpack(archive: Archive, name: string, entry: ZipEntry): AsyncGenerator<Buffer, void, void> {
  if (entry.encrypted) throw new ExtractionError('encrypted', `The entry ${shown(name)} is encrypted`)
  if (entry.method !== STORED && entry.method !== DEFLATED) {
    throw new ExtractionError('unsupported', `The entry ${shown(name)} is packed by method ${entry.method}`)
  }
  const packed = slicesOf(archive, await findDataStart(archive, entry), entry.packedBytes)
  let bytes = 0
  for await (const slice of entry.method === STORED ? packed : inflate(packed)) {
    bytes += slice.length
    archive.unpackedBytes += slice.length
    const { unpackedBytes } = archive.limits
    if (archive.unpackedBytes > unpackedBytes)
      throw new ExtractionError('limits', `Unpacks to over ${unpackedBytes} bytes`)
    if (bytes > RATIO_FROM_BYTES && bytes > entry.packedBytes * MAX_RATIO) {
      throw new ExtractionError('limits', `The entry ${shown(name)} unpacks to over ${MAX_RATIO} times its size`)
    }
    yield slice
  }
}

/** An entry's own header states the lengths of its name and extra fields anew (APPNOTE 4.3.7). */
async function findDataStart(archive: Archive, { headerOffset }: ZipEntry) {
  const header = await readAt(archive, headerOffset, LOCAL_HEADER_BYTES)
  if (header.length < LOCAL_HEADER_BYTES || header.readUInt32LE(0) !== LOCAL_HEADER) {
    throw corrupt('An entry of the archive has no header')
  }
  return headerOffset + LOCAL_HEADER_BYTES + header.readUInt16LE(26) + header.readUInt16LE(28)
}

async function* slicesOf(archive: Archive, start: number, length: number) {
  if (start + length > archive.sizeBytes) throw corrupt('An entry ends beyond its archive')
  for (let at = start; at < start + length; ) {
    const slice = await readAt(archive, at, Math.min(SLICE_BYTES, start + length - at))
    if (slice.length === 0) throw corrupt('The archive ends early')
    at += slice.length
    yield slice
  }
}

async function readAt({ handle, sizeBytes }: Archive, position: number, length: number) {
  if (!Number.isSafeInteger(position) || position >= sizeBytes) throw corrupt('The archive points beyond its end')
  const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(length), 0, length, position)
  return buffer.subarray(0, bytesRead)
}

async function* inflate(packed: AsyncGenerator<Buffer, void, void>): AsyncGenerator<Buffer, void, void> {
  const source = Readable.from(packed, { objectMode: false })
  const unpacker = createInflateRaw({ chunkSize: SLICE_BYTES })
  source.on('error', (error) => unpacker.destroy(error))
  source.pipe(unpacker)
  try {
    for await (const slice of unpacker) yield slice as Buffer
  } catch (error) {
    if (!(error instanceof Error) || !('errno' in error) || 'syscall' in error) throw error
    throw new ExtractionError('corrupt', `An entry cannot be unpacked: ${error.message}`, { cause: error })
  } finally {
    source.destroy()
    unpacker.destroy()
  }
}

function corrupt(message: string) {
  return new ExtractionError('corrupt', message)
}
