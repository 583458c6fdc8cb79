const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1
  return value
})

/** CRC32C (Castagnoli, RFC 3720 appendix B.4) in base64 and big-endian byte order, as "Hashes and ETags" has it. */
export function crc32cOf(bytes: Buffer): string {
  let crc = 0xffffffff
  for (let index = 0; index < bytes.length; index++) crc = TABLE[(crc ^ bytes[index]!) & 0xff]! ^ (crc >>> 8)
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE((crc ^ 0xffffffff) >>> 0)
  return sum.toString('base64')
}
