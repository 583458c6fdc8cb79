import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { CorpusFile, Workshop } from './corpus-file.ts'
import { makeImages } from './image-files.ts'
import { makeMails } from './mail-files.ts'
import { makeMedia } from './media-files.ts'
import { makeDocuments, makeSlides } from './office-files.ts'
import { makePdfs } from './pdf-files.ts'
import { findSamples } from './sample-files.ts'
import { makeScans } from './scan-files.ts'
import { makeSheets } from './sheet-files.ts'
import { makeTexts } from './text-files.ts'
import { has, openOffice } from './tools.ts'

/** Files of many formats, made by the programs that people make files with, and all that is known of them. */
export interface Corpus {
  files: CorpusFile[]
  /** Pages that a scanner would deliver, which only a recognition of letters can read. */
  scans: CorpusFile[]
  /** What could not be made here, and why. */
  missing: string[]
}

const MANIFEST = 'corpus.json'
/** The modules here that decide what the files are. */
const MAKERS = /^(?:corpus-file|flat-documents|make|texts|tools|.*-files)\.ts$/
const LOOK_AGAIN_MS = 500
/** Whoever has been at it for so long was killed. */
const STALE_MS = 15 * 60_000

/** The programs that it is made with, each with what shows that it runs. */
const TOOLS: readonly (readonly [string, ...string[]])[] = [
  ['soffice'],
  ['gs'],
  ['exiftool', '-ver'],
  ['ffmpeg', '-version'],
  ['pdftotext', '-v'],
  ['iconv'],
  ['python3'],
]

/**
 * The corpus, made once on this machine and kept where the system keeps what is temporary, as long as what it is made
 * by stays the same.
 */
export async function openCorpus(): Promise<Corpus> {
  const folder = join(tmpdir(), `stowage-corpus-${keyOfMakers()}`)
  for (;;) {
    const made = await readFile(join(folder, MANIFEST), 'utf8').catch(() => undefined)
    if (made !== undefined) return placed(JSON.parse(made) as Corpus, folder)
    if (await begin(`${folder}.lock`)) break
    await pause(LOOK_AGAIN_MS)
  }
  const draft = await mkdtemp(`${folder}.draft-`)
  try {
    await writeFile(join(draft, MANIFEST), JSON.stringify(await makeCorpus(draft)))
    await rename(draft, folder)
  } finally {
    await rm(draft, { recursive: true, force: true })
    await rm(`${folder}.lock`, { recursive: true, force: true })
  }
  return openCorpus()
}

/** Whether nobody else is making it. */
async function begin(lock: string): Promise<boolean> {
  const since = await stat(lock).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  )
  if (since !== undefined && Date.now() - since > STALE_MS) await rm(lock, { recursive: true, force: true })
  return mkdir(lock).then(
    () => true,
    () => false,
  )
}

/** Where the files lie that were made here. */
function placed(corpus: Corpus, folder: string): Corpus {
  const at = (file: CorpusFile) => (file.maker === 'Debian' ? file : { ...file, path: join(folder, file.name) })
  return { ...corpus, files: corpus.files.map(at), scans: corpus.scans.map(at) }
}

function keyOfMakers(): string {
  const hash = createHash('sha256')
  for (const name of readdirSync(import.meta.dirname).sort())
    if (MAKERS.test(name)) hash.update(readFileSync(join(import.meta.dirname, name)))
  for (const [program, ...words] of TOOLS) hash.update(`${program} ${has(program, ...words)}\n`)
  return hash.digest('hex').slice(0, 16)
}

async function makeCorpus(folder: string): Promise<Corpus> {
  const workshop: Workshop = { folder, missing: [] }
  await mkdir(join(folder, 'sources'))
  const made: CorpusFile[][] = []
  const scans: CorpusFile[][] = []
  const needs = async (tool: (typeof TOOLS)[number][0], what: string, make: () => Promise<CorpusFile[]>) => {
    const words = TOOLS.find(([name]) => name === tool)?.slice(1) ?? []
    if (has(tool, ...words)) return make()
    workshop.missing.push(`${what}: ${tool} is not there`)
    return []
  }
  const office = await openOffice()
  try {
    const documents = await needs('soffice', 'documents', () => makeDocuments(workshop, office))
    const slides = await needs('soffice', 'slides', () => makeSlides(workshop, office))
    made.push(documents, slides, await needs('soffice', 'sheets', () => makeSheets(workshop, office)))
    if (documents.length > 0) {
      made.push(await needs('gs', 'other PDF', () => makePdfs(workshop, documents)))
      scans.push(await needs('gs', 'scans', () => makeScans(workshop, office)))
    }
  } finally {
    await office.close()
  }
  made.push(await needs('iconv', 'texts', () => makeTexts(workshop)))
  made.push(await needs('iconv', 'mail', () => makeMails(workshop)))
  made.push(await needs('exiftool', 'images', () => makeImages(workshop)))
  made.push(await needs('ffmpeg', 'sound and films', () => makeMedia(workshop)))
  made.push(await needs('pdftotext', 'samples', findSamples))
  return { files: made.flat(), scans: scans.flat(), missing: workshop.missing }
}
