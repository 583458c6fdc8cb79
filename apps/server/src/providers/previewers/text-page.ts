import type { Size } from './box.ts'

/** A4 at 96 pixels an inch. */
export const PAGE: Size = { width: 794, height: 1123 }

const [MARGIN, FONT_SIZE, LINE_HEIGHT] = [48, 13, 17.5]
/** Of the common fonts of even width. */
const ADVANCE = FONT_SIZE * 0.602
const COLUMNS = Math.floor((PAGE.width - 2 * MARGIN) / ADVANCE)
const LINES = Math.floor((PAGE.height - 2 * MARGIN) / LINE_HEIGHT)
const TAB_COLUMNS = 4
/** Marks that take no column of their own could go on for ever. */
const MAX_LINE_CHARS = 4 * COLUMNS

/** UTF-16 units that a page may take. */
export const MAX_PAGE_CHARS = LINES * MAX_LINE_CHARS

const INVISIBLE = /\p{Mn}|\p{Me}|\p{Cf}/u
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u
const RIGHT_TO_LEFT =
  /^\P{L}*(?:\p{Script=Hebrew}|\p{Script=Arabic}|\p{Script=Syriac}|\p{Script=Thaana}|\p{Script=Nko})/u

/** The first lines of a text as they fit on a page, broken between words where that goes. */
export function layOut(text: string): string[] {
  const lines: string[] = []
  for (const line of cleaned(text).split(/\r\n?|\n/, LINES)) {
    lines.push(...broken(line, LINES - lines.length))
    if (lines.length >= LINES) break
  }
  return lines
}

/** Without the colours of terminals and what XML does not hold (XML 1.0, 2.2). */
function cleaned(text: string): string {
  return (
    text
      .toWellFormed()
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it takes out
      .replace(/\x1b\[[\d;?]*[A-Za-z]/g, '')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it takes out
      .replace(/[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]/g, '')
  )
}

function broken(line: string, maxLines: number): string[] {
  const lines: string[] = []
  let [current, columns] = ['', 0]
  for (const sign of line) {
    const shown = sign === '\t' ? ' '.repeat(TAB_COLUMNS - (columns % TAB_COLUMNS)) : sign
    const width = columnsOf(shown)
    // A space beyond the end of a line is seen by nobody.
    const isFull = columns + width > COLUMNS && sign !== ' '
    if (isFull || current.length + shown.length > MAX_LINE_CHARS) {
      const at = breakOf(current)
      lines.push(current.slice(0, at))
      if (lines.length >= maxLines) return lines
      current = current.slice(at)
      columns = [...current].reduce((sum, one) => sum + columnsOf(one), 0)
    }
    current += shown
    columns += width
  }
  return [...lines, current]
}

/** Behind the last space of a full line, unless that leaves little of it. */
function breakOf(line: string): number {
  const at = line.lastIndexOf(' ') + 1
  return at < line.length / 2 ? line.length : at
}

function columnsOf(shown: string): number {
  if (shown.length > 1 && shown[0] === ' ') return shown.length
  return INVISIBLE.test(shown) ? 0 : WIDE.test(shown) ? 2 : 1
}

/** A drawing of the page. Nothing of the text is markup in it. */
export function drawPage(lines: readonly string[], { width, height }: Size): string {
  const texts = lines.flatMap((line, index) => {
    if (line.trim() === '') return []
    const y = MARGIN + LINE_HEIGHT * index + FONT_SIZE
    const begin = RIGHT_TO_LEFT.test(line) ? `x="${PAGE.width - MARGIN}" direction="rtl"` : `x="${MARGIN}"`
    return [`<text ${begin} y="${y}" xml:space="preserve">${escaped(line)}</text>`]
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${PAGE.width} ${PAGE.height}" preserveAspectRatio="none">
<rect width="${PAGE.width}" height="${PAGE.height}" fill="#ffffff"/>
<g font-family="monospace" font-size="${FONT_SIZE}" fill="#1f2937">${texts.join('\n')}</g>
</svg>`
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' }

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => ENTITIES[sign]!)
}
