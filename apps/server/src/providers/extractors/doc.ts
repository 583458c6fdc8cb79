import { type CompoundFile, findStream, readCompoundFile } from './compound-file.ts'
import { extracting, type Output } from './output.ts'
import { ExtractionError, type ExtractionLimits, type Extractor, type Source } from './port.ts'
import { readSummary } from './summary-information.ts'
import { readWordPieces, type WordPieces } from './word-pieces.ts'
import { cleanWordText } from './word-text.ts'

/**
 * Text of Word's old format ([MS-DOC]): body, footnotes, headers and footers, comments, endnotes and text boxes. What a
 * tracked change took away is left out.
 */
export const docExtractor: Extractor = {
  extract: (source, emit, limits) => extracting(emit, limits, (output) => readDocument(source, limits, output)),
}

/** [MS-DOC] 2.3: the parts of a document follow each other, and the file says how long each is. */
const parts: { name: keyof WordPieces['lengths']; label?: string }[] = [
  { name: 'body' },
  { name: 'footnotes', label: 'footnote' },
  { name: 'headers', label: 'header' },
  { name: 'macros' },
  { name: 'comments', label: 'comment' },
  { name: 'endnotes', label: 'endnote' },
  { name: 'textboxes', label: 'textbox' },
  { name: 'headerTextboxes', label: 'textbox' },
]

async function readDocument(source: Source, limits: ExtractionLimits, output: Output) {
  const file = await readCompoundFile(source, limits.entries)
  const pieces = readWordPieces(findMain(file), (name) => findStream(file, name)?.read())
  await output.facts(readSummary(file))
  let from = 0
  for (const { name, label } of parts) {
    const to = from + pieces.lengths[name]
    const text = cleanWordText(pieces.read(from, to, limits.textChars + 1), limits.depth)
    if (name !== 'macros') await output.text(text, label === undefined ? {} : { label })
    from = to
  }
}

function findMain(file: CompoundFile) {
  const main = findStream(file, 'WordDocument')
  if (main) return main.read()
  if (findStream(file, 'EncryptedPackage')) {
    throw new ExtractionError('encrypted', 'The document opens with its password only')
  }
  throw new ExtractionError('corrupt', 'The file holds no document')
}
