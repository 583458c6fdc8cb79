import { availableParallelism } from 'node:os'
import { basename, dirname } from 'node:path'
import { languageCode } from './language.ts'
import {
  type Source,
  ToolError,
  type ToolLimits,
  type TranscribeOptions,
  type Transcriber,
  TranscriptionError,
} from './port.ts'
import { readPrinted } from './printed.ts'
import { tidied } from './segments.ts'
import { CUT_SHORT, LONGEST_MS, speechOf, wasCut } from './sound.ts'
import { durationOf } from './wav.ts'

const MIB = 1024 * 1024
/** What a program may take to begin, and then for each second of sound. */
const [START_SECONDS, SECONDS_PER_SECOND] = [600, 4]
/** The largest of Whisper's models takes some five. */
const MEMORY_BYTES = 8 * 1024 * MIB
const PRINTED_BYTES = 32 * MIB

export interface CommandSettings {
  /** A program and its arguments, one of which holds `{file}`. */
  command: readonly [program: string, ...args: string[]]
}

/**
 * A program of the machine that listens to a file and prints what was said.
 *
 * `{file}` becomes the name of a WAV file in the folder in which the program runs (16 kHz, one channel), or of the
 * recording as it came where there is no ffmpeg to make one; `{language}` two letters, or `auto`.
 */
export function createCommandTranscriber({ command: [program, ...args] }: CommandSettings): Transcriber {
  return {
    engine: `command ${basename(program)}`,
    async transcribe(source, options) {
      const speech = await speechOf(source, options)
      const durationMs = speech ? durationOf(speech.sizeBytes) : source.durationMs
      const file = basename(speech?.path ?? source.path)
      const language = languageCode(options.language) ?? 'auto'
      const filled = args.map((each) => each.replaceAll('{file}', file).replaceAll('{language}', language))
      const printed = await listen(program, filled, source, durationMs, options)
      const { segments, ...more } = readPrinted(printed, durationMs)
      return { segments: tidied(segments), ...more, ...(speech && wasCut(speech) && { cutShort: CUT_SHORT }) }
    },
  }
}

async function listen(
  program: string,
  args: readonly string[],
  source: Source,
  durationMs: number | undefined,
  { runTool, signal }: TranscribeOptions,
): Promise<string> {
  try {
    const options = { folder: dirname(source.path), limits: limitsFor(durationMs ?? LONGEST_MS), signal }
    return (await runTool(program, args, options)).toString()
  } catch (error) {
    if (!(error instanceof ToolError)) throw error
    const kind = error.kind === 'missing' ? 'unavailable' : error.kind
    throw new TranscriptionError(kind, error.message, { cause: error })
  }
}

function limitsFor(durationMs: number): ToolLimits {
  const wallSeconds = START_SECONDS + Math.ceil(durationMs / 1000) * SECONDS_PER_SECOND
  const cpuSeconds = wallSeconds * availableParallelism()
  return { wallSeconds, cpuSeconds, memoryBytes: MEMORY_BYTES, outputBytes: PRINTED_BYTES }
}
