import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { pipeline, Readable } from 'node:stream'
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
  parts: readonly Part[]
  mediaType: string
  name: string
  fromMs: number
  durationMs?: number | undefined
}

/** Bytes at hand, or bytes of a file that are read when they are sent. */
type Part = Buffer | { path: string; startsAt: number; sizeBytes: number }

/** RFC 7578. */
interface Form {
  parts: readonly Part[]
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
  const asItIs = () => {
    const parts = [{ path, startsAt: 0, sizeBytes }]
    return { recordings: [{ parts, mediaType, name: `recording${extension ?? ''}`, fromMs: 0, durationMs }] }
  }
  if (fits && extension !== undefined && (durationMs ?? 0) <= LONGEST_WHOLE_MS) return asItIs()
  const speech = await speechOf({ path, mediaType, sizeBytes, ...source }, options)
  if (speech) return { recordings: piecesOf(speech, maxFileBytes), ...(wasCut(speech) && { cutShort: CUT_SHORT }) }
  if (fits) return asItIs()
  throw new TranscriptionError('limits', `It has more than ${maxFileBytes} bytes, and there is no ffmpeg to cut it`)
}

/** Pieces of one length, so that none is too short to be listened to. */
function piecesOf({ path, startsAt, sizeBytes }: SpeechWav, maxFileBytes: number): Recording[] {
  const longestBytes = bytesOf(Math.min(LONGEST_PIECE_MS, longestIn(maxFileBytes)))
  const count = Math.ceil(sizeBytes / longestBytes)
  const pieceBytes = bytesOf(Math.ceil(durationOf(sizeBytes) / count))
  return Array.from({ length: count }, (_, index) => {
    const [from, to] = [index * pieceBytes, Math.min(sizeBytes, (index + 1) * pieceBytes)]
    const samples = { path, startsAt: startsAt + from, sizeBytes: to - from }
    return { ...wavOf(samples), fromMs: durationOf(from), durationMs: durationOf(to - from) }
  })
}

function wavOf(samples: Part) {
  const parts = [speechHeader(sizeOf(samples)), samples]
  return { parts, mediaType: 'audio/wav', name: 'recording.wav' }
}

function sizeOf(part: Part): number {
  return Buffer.isBuffer(part) ? part.length : part.sizeBytes
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
  const silence = wavOf(Buffer.alloc(bytesOf(1000)))
  const probe = { ...engine, timeoutMs: Math.min(engine.timeoutMs, PROBE_TIMEOUT_MS) }
  return ask(probe, { ...silence, fromMs: 0 }, { signal }).then(
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

function formOf({ model, timeless }: Engine, recording: Recording, language: string | undefined): Form {
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
  const file = begin(`name="file"; filename="${recording.name}"\r\ncontent-type: ${recording.mediaType}`)
  const [head, tail] = [Buffer.from(texts.join('') + file), Buffer.from(`\r\n--${boundary}--\r\n`)]
  return { parts: [head, ...recording.parts, tail], contentType: `multipart/form-data; boundary=${boundary}` }
}

async function send(engine: Engine, form: Form, signal: AbortSignal): Promise<{ status: number; text: string }> {
  const tooLong = AbortSignal.timeout(engine.timeoutMs)
  try {
    const response = await post(engine, form, AbortSignal.any([signal, tooLong]))
    return { status: response.statusCode ?? 0, text: await textOf(response, engine.maxAnswerBytes) }
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof TranscriptionError) throw error
    const message = tooLong.aborted ? `The engine did not answer within ${engine.timeoutMs / 1000} s` : reasonOf(error)
    throw new TranscriptionError('failed', message, { cause: error })
  }
}

/**
 * Not by `fetch`, which goes on reading a file to its end when nobody wants its answer any more. And it follows nobody:
 * a key is not for whoever an answer points at.
 */
function post({ url, key }: Engine, { parts, contentType }: Form, signal: AbortSignal): Promise<IncomingMessage> {
  const target = new URL(`${url.replace(/\/+$/, '')}/audio/transcriptions`)
  const headers = {
    accept: 'application/json',
    'content-type': contentType,
    'content-length': parts.reduce((sum, part) => sum + sizeOf(part), 0),
    ...(key !== undefined && { authorization: `Bearer ${key}` }),
  }
  return new Promise((resolve, reject) => {
    const request = target.protocol === 'https:' ? requestHttps : requestHttp
    // A connection of its own: one kept from the last time may be closed at its other end just now, and one that is to be
    // kept waits for an engine that has answered to take the rest.
    const asking = request(target, { method: 'POST', headers, signal, agent: false })
    asking.once('response', resolve).on('error', reject)
    pipeline(Readable.from(bytesOfAll(parts), { objectMode: false }), asking, (error) => {
      if (error) reject(error)
    })
  })
}

async function* bytesOfAll(parts: readonly Part[]): AsyncGenerator<Buffer, void, void> {
  for (const part of parts) {
    if (Buffer.isBuffer(part)) yield part
    else if (part.sizeBytes > 0)
      yield* createReadStream(part.path, { start: part.startsAt, end: part.startsAt + part.sizeBytes - 1 })
  }
}

async function textOf(response: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length
    if (sizeBytes > maxBytes)
      throw new TranscriptionError('failed', `The engine's answer has more than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function reasonOf(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException
  return `The engine cannot be reached: ${message || code}`
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
