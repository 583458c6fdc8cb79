import { crc32, deflateRawSync } from 'node:zlib'

export interface ZipOptions {
  /** Entries that are not packed. */
  stored?: readonly string[]
  /** Entries whose flags say that they are encrypted. */
  encrypted?: readonly string[]
  /** States another method of packing than the one used. */
  method?: number
}

/** Makes an archive of named texts, in their order (APPNOTE.TXT 4.3.6). */
export function makeZip(files: Readonly<Record<string, string | Buffer>>, options: ZipOptions = {}): Buffer {
  const locals: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const [name, content] of Object.entries(files)) {
    const entry = makeEntry(name, Buffer.from(content), offset, options)
    locals.push(entry.local)
    directory.push(entry.central)
    offset += entry.local.length
  }
  const central = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(directory.length, 8)
  end.writeUInt16LE(directory.length, 10)
  end.writeUInt32LE(central.length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...locals, central, end])
}

function makeEntry(name: string, bytes: Buffer, offset: number, { stored, encrypted, method }: ZipOptions) {
  const isStored = stored?.includes(name) ?? false
  const packed = isStored ? bytes : deflateRawSync(bytes)
  const rawName = Buffer.from(name)
  const common = Buffer.alloc(26)
  common.writeUInt16LE(20, 0)
  common.writeUInt16LE(0x800 | (encrypted?.includes(name) ? 1 : 0), 2)
  common.writeUInt16LE(method ?? (isStored ? 0 : 8), 4)
  common.writeUInt16LE(0x21, 8)
  common.writeUInt32LE(crc32(bytes), 10)
  common.writeUInt32LE(packed.length, 14)
  common.writeUInt32LE(bytes.length, 18)
  common.writeUInt16LE(rawName.length, 22)
  const rest = Buffer.alloc(14)
  rest.writeUInt32LE(offset, 10)
  return {
    local: Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), common, rawName, packed]),
    central: Buffer.concat([Buffer.from('PK\x01\x02\x14\x03', 'latin1'), common, rest, rawName]),
  }
}
