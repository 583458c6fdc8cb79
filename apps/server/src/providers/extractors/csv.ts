import { Readable } from 'node:stream'
import { CsvError, parse } from 'csv-parse'
import { toIsoDate } from './fact-values.ts'
import { readSlices } from './file-slices.ts'
import { extracting, type Output } from './output.ts'
import { type Cell, ExtractionError, type Extractor, type Source } from './port.ts'
import { openRowBlocks } from './row-blocks.ts'
import { decodeSlices, expectText, findMark, guessEncoding } from './text-decoding.ts'

const sampleLines = 50
const maxRecordChars = 1024 ** 2
const delimiters = [',', ';', '\t', '|']

interface Dialect {
  delimiter: string
  skippedLines: number
}

/** A table in text: one sheet, called like the file. */
export const csvExtractor: Extractor = {
  extract: (source, emit, limits) => extracting(emit, limits, (output) => readTable(source, output)),
}

async function readTable(source: Source, output: Output) {
  const slices = readSlices(source.path)
  const texts = decodeSlices(slices, (head) => findMark(head) ?? source.charset ?? guessEncoding(head))
  try {
    const head = (await texts.next()).value ?? ''
    expectText(head)
    await output.sheet(0, source.name)
    await writeRows(parseRecords(joinTexts(head, texts), findDialect(head, source)), source, output)
  } finally {
    await texts.return()
  }
}

async function writeRows(records: AsyncIterable<string[]>, source: Source, output: Output) {
  const blocks = openRowBlocks(output, 0, source.name)
  let index = 0
  try {
    for await (const record of records) {
      await blocks.add(index, record.map(toCell), record.join('\t').replace(/[\r\n]+/g, ' '))
      index += 1
    }
  } catch (error) {
    if (error instanceof CsvError) await blocks.end()
    throw toTableError(error)
  }
  await blocks.end()
}

async function* joinTexts(head: string, rest: AsyncIterable<string>) {
  yield head
  yield* rest
}

async function* parseRecords(texts: AsyncIterable<string>, { delimiter, skippedLines }: Dialect) {
  const parser = parse({
    delimiter,
    from_line: 1 + skippedLines,
    record_delimiter: ['\r\n', '\n', '\r'],
    max_record_size: maxRecordChars,
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
  })
  const text = Readable.from(texts)
  text.on('error', (error) => parser.destroy(error))
  try {
    yield* text.pipe(parser) as AsyncIterable<string[]>
  } finally {
    text.destroy()
  }
}

function toTableError(error: unknown) {
  if (!(error instanceof CsvError)) return error
  const tooLong = error.code === 'CSV_MAX_RECORD_SIZE'
  const message = tooLong ? `A row has more than ${maxRecordChars} signs` : 'The rows of the table cannot be told apart'
  return new ExtractionError(tooLong ? 'limits' : 'corrupt', message, { cause: error })
}

/** RFC 4180 knows the comma alone; the others are found by dividing most lines into the same number of fields. */
function findDialect(sample: string, source: Source): Dialect {
  const said = /^sep=(.)\r?\n/i.exec(sample)?.[1]
  if (said) return { delimiter: said, skippedLines: 1 }
  if (source.mediaType === 'text/tab-separated-values') return { delimiter: '\t', skippedLines: 0 }
  const lines = sample
    .replace(/"(?:[^"]|"")*"/g, '')
    .split(/\r\n|\r|\n/)
    .filter((line) => line !== '')
    .slice(0, sampleLines)
  const scores = delimiters.map((delimiter) => ({ delimiter, ...scoreDelimiter(lines, delimiter) }))
  scores.sort((a, b) => b.agreeing - a.agreeing || b.fields - a.fields)
  return { delimiter: scores[0]?.delimiter ?? ',', skippedLines: 0 }
}

/** The commonest number of fields above one, and how many lines have it. */
function scoreDelimiter(lines: string[], delimiter: string) {
  const counts = new Map<number, number>()
  for (const line of lines) {
    const fields = line.split(delimiter).length
    if (fields > 1) counts.set(fields, (counts.get(fields) ?? 0) + 1)
  }
  const [fields, agreeing] = [...counts].sort((a, b) => b[1] - a[1] || b[0] - a[0])[0] ?? [1, 0]
  return { fields, agreeing }
}

/**
 * Types a field only where nothing is lost by it: what begins with zeros or has more digits than a number holds is a
 * name of something, a comma may part thousands or decimals, and a day is certain only when written year first.
 */
export function toCell(field: string): Cell {
  const text = field.trim()
  if (text === '') return null
  if (/^-?(?:0|[1-9]\d*)(?:\.\d+)?$/.test(text) && text.replace(/\D/g, '').length <= 15) return Number(text)
  if (/^(?:true|TRUE|True)$/.test(text)) return true
  if (/^(?:false|FALSE|False)$/.test(text)) return false
  const date = toDate(text)
  return date === undefined ? field : { date }
}

function toDate(text: string) {
  const found = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d(?:\.\d{1,3})?))?\s?(Z|[+-]\d\d:\d\d)?)?$/.exec(
    text,
  )
  if (!found) return undefined
  const parts = found.slice(1, 7).flatMap((part) => (part === undefined ? [] : [Number(part)]))
  return toIsoDate(parts, found[7])
}
