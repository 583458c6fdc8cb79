import { crc32, deflateRawSync, gzipSync } from 'node:zlib'

/** Real files for the tests of this room, honest and hostile, made byte by byte. */
export type MadeEntry = {
  name: string
  data: Buffer
  stored?: boolean
  encrypted?: boolean
  method?: number
  /** What the archive says it unpacks to, where that is a lie. */
  declaredBytes?: number
  /** Bytes already packed, where packing them again would take long. */
  packed?: Buffer
}

export type MadeArchive = { zip64?: boolean; declaredEntries?: number; sameData?: boolean; repeat?: number }

/** A ZIP archive (APPNOTE 4.3.6). `sameData` points every directory entry at the first member; `repeat` lists each often. */
export function makeZip(entries: MadeEntry[], options: MadeArchive = {}) {
  const locals: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const entry of entries) {
    const made = makeEntry(entry, options.sameData ? 0 : offset, options.zip64 ?? false)
    locals.push(made.local)
    for (let time = 0; time < (options.repeat ?? 1); time++) directory.push(made.central)
    offset += made.local.length
  }
  const central = Buffer.concat(directory)
  const count = options.declaredEntries ?? directory.length
  return Buffer.concat([...locals, central, makeEnd(count, central.length, offset, options.zip64 ?? false)])
}

function makeEntry(entry: MadeEntry, offset: number, zip64: boolean) {
  const packed = entry.packed ?? (entry.stored ? entry.data : deflateRawSync(entry.data))
  const unpackedBytes = entry.declaredBytes ?? entry.data.length
  const name = Buffer.from(entry.name)
  const common = Buffer.alloc(26)
  common.writeUInt16LE(zip64 ? 45 : 20, 0)
  common.writeUInt16LE(0x800 | (entry.encrypted ? 1 : 0), 2)
  common.writeUInt16LE(entry.method ?? (entry.stored ? 0 : 8), 4)
  common.writeUInt32LE(crc32(entry.data), 10)
  common.writeUInt32LE(packed.length, 14)
  common.writeUInt32LE(Math.min(unpackedBytes, 0xffffffff), 18)
  common.writeUInt16LE(name.length, 22)
  const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, name, packed])
  const extra = zip64 ? makeZip64Sizes(unpackedBytes, packed.length, offset) : Buffer.alloc(0)
  if (zip64) common.writeUInt32LE(0xffffffff, 14)
  if (zip64) common.writeUInt32LE(0xffffffff, 18)
  common.writeUInt16LE(extra.length, 24)
  const rest = Buffer.alloc(14)
  rest.writeUInt32LE(zip64 ? 0xffffffff : offset, 10)
  const madeBy = Buffer.from([20, 3])
  return { local, central: Buffer.concat([Buffer.from('PK\x01\x02'), madeBy, common, rest, name, extra]) }
}

function makeZip64Sizes(unpackedBytes: number, packedBytes: number, offset: number) {
  const extra = Buffer.alloc(28)
  extra.writeUInt16LE(1, 0)
  extra.writeUInt16LE(24, 2)
  extra.writeBigUInt64LE(BigInt(unpackedBytes), 4)
  extra.writeBigUInt64LE(BigInt(packedBytes), 12)
  extra.writeBigUInt64LE(BigInt(offset), 20)
  return extra
}

function makeEnd(count: number, centralBytes: number, centralOffset: number, zip64: boolean) {
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06')
  end.writeUInt16LE(zip64 ? 0xffff : count % 65_536, 8)
  end.writeUInt16LE(zip64 ? 0xffff : count % 65_536, 10)
  end.writeUInt32LE(zip64 ? 0xffffffff : centralBytes, 12)
  end.writeUInt32LE(zip64 ? 0xffffffff : centralOffset, 16)
  if (!zip64) return end
  const record = Buffer.alloc(56)
  record.write('PK\x06\x06')
  record.writeBigUInt64LE(44n, 4)
  record.writeBigUInt64LE(BigInt(count), 24)
  record.writeBigUInt64LE(BigInt(count), 32)
  record.writeBigUInt64LE(BigInt(centralBytes), 40)
  record.writeBigUInt64LE(BigInt(centralOffset), 48)
  const locator = Buffer.alloc(20)
  locator.write('PK\x06\x07')
  locator.writeBigUInt64LE(BigInt(centralOffset + centralBytes), 8)
  locator.writeUInt32LE(1, 16)
  return Buffer.concat([record, locator, end])
}

/** A tar archive (POSIX ustar). */
export function makeTar(entries: { name: string; data: Buffer }[]) {
  const blocks = entries.flatMap(({ name, data }) => {
    const header = Buffer.alloc(512)
    header.write(name, 0, 100)
    header.write('0000644\0', 100)
    header.write(`${data.length.toString(8).padStart(11, '0')}\0`, 124)
    header.write('        0', 148)
    header.write('ustar\x0000', 257)
    const sum = header.reduce((total, byte) => total + byte, 0)
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
    return [header, data, Buffer.alloc((512 - (data.length % 512)) % 512)]
  })
  return Buffer.concat([...blocks, Buffer.alloc(1024)])
}

/** A gzip stream of zeros, made of equal members so that a large one is quick to make. */
export function makeGzipOfZeros(mebibytes: number) {
  const member = gzipSync(Buffer.alloc(1024 ** 2), { level: 9 })
  return Buffer.concat(Array.from({ length: mebibytes }, () => member))
}

/** Archives inside one another, each holding `width` of the next, around one file of zeros. */
export function makeNestedZip(levels: number, width: number, leafBytes: number): Buffer {
  const data = levels === 0 ? Buffer.alloc(leafBytes) : makeNestedZip(levels - 1, width, leafBytes)
  return makeZip(Array.from({ length: width }, (_, index) => ({ name: `${index}.zip`, data })))
}

function makePngChunk(type: string, data: Buffer) {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(data.length)
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, sum])
}

function uint32s(...values: number[]) {
  const bytes = Buffer.alloc(4 * values.length)
  values.forEach((value, index) => {
    bytes.writeUInt32BE(value, 4 * index)
  })
  return bytes
}

/** A PNG that claims a size; with `frames` an animated one whose frames claim `frameSize`. */
export function makePng(width: number, height: number, frames: { width: number; height: number }[] = []) {
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    makePngChunk('IHDR', Buffer.concat([uint32s(width, height), Buffer.from([8, 0, 0, 0, 0])])),
    ...(frames.length > 0 ? [makePngChunk('acTL', uint32s(frames.length, 0))] : []),
    ...frames.map((frame, index) =>
      makePngChunk('fcTL', Buffer.concat([uint32s(index, frame.width, frame.height, 0, 0), Buffer.alloc(6)])),
    ),
    makePngChunk('IDAT', Buffer.alloc(16)),
    makePngChunk('IEND', Buffer.alloc(0)),
  ])
}

/** A GIF with a canvas and frames of the sizes given. */
export function makeGif(width: number, height: number, frames: { width: number; height: number }[]) {
  const canvas = Buffer.alloc(7)
  canvas.writeUInt16LE(width, 0)
  canvas.writeUInt16LE(height, 2)
  const images = frames.map((frame) => {
    const descriptor = Buffer.alloc(10)
    descriptor[0] = 0x2c
    descriptor.writeUInt16LE(frame.width, 5)
    descriptor.writeUInt16LE(frame.height, 7)
    return Buffer.concat([descriptor, Buffer.from([2, 2, 0x4c, 0x01, 0])])
  })
  return Buffer.concat([Buffer.from('GIF89a'), canvas, ...images, Buffer.from([0x3b])])
}

/** A little-endian TIFF with one directory for each page. */
export function makeTiff(pages: { width: number; height: number }[], loop = false) {
  const directories = pages.map((page, index) => {
    const bytes = Buffer.alloc(30)
    bytes.writeUInt16LE(2, 0)
    for (const [field, tag, value] of [
      [2, 256, page.width],
      [14, 257, page.height],
    ] as const) {
      bytes.writeUInt16LE(tag, field)
      bytes.writeUInt16LE(4, field + 2)
      bytes.writeUInt32LE(1, field + 4)
      bytes.writeUInt32LE(value, field + 8)
    }
    const isLast = index === pages.length - 1
    bytes.writeUInt32LE(isLast ? (loop ? 8 : 0) : 8 + 30 * (index + 1), 26)
    return bytes
  })
  return Buffer.concat([Buffer.from('II*\0\x08\0\0\0', 'latin1'), ...directories])
}

/** An icon whose directory says 16 × 16 for each picture, whatever the picture says. */
export function makeIcon(pictures: Buffer[]) {
  const header = Buffer.from([0, 0, 1, 0, pictures.length, 0])
  let offset = header.length + 16 * pictures.length
  const entries = pictures.map((picture) => {
    const entry = Buffer.alloc(16)
    entry[0] = 16
    entry[1] = 16
    entry.writeUInt32LE(picture.length, 8)
    entry.writeUInt32LE(offset, 12)
    offset += picture.length
    return entry
  })
  return Buffer.concat([header, ...entries, ...pictures])
}

/** A JPEG up to its frame header, with `padding` bytes of application data before it. */
export function makeJpeg(width: number, height: number, padding = 0) {
  const padded: Buffer[] = []
  for (let left = padding; left > 0; left -= 65_000) {
    const segment = Buffer.alloc(4 + Math.min(left, 65_000))
    segment.writeUInt16BE(0xffe1, 0)
    segment.writeUInt16BE(segment.length - 2, 2)
    padded.push(segment)
  }
  const frame = Buffer.from([0xff, 0xc0, 0, 11, 8, 0, 0, 0, 0, 1, 1, 0x11, 0])
  frame.writeUInt16BE(height, 5)
  frame.writeUInt16BE(width, 7)
  return Buffer.concat([Buffer.from([0xff, 0xd8]), ...padded, frame, Buffer.from([0xff, 0xd9])])
}
