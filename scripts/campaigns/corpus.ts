import { parseArgs } from 'node:util'
import type { CorpusFile } from '../../apps/server/test/corpus/corpus-file.ts'
import { judge } from '../../apps/server/test/corpus/judge.ts'
import { type Corpus, openCorpus } from '../../apps/server/test/corpus/make.ts'
import { openReading, type ReadFile } from '../../apps/server/test/corpus/reading.ts'
import { readByService } from '../../apps/server/test/corpus/service-reading.ts'
import { startService } from '../../apps/server/test/service.ts'

/** Reads the corpus and prints what came back, by format: words, cells and facts, and every fault. */

interface Row {
  format: string
  files: number
  words: number
  found: number
  cells: number
  facts: number
  seconds: number
  faults: string[]
}

async function readAll({ files, scans }: Corpus, chosen: (file: CorpusFile) => boolean): Promise<Row[]> {
  const rows = new Map<string, Row>()
  const note = (file: CorpusFile, read: ReadFile) => {
    const { recall, faults, factsChecked, cellsChecked } = judge(file, read)
    const empty: Row = { format: file.format, files: 0, words: 0, found: 0, cells: 0, facts: 0, seconds: 0, faults: [] }
    const row = rows.get(file.format) ?? empty
    row.files += 1
    row.words += recall?.words ?? 0
    row.found += recall?.found ?? 0
    row.cells += cellsChecked
    row.facts += factsChecked
    row.seconds += read.seconds
    row.faults.push(...faults.map((fault) => `${file.name}: ${fault}`))
    rows.set(file.format, row)
  }
  const reading = await openReading()
  for (const file of files.filter(chosen).filter(({ format }) => format !== 'ppt'))
    note(file, await reading.read(file.path, file.name))
  await reading.close()
  const service = await startService({ STOWAGE_EXTRACT: 'on' })
  for (const file of [...files.filter(({ format }) => format === 'ppt'), ...scans].filter(chosen))
    note(file, await readByService(service, file.path, file.name))
  await service.stop()
  return [...rows.values()]
}

function table(rows: readonly Row[]): string {
  const head = ['format', 'files', 'words', 'recall %', 'cells', 'facts', 'ms/file', 'faults']
  const lines = rows.map(({ format, files, words, found, cells, facts, seconds, faults }) => [
    format,
    files,
    words,
    words === 0 ? '' : ((100 * found) / words).toFixed(2),
    cells,
    facts,
    Math.round((1000 * seconds) / files),
    faults.length,
  ])
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |\n`).join('')
}

const { values } = parseArgs({ options: { only: { type: 'string', default: '' } } })
const corpus = await openCorpus()
const rows = await readAll(corpus, ({ format, name }) => `${format} ${name}`.includes(values.only))
process.stdout.write(table(rows))
for (const fault of [...corpus.missing, ...rows.flatMap(({ faults }) => faults)]) process.stdout.write(`${fault}\n`)
process.exitCode = rows.some(({ faults }) => faults.length > 0) ? 1 : 0
