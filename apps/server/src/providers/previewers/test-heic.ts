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
