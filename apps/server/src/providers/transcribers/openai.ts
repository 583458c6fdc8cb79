import { randomUUID } from 'node:crypto'
import { openAsBlob } from 'node:fs'
import { languageCode, languageTag } from './language.ts'
import {
  type Segment,
  type Source,
  type TranscribeOptions,
  type Transcriber,
  type Transcript,
  TranscriptionError,
} from './port.ts'
import { timedBySeconds, whisperJson, wholeText } from './printed.ts'
import { tidied } from './segments.ts'
import { CUT_SHORT, speechOf, wasCut } from './sound.ts'
import { bytesOf, durationOf, longestIn, type SpeechWav, speechHeader } from './wav.ts'

const MIB = 1024 * 1024
/** What is sent as it is; engines tell the kind of a file by the end of its name. */
const EXTENSIONS: Readonly<Record<string, string>> = {
  'audio/mpeg': '.mp3',
  'audio/wav': '.wav',
  'audio/flac': '.flac',
  'audio/ogg': '.ogg',
  'audio/mp4': '.m4a',
  'audio/webm': '.webm',
  'video/mp4': '.mp4',
  'video/webm': '.webm',
  'video/mpeg': '.mpeg',
}
/** Some engines refuse what is longer, and none should take longer over its answer than we wait. */
const LONGEST_WHOLE_MS = 20 * 60_000
const LONGEST_PIECE_MS = 10 * 60_000
const PROBE_TIMEOUT_MS = 30_000
const SHOWN_CHARS = 300

export interface OpenaiSettings {
  /** What `/audio/transcriptions` stands behind. */
  url: string
  key: string | undefined
  model: string
  maxFileBytes: number
  /** Node's fetch itself waits five minutes for an answer to begin. */
  timeoutMs?: number
  maxAnswerBytes?: number
}

interface Engine extends Required<Omit<OpenaiSettings, 'key'>> {
  key: string | undefined
  /** Whether it has refused to tell times. */
  timeless: boolean
}

/** What the engine is given at once: all of it, or a piece. */
interface Recording {
  blob: Blob
  name: string
  fromMs: number
  durationMs?: number | undefined
}

/** RFC 7578. One Blob, of which fetch reads no more than it sends; all of a FormData it would hold in memory. */
interface Form {
  body: Blob
  contentType: string
}

type Said = Pick<Transcript, 'language'> & { segments: Segment[] }

/** A service that speaks as OpenAI's does: https://platform.openai.com/docs/api-reference/audio/createTranscription */
export function createOpenaiTranscriber(settings: OpenaiSettings): Transcriber {
  const engine: Engine = { timeoutMs: 300_000, maxAnswerBytes: 16 * MIB, ...settings, timeless: false }
  return {
    engine: `openai ${settings.model}`,
    async transcribe(source, options) {
      const { recordings, cutShort } = await recordingsOf(source, engine.maxFileBytes, options)
      const segments: Segment[] = []
      let language: string | undefined
      for (const recording of recordings) {
        const said = await listen(engine, recording, options)
        language ??= said.language
        segments.push(...said.segments.map((segment) => later(segment, recording.fromMs)))
      }
      return { segments: tidied(segments), ...(language && { language }), ...(cutShort && { cutShort }) }
    },
  }
}

function later({ fromMs, toMs, text }: Segment, byMs: number): Segment {
  return {
    ...(fromMs !== undefined && { fromMs: fromMs + byMs }),
    ...(toMs !== undefined && { toMs: toMs + byMs }),
    text,
  }
}

async function recordingsOf(
  { path, mediaType, sizeBytes, durationMs, ...source }: Source,
  maxFileBytes: number,
  options: TranscribeOptions,
): Promise<{ recordings: Recording[]; cutShort?: string }> {
  const [extension, fits] = [EXTENSIONS[mediaType], sizeBytes <= maxFileBytes]
  const asItIs = async () => {
    const blob = await openAsBlob(path, { type: mediaType })
    return { recordings: [{ blob, name: `recording${extension ?? ''}`, fromMs: 0, durationMs }] }
  }
  if (fits && extension !== undefined && (durationMs ?? 0) <= LONGEST_WHOLE_MS) return asItIs()
  const speech = await speechOf({ path, mediaType, sizeBytes, ...source }, options)
  if (speech)
    return { recordings: await piecesOf(speech, maxFileBytes), ...(wasCut(speech) && { cutShort: CUT_SHORT }) }
  if (fits) return asItIs()
  throw new TranscriptionError('limits', `It has more than ${maxFileBytes} bytes, and there is no ffmpeg to cut it`)
}

/** Pieces of one length, so that none is too short to be listened to. They are read when they are sent. */
async function piecesOf({ path, startsAt, sizeBytes }: SpeechWav, maxFileBytes: number): Promise<Recording[]> {
  const file = await openAsBlob(path)
  const longestBytes = bytesOf(Math.min(LONGEST_PIECE_MS, longestIn(maxFileBytes)))
  const count = Math.ceil(sizeBytes / longestBytes)
  const pieceBytes = bytesOf(Math.ceil(durationOf(sizeBytes) / count))
  return Array.from({ length: count }, (_, index) => {
    const [from, to] = [index * pieceBytes, Math.min(sizeBytes, (index + 1) * pieceBytes)]
    const samples = file.slice(startsAt + from, startsAt + to)
    const blob = new Blob([speechHeader(to - from), samples], { type: 'audio/wav' })
    return { blob, name: 'recording.wav', fromMs: durationOf(from), durationMs: durationOf(to - from) }
  })
}

/** Tells an engine that fails at this file from one that fails at every file, by asking it about a second of silence. */
async function listen(engine: Engine, recording: Recording, options: TranscribeOptions): Promise<Said> {
  try {
    return await ask(engine, recording, options)
  } catch (error) {
    const isOpen = error instanceof TranscriptionError && (error.kind === 'failed' || error.kind === 'refused')
    if (!isOpen || (await works(engine, options.signal))) throw error
    throw new TranscriptionError('unavailable', error.message, { cause: error })
  }
}

async function works(engine: Engine, signal: AbortSignal): Promise<boolean> {
  const sizeBytes = bytesOf(1000)
  const blob = new Blob([speechHeader(sizeBytes), Buffer.alloc(sizeBytes)], { type: 'audio/wav' })
  const probe = { ...engine, timeoutMs: Math.min(engine.timeoutMs, PROBE_TIMEOUT_MS) }
  return ask(probe, { blob, name: 'recording.wav', fromMs: 0 }, { signal }).then(
    () => true,
    () => {
      signal.throwIfAborted()
      return false
    },
  )
}

async function ask(
  engine: Engine,
  recording: Recording,
  { language, signal }: Pick<TranscribeOptions, 'language' | 'signal'>,
): Promise<Said> {
  const timesAsked = !engine.timeless
  const { status, text } = await send(engine, formOf(engine, recording, language), signal)
  if (status >= 200 && status < 300) return read(text, recording.durationMs)
  const refusesTimes = (status === 400 || status === 422) && /response_format|verbose_json|timestamp_granul/i.test(text)
  if (!timesAsked || !refusesTimes) throw refusal(status, text)
  engine.timeless = true
  return ask(engine, recording, { signal, ...(language !== undefined && { language }) })
}

function formOf({ model, timeless }: Engine, { blob, name }: Recording, language: string | undefined): Form {
  const code = languageCode(language)
  const fields = {
    model,
    response_format: timeless ? 'json' : 'verbose_json',
    ...(!timeless && { 'timestamp_granularities[]': 'segment' }),
    ...(code !== undefined && { language: code }),
  }
  const boundary = `stowage-${randomUUID()}`
  const begin = (more: string) => `--${boundary}\r\ncontent-disposition: form-data; ${more}\r\n\r\n`
  const texts = Object.entries(fields).map(([field, value]) => `${begin(`name="${field}"`)}${value}\r\n`)
  const file = begin(`name="file"; filename="${name}"\r\ncontent-type: ${blob.type}`)
  const body = new Blob([...texts, file, blob, `\r\n--${boundary}--\r\n`])
  return { body, contentType: `multipart/form-data; boundary=${boundary}` }
}

async function send({ url, key, timeoutMs, maxAnswerBytes }: Engine, form: Form, signal: AbortSignal) {
  const tooLong = AbortSignal.timeout(timeoutMs)
  try {
    const response = await fetch(`${url.replace(/\/+$/, '')}/audio/transcriptions`, {
      method: 'POST',
      headers: {
        accept: 'application/json',
        'content-type': form.contentType,
        ...(key !== undefined && { authorization: `Bearer ${key}` }),
      },
      body: form.body,
      // A key is not for whoever an answer points at; and where it might follow one, fetch holds all that it has sent.
      redirect: 'error',
      signal: AbortSignal.any([signal, tooLong]),
    })
    return { status: response.status, text: await textOf(response, maxAnswerBytes) }
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof TranscriptionError) throw error
    const message = tooLong.aborted ? `The engine did not answer within ${timeoutMs / 1000} s` : reasonOf(error)
    throw new TranscriptionError('failed', message, { cause: error })
  }
}

async function textOf(response: Response, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  for await (const chunk of response.body ?? []) {
    sizeBytes += chunk.length
    if (sizeBytes > maxBytes)
      throw new TranscriptionError('failed', `The engine's answer has more than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as Error
  const why = cause instanceof Error ? cause.message || (cause as NodeJS.ErrnoException).code : undefined
  return `The engine cannot be reached: ${why ?? message}`
}

function read(text: string, durationMs: number | undefined): Said {
  const answer = whisperJson.safeParse(parsed(text))
  const { segments, text: words, language: said } = answer.data ?? {}
  if (!answer.success || (!segments && words === undefined))
    throw new TranscriptionError('failed', 'The engine answered what is no transcript')
  const language = languageTag(said)
  const timed = segments && segments.length > 0 ? timedBySeconds(segments) : [wholeText(words ?? '', durationMs)]
  return { segments: timed, ...(language && { language }) }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const NOT_SET_UP: ReadonlySet<number> = new Set([401, 403, 404, 405, 407])
const BUSY: ReadonlySet<number> = new Set([429, 503])

function refusal(status: number, text: string): TranscriptionError {
  // What it says of a key is for nobody who reads why a file waits.
  if (NOT_SET_UP.has(status)) return new TranscriptionError('unavailable', `The engine refuses us: ${status}`)
  if (BUSY.has(status)) return new TranscriptionError('unavailable', `The engine has too much to do: ${status}`)
  const message = `The engine answered ${status}: ${text.slice(0, SHOWN_CHARS)}`
  if (status === 413) return new TranscriptionError('limits', message)
  return new TranscriptionError(status < 500 ? 'refused' : 'failed', message)
}
