import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type CorpusFile, fileIn, type Workshop } from './corpus-file.ts'
import { flatText } from './flat-documents.ts'
import { ENGLISH, GREEK } from './texts.ts'
import { exec, type Office } from './tools.ts'

/** Pages of known words as a scanner delivers them: pictures of 200 dots per inch, alone, in TIFF, and in PDF. */

const DPI = 200
const COMMON = ['-q', '-dNOPAUSE', '-dBATCH', '-dSAFER', `-r${DPI}`]

const LETTERS = { english: ENGLISH, greek: GREEK } as const

/** Devices of Ghostscript, by the name that a scan goes by. */
const DEVICES = [
  { ending: 'png', device: 'pnggray', format: 'scan png' },
  { ending: 'tiff', device: 'tiffgray', format: 'scan tiff' },
  { ending: 'fax.tiff', device: 'tiffg4', format: 'scan fax' },
  { ending: 'jpg', device: 'jpeggray', format: 'scan jpeg' },
  { ending: 'pdf', device: 'pdfimage8', format: 'scan pdf' },
] as const

export async function makeScans(workshop: Workshop, office: Office): Promise<CorpusFile[]> {
  const made: CorpusFile[] = []
  for (const [language, paragraphs] of Object.entries(LETTERS)) {
    const printed = await print(workshop, office, language, paragraphs)
    for (const { ending, device, format } of DEVICES) {
      const file = fileIn(workshop, `scan-${language}.${ending}`)
      await exec('gs', [...COMMON, `-sDEVICE=${device}`, `-sOutputFile=${file.path}`, printed])
      const text = [titleOf(language), ...paragraphs].join('\n')
      made.push({ ...file, format: `${format} ${language}`, maker: 'Ghostscript', text, isScanned: true })
    }
  }
  return made
}

const titleOf = (language: string) =>
  language === 'greek' ? 'Επιστολή του λιμεναρχείου' : 'Letter of the harbour office'

async function print(
  { folder }: Workshop,
  office: Office,
  language: string,
  paragraphs: readonly string[],
): Promise<string> {
  const source = join(folder, 'sources', `scan-${language}.fodt`)
  const about = {
    title: titleOf(language),
    author: 'Harbour Office',
    subject: '',
    keywords: [],
    language: language === 'greek' ? 'el-GR' : 'en-GB',
    createdAt: '2024-05-06T07:08:09',
  }
  await writeFile(source, flatText({ about, pages: [paragraphs] }))
  const [path] = await office.convert([source], 'pdf', join(folder, 'sources'))
  if (path === undefined) throw new Error(`LibreOffice did not print ${source}`)
  return path
}
