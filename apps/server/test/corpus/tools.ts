import { execFile, spawnSync } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, extname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'

/** The programs that the corpus is made with. */

const run = promisify(execFile)
const CONVERT_WITHIN_MS = 300_000
const MOST_OUTPUT_BYTES = 64 * 1024 * 1024

const tried = new Map<string, boolean>()

/** Whether a program is there and runs. */
export function has(program: string, ...words: string[]): boolean {
  const command = [program, ...(words.length > 0 ? words : ['--version'])].join(' ')
  let works = tried.get(command)
  if (works === undefined) {
    works = spawnSync(program, words.length > 0 ? words : ['--version'], { stdio: 'ignore' }).status === 0
    tried.set(command, works)
  }
  return works
}

export async function exec(program: string, words: readonly string[]): Promise<string> {
  // Documents keep times without a zone: those of the machine that made them.
  const env = { ...process.env, TZ: 'UTC', LC_ALL: 'C.UTF-8' }
  const options = { maxBuffer: MOST_OUTPUT_BYTES, timeout: CONVERT_WITHIN_MS, env }
  return (await run(program, [...words], options)).stdout
}

/** Gives the program some bytes and takes what it prints. @throws Error with what it says */
export function pipe(program: string, words: readonly string[], input: Buffer): Buffer {
  const { status, stdout, stderr, error } = spawnSync(program, [...words], { input, maxBuffer: MOST_OUTPUT_BYTES })
  if (status !== 0) throw new Error(`${program} ${words.join(' ')}: ${error ?? stderr}`)
  return stdout
}

export interface Office {
  /**
   * Saves documents in another format, next to each other in the folder, under their own names with the ending of the
   * format.
   *
   * @param format an ending, or an ending and a filter: `docx`, `csv:Text - txt - csv (StarCalc):44,34,76`
   * @returns the paths of those that it saved; it says nothing of a format that it does not know
   */
  convert(sources: readonly string[], format: string, folder: string, importFilter?: string): Promise<string[]>
  close(): Promise<void>
}

/** LibreOffice with a profile of its own, which a run on the same machine does not share. */
export async function openOffice(): Promise<Office> {
  const profile = await mkdtemp(join(tmpdir(), 'stowage-office-'))
  const common = ['--headless', '--norestore', `-env:UserInstallation=${pathToFileURL(profile)}`]
  return {
    async convert(sources, format, folder, importFilter) {
      const output = await mkdtemp(join(profile, 'output-'))
      const filter = importFilter === undefined ? [] : [`--infilter=${importFilter}`]
      await exec('soffice', [...common, ...filter, '--convert-to', format, '--outdir', output, ...sources])
      const made = await readdir(output)
      await mkdir(folder, { recursive: true })
      const paths = made.map((name) => join(folder, name))
      for (const name of made) await moveTo(join(output, name), join(folder, name))
      return paths
    },
    close: () => rm(profile, { recursive: true, force: true }),
  }
}

async function moveTo(from: string, to: string): Promise<void> {
  await rename(from, to).catch(async () => {
    await copyFile(from, to)
    await rm(from)
  })
}

/** `report.docx` for `/…/report.fodt`. */
export function renamed(path: string, ending: string): string {
  return `${basename(path, extname(path))}.${ending}`
}

const drawn = new Map<string, boolean>()

/** The text without the signs that no font here has: a page cannot show them. */
export function drawable(text: string): string {
  return [...text].filter((sign) => sign.codePointAt(0)! < 0x250 || isDrawn(sign)).join('')
}

function isDrawn(sign: string): boolean {
  // One Chinese character stands for all of them.
  const asked = /\p{Script=Han}/u.test(sign) ? '中' : sign
  let found = drawn.get(asked)
  if (found === undefined) {
    const code = asked.codePointAt(0)!.toString(16)
    found =
      !/\p{L}|\p{N}|\p{Extended_Pictographic}/u.test(asked) ||
      pipe('fc-list', [`:charset=${code}`], Buffer.alloc(0)).length > 0
    drawn.set(asked, found)
  }
  return found
}
