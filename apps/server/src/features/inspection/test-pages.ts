import sharp, { type OutputInfo, type Sharp } from 'sharp'

const PAGE_WIDTH = 2480

/** A page of black letters on white, as a scanner of 300 dpi sees it, or a screen where the letters are small. */
export function pagePicture(text: string, letterPixels = 46): Sharp {
  const lines = text.split('\n')
  const [width, step] = [Math.round((PAGE_WIDTH * letterPixels) / 46), Math.round(letterPixels * 1.6)]
  const spans = lines.map((line, index) => `<text x="${step}" y="${(index + 2) * step}">${line}</text>`)
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${(lines.length + 3) * step}"
    font-family="DejaVu Sans" font-size="${letterPixels}">${spans.join('')}</svg>`
  return sharp(Buffer.from(svg)).flatten({ background: '#ffffff' })
}

export interface Scan {
  data: Buffer
  info: Pick<OutputInfo, 'width' | 'height'>
}

/** A PDF document (ISO 32000-1) whose pages are a line of text each, or a scan in JPEG and no text at all. */
export function scannedPdf(pages: readonly (string | Scan)[]): Buffer {
  const pageIds = pages.map((_, index) => 4 + 3 * index)
  const objects = [
    ['<< /Type /Catalog /Pages 2 0 R >>'],
    [`<< /Type /Pages /Count ${pages.length} /Kids [${pageIds.map((id) => `${id} 0 R`).join(' ')}] >>`],
    ['<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>'],
    ...pages.flatMap((page, index) => pageObjects(page, pageIds[index]!)),
  ]
  let size = 0
  const parts: Buffer[] = []
  const add = (part: string | Buffer) => {
    parts.push(Buffer.from(part))
    size += parts.at(-1)!.length
  }
  add('%PDF-1.4\n')
  const offsets = objects.map((object, index) => {
    const offset = size
    for (const part of [`${index + 1} 0 obj\n`, ...object, '\nendobj\n']) add(part)
    return `${String(offset).padStart(10, '0')} 00000 n \n`
  })
  const [count, start] = [objects.length + 1, size]
  add(`xref\n0 ${count}\n0000000000 65535 f \n${offsets.join('')}`)
  add(`trailer\n<< /Size ${count} /Root 1 0 R >>\nstartxref\n${start}\n%%EOF\n`)
  return Buffer.concat(parts)
}

/** The page, what it draws, and the picture that it draws. */
function pageObjects(page: string | Scan, id: number): (string | Buffer)[][] {
  const content =
    typeof page === 'string'
      ? `BT /F1 24 Tf 72 700 Td (${page}) Tj ET`
      : `q 595 0 0 ${Math.round((595 * page.info.height) / page.info.width)} 0 72 cm /Scan Do Q`
  return [
    [
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents ${id + 1} 0 R
      /Resources << /Font << /F1 3 0 R >> /XObject << /Scan ${id + 2} 0 R >> >> >>`,
    ],
    [`<< /Length ${content.length} >>\nstream\n${content}\nendstream`],
    typeof page === 'string' ? ['null'] : pictureObject(page),
  ]
}

function pictureObject({ data, info }: Scan): (string | Buffer)[] {
  const header = `<< /Type /XObject /Subtype /Image /Width ${info.width} /Height ${info.height}
    /ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /DCTDecode /Length ${data.length} >>`
  return [`${header}\nstream\n`, data, '\nendstream']
}

/** How many of the words, from 0 to 1, stand in the text. */
export function shareOfWords(words: string, text: string): number {
  const wanted = wordsIn(words)
  const found = new Set(wordsIn(text))
  return wanted.filter((word) => found.has(word)).length / wanted.length
}

function wordsIn(text: string): string[] {
  return text.match(/[\p{L}\p{N}]+/gu) ?? []
}
