import { constants, deflateRawSync } from 'node:zlib'
import {
  makeGif,
  makeGzipOfZeros,
  makeNestedZip,
  makePng,
  makeTiff,
  makeZip,
} from '../../src/features/inspection/hostile-files.ts'

/** Small files that stand for far more work, memory or depth than any honest one. All fit into 50 MiB. */
export interface Bomb {
  name: string
  /** Made when it is sent: together they would fill the memory of whoever sends them. */
  make: () => Buffer
}

const MIB = 2 ** 20

/** Raw deflate of a stretch of bytes that is repeated so often: each time a block that needs none of the others. */
function packedRepeat(chunk: Buffer, times: number): Buffer {
  const block = deflateRawSync(chunk, { finishFlush: constants.Z_FULL_FLUSH })
  const lastBlock = Buffer.from([3, 0])
  return Buffer.concat([...Array.from({ length: times }, () => block), lastBlock])
}

/** A mebibyte of the same words, with noise between them so that they pack no better than they have to. */
function chunkOf(words: (index: number) => string): Buffer {
  let text = ''
  for (let index = 0; text.length < MIB; index += 1) text += words(index)
  return Buffer.from(text)
}

/** Packs to about a hundredth, which is what an archive may do. */
const allowedNoise = (index: number) => ((index * 2_654_435_761) >>> 0).toString(36)

interface Inner {
  head: string
  chunk: Buffer
  times: number
  tail: string
}

/** A package with one part that unpacks to so much. */
function packageOf(parts: Readonly<Record<string, string>>, name: string, { head, chunk, times, tail }: Inner): Buffer {
  const flushed = (text: string) => deflateRawSync(text, { finishFlush: constants.Z_FULL_FLUSH })
  const packed = Buffer.concat([flushed(head), packedRepeat(chunk, times).subarray(0, -2), deflateRawSync(tail)])
  const declaredBytes = head.length + chunk.length * times + tail.length
  const others = Object.entries(parts).map(([each, text]) => ({ name: each, data: Buffer.from(text) }))
  return makeZip([...others, { name, data: Buffer.alloc(0), packed, declaredBytes }], {
    zip64: declaredBytes >= 2 ** 32,
  })
}

const RELATIONSHIPS = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships'
const PACKAGE = 'http://schemas.openxmlformats.org/package/2006'

function officeParts(kind: 'word' | 'xl', main: string, contentType: string): Record<string, string> {
  return {
    '[Content_Types].xml': `<Types xmlns="${PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/${kind}/${main}" ContentType="application/vnd.openxmlformats-officedocument.${contentType}.main+xml"/></Types>`,
    '_rels/.rels': `<Relationships xmlns="${PACKAGE}/relationships"><Relationship Id="r1" Type="${RELATIONSHIPS}/officeDocument" Target="${kind}/${main}"/></Relationships>`,
  }
}

function sheetBomb(chunk: Buffer, times: number): Buffer {
  const parts = {
    ...officeParts('xl', 'workbook.xml', 'spreadsheetml.sheet'),
    'xl/workbook.xml': `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="${RELATIONSHIPS}"><sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>`,
    'xl/_rels/workbook.xml.rels': `<Relationships xmlns="${PACKAGE}/relationships"><Relationship Id="r1" Type="${RELATIONSHIPS}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`,
  }
  const head = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
  return packageOf(parts, 'xl/worksheets/sheet1.xml', { head, chunk, times, tail: '</sheetData></worksheet>' })
}

function documentBomb(head: string, chunk: Buffer, times: number, tail: string): Buffer {
  return packageOf(officeParts('word', 'document.xml', 'wordprocessingml.document'), 'word/document.xml', {
    head: `${head}<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>`,
    chunk,
    times,
    tail: `${tail}</w:body></w:document>`,
  })
}

const LAUGHS = `<!DOCTYPE lolz [<!ENTITY a0 "ha">${Array.from({ length: 20 }, (_, index) => `<!ENTITY a${index + 1} "${`&a${index};`.repeat(10)}">`).join('')}]>`

/** A document of objects by number; the first one is its root. Readers find objects without a table. */
function pdf(objects: readonly (string | Buffer)[]): Buffer {
  const parts = objects.flatMap((object, index) => [
    Buffer.from(`${index + 1} 0 obj\n`),
    Buffer.from(object),
    Buffer.from('\nendobj\n'),
  ])
  return Buffer.concat([Buffer.from('%PDF-1.7\n'), ...parts, Buffer.from('trailer << /Root 1 0 R >>\n%%EOF\n')])
}

const CATALOG = '<< /Type /Catalog /Pages 2 0 R >>'
const ONE_PAGE = '<< /Type /Pages /Kids [3 0 R] /Count 1 >>'
const PAGE =
  '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >>'
const FONT = '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>'

/** RFC 1950: two bytes before, and a sum behind that nobody waits for. */
function zlibRepeat(chunk: Buffer, times: number): Buffer {
  return Buffer.concat([Buffer.from([0x78, 0x9c]), packedRepeat(chunk, times)])
}

function stream(dictionary: string, bytes: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(`<< ${dictionary} /Length ${bytes.length} >>\nstream\n`),
    bytes,
    Buffer.from('\nendstream'),
  ])
}

/** A page that says the same so many mebibytes long. */
function pageBomb(words: string, mebibytes: number): Buffer {
  const packed = zlibRepeat(
    chunkOf(() => words),
    mebibytes,
  )
  return pdf([CATALOG, ONE_PAGE, PAGE, stream('/Filter /FlateDecode', packed), FONT])
}

const nested = (open: string, close: string, depth: number) => Buffer.from(open.repeat(depth) + close.repeat(depth))

/** What keeps a scanner busy for longest comes first. */
export const BOMBS: readonly Bomb[] = [
  {
    name: 'parts.eml',
    make: () =>
      Buffer.from(
        `From: a@example.org\nTo: b@example.org\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n${'--x\nContent-Type: text/plain; name=a\n\na\n'.repeat(500_000)}--x--\n`,
      ),
  },
  {
    name: 'sheet-10-gb.xlsx',
    make: () =>
      sheetBomb(
        chunkOf(() => '<row><c><v>1</v></c></row>'),
        10_240,
      ),
  },
  {
    name: 'sheet-within-bounds.xlsx',
    make: () =>
      sheetBomb(
        chunkOf((n) => `<row><c><v>${n}</v></c></row>`.padEnd(120)),
        900,
      ),
  },
  {
    name: 'document-10-gb.docx',
    make: () =>
      documentBomb(
        '',
        chunkOf(() => '<w:p/>'),
        10_240,
        '',
      ),
  },
  {
    name: 'document-within-bounds.docx',
    make: () =>
      documentBomb(
        '',
        chunkOf((n) => `<w:p><w:r><w:t>${allowedNoise(n).padEnd(400, 'x')}</w:t></w:r></w:p>`),
        900,
        '',
      ),
  },
  {
    name: 'deep.docx',
    make: () => documentBomb('', Buffer.from('<w:p>'.repeat(100_000)), 1, '</w:p>'.repeat(100_000)),
  },
  {
    name: 'laughs.docx',
    make: () => documentBomb(LAUGHS, Buffer.from('<w:p><w:r><w:t>&a20;</w:t></w:r></w:p>'), 1, ''),
  },
  { name: 'laughs.xml', make: () => Buffer.from(`<?xml version="1.0"?>${LAUGHS}<x>&a20;</x>`) },
  {
    name: 'laughs.svg',
    make: () => Buffer.from(`${LAUGHS}<svg xmlns="http://www.w3.org/2000/svg"><text>&a20;</text></svg>`),
  },
  {
    name: 'outside.xml',
    make: () => Buffer.from('<?xml version="1.0"?><!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><x>&f;</x>'),
  },
  { name: 'nested.zip', make: () => makeNestedZip(4, 8, MIB) },
  { name: 'zeros.gz', make: () => makeGzipOfZeros(10_240) },
  { name: 'vast.png', make: () => makePng(60_000, 60_000) },
  { name: 'within-bounds.png', make: () => makePng(9_999, 9_999) },
  {
    name: 'frames.gif',
    make: () =>
      makeGif(
        10,
        10,
        Array.from({ length: 4_900 }, () => ({ width: 10, height: 10 })),
      ),
  },
  {
    name: 'loop.tiff',
    make: () =>
      makeTiff(
        [
          { width: 10, height: 10 },
          { width: 10, height: 10 },
        ],
        true,
      ),
  },
  { name: 'stream-4-gb.pdf', make: () => pageBomb('0 0 m ', 4096) },
  { name: 'words-1-gb.pdf', make: () => pageBomb('BT /F 9 Tf (word ) Tj ET ', 1024) },
  {
    name: 'object-stream-4-gb.pdf',
    make: () =>
      pdf([
        CATALOG,
        ONE_PAGE,
        PAGE,
        stream(
          '/Type /ObjStm /N 1000000 /First 10 /Filter /FlateDecode',
          zlibRepeat(
            chunkOf(() => '1 1 '),
            4096,
          ),
        ),
      ]),
  },
  {
    name: 'packed-thrice.pdf',
    make: () => {
      const once = zlibRepeat(Buffer.alloc(MIB), 10_240)
      const twice = zlibRepeat(once.subarray(0, MIB), 64)
      return pdf([
        CATALOG,
        ONE_PAGE,
        PAGE,
        stream('/Filter [/FlateDecode /FlateDecode /FlateDecode]', zlibRepeat(twice.subarray(0, MIB), 16)),
        FONT,
      ])
    },
  },
  {
    name: 'pages-loop.pdf',
    make: () => pdf([CATALOG, '<< /Type /Pages /Kids [2 0 R 2 0 R 2 0 R] /Count 2000000000 >>']),
  },
  { name: 'deep.pdf', make: () => pdf([CATALOG, nested('[', ']', 2_000_000)]) },
  { name: 'deep.json', make: () => nested('[', ']', 5_000_000) },
  { name: 'deep-objects.json', make: () => nested('{"a":', '1', 2_000_000) },
  { name: 'one-string.json', make: () => Buffer.from(`"${'x'.repeat(45 * MIB)}"`) },
  {
    name: 'deep.html',
    make: () => Buffer.concat([Buffer.from('<!DOCTYPE html><body>'), nested('<div>', '</div>', 2_000_000)]),
  },
  { name: 'wide.html', make: () => Buffer.from(`<!DOCTYPE html><body>${'<p a=1 b=2 c=3>x'.repeat(2_000_000)}`) },
  {
    name: 'deep.xml',
    make: () => Buffer.concat([Buffer.from('<?xml version="1.0"?>'), nested('<a>', '</a>', 2_000_000)]),
  },
  {
    name: 'deep.rtf',
    make: () => Buffer.concat([Buffer.from('{\\rtf1 '), nested('{', '}', 5_000_000), Buffer.from('}')]),
  },
  { name: 'deep.md', make: () => nested('> ', '\n', 5_000_000) },
  { name: 'one-row.csv', make: () => Buffer.from(`a,b\n${'x'.repeat(40 * MIB)}`) },
  { name: 'one-quote.csv', make: () => Buffer.from(`a,b\n"${'x,\n'.repeat(12 * MIB)}`) },
  { name: 'rows.csv', make: () => Buffer.from('a,b\n1,2\n'.repeat(5_000_000)) },
  { name: 'deep.eml', make: () => mailBomb(20_000) },
]

/** Multiparts within each other. */
function mailBomb(depth: number): Buffer {
  let text = 'From: a@example.org\nTo: b@example.org\nMIME-Version: 1.0\n'
  for (let level = 0; level < depth; level += 1)
    text += `Content-Type: multipart/mixed; boundary=b${level}\n\n--b${level}\n`
  return Buffer.from(`${text}Content-Type: text/plain\n\nhello\n`)
}
