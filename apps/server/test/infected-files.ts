import { randomBytes } from 'node:crypto'
import { crc32, gzipSync } from 'node:zlib'
import { makeTar, makeZip } from '../src/features/inspection/hostile-files.ts'
import { EICAR } from './eicar.ts'

/** Text that no other call has made, with the test string in its middle. */
export function infectedText(): Buffer {
  return Buffer.concat([honestText(), Buffer.from(`\n${EICAR}\n`), honestText()])
}

export function honestText(): Buffer {
  return Buffer.from(randomBytes(300).toString('base64url'))
}

/** Files that carry a text: as it is, or packed so that it can be found by unpacking alone. */
export const carriers: Readonly<Record<string, (text: Buffer) => Buffer>> = {
  'plain text': (text) => text,
  'a zip': zipOf,
  'a zip in a zip': (text) => makeZip([{ name: 'inner.zip', data: zipOf(text) }]),
  'a docx': docxOf,
  'a 7z': sevenZipOf,
  'a gzipped tar': (text) => gzipSync(makeTar([{ name: 'inside.txt', data: text }])),
  'the attachment of a mail': mailOf,
}

function zipOf(text: Buffer): Buffer {
  return makeZip([{ name: 'inside.txt', data: text }])
}

function docxOf(text: Buffer): Buffer {
  const types = `<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>`
  const body = ['<w:document><w:body><w:p><w:r><w:t>', text, '</w:t></w:r></w:p></w:body></w:document>']
  return makeZip([
    { name: '[Content_Types].xml', data: Buffer.from(types) },
    { name: 'word/document.xml', data: Buffer.concat(body.map((part) => Buffer.from(part))) },
  ])
}

/** RFC 2045, section 6.8: an attachment in base64. */
function mailOf(text: Buffer): Buffer {
  const lines = text.toString('base64').match(/.{1,76}/g) ?? []
  return Buffer.from(
    [
      'Received: from out.example (out.example [192.0.2.1]) by in.example; Sat, 21 Nov 2026 10:00:00 +0000',
      'From: Sender <sender@out.example>',
      'To: Reader <reader@in.example>',
      'Subject: A file',
      'Date: Sat, 21 Nov 2026 10:00:00 +0000',
      'Message-ID: <1@out.example>',
      'MIME-Version: 1.0',
      'Content-Type: multipart/mixed; boundary="between"',
      '',
      '--between',
      'Content-Type: text/plain; charset=utf-8',
      '',
      'Here it is.',
      '--between',
      'Content-Type: application/octet-stream; name="inside.txt"',
      'Content-Transfer-Encoding: base64',
      'Content-Disposition: attachment; filename="inside.txt"',
      '',
      ...lines,
      '--between--',
      '',
    ].join('\r\n'),
  )
}

/** A zip whose one entry needs a password (APPNOTE.TXT 6.1, "Traditional PKWARE Encryption"). */
export function encryptedZip(text: Buffer): Buffer {
  const sealed = zipCrypto(text, 'password')
  return makeZip([{ name: 'inside.txt', data: text, stored: true, encrypted: true, packed: sealed }])
}

/** APPNOTE.TXT 6.1.5 and 6.1.6: twelve bytes that end with the checksum's highest one, then the text. */
function zipCrypto(text: Buffer, password: string): Buffer {
  const keys = [0x12345678, 0x23456789, 0x34567890] as [number, number, number]
  const take = (byte: number) => {
    keys[0] = crcOf(keys[0], byte)
    keys[1] = (Math.imul(keys[1] + (keys[0] & 0xff), 134775813) + 1) >>> 0
    keys[2] = crcOf(keys[2], keys[1] >>> 24)
  }
  for (const byte of Buffer.from(password)) take(byte)
  const check = crc32(text) >>> 24
  const seal = (byte: number) => {
    const mask = (keys[2] | 2) & 0xffff
    const sealed = byte ^ ((Math.imul(mask, mask ^ 1) >>> 8) & 0xff)
    take(byte)
    return sealed
  }
  return Buffer.from(Array.from([...randomBytes(11), check, ...text], seal))
}

/** One step of a CRC-32, without the inversions at either end. */
function crcOf(crc: number, byte: number): number {
  return ~crc32(Buffer.from([byte]), ~crc >>> 0) >>> 0
}

/** 7zFormat.txt, "Archive structure": one file in one LZMA stream. */
function sevenZipOf(text: Buffer): Buffer {
  const packed = lzmaOf(text)
  const name = Buffer.from('inside.txt\0', 'utf16le')
  const header = Buffer.concat([
    // Header, MainStreamsInfo, PackInfo: from 0 on, one stream, its size.
    Buffer.from([0x01, 0x04, 0x06, 0, 1, 0x09]),
    numberOf(packed.length),
    // UnPackInfo, Folder: one coder, LZMA, with five bytes of properties: no context, 64 KiB of dictionary.
    Buffer.from([0, 0x07, 0x0b, 1, 0, 1, 0x23, 0x03, 0x01, 0x01, 5, 0, 0, 0, 1, 0, 0x0c]),
    numberOf(text.length),
    Buffer.from([0x0a, 1]),
    uint32(crc32(text)),
    // SubStreamsInfo: nothing to add. FilesInfo: one file, its name.
    Buffer.from([0, 0x08, 0, 0, 0x05, 1, 0x11]),
    numberOf(name.length + 1),
    Buffer.from([0]),
    name,
    Buffer.from([0, 0]),
  ])
  const start = Buffer.concat([uint64(packed.length), uint64(header.length), uint32(crc32(header))])
  const signature = Buffer.from('377abcaf271c0004', 'hex')
  return Buffer.concat([signature, uint32(crc32(start)), start, packed, header])
}

/** lzma-specification.txt: a stream of literals alone, which repeats nothing and yet shows no byte as it was. */
function lzmaOf(text: Buffer): Buffer {
  const encoder = rangeEncoder()
  const isMatch = { odds: 1024 }
  const literals = Array.from({ length: 256 }, () => ({ odds: 1024 }))
  for (const byte of text) {
    encoder.put(isMatch, 0)
    let node = 1
    for (let place = 7; place >= 0; place -= 1) {
      const bit = (byte >> place) & 1
      encoder.put(literals[node] as { odds: number }, bit)
      node = (node << 1) | bit
    }
  }
  return encoder.end()
}

/** As the range encoder of the LZMA SDK: what is decided goes out, but for a run of 0xff that a carry may still change. */
function rangeEncoder() {
  const out: number[] = []
  let low = 0
  let range = 0xffffffff
  let held = 0
  let run = 1
  const shift = () => {
    const carry = low >= 2 ** 32
    if (carry || low < 0xff000000) {
      for (; run > 0; run -= 1) {
        out.push((held + (carry ? 1 : 0)) & 0xff)
        held = 0xff
      }
      held = Math.floor(low / 2 ** 24) & 0xff
    }
    run += 1
    low = (low % 2 ** 24) * 256
  }
  return {
    put(bit: { odds: number }, value: number) {
      const bound = (range >>> 11) * bit.odds
      if (value === 0) {
        range = bound
        bit.odds += (2048 - bit.odds) >> 5
      } else {
        low += bound
        range -= bound
        bit.odds -= bit.odds >> 5
      }
      for (; range < 2 ** 24; range *= 256) shift()
    },
    end(): Buffer {
      for (let count = 0; count < 5; count += 1) shift()
      return Buffer.from(out)
    },
  }
}

/** 7zFormat.txt, "REAL_UINT64 and UINT64": a byte, or 0xff and eight of them. */
function numberOf(value: number): Buffer {
  return value < 0x80 ? Buffer.from([value]) : Buffer.concat([Buffer.from([0xff]), uint64(value)])
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}
