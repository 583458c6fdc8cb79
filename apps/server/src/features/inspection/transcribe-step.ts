import { join } from 'node:path'
import type { Db } from '../../platform/database/connect.ts'
import { type Sandbox, SandboxError } from '../../platform/sandbox/sandbox.ts'
import type { Facts, Piece, Source } from '../../providers/extractors/port.ts'
import {
  type Source as Recording,
  type RunTool,
  ToolError,
  type Transcriber,
  type Transcript,
  TranscriptionError,
} from '../../providers/transcribers/port.ts'
import type { Uploads } from '../uploads/room.ts'
import { joinFacts } from './extraction.ts'
import { fetchSource } from './fetching.ts'
import { NotNow, type Outcome, type StepWork } from './pipeline.ts'
import { storable } from './spool.ts'
import { type Claim, findInspected, type Inspected } from './steps.sql.ts'
import { askTranscript, findSpokenLanguage, isListenedTo } from './transcripts.sql.ts'
import { type FactsRow, findFacts } from './understanding.sql.ts'
import { writeDown } from './write-down.ts'

/** What is brought to this machine to be listened to at all. */
const MAX_RECORDING_BYTES = 2 * 1024 ** 3
const NO_SUCH_PROGRAM = 127

/** How recordings are listened to. */
export interface Transcription {
  /** Made when there is something to listen to. */
  sandbox: () => Promise<Sandbox>
  /** Undefined where none is set up. */
  transcriber: Transcriber | undefined
}

/** A step after which a recording is listened to: that is asked for in the transaction that ends it. */
export function thenTranscribe(step: StepWork): StepWork {
  return (claim, signal, end) =>
    step(claim, signal, (outcome) =>
      end({
        ...outcome,
        apply: async (db) => {
          // Before `classify`, which what is written down asks for (R11).
          await askTranscript(db, claim)
          await outcome.apply?.(db)
        },
      }),
    )
}

/** Writes down what is said in a recording, as its text. What else is known of it stays. */
export function transcribeStep(uploads: Uploads, { sandbox: getSandbox, transcriber }: Transcription): StepWork {
  const { inTenant } = uploads.platform
  return async (claim, signal, end) => {
    const known = await inTenant(claim.tenant_id, (db) => findKnown(db, claim))
    const unheard = whyNot(known, transcriber)
    if (!known || !transcriber || unheard !== undefined) return end({ state: 'skipped', reason: unheard ?? null })
    const sandbox = await getSandbox()
    return sandbox.withFolder(async (folder) => {
      const source = await fetchSource(uploads, claim, known.found, { folder, signal })
      const recording = recordingOf({ ...source, path: join(folder, source.path) }, known)
      const listened = await listen(transcriber, toolsOf(sandbox), recording, known.language, signal)
      if ('state' in listened) return end(listened)
      const { cutShort = null } = listened
      const apply = (db: Db) => writeTranscript(db, claim, listened, transcriber.engine)
      return end({ state: 'done', reason: cutShort, apply })
    })
  }
}

interface Known {
  found: Inspected
  facts: Facts | undefined
  language: string | undefined
}

async function findKnown(db: Db, claim: Claim): Promise<Known | undefined> {
  const found = await findInspected(db, claim)
  const facts = await findFacts(db, claim)
  return found && { found, facts: facts?.facts as Facts | undefined, language: await findSpokenLanguage(db, claim) }
}

function whyNot(known: Known | undefined, transcriber: Transcriber | undefined): string | undefined {
  if (!known) return 'the version is no more'
  const { found, facts } = known
  if (!transcriber) return 'no engine is set up that transcribes'
  if (!isListenedTo(found.media_type)) return `${found.media_type} is no recording`
  if (found.scan === 'infected') return 'it is infected'
  if (found.size_bytes > MAX_RECORDING_BYTES) return 'it is too large to be listened to'
  if (facts?.width !== undefined && facts.more?.['audio.codec'] === undefined) return 'it has no sound'
  return undefined
}

function recordingOf(source: Source, { facts }: Known): Recording {
  const durationMs = facts?.durationMs
  return { ...source, ...(durationMs !== undefined && { durationMs }) }
}

/** @returns what was said, or how the step ends without it */
async function listen(
  transcriber: Transcriber,
  runTool: RunTool,
  recording: Recording,
  language: string | undefined,
  signal: AbortSignal,
): Promise<Transcript | Outcome> {
  try {
    return await transcriber.transcribe(recording, { runTool, signal, ...(language !== undefined && { language }) })
  } catch (error) {
    if (!(error instanceof TranscriptionError) || error.kind === 'failed') throw error
    if (error.kind === 'unavailable') throw new NotNow(error.message, { cause: error })
    return { state: 'skipped', reason: storable(`${error.kind}: ${error.message}`) }
  }
}

function toolsOf(sandbox: Sandbox): RunTool {
  return async (program, args, options) => {
    try {
      return (await sandbox.exec(program, args, options)).stdout
    } catch (error) {
      throw error instanceof SandboxError ? toolError(error, options.signal) : error
    }
  }
}

function toolError(error: SandboxError, signal: AbortSignal): unknown {
  const { kind, message, exitCode } = error
  if (kind === 'aborted' && signal.aborted) return signal.reason
  if (kind === 'aborted' || kind === 'unavailable') return new NotNow(message, { cause: error })
  if (exitCode === NO_SUCH_PROGRAM) return new ToolError('missing', message, { cause: error })
  const isFailure = kind === 'failed' || kind === 'crashed'
  return new ToolError(isFailure ? 'failed' : 'limits', message, { cause: error })
}

async function writeTranscript(db: Db, claim: Claim, transcript: Transcript, engine: string): Promise<void> {
  const known = await findFacts(db, claim)
  await writeDown(db, claim, piecesOf(known, transcript, engine), {
    extractor: known?.extractor ?? 'transcript',
    version: known?.extractor_version ?? 1,
    cutShort: transcript.cutShort ?? known?.cut_short ?? null,
  })
}

async function* piecesOf(
  known: FactsRow | undefined,
  { segments, language }: Transcript,
  engine: string,
): AsyncGenerator<Piece> {
  const facts = { ...(language !== undefined && { language }), more: { 'transcript.engine': engine } }
  yield { kind: 'facts', facts: joinFacts((known?.facts ?? {}) as Facts, facts) }
  for (const attachment of (known?.attachments ?? []) as Omit<Extract<Piece, { kind: 'attachment' }>, 'kind'>[])
    yield { kind: 'attachment', ...attachment }
  for (const { text, ...place } of segments) yield { kind: 'text', text, place }
}
