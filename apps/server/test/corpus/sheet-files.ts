import { readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Cell } from '../../src/providers/extractors/port.ts'
import { type CorpusFile, fileIn, type KnownFacts, type KnownSheet, type Workshop } from './corpus-file.ts'
import { flatSheets } from './flat-documents.ts'
import { type Office, pipe, renamed } from './tools.ts'

/** Sheets that LibreOffice saves, with every cell known. */

const DAY_MS = 86_400_000
const LONG_ROWS = 5000

const REGISTER: KnownSheet = {
  name: 'Register Μητρώο',
  rows: [
    ['vessel', 'berth', 'tons', 'arrived', 'cleared', 'paid', 'remark'],
    [
      'Northern Star',
      'A1',
      1250.5,
      { date: '2024-05-06' },
      { date: '2024-05-07T13:45:10' },
      true,
      'comma, and "quotes"',
    ],
    ['Αγία Ειρήνη', 'B7', -3, { date: '1999-12-31' }, null, false, 'δύο\nγραμμές'],
    ['نجمة البحر', '007', 0, { date: '2000-02-29' }, { date: '2024-01-01T00:00:01' }, true, null],
    ['北极星', 'C 12', 123_456_789_012, null, null, null, '最后 🎉'],
    [],
    ['after a gap', null, null, null, null, null, 'far right'],
  ],
}

const FEES: KnownSheet = {
  name: 'Fees',
  rows: [
    ['quarter', 'fee'],
    ['Q1', 0.1],
    ['Q2', 1e-7],
    ['Q3', 98_765.4321],
  ],
}

const NOTES: KnownSheet = { name: 'Old notes', rows: [['hidden but kept'], ['κρυφό']], hidden: true }

const LONG: KnownSheet = {
  name: 'Long',
  rows: [
    ['number', 'name', 'amount', 'day', 'open'],
    ...Array.from({ length: LONG_ROWS }, (_, index): Cell[] => [
      index + 1,
      `Vessel ${index + 1} πλοίο`,
      Math.round(index * 1234.5) / 100,
      { date: new Date(Date.UTC(2001, 0, 1) + index * DAY_MS).toISOString().slice(0, 10) },
      index % 3 === 0,
    ]),
  ],
}

const ABOUT = {
  title: 'Harbour register',
  author: 'Γιώργος Νικολάου',
  subject: 'Vessels',
  keywords: ['vessels', 'πλοία'],
  language: 'en-GB',
  createdAt: '2024-05-06T07:08:09',
}

const FACTS: KnownFacts = {
  title: ABOUT.title,
  author: ABOUT.author,
  subject: ABOUT.subject,
  keywords: ABOUT.keywords,
  createdAt: ABOUT.createdAt,
}

/** UTF-8, all quoted that need it, the cells as they are shown. The separator is a character code. */
const asCsv = (separator: number) => `Text - txt - csv (StarCalc):${separator},34,76,1,,0,false,true,false`

const WRITTEN: readonly { ending: string; filter: string; facts: KnownFacts; firstOnly?: boolean }[] = [
  { ending: 'ods', filter: 'ods', facts: FACTS },
  // Between its keywords stand blanks alone.
  { ending: 'xlsx', filter: 'xlsx', facts: { ...FACTS, keywords: [ABOUT.keywords.join(' ')] } },
  { ending: 'xls', filter: 'xls', facts: FACTS },
  { ending: 'ots', filter: 'ots', facts: {} },
  { ending: 'xltx', filter: 'xltx:Calc MS Excel 2007 XML Template', facts: {} },
  { ending: 'csv', filter: `csv:${asCsv(44)}`, facts: {}, firstOnly: true },
]

export async function makeSheets(workshop: Workshop, office: Office): Promise<CorpusFile[]> {
  const books: Readonly<Record<string, readonly KnownSheet[]>> = { register: [REGISTER, FEES, NOTES], long: [LONG] }
  const sources: string[] = []
  for (const [name, sheets] of Object.entries(books)) {
    sources.push(join(workshop.folder, 'sources', `${name}.fods`))
    await writeFile(sources.at(-1) as string, flatSheets(ABOUT, sheets))
  }
  const made: CorpusFile[] = []
  for (const { ending, filter, facts, firstOnly = false } of WRITTEN) {
    const saved = await office.convert(sources, filter, workshop.folder)
    for (const [name, sheets] of Object.entries(books)) {
      const file = renamed(`${name}.fods`, ending)
      const known = firstOnly ? [{ ...sheets[0], name: file } as KnownSheet] : sheets
      if (!saved.some((path) => basename(path) === file)) workshop.missing.push(`${file}: LibreOffice did not save it`)
      else made.push({ ...fileIn(workshop, file), format: ending, maker: 'LibreOffice', sheets: known, facts })
    }
  }
  return [...made, ...(await makeTables(workshop, office, sources[0] as string))]
}

/** The same table with other separators and in other encodings. */
async function makeTables(workshop: Workshop, office: Office, source: string): Promise<CorpusFile[]> {
  const made: CorpusFile[] = []
  const keep = (name: string, format: string, maker: CorpusFile['maker'], rows: KnownSheet['rows']) =>
    made.push({ ...fileIn(workshop, name), format, maker, sheets: [{ name, rows }] })
  for (const [name, format, separator] of [
    ['semicolons.csv', 'csv', 59],
    ['tabs.tsv', 'tsv', 9],
  ] as const) {
    const [path] = await office.convert([source], `csv:${asCsv(separator)}`, join(workshop.folder, 'sources', name))
    if (path === undefined) continue
    await writeFile(join(workshop.folder, name), await readFile(path))
    keep(name, format, 'LibreOffice', REGISTER.rows)
  }
  const greek = [
    ['πλοίο', 'θέση', 'τόνοι', 'παρατήρηση'],
    ['Αγία Ειρήνη', 'Β7', 61, 'Τα τέλη καταβλήθηκαν, η απόδειξη εκκρεμεί'],
    ['Άγιος Νικόλαος', 'Γ2', 82.5, 'Αναχώρησε πριν από τα μεσάνυχτα'],
    ['Ποσειδών', 'Α1', 140, 'Περιμένει τον πλοηγό στον κόλπο'],
  ]
  const text = greek.map((row) => row.map((cell) => (/,/.test(`${cell}`) ? `"${cell}"` : cell)).join(',')).join('\r\n')
  for (const charset of ['WINDOWS-1253', 'UTF-16']) {
    const name = `table-${charset.toLowerCase()}.csv`
    await writeFile(join(workshop.folder, name), pipe('iconv', ['-f', 'UTF-8', '-t', charset], Buffer.from(text)))
    keep(name, `csv ${charset.toLowerCase()}`, 'iconv', greek)
  }
  return made
}
