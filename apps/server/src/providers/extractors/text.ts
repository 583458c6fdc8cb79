import { isAscii } from 'node:buffer'
import { readSlices } from './file-slices.ts'
import { followJson, type JsonNesting } from './json-nesting.ts'
import { JSON_TYPES } from './media-types.ts'
import { extracting, type Output } from './output.ts'
import { ExtractionError, type ExtractionLimits, type Extractor, type Source } from './port.ts'
import { decodeSlices, expectText, findMark, guessEncoding } from './text-decoding.ts'
import { collectingText } from './text-parts.ts'

/** How far letters beyond ASCII are looked for. */
const SEARCHED_BYTES = 1024 * 1024
const MAX_TITLE_CHARS = 500
const MAX_LINE_CHARS = 1000

/** Reads what is text as it lies: prose, Markdown, JSON, logs, source code, in any usual encoding. */
export const textExtractor: Extractor = {
  extract: (source, emit, limits) => extracting(emit, limits, (output) => readText(source, limits, output)),
}

async function readText(source: Source, { depth }: ExtractionLimits, output: Output) {
  const encoding = source.charset ?? (await findEncoding(source.path))
  const json = JSON_TYPES.includes(source.mediaType) ? followJson(depth) : undefined
  let begun = false
  await collectingText(output, async (parts) => {
    for await (const text of decodeSlices(readSlices(source.path), () => encoding)) {
      if (!begun) await begin(text, source, output)
      begun = true
      const flaw = json?.take(text)
      parts.add(flaw ? text.slice(0, flaw.at) : text)
      await parts.drain()
      if (flaw) throw flawError(flaw, depth)
    }
    if (json && source.mediaType === 'application/json') expectWhole(json)
  })
}

async function begin(text: string, { mediaType }: Source, output: Output) {
  expectText(text)
  const title = mediaType === 'text/markdown' ? findHeading(text) : undefined
  if (title) await output.facts({ title })
}

function flawError({ why }: NonNullable<ReturnType<JsonNesting['take']>>, depth: number) {
  if (why === 'unopened') return new ExtractionError('corrupt', 'The JSON ends what it did not begin')
  return new ExtractionError('limits', `More than ${depth} arrays and objects within each other`)
}

function expectWhole(json: JsonNesting) {
  if (!json.isWhole()) throw new ExtractionError('corrupt', 'The JSON ends early')
}

/** By a mark, or by the first stretch that has letters beyond ASCII. */
async function findEncoding(path: string): Promise<string> {
  let searched = 0
  let sample: Buffer | undefined
  for await (const slice of readSlices(path)) {
    if (sample) return guessEncoding(Buffer.concat([sample, slice]))
    // A zero is half of a letter in UTF-16.
    if (searched === 0 && (findMark(slice) || slice.includes(0))) return guessEncoding(slice)
    if (!isAscii(slice)) sample = slice.subarray(slice.findIndex((byte) => byte >= 0x80))
    searched += slice.length
    if (searched >= SEARCHED_BYTES) break
  }
  return sample ? guessEncoding(sample) : 'utf-8'
}

/** The first heading of Markdown (CommonMark 4.2, 4.3), unless it stands in a block of code. */
export function findHeading(text: string): string | undefined {
  let fence: string | undefined
  let before = ''
  const frontMatter = /^---\r?\n[\s\S]{0,10000}?\n---\r?\n/.exec(text)?.[0].length ?? 0
  for (const wholeLine of text.slice(frontMatter).split(/\r\n?|\n/, 2000)) {
    const line = wholeLine.slice(0, MAX_LINE_CHARS)
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1]
    if (mark && (fence === undefined || mark.startsWith(fence))) fence = fence === undefined ? mark : undefined
    else if (fence === undefined) {
      const heading = /^ {0,3}#{1,6}[ \t]+(.*)$/.exec(line)?.[1]?.replace(/[ \t]+#+[ \t]*$/, '')
      if (heading?.trim()) return heading.trim().slice(0, MAX_TITLE_CHARS)
      const isUnderline = /^ {0,3}(?:=+|-{2,})[ \t]*$/.test(line)
      if (isUnderline && before.trim() !== '' && !/^(?: {4}|\t|[-=]+\s*$)/.test(before)) {
        return before.trim().slice(0, MAX_TITLE_CHARS)
      }
    }
    before = line
  }
  return undefined
}
