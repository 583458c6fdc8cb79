import {
  type Grant,
  RemoteError,
  type Sandbox,
  SandboxError,
  type SandboxLimits,
} from '../../platform/sandbox/sandbox.ts'
import type { TextRecognizer } from '../../providers/extractors/ocr-port.ts'
import type { ExtractionLimits, Facts, Source } from '../../providers/extractors/port.ts'
import type { Converter } from '../../providers/previewers/port.ts'
import { NotNow } from './pipeline.ts'

const MIB = 1024 * 1024

/** What a file may be to be read, or drawn, at all. */
export const MAX_SOURCE_BYTES = 512 * MIB
export const LIMITS: ExtractionLimits = {
  textChars: 5_000_000,
  cells: 2_000_000,
  unpackedBytes: 1024 * MIB,
  depth: 200,
  pages: 5000,
  entries: 20_000,
}
export const CHILD_LIMITS: SandboxLimits = {
  wallSeconds: 60,
  cpuSeconds: 60,
  memoryBytes: 800 * MIB,
  outputBytes: 64 * MIB,
}

/** How files are read: by whom, and in what. */
export interface Extraction {
  /** Made when there is something to read. */
  sandbox: () => Promise<Sandbox>
  /** The module that reads a file in a child process. */
  child: string
  readerOf: (mediaType: string) => Reader | undefined
  /** Who turns a file into one that is read. */
  converterOf: (mediaType: string) => Converter | undefined
  recognition: Recognition
  /** @returns the path of a program; undefined where it is not installed */
  findProgram: (program: string) => string | undefined
}

export interface Reader {
  id: string
  version: number
  /** What its child process must be allowed. */
  grants?: readonly Grant[]
  /** Which pages may be pictures of text, by what was read of the file. Its module draws them. */
  picturesIn?: (facts: Facts) => number[]
  /** The program, as people call it, that must turn the file into another one before its text can be read. */
  needs?: string
}

/** How the text in pictures is recognised. */
export interface Recognition {
  recognizer: TextRecognizer
  /** At most so many of a file. */
  pages: number
  /** As the program calls them; by default some of those that are installed. */
  languages?: readonly string[]
}

/** What the module in the child is asked. */
export interface ExtractJob {
  source: Source
  limits: ExtractionLimits
  /** Draws this page, and reads nothing. */
  draw?: number
}

/** Where one file is worked on: its bytes and what is made of them lie in the folder. */
export interface Desk {
  sandbox: Sandbox
  folder: string
  signal: AbortSignal
  child: string
}

const FAULTS_OF_FILES: ReadonlySet<string> = new Set(['ExtractionError', 'PreviewError'])

/**
 * What a file is to blame for is a result; everything else is tried again.
 *
 * @returns why its reading ended, or undefined for what is no result
 * @throws NotNow
 */
export function stoppedBy(error: unknown): string | undefined {
  if (error instanceof RemoteError && FAULTS_OF_FILES.has(error.name))
    return `${error.fields['kind']}: ${error.message}`
  if (error instanceof SandboxError && error.kind === 'unavailable') throw new NotNow(error.message, { cause: error })
  if (error instanceof SandboxError && error.kind !== 'aborted') return `${error.kind}: ${error.message}`
  return undefined
}

/** What is said later is added. */
export function joinFacts(facts: Facts, said: Facts): Facts {
  return { ...facts, ...said, more: { ...facts.more, ...said.more } }
}
