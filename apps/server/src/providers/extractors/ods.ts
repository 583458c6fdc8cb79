import { documentDate, languageTag, readFields } from './document-facts.ts'
import { splitKeywords, tidyList } from './fact-values.ts'
import { type Attributes, localName, type MarkupVisitor } from './markup.ts'
import { walkEntry } from './office-package.ts'
import type { Output } from './output.ts'
import { type Cell, ExtractionError, type ExtractionLimits, type Facts, type Source } from './port.ts'
import { openRowBlocks, type RowBlocks } from './row-blocks.ts'
import { maxCellChars, maxColumns, maxRows } from './xlsx.ts'
import { withZipEntries, type ZipEntries } from './zip-entries.ts'

/** A cell as often as it is repeated. */
type Run = [cell: Cell, count: number]

type Found =
  | { kind: 'sheet'; name: string; hidden: boolean }
  | { kind: 'row'; index: number; runs: Run[]; count: number }

/**
 * Reads the sheets of an OpenDocument spreadsheet (ODF 1.3, part 3, chapter 9) in their order, row by row. Cells and
 * rows that are written once and repeated are as many as they say.
 *
 * @throws ExtractionError
 */
export function readOds(source: Source, limits: ExtractionLimits, output: Output): Promise<void> {
  return withZipEntries(source.path, limits, async (zip) => {
    if (await isEncrypted(zip, limits))
      throw new ExtractionError('encrypted', 'The sheets open with their password only')
    await output.facts(await readFacts(zip, limits))
    await readContent(zip, limits, output)
  })
}

/** ODF 1.3, part 2, 4.8.1. */
async function isEncrypted(zip: ZipEntries, limits: ExtractionLimits) {
  let found = false
  if (!zip.has('META-INF/manifest.xml')) return found
  const visitor: MarkupVisitor = {
    open(name) {
      if (localName(name) === 'encryption-data') found = true
    },
    close() {},
    text() {},
  }
  await walkEntry(zip, limits, 'META-INF/manifest.xml', visitor).catch(ignoreCorrupt)
  return found
}

/** What lies beside the sheets and is broken says nothing; the sheets may be whole all the same. */
function ignoreCorrupt(error: unknown) {
  if (!(error instanceof ExtractionError && error.kind === 'corrupt')) throw error
}

/** ODF 1.3, part 3, 4.3. */
async function readFacts(zip: ZipEntries, limits: ExtractionLimits): Promise<Facts> {
  const fields = readFields()
  if (zip.has('meta.xml')) await walkEntry(zip, limits, 'meta.xml', fields).catch(ignoreCorrupt)
  const keywords = fields.all('keyword')
  return {
    title: fields.first('title'),
    author: fields.first('initial-creator') ?? fields.first('creator'),
    subject: fields.first('subject'),
    keywords: keywords.length === 1 ? splitKeywords(keywords[0]) : tidyList(keywords),
    language: languageTag(fields.first('language')),
    createdAt: documentDate(fields.first('creation-date')),
    modifiedAt: documentDate(fields.first('date')),
    producer: fields.first('generator'),
  }
}

async function readContent(zip: ZipEntries, limits: ExtractionLimits, output: Output) {
  const ready: Found[] = []
  let sheet = -1
  let blocks: RowBlocks | undefined
  const drain = async () => {
    for (let found = ready.shift(); found; found = ready.shift()) {
      if (found.kind === 'sheet') {
        await blocks?.end()
        sheet += 1
        if (sheet >= limits.entries) throw new ExtractionError('limits', `More than ${limits.entries} sheets`)
        await output.sheet(sheet, found.name, found.hidden)
        blocks = openRowBlocks(output, sheet, found.name)
      } else if (blocks) await addRows(blocks, found)
    }
  }
  try {
    await walkEntry(zip, limits, 'content.xml', contentVisitor(ready), drain)
  } finally {
    await drain()
    await blocks?.end()
  }
  if (sheet < 0) throw new ExtractionError('corrupt', 'The document has no sheet')
}

async function addRows(blocks: RowBlocks, { index, runs, count }: Found & { kind: 'row' }) {
  const row: Cell[] = []
  for (const [cell, repeated] of runs) for (let time = 0; time < repeated; time += 1) row.push(cell)
  for (let time = 0; time < count; time += 1) await blocks.add(index + time, row)
}

/** What a cell is while it is read. */
interface OpenCell {
  attributes: Attributes
  paragraphs: number
  text: string
}

function contentVisitor(ready: Found[]): MarkupVisitor {
  const styles = hiddenStyles()
  const reading = { tables: 0, asides: 0, index: 0, columns: 0, inParagraph: 0 }
  let runs: Run[] | undefined
  let rowCount = 1
  let cell: OpenCell | undefined
  const startTable = (attributes: Attributes) => {
    reading.tables += 1
    if (reading.tables !== 1 || reading.asides > 0) return
    const hidden = styles.has(attributes['table:style-name'])
    ready.push({ kind: 'sheet', name: attributes['table:name'] ?? '', hidden })
    reading.index = 0
  }
  const startRow = (attributes: Attributes) => {
    runs = []
    reading.columns = 0
    rowCount = readCount(attributes['table:number-rows-repeated'], maxRows - reading.index)
  }
  const endRow = () => {
    if (runs && runs.length > 0) ready.push({ kind: 'row', index: reading.index, runs, count: rowCount })
    reading.index += rowCount
    runs = undefined
  }
  const endCell = ({ attributes, text }: OpenCell) => {
    const count = readCount(attributes['table:number-columns-repeated'], maxColumns - reading.columns)
    reading.columns += count
    if (count > 0) runs?.push([toCell(attributes, text), count])
  }
  const trim = () => {
    while (runs && runs.length > 0 && runs.at(-1)?.[0] === null) runs.pop()
  }
  return {
    open(name, attributes) {
      const local = localName(name)
      styles.open(local, attributes)
      if (local === 'dde-link' || local === 'annotation' || local === 'tracked-changes') reading.asides += 1
      if (local === 'table') return startTable(attributes)
      if (reading.tables !== 1 || reading.asides > 0) return
      if (local === 'table-row') startRow(attributes)
      else if (local === 'table-cell' || local === 'covered-table-cell') cell = { attributes, paragraphs: 0, text: '' }
      else if (cell) openInCell(cell, local, attributes, reading)
    },
    close(name) {
      const local = localName(name)
      if (local === 'dde-link' || local === 'annotation' || local === 'tracked-changes') reading.asides -= 1
      if (local === 'table') reading.tables -= 1
      if (reading.tables !== 1 || reading.asides > 0) return
      if (local === 'p' && reading.inParagraph > 0) reading.inParagraph -= 1
      if (local === 'table-row') {
        trim()
        endRow()
      } else if (cell && (local === 'table-cell' || local === 'covered-table-cell')) {
        endCell(cell)
        cell = undefined
        reading.inParagraph = 0
      }
    },
    text(written) {
      const isShown = cell && reading.inParagraph > 0 && reading.tables === 1 && reading.asides === 0
      if (isShown && cell && cell.text.length < maxCellChars) cell.text += written
    },
  }
}

/** ODF 1.3, part 3, 6.1: paragraphs, and the white space that XML would not keep. */
function openInCell(cell: OpenCell, local: string, attributes: Attributes, reading: { inParagraph: number }) {
  if (local === 'p') {
    if (cell.paragraphs > 0) cell.text += '\n'
    cell.paragraphs += 1
    reading.inParagraph += 1
  }
  if (cell.text.length >= maxCellChars || reading.inParagraph === 0) return
  if (local === 's') cell.text += ' '.repeat(readCount(attributes['text:c'], maxCellChars))
  else if (local === 'tab') cell.text += '\t'
  else if (local === 'line-break') cell.text += '\n'
}

/** The styles of tables that are not shown (ODF 1.3, part 3, 17.15 and 20.253). */
function hiddenStyles() {
  const hidden = new Set<string>()
  let style = ''
  return {
    open(local: string, attributes: Attributes) {
      if (local === 'style') style = attributes['style:name'] ?? ''
      if (local === 'table-properties' && attributes['table:display'] === 'false') hidden.add(style)
    },
    has: (name: string | undefined) => name !== undefined && hidden.has(name),
  }
}

/** How often something is repeated, as far as there is room. */
function readCount(text: string | undefined, room: number) {
  const count = text === undefined ? 1 : Number(text)
  return Math.max(0, Math.min(Number.isInteger(count) && count > 0 ? count : 1, room))
}

/** ODF 1.3, part 3, 19.387; times and what has no type are as they are shown. */
function toCell(attributes: Attributes, shown: string): Cell {
  const text = shown.slice(0, maxCellChars) || null
  switch (attributes['office:value-type']) {
    case 'float':
    case 'currency':
    case 'percentage':
      return toNumber(attributes['office:value']) ?? text
    case 'boolean':
      return attributes['office:boolean-value'] === 'true'
    case 'date': {
      const date = documentDate(attributes['office:date-value'])
      return date === undefined ? text : { date }
    }
    case 'string':
      return attributes['office:string-value']?.slice(0, maxCellChars) || text
    default:
      return text
  }
}

function toNumber(text: string | undefined) {
  const number = text === undefined || text === '' ? Number.NaN : Number(text)
  return Number.isFinite(number) ? number : undefined
}
