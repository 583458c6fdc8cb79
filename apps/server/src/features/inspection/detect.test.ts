import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { times } from '../../../test/effort.ts'
import { type DetectionContext, detectMediaType } from './detect.ts'
import { makeGif, makeJpeg, makePng, makeTar, makeZip } from './hostile-files.ts'
import { bufferReader } from './random-reader.ts'
import { hasControlBytes, hasControlCharacters } from './text-type.ts'
import { detectZipType } from './zip-type.ts'

const greek = 'Πρακτικά συνάντησης: η παράδοση μετατέθηκε για τον Μάρτιο.\r\nNext meeting on Tuesday.\r\n'
const docx = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'
const xlsx = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'

function detect(head: Buffer | string, context: Partial<DetectionContext> = {}) {
  return detectMediaType(Buffer.from(head as string), { name: 'asset', complete: true, ...context })
}

async function typeOf(head: Buffer | string, name = 'asset') {
  return (await detect(head, { name })).mediaType
}

function utf16(text: string, bigEndian = false) {
  const bytes = Buffer.from(text, 'utf16le')
  return bigEndian ? bytes.swap16() : bytes
}

function contentTypes(main: string) {
  const xml = `<Types><Override PartName="/part.xml" ContentType="${main}.main+xml"/></Types>`
  return { name: '[Content_Types].xml', data: Buffer.from(xml) }
}

describe('text', () => {
  test('is text whatever it begins with, when every byte of it is text', async () => {
    expect(await detect('BMW and ID3 are not formats here\n')).toEqual({ mediaType: 'text/plain', encoding: 'utf-8' })
    expect(await typeOf('X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*')).toBe('text/plain')
    expect(await typeOf('[1] A footnote\n')).toBe('text/plain')
    expect(await typeOf('<3 from all of us\n')).toBe('text/plain')
    expect(await typeOf('\ufeff2 > 1')).toBe('text/plain')
  })

  test('keeps its encoding in UTF-16, with its mark and without', async () => {
    const plain = (encoding: string) => ({ mediaType: 'text/plain', encoding })
    expect(await detect(utf16(`\ufeff${greek}`))).toEqual(plain('utf-16le'))
    expect(await detect(utf16(`\ufeff${greek}`, true))).toEqual(plain('utf-16be'))
    expect(await detect(utf16(greek))).toEqual(plain('utf-16le'))
    expect(await detect(utf16(greek, true))).toEqual(plain('utf-16be'))
    expect(await detect(utf16('Plain English words'))).toEqual(plain('utf-16le'))
  })

  test('in an 8-bit encoding is text without a known encoding', async () => {
    const latin = Buffer.from('Le caf\xe9 est ferm\xe9 le mardi. '.repeat(10), 'latin1')
    expect(await detect(latin)).toEqual({ mediaType: 'text/plain' })
    expect(await typeOf(Buffer.concat([Buffer.from('<html><body>'), latin]))).toBe('text/html')
  })

  test('is UTF-8 also when the first bytes end inside a character', async () => {
    const long = Buffer.from('ά'.repeat(40_000)).subarray(0, 65_537)
    expect(await detect(long, { complete: false })).toEqual({ mediaType: 'text/plain', encoding: 'utf-8' })
  })

  test('is looked at further than the words that tell its kind', async () => {
    const words = 'ten words of it say that this is prose\n'.repeat(500)
    expect(await typeOf(words)).toBe('text/plain')
    for (const at of [0, 1, 2, 3]) {
      const bytes = Buffer.from(`${words}and the end`)
      bytes[words.length + at] = 0x01
      expect(await typeOf(bytes)).toBe('application/octet-stream')
    }
    expect(await typeOf(`${' '.repeat(20_000)}<html><body>`)).toBe('text/html')
    expect(await typeOf(`${words}<p>and a tag`, 'page.html')).toBe('text/html')
    expect(await typeOf(JSON.stringify({ words }))).toBe('application/json')
  })

  test('holds no control characters, wherever in memory they lie', () => {
    const anywhere = fc.tuple(fc.uint8Array({ maxLength: 40 }), fc.nat({ max: 3 }), fc.boolean())
    fc.assert(
      fc.property(anywhere, ([values, start, printable]) => {
        const bytes = Buffer.from(Uint8Array.from(values, (value) => (printable ? value | 0x20 : value)).buffer, 0)
        const part = bytes.subarray(start)
        expect(hasControlBytes(part)).toBe(hasControlCharacters(part.toString('latin1')))
      }),
      { numRuns: times(2000, 100_000) },
    )
  })

  test('is CSV or Markdown by its name, and CSV by its separators', async () => {
    expect(await typeOf('name;city\nAnna;Graz', 'customers.CSV')).toBe('text/csv')
    expect(await typeOf('a,b,c\n1,2,3\n4,5,6\n')).toBe('text/csv')
    expect(await typeOf('a,b,c\n1,2,3\n4,5,6\n', 'notes.txt')).toBe('text/plain')
    expect(await typeOf('# Title\n', 'readme.md')).toBe('text/markdown')
    expect(await typeOf(makePng(1, 1), 'readme.md')).toBe('image/png')
  })

  test('is HTML or SVG by its markup, whatever its name says', async () => {
    expect(await typeOf('  <!DOCTYPE html><p>Hi', 'picture.txt')).toBe('text/html')
    expect(await typeOf('<!-- note --><script>alert(1)</script>', 'notes.md')).toBe('text/html')
    expect(await typeOf('<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"/>')).toBe('text/html')
    expect(await typeOf('<?xml version="1.0"?><!-- x --><!DOCTYPE svg><svg/>')).toBe('image/svg+xml')
    expect(await typeOf('<s:svg xmlns:s="http://www.w3.org/2000/svg"/>')).toBe('image/svg+xml')
    expect(await typeOf(utf16('\ufeff<svg xmlns="http://www.w3.org/2000/svg"/>'))).toBe('image/svg+xml')
    expect(await typeOf('Welcome <b>here</b>', 'page.html')).toBe('text/html')
    expect(await typeOf('<?xml version="1.0"?><feed/>')).toBe('application/xml')
  })

  test('is JSON when it parses, or begins like it and goes on', async () => {
    expect(await typeOf('{"a": [1, 2]}')).toBe('application/json')
    expect(await typeOf('{"a": [1, 2')).toBe('text/plain')
    expect(await typeOf('{"a":1}\n{"a":2}\n')).toBe('application/x-ndjson')
    expect((await detect('[{"a": 1}, {"b"', { complete: false })).mediaType).toBe('application/json')
  })

  test('is mail when it begins with known header fields', async () => {
    expect(await typeOf('From: a@example.org\nTo: b@example.org\nSubject: Hi\n\nHello')).toBe('message/rfc822')
    expect(await typeOf('Note: buy milk\nTo: do\n')).toBe('text/plain')
  })
})

describe('bytes', () => {
  test('are what their signature says', async () => {
    expect(await typeOf(makePng(2, 2))).toBe('image/png')
    expect(await typeOf(makeJpeg(2, 2))).toBe('image/jpeg')
    expect(await typeOf(makeGif(2, 2, [{ width: 2, height: 2 }]))).toBe('image/gif')
    expect(await typeOf(makeTar([{ name: 'a', data: Buffer.from('a') }]))).toBe('application/x-tar')
    expect(await typeOf(Buffer.from('1f8b0800', 'hex'))).toBe('application/gzip')
    expect(await typeOf('%PDF-1.7\n%âãÏÓ\n')).toBe('application/pdf')
  })

  test('that nobody knows are application/octet-stream, and so is nothing at all', async () => {
    expect(await detect(Buffer.from([1, 2, 3, 4, 5]))).toEqual({ mediaType: 'application/octet-stream' })
    expect(await detect('')).toEqual({ mediaType: 'application/octet-stream' })
  })

  test('that pass as several types are the first of them', async () => {
    expect(await typeOf('GIF89a/*<script>alert(1)</script>*/=1;')).toBe('image/gif')
    const gif = makeGif(1, 1, [{ width: 1, height: 1 }])
    expect(await typeOf(Buffer.concat([gif, Buffer.from('<html><script>')]), 'x.html')).toBe('image/gif')
    const zip = makeZip([{ name: 'a', data: Buffer.from('a') }])
    expect(await typeOf(Buffer.concat([Buffer.from('%PDF-1.7\n'), zip]))).toBe('application/pdf')
  })

  test('of an old Office file are told by the streams in it', async () => {
    const file = Buffer.alloc(4096)
    file.write('d0cf11e0a1b11ae1', 'hex')
    file.write('WordDocument', 2048, 'utf16le')
    expect(await typeOf(file)).toBe('application/msword')
  })
})

describe('the ZIP family', () => {
  const filler = { name: 'word/media/photo.bin', data: Buffer.alloc(100_000, 7), stored: true }

  test('is told by its content types, by its mimetype, or is plain ZIP', async () => {
    expect(await typeOf(makeZip([contentTypes(docx), { name: 'word/document.xml', data: Buffer.from('<w/>') }]))).toBe(
      docx,
    )
    expect(await typeOf(makeZip([contentTypes(xlsx), { name: 'xl/workbook.xml', data: Buffer.from('<w/>') }]))).toBe(
      xlsx,
    )
    const odt = { name: 'mimetype', data: Buffer.from('application/vnd.oasis.opendocument.text'), stored: true }
    expect(await typeOf(makeZip([odt]))).toBe('application/vnd.oasis.opendocument.text')
    expect(await typeOf(makeZip([{ name: 'a.txt', data: Buffer.from('a') }]))).toBe('application/zip')
  })

  test('is told by the directory in the last bytes when the first do not say', async () => {
    const archive = makeZip([
      { ...filler, name: 'a.bin' },
      { name: 'xl/workbook.xml', data: Buffer.from('<w/>') },
      contentTypes(xlsx),
    ])
    const head = archive.subarray(0, 65_536)
    const tail = archive.subarray(-2048)
    expect((await detect(head, { complete: false, tail })).mediaType).toBe(xlsx)
    expect((await detect(head, { complete: false })).mediaType).toBe('application/zip')
    expect(await detectZipType(bufferReader(archive))).toBe(xlsx)
  })

  test('with macros is never called the kind without', async () => {
    const macros = { name: 'word/vbaProject.bin', data: Buffer.from('x') }
    const archive = makeZip([macros, { name: 'word/document.xml', data: Buffer.from('<w/>') }, contentTypes('x')])
    expect(await detectZipType(bufferReader(archive))).toBe('application/vnd.ms-word.document.macroenabled.12')
  })

  test('that is damaged is plain ZIP', async () => {
    const archive = makeZip([{ name: 'a.txt', data: Buffer.from('a') }])
    expect(await typeOf(archive.subarray(0, 40))).toBe('application/zip')
    expect(await detectZipType(bufferReader(archive.subarray(0, 40)))).toBe('application/zip')
  })
})

test('any bytes at all have a media type', async () => {
  const signature = fc.constantFrom(
    '',
    'PK\x03\x04',
    '\x89PNG\r\n\x1a\n',
    'II*\0',
    '\xff\xfe',
    '\0\0\0\x18ftyp',
    'ID3',
    '\x1f\x8b\x08',
  )
  const bytes = fc.uint8Array({ maxLength: 600 })
  await fc.assert(
    fc.asyncProperty(signature, bytes, fc.boolean(), async (start, rest, complete) => {
      const head = Buffer.concat([Buffer.from(start, 'latin1'), rest])
      const found = await detectMediaType(head, { name: 'x', complete })
      expect(found.mediaType).toMatch(/^[a-z]+\/[\w.+-]+$/i)
    }),
    { numRuns: times(100, 300) },
  )
})
