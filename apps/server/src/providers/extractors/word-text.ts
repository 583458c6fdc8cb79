const fieldBegin = '\x13'
const fieldSeparator = '\x14'
const fieldEnd = '\x15'
/** The end of a row's last cell, and its own. */
const rowEnd = '\x07\x07'

const shown: Record<string, string> = {
  '\x07': '\t',
  '\x0b': '\n',
  '\x0c': '\n',
  '\r': '\n',
  '\x1e': '\u2011',
}

/**
 * Turns Word's marks in its raw text into what is seen ([MS-DOC] 2.4.1 and 2.8.25): of fields their results, lines for
 * paragraphs, tabs for cells.
 *
 * @param maxDepth fields within fields; what lies deeper is not shown
 */
export function cleanWordText(raw: string, maxDepth: number): string {
  const text: string[] = []
  /** For each open field, whether its result has begun. */
  const fields: boolean[] = []
  let deeper = 0
  let hidden = 0
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are Word's marks
  for (const part of raw.split(/([\x13-\x15])/)) {
    if (part === fieldBegin) {
      if (fields.length >= maxDepth) deeper += 1
      else {
        fields.push(false)
        hidden += 1
      }
    } else if (part === fieldEnd) {
      if (deeper > 0) deeper -= 1
      else if (fields.pop() === false) hidden -= 1
    } else if (part === fieldSeparator) {
      if (deeper === 0 && fields.at(-1) === false) {
        fields[fields.length - 1] = true
        hidden -= 1
      }
    } else if (hidden === 0 && deeper === 0) text.push(part)
  }
  const line = text.join('').replaceAll(rowEnd, '\n')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are Word's marks
  return line.replace(/[\0-\x08\x0b-\x1f]/g, (mark) => shown[mark] ?? '')
}
