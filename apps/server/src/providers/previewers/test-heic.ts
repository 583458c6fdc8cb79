/** A photo of a phone as far as a reader looks before it decodes: HEVC in HEIF (ISO/IEC 23008-12, 6, and annex B). */
export function makeHeic(width: number, height: number): Buffer {
  const picture = Buffer.alloc(64, 1)
  const ftyp = box('ftyp', 'heic', uint(4, 0), 'mif1heic')
  const meta = (pictureAt: number) =>
    fullBox(
      'meta',
      0,
      fullBox('hdlr', 0, uint(4, 0), 'pict', Buffer.alloc(13)),
      fullBox('pitm', 0, uint(2, 1)),
      fullBox('iinf', 0, uint(2, 1), fullBox('infe', 2, uint(2, 1), uint(2, 0), 'hvc1', uint(1, 0))),
      box(
        'iprp',
        box('ipco', box('hvcC', hevcConfiguration), fullBox('ispe', 0, uint(4, width), uint(4, height))),
        fullBox('ipma', 0, uint(4, 1), uint(2, 1), uint(1, 2), uint(1, 0x81), uint(1, 0x02)),
      ),
      fullBox(
        'iloc',
        0,
        uint(2, 0x4400),
        uint(2, 1),
        uint(2, 1),
        uint(2, 0),
        uint(2, 1),
        uint(4, pictureAt),
        uint(4, picture.length),
      ),
    )
  const pictureAt = ftyp.length + meta(0).length + 8
  return Buffer.concat([ftyp, meta(pictureAt), box('mdat', picture)])
}

/** ISO/IEC 14496-15, 8.3.2.1: version 1, lengths of four bytes, 4:2:0 in 8 bits, and no parameter sets. */
const hevcConfiguration = Buffer.from('0101600000000000000000005df000fcfdf8f800000f00', 'hex')

function box(type: string, ...content: readonly (Buffer | string)[]): Buffer {
  const bytes = Buffer.concat(content.map((part) => Buffer.from(part)))
  return Buffer.concat([uint(4, bytes.length + 8), Buffer.from(type), bytes])
}

function fullBox(type: string, version: number, ...content: readonly (Buffer | string)[]): Buffer {
  return box(type, uint(4, version * 2 ** 24), ...content)
}

function uint(bytes: number, value: number): Buffer {
  const buffer = Buffer.alloc(bytes)
  buffer.writeUIntBE(value, 0, bytes)
  return buffer
}

/**
 * The same photo, to be shown a quarter turn anti-clockwise: an `irot` property (ISO/IEC 23008-12, 6.5.10) for the first
 * item that has properties. What lies behind the boxes that grow moves along.
 */
export function turnedHeic(heic: Buffer): Buffer {
  const [ipco, ipma, iloc] = ['ipco', 'ipma', 'iloc'].map((type) => heic.indexOf(type) - 4) as [number, number, number]
  const turn = box('irot', uint(1, 1))
  const grownBy = turn.length + 1
  const count = ipma + 8 + 4 + 4 + 2
  const associations = count + 1 + (heic[count] as number)
  const bytes = Buffer.concat([
    heic.subarray(0, ipma),
    turn,
    heic.subarray(ipma, associations),
    uint(1, 0x80 | (propertiesIn(heic, ipco) + 1)),
    heic.subarray(associations),
  ])
  bytes[count + turn.length] = (heic[count] as number) + 1
  grow(bytes, ipco, turn.length)
  grow(bytes, ipma + turn.length, 1)
  for (const type of ['iprp', 'meta']) grow(bytes, heic.indexOf(type) - 4, grownBy)
  moveExtents(bytes, iloc, grownBy)
  return bytes
}

function propertiesIn(heic: Buffer, ipco: number): number {
  const end = ipco + heic.readUInt32BE(ipco)
  let count = 0
  for (let at = ipco + 8; at < end; at += heic.readUInt32BE(at)) count += 1
  return count
}

function grow(bytes: Buffer, boxAt: number, by: number): void {
  bytes.writeUInt32BE(bytes.readUInt32BE(boxAt) + by, boxAt)
}

/** Of an `iloc` of version 0 with base offsets, offsets and lengths of four bytes (ISO/IEC 14496-12, 8.11.3). */
function moveExtents(bytes: Buffer, iloc: number, by: number): void {
  let at = iloc + 16
  for (let left = bytes.readUInt16BE(iloc + 14); left > 0; left--) {
    grow(bytes, at + 4, by)
    at += 10 + 8 * bytes.readUInt16BE(at + 8)
  }
}
