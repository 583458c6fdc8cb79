/** A WAV file of silence (Multimedia Programming Interface 1.0, chapter 3), with tags by their four letters. */
export function makeWav(seconds: number, tags: Record<string, string> = {}): Buffer {
  const sampleRate = 8000
  const format = Buffer.alloc(16)
  format.writeUInt16LE(1, 0)
  format.writeUInt16LE(2, 2)
  format.writeUInt32LE(sampleRate, 4)
  format.writeUInt32LE(sampleRate * 4, 8)
  format.writeUInt16LE(4, 12)
  format.writeUInt16LE(16, 14)
  const listed = Object.entries(tags).map(([name, text]) => riffChunk(name, Buffer.from(`${text}\0`)))
  const chunks = [riffChunk('fmt ', format)]
  if (listed.length > 0) chunks.push(riffChunk('LIST', Buffer.concat([Buffer.from('INFO'), ...listed])))
  chunks.push(riffChunk('data', Buffer.alloc(seconds * sampleRate * 4)))
  return riffChunk('RIFF', Buffer.concat([Buffer.from('WAVE'), ...chunks]))
}

function riffChunk(name: string, bytes: Buffer) {
  const head = Buffer.alloc(8)
  head.write(name, 'latin1')
  head.writeUInt32LE(bytes.length, 4)
  return Buffer.concat([head, bytes, Buffer.alloc(bytes.length % 2)])
}

/** A film without frames to speak of (ISO/IEC 14496-12): H.264, 25 frames a second. */
export function makeMp4({ seconds = 2, width = 640, height = 360, title = '' } = {}): Buffer {
  const frames = seconds * 25
  const sample = Buffer.alloc(16, 1)
  const ftyp = box('ftyp', Buffer.from('isom\0\0\x02\0isomiso2avc1mp41', 'latin1'))
  const table = (dataAt: number) =>
    box(
      'stbl',
      fullBox('stsd', uint32(1), describeH264(width, height)),
      fullBox('stts', uint32(1), uint32(frames), uint32(1)),
      fullBox('stsc', uint32(1), uint32(1), uint32(frames), uint32(1)),
      fullBox('stsz', uint32(sample.length), uint32(frames)),
      fullBox('stco', uint32(1), uint32(dataAt)),
    )
  const movie = (dataAt: number) =>
    box(
      'moov',
      fullBox(
        'mvhd',
        made,
        made,
        uint32(1000),
        uint32(seconds * 1000),
        uint32(0x1_0000),
        uint16(0x100),
        Buffer.alloc(10),
        matrix,
        Buffer.alloc(24),
        uint32(2),
      ),
      box(
        'trak',
        fullBox(
          'tkhd',
          made,
          made,
          uint32(1),
          uint32(0),
          uint32(seconds * 1000),
          Buffer.alloc(16),
          matrix,
          uint32(width * 0x1_0000),
          uint32(height * 0x1_0000),
        ),
        box(
          'mdia',
          fullBox('mdhd', made, made, uint32(25), uint32(frames), uint16(0x55c4), uint16(0)),
          fullBox('hdlr', uint32(0), Buffer.from('vide'), Buffer.alloc(12), Buffer.from('made\0')),
          box(
            'minf',
            fullBox('vmhd', Buffer.alloc(8)),
            box('dinf', fullBox('dref', uint32(1), fullBox('url '))),
            table(dataAt),
          ),
        ),
      ),
      ...(title === '' ? [] : [makeTags(title)]),
    )
  const dataAt = ftyp.length + movie(0).length + 8
  return Buffer.concat([ftyp, movie(dataAt), box('mdat', ...Array.from({ length: frames }, () => sample))])
}

/** ISO/IEC 14496-12, 12.1.3, and 14496-15, 5.4.2. */
function describeH264(width: number, height: number) {
  const description = Buffer.concat([
    Buffer.alloc(6),
    uint16(1),
    Buffer.alloc(16),
    uint16(width),
    uint16(height),
    uint32(0x48_0000),
    uint32(0x48_0000),
    uint32(0),
    uint16(1),
    Buffer.alloc(32),
    uint16(24),
    uint16(0xffff),
    box('avcC', Buffer.from([1, 66, 0, 30, 255, 225, 0, 4, 0x67, 66, 0, 30, 1, 0, 2, 0x68, 0xce])),
  ])
  return box('avc1', description)
}

function makeTags(title: string) {
  const data = box('data', uint32(1), uint32(0), Buffer.from(title))
  const handler = fullBox('hdlr', uint32(0), Buffer.from('mdirappl'), Buffer.alloc(9))
  return box('udta', fullBox('meta', handler, box('ilst', box('\xa9nam', data))))
}

/** 2024-05-06T07:08:09Z in seconds since 1904. */
const made = uint32(1_714_979_289 + 2_082_844_800)
const matrix = Buffer.concat([0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000].map(uint32))

function box(type: string, ...content: Buffer[]) {
  const bytes = Buffer.concat(content)
  return Buffer.concat([uint32(bytes.length + 8), Buffer.from(type, 'latin1'), bytes])
}

function fullBox(type: string, ...content: Buffer[]) {
  return box(type, uint32(0), ...content)
}

function uint16(value: number) {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

function uint32(value: number) {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
