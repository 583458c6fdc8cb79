import { writeFile } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { type CorpusFile, fileIn, type KnownFacts, type Workshop } from './corpus-file.ts'
import { type Extras, escaped, type FlatSlide, type FlatText, flatSlides, flatText } from './flat-documents.ts'
import { ARABIC, CHINESE, EMOJI, ENGLISH, GREEK } from './texts.ts'
import { drawable, type Office, renamed } from './tools.ts'

/** Documents and slides that LibreOffice saves. */

const CREATED_AT = '2024-05-06T07:08:09'
/** RTF could say the seconds, and does not. */
const TO_THE_MINUTE = '2024-05-06T07:08:00'

const EXTRAS: Extras = {
  header: 'Register of the northern quay Μητρώο',
  footer: 'Confidential until publication',
  footnote: 'Receipts before 1950 were lost in the flood of that winter.',
  comment: 'Check this paragraph against the minutes.',
  listed: ['First the pilot boards', 'Δεύτερον ο έλεγχος εγγράφων', 'ثم يدفع القبطان', '最后系泊'],
  table: [
    ['Berth', 'Vessel', 'Μήκος'],
    ['A1', 'Northern Star', '82'],
    ['B7', 'Αγία Ειρήνη', '61'],
  ],
}

const EXTRA_WORDS = [
  EXTRAS.header,
  EXTRAS.footer,
  EXTRAS.footnote,
  EXTRAS.comment,
  ...EXTRAS.listed,
  ...EXTRAS.table.flat(),
  'End',
]

const DOCUMENTS: Readonly<Record<string, FlatText>> = {
  report: {
    about: {
      title: 'Harbour report Λιμάνι 2024',
      author: 'Ελένη Παπαδοπούλου',
      subject: 'Second quarter',
      keywords: ['harbour', 'λιμάνι', 'quarter'],
      language: 'en-GB',
      createdAt: CREATED_AT,
    },
    pages: [[...ENGLISH, ...EMOJI], GREEK, [...ARABIC, ...CHINESE]],
    extras: EXTRAS,
  },
  greek: {
    about: {
      title: 'Επιστολή του λιμεναρχείου',
      author: 'Γιώργος Νικολάου',
      subject: 'Τέλη',
      keywords: ['επιστολή', 'τέλη'],
      language: 'el-GR',
      createdAt: CREATED_AT,
    },
    pages: [GREEK.slice(0, 2), GREEK.slice(2)],
  },
  arabic: {
    about: {
      title: 'رسالة من مكتب الميناء',
      author: 'سمير حداد',
      subject: 'الرسوم',
      keywords: ['ميناء', 'رسوم'],
      language: 'ar-EG',
      createdAt: CREATED_AT,
    },
    pages: [ARABIC],
    direction: 'rtl',
  },
  chinese: {
    about: {
      title: '港务处的信',
      author: '王小明',
      subject: '费用',
      keywords: ['港口', '费用'],
      language: 'zh-CN',
      createdAt: CREATED_AT,
    },
    pages: [CHINESE],
  },
}

/** Endings with what their formats keep of the facts that a document has. */
const WRITTEN: Readonly<Record<string, Keeps>> = {
  odt: { filter: 'odt', facts: ['title', 'author', 'subject', 'keywords', 'language', 'createdAt', 'pageCount'] },
  docx: { filter: 'docx', facts: ['title', 'author', 'subject', 'keywords', 'language', 'createdAt'], joins: true },
  doc: { filter: 'doc', facts: ['title', 'author', 'subject', 'keywords', 'createdAt'] },
  rtf: {
    filter: 'rtf',
    facts: ['title', 'author', 'subject', 'keywords', 'createdAt'],
    known: { createdAt: TO_THE_MINUTE },
  },
  pdf: { filter: 'pdf', facts: ['title', 'author', 'subject', 'keywords', 'pageCount'], drawn: true },
  epub: {
    filter: 'epub',
    facts: ['title', 'author', 'language'],
    drops: [EXTRAS.header, EXTRAS.footer, EXTRAS.comment],
  },
  html: { filter: 'html:HTML (StarWriter):utf-8', facts: ['title', 'author', 'keywords'], drops: [EXTRAS.comment] },
  xhtml: { filter: 'xhtml', facts: ['title', 'author'], drops: [EXTRAS.comment] },
  txt: {
    filter: 'txt:Text (encoded):UTF8',
    facts: [],
    drops: [EXTRAS.header, EXTRAS.footer, EXTRAS.comment, EXTRAS.footnote],
  },
  ott: { filter: 'ott', facts: ['title'] },
  dotx: { filter: 'dotx:MS Word 2007 XML Template', facts: ['title', 'author'] },
}

/** Formats that differ little from another one are made of one document only. */
const MADE_ONCE: ReadonlySet<string> = new Set(['xhtml', 'ott', 'dotx'])

interface Keeps {
  filter: string
  facts: readonly (keyof KnownFacts)[]
  /** Whether it shows signs by fonts, and has pages. */
  drawn?: boolean
  /** What this format has no place for. */
  drops?: readonly string[]
  /** Whether keywords are one text, with nothing but a blank between them. */
  joins?: boolean
  /** What it keeps less closely. */
  known?: KnownFacts
}

export async function makeDocuments(workshop: Workshop, office: Office): Promise<CorpusFile[]> {
  const sources = await writeSources(workshop, DOCUMENTS, 'fodt', flatText)
  const made: CorpusFile[] = []
  for (const [ending, keeps] of Object.entries(WRITTEN)) {
    const chosen = MADE_ONCE.has(ending) ? sources.slice(0, 1) : sources
    const saved = await office.convert(chosen, keeps.filter, workshop.folder)
    for (const source of chosen) {
      const name = renamed(source, ending)
      if (saved.some((path) => basename(path) === name)) made.push(documentOf(workshop, name, ending, keeps))
      else workshop.missing.push(`${name}: LibreOffice did not save it`)
    }
  }
  return [...made, ...(await makePages(workshop, office))]
}

function documentOf(workshop: Workshop, name: string, ending: string, keeps: Keeps): CorpusFile {
  const { about, pages, extras } = DOCUMENTS[basename(name, extname(name))] as FlatText
  const shown = (text: string) => (keeps.drawn ? drawable(text) : text)
  const beside = extras ? EXTRA_WORDS.filter((text) => !keeps.drops?.includes(text)) : []
  // A comment is no text of a printed page.
  const printed = keeps.drawn ? beside.filter((text) => text !== EXTRAS.comment) : beside
  const keywords = keeps.joins ? [about.keywords.join(' ')] : [...about.keywords]
  const known: KnownFacts = { ...about, keywords, pageCount: pages.length, ...keeps.known }
  return {
    ...fileIn(workshop, name),
    format: ending,
    maker: 'LibreOffice',
    text: shown([about.title, ...pages.flat(), ...printed].join('\n')),
    ...(keeps.drawn && { pages: pages.map((page) => shown(page.join('\n'))) }),
    facts: Object.fromEntries(keeps.facts.map((fact) => [fact, known[fact]])) as KnownFacts,
  }
}

async function writeSources<Source>(
  { folder }: Workshop,
  sources: Readonly<Record<string, Source>>,
  ending: string,
  write: (source: Source) => string,
): Promise<string[]> {
  const paths = Object.keys(sources).map((name) => join(folder, 'sources', `${name}.${ending}`))
  for (const [index, source] of Object.values(sources).entries()) await writeFile(paths[index] as string, write(source))
  return paths
}

/** Documents that LibreOffice makes of a web page: other styles, lists and tables than its own. */
async function makePages(workshop: Workshop, office: Office): Promise<CorpusFile[]> {
  const source = join(workshop.folder, 'sources', 'page.html')
  const rows = EXTRAS.table.map((row) => `<tr>${row.map((cell) => `<td>${escaped(cell)}</td>`).join('')}</tr>`)
  const text = [...ENGLISH, ...GREEK, ...ARABIC]
  await writeFile(
    source,
    `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Harbour page</title></head><body style="font-family:'DejaVu Sans'">
${text.map((each) => `<p>${escaped(each)}</p>`).join('\n')}<ul><li>One <b>bold</b> item</li></ul><table>${rows.join('')}</table></body></html>`,
  )
  const known = [...text, 'One bold item', ...EXTRAS.table.flat()].join('\n')
  const made: CorpusFile[] = []
  for (const [ending, filter] of [
    ['odt', 'odt:writer8'],
    ['docx', 'docx:MS Word 2007 XML'],
    ['doc', 'doc:MS Word 97'],
    ['rtf', 'rtf:Rich Text Format'],
  ] as const) {
    const [path] = await office.convert([source], filter, workshop.folder, 'HTML (StarWriter)')
    if (path === undefined) workshop.missing.push(`page.${ending}: LibreOffice did not save it`)
    else made.push({ ...fileIn(workshop, basename(path)), format: ending, maker: 'LibreOffice', text: known })
  }
  return made
}

const SLIDES: readonly FlatSlide[] = [
  { title: 'Harbour in figures', lines: ENGLISH.slice(0, 2), notes: 'Greet the committee first.' },
  { title: 'Το λιμάνι σε αριθμούς', lines: GREEK.slice(0, 2), notes: 'Μην ξεχάσεις τον χάρτη.' },
  { title: 'الميناء بالأرقام', lines: ARABIC.slice(0, 2), notes: 'اذكر المنارة.' },
  { title: '数字里的港口', lines: CHINESE.slice(0, 2), notes: '介绍灯塔。' },
]

const SLIDES_ABOUT = {
  title: 'Harbour slides',
  author: 'Ελένη Παπαδοπούλου',
  subject: 'Figures',
  keywords: ['slides', 'harbour'],
  language: 'en-GB',
  createdAt: CREATED_AT,
}

interface Shows extends Pick<Keeps, 'filter' | 'facts' | 'drawn' | 'joins'> {
  /** Whether the notes are left behind. */
  unnoted?: boolean
}

const SHOWN: Readonly<Record<string, Shows>> = {
  odp: { filter: 'odp', facts: ['title', 'author', 'subject', 'keywords', 'createdAt'] },
  pptx: { filter: 'pptx', facts: ['title', 'author', 'subject', 'keywords', 'createdAt', 'pageCount'], joins: true },
  ppsx: { filter: 'ppsx:Impress MS PowerPoint 2007 XML AutoPlay', facts: ['title', 'pageCount'] },
  otp: { filter: 'otp', facts: ['title'] },
  // It is read as the pages that are printed of it.
  ppt: { filter: 'ppt', facts: [], unnoted: true },
  pdf: { filter: 'pdf:impress_pdf_Export', facts: ['title', 'pageCount'], drawn: true },
  odg: { filter: 'odg', facts: ['title'], unnoted: true },
}

export async function makeSlides(workshop: Workshop, office: Office): Promise<CorpusFile[]> {
  const source = join(workshop.folder, 'sources', 'slides.fodp')
  await writeFile(source, flatSlides(SLIDES_ABOUT, SLIDES))
  const made: CorpusFile[] = []
  for (const [ending, { filter, facts, drawn = false, joins, unnoted }] of Object.entries(SHOWN)) {
    const [path] = await office.convert([source], filter, workshop.folder)
    if (path === undefined) {
      workshop.missing.push(`slides.${ending}: LibreOffice did not save it`)
      continue
    }
    const shown = (text: string) => (drawn ? drawable(text) : text)
    const onSlide = ({ title, lines }: FlatSlide) => shown([title, ...lines].join('\n'))
    const noted = drawn || unnoted ? [] : SLIDES.map(({ notes }) => notes)
    const keywords = joins ? [SLIDES_ABOUT.keywords.join(' ')] : SLIDES_ABOUT.keywords
    const known: KnownFacts = { ...SLIDES_ABOUT, keywords, pageCount: SLIDES.length }
    made.push({
      ...fileIn(workshop, basename(path)),
      format: ending,
      maker: 'LibreOffice',
      text: [...SLIDES.map(onSlide), ...noted].join('\n'),
      pages: SLIDES.map(onSlide),
      facts: Object.fromEntries(facts.map((fact) => [fact, known[fact]])) as KnownFacts,
    })
  }
  return made
}
