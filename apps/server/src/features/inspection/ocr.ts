import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Grant, SandboxError, type SandboxLimits } from '../../platform/sandbox/sandbox.ts'
import type { PagePicture } from '../../providers/extractors/ocr-port.ts'
import type { Facts, Source } from '../../providers/extractors/port.ts'
import { convert } from './conversion.ts'
import {
  CHILD_LIMITS,
  type Desk,
  type Extraction,
  type ExtractJob,
  LIMITS,
  type Recognition,
  stoppedBy,
} from './extraction.ts'
import { storable, type TextPiece } from './spool.ts'

const MIB = 1024 * 1024
/** A picture may have twelve million pixels. */
const DRAW_LIMITS: SandboxLimits = { ...CHILD_LIMITS, outputBytes: 16 * MIB }
/** The output of a page that is full of words from edge to edge takes a third of it. */
const PAGE_LIMITS: SandboxLimits = { wallSeconds: 60, cpuSeconds: 60, memoryBytes: 800 * MIB, outputBytes: MIB }
const ASK_LIMITS: SandboxLimits = { wallSeconds: 30, cpuSeconds: 10, memoryBytes: 200 * MIB, outputBytes: MIB }
const PICTURE = 'page.pgm'
/** A file whose pages are stopped one after the other would hold up all others. */
const MAX_STOPPED = 3
/** Each language costs its own time on every line, and adds letters that look alike. */
const MAX_DEFAULT_LANGUAGES = 3
const MAX_LISTED = 500

export interface Recognised {
  texts: TextPiece[]
  facts: Facts
  /** Why pages were left out that the program should have read. */
  cutShort: string[]
}

/** Recognises the text in some pages of a file. */
export type Recognise = (
  desk: Desk,
  source: Source,
  pages: readonly number[],
  grants: readonly Grant[] | undefined,
) => Promise<Recognised>

interface Installed {
  path: string
  name: string
  languages: readonly string[]
}

interface Missing {
  missing: string
}

/** The program is asked what it is when it is first needed. */
export function createRecognition(extraction: Extraction): Recognise {
  const { recognition, findProgram } = extraction
  const { program } = recognition.recognizer
  let known: Installed | undefined
  return async (desk, source, pages, grants) => {
    if (pages.length === 0 || recognition.pages === 0) return { texts: [], facts: {}, cutShort: [] }
    const path = findProgram(program)
    if (path === undefined) return unrecognised(pages, `${program} is not installed`)
    const found = known?.path === path ? known : await ask(recognition, path, desk)
    if ('missing' in found) return unrecognised(pages, found.missing)
    known = found
    const drawn = await drawable(extraction, desk, source)
    if ('missing' in drawn) return unrecognised(pages, drawn.missing)
    return recognisePages({ desk, source: drawn, grants, recognition, program: found }, pages)
  }
}

/** What the pages are drawn from: the file, or what a program makes of one that nothing here draws. */
async function drawable(
  { converterOf, findProgram }: Extraction,
  desk: Desk,
  source: Source,
): Promise<Source | Missing> {
  const converter = converterOf(source.mediaType)
  if (!converter) return source
  if (findProgram(converter.program) === undefined) return { missing: `${converter.program} is not installed` }
  try {
    return await convert(desk, converter, source)
  } catch (error) {
    const reason = stoppedBy(error)
    if (reason === undefined) throw error
    return { missing: reason }
  }
}

async function ask({ recognizer, languages }: Recognition, path: string, desk: Desk): Promise<Installed | Missing> {
  const { sandbox, folder, signal } = desk
  const say = async (words: readonly string[]) => {
    const { stdout, stderr } = await sandbox.exec(path, words, { folder, signal, limits: ASK_LIMITS })
    return stdout.length > 0 ? stdout.toString() : stderr
  }
  try {
    const name = `${recognizer.program} ${recognizer.readVersion(await say(recognizer.askVersion)) ?? 'unknown'}`
    const installed = recognizer.readLanguages(await say(recognizer.askLanguages))
    const chosen = chooseLanguages(installed, languages)
    if (chosen.length === 0) return { missing: `${name} has none of the languages` }
    return { path, name, languages: chosen }
  } catch (error) {
    const reason = stoppedBy(error)
    if (reason === undefined) throw error
    return { missing: `${recognizer.program} does not work here: ${reason}` }
  }
}

/** English first: its letters, the digits and the signs stand in documents of every language. */
export function chooseLanguages(installed: readonly string[], wanted: readonly string[] | undefined): string[] {
  if (wanted !== undefined) return wanted.filter((language) => installed.includes(language))
  const sorted = installed.toSorted((a, b) => Number(b === 'eng') - Number(a === 'eng') || (a < b ? -1 : 1))
  return sorted.slice(0, MAX_DEFAULT_LANGUAGES)
}

interface Work {
  desk: Desk
  source: Source
  grants: readonly Grant[] | undefined
  recognition: Recognition
  program: Installed
}

async function recognisePages(work: Work, pages: readonly number[]): Promise<Recognised> {
  const texts: TextPiece[] = []
  const stopped: string[] = []
  const stoppedPages: number[] = []
  const tried = pages.slice(0, work.recognition.pages)
  let done = 0
  for (const page of tried) {
    if (stopped.length === MAX_STOPPED) break
    done += 1
    try {
      const text = storable(await recognisePage(work, page))
      if (text !== '') texts.push({ kind: 'text', text, place: { page } })
    } catch (error) {
      const reason = stoppedBy(error)
      if (reason === undefined) throw error
      stopped.push(`page ${page} was not recognised (${reason})`)
      stoppedPages.push(page)
    }
  }
  const left = [...stoppedPages, ...pages.slice(done)]
  const cutShort = [...stopped, ...limitReached(pages.length, done, tried.length)]
  return { texts, facts: factsOf(work.program, texts, left), cutShort }
}

function limitReached(pages: number, done: number, tried: number): string[] {
  if (done === pages) return []
  const why = done < tried ? `after ${MAX_STOPPED} that could not be` : 'the limit'
  return [`${done} of ${pages} pages without text were recognised, ${why}`]
}

async function recognisePage(work: Work, page: number): Promise<string> {
  const { sandbox, folder, signal } = work.desk
  const { recognizer } = work.recognition
  const { width, height, pixels } = await drawPage(work, page)
  const header = Buffer.from(`P5\n${width} ${height}\n255\n`)
  await writeFile(join(folder, PICTURE), [header, pixels], { mode: 0o600 })
  const environment = Object.entries(recognizer.environment).map(([name, value]) => `${name}=${value}`)
  const words = [...environment, work.program.path, ...recognizer.askText(PICTURE, work.program.languages)]
  const { stdout } = await sandbox.exec('env', words, { folder, signal, limits: PAGE_LIMITS })
  return recognizer.readText(stdout.toString())
}

async function drawPage({ desk, source, grants }: Work, page: number): Promise<PagePicture> {
  const { sandbox, child, folder, signal } = desk
  let picture: unknown
  const take = async (piece: unknown) => {
    picture = piece
  }
  await sandbox.run<ExtractJob, unknown>(
    child,
    { source, limits: LIMITS, draw: page },
    { folder, limits: DRAW_LIMITS, signal, take, ...(grants && { grants }) },
  )
  // Whoever drew it may be in the hands of the file.
  if (!isPicture(picture)) throw new SandboxError('crashed', 'It drew no picture.')
  return picture
}

function isPicture(piece: unknown): piece is PagePicture {
  if (typeof piece !== 'object' || piece === null) return false
  const { width, height, pixels } = piece as Partial<PagePicture>
  const isSize = Number.isSafeInteger(width) && Number.isSafeInteger(height) && Number(width) > 0 && Number(height) > 0
  return isSize && pixels instanceof Uint8Array && pixels.length === Number(width) * Number(height)
}

function unrecognised(pages: readonly number[], reason: string): Recognised {
  const facts = { more: { 'ocr.pagesNotRecognised': listed(pages), 'ocr.notRecognisedBecause': reason } }
  return { texts: [], facts, cutShort: [] }
}

function factsOf({ name, languages }: Installed, texts: readonly TextPiece[], left: readonly number[]): Facts {
  const more: NonNullable<Facts['more']> = {
    'ocr.program': name,
    'ocr.languages': [...languages],
  }
  if (texts.length > 0) more['ocr.pages'] = listed(texts.map(({ place }) => place.page ?? 1))
  if (left.length > 0) more['ocr.pagesNotRecognised'] = listed(left)
  return { more }
}

function listed(pages: readonly number[]): string[] {
  return pages.slice(0, MAX_LISTED).map(String)
}
