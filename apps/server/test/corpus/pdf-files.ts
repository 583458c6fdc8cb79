import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type CorpusFile, fileIn, type Workshop } from './corpus-file.ts'
import { ENGLISH } from './texts.ts'
import { exec } from './tools.ts'

/** PDF as Ghostscript writes it: of LibreOffice's documents anew, and of PostScript. */

const VARIANTS: Readonly<Record<string, readonly string[]>> = {
  'pdf 1.3': ['-dCompatibilityLevel=1.3'],
  'pdf 1.7': ['-dCompatibilityLevel=1.7'],
  'pdf linearised': ['-dFastWebView=true'],
  'pdf screen': ['-dPDFSETTINGS=/screen'],
  'pdf/a': ['-dPDFA=2', '-dPDFACompatibilityPolicy=1', '-sColorConversionStrategy=RGB'],
  'pdf owner password': ['-sOwnerPassword=owner', '-dEncryptionR=3', '-dKeyLength=128', '-dPermissions=-4'],
}

const COMMON = ['-q', '-dNOPAUSE', '-dBATCH', '-dSAFER']

export async function makePdfs(workshop: Workshop, documents: readonly CorpusFile[]): Promise<CorpusFile[]> {
  const made: CorpusFile[] = []
  for (const source of documents.filter(({ format, maker }) => format === 'pdf' && maker === 'LibreOffice')) {
    for (const [format, words] of Object.entries(VARIANTS)) {
      const file = fileIn(workshop, `${source.name.replace(/\.pdf$/, '')}-${format.replaceAll(/\W+/g, '-')}.pdf`)
      await exec('gs', [...COMMON, '-sDEVICE=pdfwrite', ...words, `-sOutputFile=${file.path}`, source.path])
      const pages = (await readByPoppler(file.path)).slice(0, -1)
      const facts = { pageCount: source.facts?.pageCount ?? 1 }
      made.push({ ...file, format, maker: 'Ghostscript', text: pages.join('\n'), pages, facts })
    }
  }
  return [...made, await makeClosed(workshop, documents), ...(await makePrinted(workshop))]
}

/**
 * Page by page; behind the last one stands nothing. Ghostscript mixes up what some signs mean when it writes a document
 * anew, ligatures and emoji above all, so that what such a file says is what another reader finds in it.
 */
export async function readByPoppler(path: string): Promise<string[]> {
  return (await exec('pdftotext', ['-enc', 'UTF-8', path, '-'])).split('\f')
}

/** Only its password opens it. */
async function makeClosed(workshop: Workshop, documents: readonly CorpusFile[]): Promise<CorpusFile> {
  const source = documents.find(({ name }) => name === 'report.pdf') as CorpusFile
  const file = fileIn(workshop, 'closed.pdf')
  const words = ['-sUserPassword=user', '-sOwnerPassword=owner', '-dEncryptionR=3', '-dKeyLength=128']
  await exec('gs', [...COMMON, '-sDEVICE=pdfwrite', ...words, `-sOutputFile=${file.path}`, source.path])
  return { ...file, format: 'pdf closed', maker: 'Ghostscript', error: 'encrypted' }
}

/** A program's print-out of two pages, in one of the standard fonts, that says what it is by pdfmark. */
async function makePrinted(workshop: Workshop): Promise<CorpusFile[]> {
  const pages = [ENGLISH.slice(0, 2), ENGLISH.slice(2)]
  const lines = (text: string) => text.match(/.{1,80}(?:\s|$)/g) ?? []
  const page = (paragraphs: readonly string[]) =>
    paragraphs
      .flatMap(lines)
      .map((line, index) => `72 ${740 - 16 * index} moveto (${line.replaceAll(/([()\\])/g, '\\$1')}) show`)
      .join('\n')
  const source = join(workshop.folder, 'sources', 'printed.ps')
  await writeFile(
    source,
    `%!PS-Adobe-3.0
[/Title (Printed register) /Author (Harbour Office) /Subject (Fees) /Keywords (fees, printed) /CreationDate (D:20240506100809+03'00') /DOCINFO pdfmark
/Times-Roman findfont 11 scalefont setfont
${pages.map((paragraphs) => `${page(paragraphs)}\nshowpage`).join('\n')}
`,
  )
  const file = fileIn(workshop, 'printed.pdf')
  await exec('gs', [...COMMON, '-sDEVICE=pdfwrite', `-sOutputFile=${file.path}`, source])
  const facts = {
    title: 'Printed register',
    author: 'Harbour Office',
    subject: 'Fees',
    keywords: ['fees', 'printed'],
    createdAt: '2024-05-06T10:08:09+03:00',
    pageCount: 2,
  }
  const texts = pages.map((paragraphs) => paragraphs.join('\n'))
  return [{ ...file, format: 'pdf', maker: 'Ghostscript', text: texts.join('\n'), pages: texts, facts }]
}
