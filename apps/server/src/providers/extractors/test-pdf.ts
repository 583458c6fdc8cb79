/** What a made document says of itself, in the words of the format: `Title`, `CreationDate`. */
export interface MadePdf {
  pages: string[]
  info?: Record<string, string>
  /** Says that a password is needed. */
  encrypted?: boolean
}

/**
 * Writes a PDF document (ISO 32000-1) of one line of text on each page. Each character is a glyph of its own, which the
 * font has no outline for and says the meaning of.
 */
export function makePdf({ pages, info = {}, encrypted = false }: MadePdf): Buffer {
  const characters = [...new Set(pages.join(''))]
  const glyph = (character: string) => hex(characters.indexOf(character) + 1)
  const meaning = characters.map((character) => `<${glyph(character)}> <${toUtf16(character)}>`)
  const pageIds = pages.map((_, index) => 8 + 2 * index)
  const infoText = Object.entries(info).map(([name, text]) => `/${name} <feff${toUtf16(text)}>`)
  const key = '00'.repeat(32)
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    `<< /Type /Pages /Count ${pages.length} /Kids [${pageIds.map((id) => `${id} 0 R`).join(' ')}] >>`,
    '<< /Type /Font /Subtype /Type0 /BaseFont /Made /Encoding /Identity-H /DescendantFonts [4 0 R] /ToUnicode 5 0 R >>',
    '<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Made /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> /DW 600 /FontDescriptor 6 0 R >>',
    stream(
      `/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapType 2 def 1 begincodespacerange <0000> <ffff> endcodespacerange\n${meaning.map((line) => `1 beginbfchar ${line} endbfchar`).join('\n')}\nendcmap end end`,
    ),
    '<< /Type /FontDescriptor /FontName /Made /Flags 4 /FontBBox [0 0 600 600] /ItalicAngle 0 /Ascent 600 /Descent 0 /CapHeight 600 /StemV 80 >>',
    `<< ${infoText.join(' ')} >>`,
    ...pages.flatMap((text, index) => [
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 2000 200] /Resources << /Font << /F1 3 0 R >> >> /Contents ${9 + 2 * index} 0 R >>`,
      stream(text === '' ? '' : `BT /F1 12 Tf 20 100 Td <${[...text].map(glyph).join('')}> Tj ET`),
    ]),
  ]
  const lock = encrypted
    ? ` /Encrypt << /Filter /Standard /V 1 /R 2 /O <${key}> /U <${key}> /P -44 >> /ID [<00> <00>]`
    : ''
  return joinObjects(objects, `/Root 1 0 R /Info 7 0 R${lock}`)
}

function joinObjects(objects: string[], trailer: string) {
  let text = '%PDF-1.7\n'
  const offsets = objects.map((object, index) => {
    const offset = text.length
    text += `${index + 1} 0 obj\n${object}\nendobj\n`
    return `${String(offset).padStart(10, '0')} 00000 n \n`
  })
  const size = objects.length + 1
  const end = `trailer\n<< /Size ${size} ${trailer} >>\nstartxref\n${text.length}\n%%EOF\n`
  return Buffer.from(`${text}xref\n0 ${size}\n0000000000 65535 f \n${offsets.join('')}${end}`, 'latin1')
}

function stream(content: string) {
  return `<< /Length ${content.length} >>\nstream\n${content}\nendstream`
}

function hex(value: number) {
  return value.toString(16).padStart(4, '0')
}

function toUtf16(text: string) {
  return Array.from({ length: text.length }, (_, index) => hex(text.charCodeAt(index))).join('')
}
