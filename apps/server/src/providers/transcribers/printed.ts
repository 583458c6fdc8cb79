import { z } from 'zod'
import { languageTag } from './language.ts'
import { type Segment, type Transcript, TranscriptionError } from './port.ts'

/**
 * Reads what a program printed, in whichever of these forms: WebVTT; SRT; lines `[00:00:01.000 --> 00:00:02.500] words`,
 * as Whisper's programs print them; Whisper's JSON; words with their times, as PocketSphinx prints them; plain text, which
 * is one segment of the whole recording.
 *
 * @throws TranscriptionError `failed` for JSON that is none of Whisper's
 */
export function readPrinted(
  printed: string,
  durationMs: number | undefined,
): Pick<Transcript, 'segments' | 'language'> {
  const text = printed.replace(/^\uFEFF/, '').replaceAll(/\r\n?/g, '\n')
  if (text.trimStart().startsWith('{')) return readJson(text)
  const lines = text.split('\n')
  const isVtt = /^WEBVTT(\s|$)/.test(text)
  if (isVtt || lines.some((line) => TIMES.test(line))) return { segments: readCues(lines, isVtt) }
  if (lines.some((line) => SENTENCE_START.test(line))) return { segments: readTimedWords(lines) }
  return { segments: [wholeText(text, durationMs)] }
}

/** A text without times, as one segment of all that was listened to. */
export function wholeText(text: string, durationMs: number | undefined): Segment {
  return { fromMs: 0, ...(durationMs !== undefined && { toMs: durationMs }), text }
}

const TIME = String.raw`(?:(\d+):)?(\d{1,2}):(\d{2})[.,](\d{3})`
/** WebVTT, 4.1: the line of times that begins a cue, behind which its settings may stand. */
const TIMES = new RegExp(String.raw`^\s*(\[)?\s*${TIME}\s*-->\s*${TIME}\s*\]?(.*)$`)

function readCues(lines: readonly string[], isVtt: boolean): Segment[] {
  const cues: Required<Segment>[] = []
  let open: Required<Segment> | undefined
  for (const line of lines) {
    const times = TIMES.exec(line)
    if (times) {
      const [bracket, ...numbers] = times.slice(1, 10)
      const fromMs = toMs(numbers.slice(0, 4))
      open = { fromMs, toMs: toMs(numbers.slice(4)), text: bracket === undefined ? '' : (times[10] as string) }
      cues.push(open)
    } else if (line.trim() === '') open = undefined
    else if (open) open.text += `\n${line}`
  }
  return cues.map((cue) => ({ ...cue, text: plainWords(cue.text, isVtt) }))
}

function toMs(numbers: readonly (string | undefined)[]): number {
  const [hours = 0, minutes = 0, seconds = 0, milliseconds = 0] = numbers.map((digits) => Number(digits ?? 0))
  return ((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds
}

const CHARACTERS: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&nbsp;': ' ',
  '&lrm;': '',
  '&rlm;': '',
}

/** Without who speaks and how it is to look (WebVTT, 3.4; SRT has the same tags by habit). */
function plainWords(text: string, isVtt: boolean): string {
  const words = text.replaceAll(/<\/?(?:[a-z][^<>]*|[\d:.]+)>/gi, '').replaceAll(/\{\\[^{}]*\}/g, '')
  return isVtt ? words.replaceAll(/&[a-z]+;/g, (name) => CHARACTERS[name] ?? name) : words
}

const SENTENCE_START = /^<s> \d+\.\d+ \d+\.\d+ \S+$/
const TIMED_WORD = /^(\S+) (\d+\.\d+) (\d+\.\d+) \S+$/
/** Silence, noise and the marks of a sentence. */
const NO_WORD = /^(?:<.*>|\[.*\]|\+\+.*\+\+)$/

/** A sentence and then each of its words with its times; the second way of saying a word is called `word(2)`. */
function readTimedWords(lines: readonly string[]): Segment[] {
  const sentences: { word: string; fromMs: number; toMs: number }[][] = []
  for (const line of lines) {
    if (SENTENCE_START.test(line)) sentences.push([])
    const [, word, from, to] = TIMED_WORD.exec(line) ?? []
    if (word === undefined || NO_WORD.test(word)) continue
    const spoken = word.replace(/\(\d+\)$/, '')
    sentences.at(-1)?.push({ word: spoken, fromMs: Number(from) * 1000, toMs: Number(to) * 1000 })
  }
  return sentences.flatMap((words) => {
    const [first, last] = [words[0], words.at(-1)]
    if (!first || !last) return []
    return [{ fromMs: first.fromMs, toMs: last.toMs, text: words.map(({ word }) => word).join(' ') }]
  })
}

const seconds = z.number().min(0)

/** As Whisper's own program, and services after it, write it. */
export const whisperJson = z.object({
  text: z.string().optional(),
  language: z.string().nullish(),
  segments: z.array(z.object({ start: seconds, end: seconds, text: z.string() })).nullish(),
})

/** As whisper.cpp writes it, in milliseconds. */
const whisperCppJson = z.object({
  result: z.object({ language: z.string().optional() }).optional(),
  transcription: z.array(z.object({ offsets: z.object({ from: seconds, to: seconds }), text: z.string() })),
})

function readJson(text: string): Pick<Transcript, 'segments' | 'language'> {
  const json = parsed(text)
  const cpp = whisperCppJson.safeParse(json)
  if (cpp.success) {
    const { transcription, result } = cpp.data
    const segments = transcription.map(({ offsets, text: words }) => ({
      fromMs: offsets.from,
      toMs: offsets.to,
      text: words,
    }))
    return withLanguage(segments, result?.language)
  }
  const whisper = whisperJson.safeParse(json)
  if (!whisper.success || !whisper.data.segments)
    throw new TranscriptionError('failed', "The command printed JSON that is none of Whisper's")
  return withLanguage(timedBySeconds(whisper.data.segments), whisper.data.language)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new TranscriptionError('failed', 'The command printed JSON that breaks off', { cause: error })
  }
}

export function timedBySeconds(segments: readonly { start: number; end: number; text: string }[]): Segment[] {
  return segments.map(({ start, end, text }) => ({ fromMs: start * 1000, toMs: end * 1000, text }))
}

export function withLanguage(
  segments: Segment[],
  said: string | null | undefined,
): Pick<Transcript, 'segments' | 'language'> {
  const language = languageTag(said)
  return { segments, ...(language !== undefined && { language }) }
}
