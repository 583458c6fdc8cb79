import { crc32 } from 'node:zlib'

/** An archive in an archive, so many deep, nothing packed: a few kilobytes that pass a scanner's limit of nesting. */
export function nestedZip(depth: number): Buffer {
  let inner: Buffer = Buffer.from('text')
  for (let level = 0; level < depth; level += 1) inner = storedZip(level === 0 ? 'a.txt' : 'a.zip', inner)
  return inner
}

/** APPNOTE.TXT 4.3.6: one entry, stored. */
function storedZip(name: string, bytes: Buffer): Buffer {
  const common = Buffer.alloc(26)
  common.writeUInt16LE(20, 0)
  common.writeUInt16LE(0x21, 8)
  common.writeUInt32LE(crc32(bytes), 10)
  common.writeUInt32LE(bytes.length, 14)
  common.writeUInt32LE(bytes.length, 18)
  common.writeUInt16LE(name.length, 22)
  const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), common, Buffer.from(name), bytes])
  const entry = Buffer.concat([
    Buffer.from('PK\x01\x02\x14\x00', 'latin1'),
    common,
    Buffer.alloc(14),
    Buffer.from(name),
  ])
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(1, 8)
  end.writeUInt16LE(1, 10)
  end.writeUInt32LE(entry.length, 12)
  end.writeUInt32LE(local.length, 16)
  return Buffer.concat([local, entry, end])
}
