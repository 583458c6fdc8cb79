import { splitKeywords, toIsoDate } from './fact-values.ts'
import { readSlices } from './file-slices.ts'
import { extracting, type Output } from './output.ts'
import { ExtractionError, type ExtractionLimits, type Extractor, type Facts, type Source } from './port.ts'
import { type RtfFacts, RtfReader, type RtfReading } from './rtf-reader.ts'
import { createRtfTokenizer } from './rtf-tokens.ts'
import { createTextFlow } from './text-flow.ts'
import { collectingText, type TextParts } from './text-parts.ts'

const START = '{\\rtf'

/** Reads Rich Text Format (1.9.1): text with its tables, then headers, notes and comments. Deleted revisions are left out. */
export const rtfExtractor: Extractor = {
  extract: (source, emit, limits) => extracting(emit, limits, (output) => readRtf(source, limits, output)),
}

async function readRtf(source: Source, { depth }: ExtractionLimits, output: Output) {
  await collectingText(output, async (parts) => {
    const flow = createTextFlow(parts)
    const body = new RtfReader({ flow, wanted: 'body', depth })
    try {
      await read(source.path, body, parts)
    } finally {
      await output.facts(factsOf(body.facts))
    }
    const reading: RtfReading = { flow, wanted: 'asides', depth }
    if (body.sawAsides) await read(source.path, new RtfReader(reading), parts)
  })
}

async function read(path: string, reader: RtfReader, parts: TextParts) {
  const tokenizer = createRtfTokenizer(reader)
  let begun = false
  for await (const slice of readSlices(path)) {
    if (!begun && !slice.subarray(0, START.length).equals(Buffer.from(START))) break
    begun = true
    tokenizer.write(slice)
    await parts.drain()
    if (tokenizer.isDone()) break
  }
  reader.flush()
  if (!begun) throw new ExtractionError('corrupt', 'The bytes are no Rich Text Format')
  if (!tokenizer.isDone()) throw new ExtractionError('corrupt', 'The document ends early')
}

function factsOf({ texts, dates, pageCount }: RtfFacts): Facts {
  const more = [
    ['rtf.doccomm', texts.get('doccomm')],
    ['rtf.company', texts.get('company')],
    ['rtf.category', texts.get('category')],
    ['rtf.operator', texts.get('operator')],
  ] as const
  return {
    title: texts.get('title'),
    author: texts.get('author'),
    subject: texts.get('subject'),
    keywords: splitKeywords(texts.get('keywords')),
    createdAt: dateOf(dates.get('creatim')),
    modifiedAt: dateOf(dates.get('revtim')),
    producer: texts.get('generator')?.replace(/;\s*$/, ''),
    pageCount,
    more: Object.fromEntries(more.flatMap(([name, text]) => (text === undefined ? [] : [[name, text]]))),
  }
}

function dateOf(parts: number[] | undefined) {
  return parts === undefined ? undefined : toIsoDate([...parts].map((part) => part ?? 0))
}
