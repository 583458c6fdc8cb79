export interface MadePage {
  /** `[left bottom right top]` in points. */
  mediaBox?: readonly [number, number, number, number]
  rotate?: number
  /** In the operators of ISO 32000-1, annex A. */
  content: string
}

/** Writes a PDF document of pages with drawings (ISO 32000-1, 7.5). */
export function makePages(pages: readonly MadePage[]): Buffer {
  const ids = pages.map((_, index) => 3 + 2 * index)
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    `<< /Type /Pages /Count ${pages.length} /Kids [${ids.map((id) => `${id} 0 R`).join(' ')}] >>`,
    ...pages.flatMap(({ mediaBox = [0, 0, 200, 100], rotate = 0, content }, index) => [
      `<< /Type /Page /Parent 2 0 R /MediaBox [${mediaBox.join(' ')}] /Rotate ${rotate} /Resources << >> /Contents ${4 + 2 * index} 0 R >>`,
      `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
    ]),
  ]
  let text = '%PDF-1.7\n'
  const offsets = objects.map((object, index) => {
    const offset = text.length
    text += `${index + 1} 0 obj\n${object}\nendobj\n`
    return `${String(offset).padStart(10, '0')} 00000 n \n`
  })
  const size = objects.length + 1
  const end = `trailer\n<< /Size ${size} /Root 1 0 R >>\nstartxref\n${text.length}\n%%EOF\n`
  return Buffer.from(`${text}xref\n0 ${size}\n0000000000 65535 f \n${offsets.join('')}${end}`, 'latin1')
}

/** A rectangle in one colour, red, green and blue from 0 to 1. */
export function filled(colour: string, [left, bottom, width, height]: readonly number[]): string {
  return `${colour} rg ${left} ${bottom} ${width} ${height} re f`
}
