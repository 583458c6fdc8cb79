import { basename, dirname, join } from 'node:path'
import { type Source, ToolError, type ToolLimits, type TranscribeOptions, TranscriptionError } from './port.ts'
import { bytesOf, durationOf, findSpeechWav, SAMPLE_RATE, type SpeechWav } from './wav.ts'

const MIB = 1024 * 1024
/** What a recording is listened to at most. */
export const LONGEST_MS = 6 * 60 * 60 * 1000
export const CUT_SHORT = 'limits: only the first six hours were listened to'

const SPEECH_FILE = 'speech.wav'
const LIMITS: ToolLimits = {
  wallSeconds: 900,
  cpuSeconds: 900,
  memoryBytes: 1024 * MIB,
  outputBytes: bytesOf(LONGEST_MS) + MIB,
}

/** Kinds of files that hold sound themselves. Playlists are not among them: they make ffmpeg open other files. */
const FORMATS = [
  'aac,ac3,aiff,amr,ape,asf,au,avi,caf,flac,flv,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2',
  'mp3,mpeg,mpegts,mpegvideo,ogg,tta,w64,wav,wv',
].join(',')

/**
 * The sound of a file as a WAV file that every engine takes: itself where it is one, else one that ffmpeg writes beside it.
 *
 * @returns undefined where there is no ffmpeg
 * @throws TranscriptionError `refused` | `limits`
 */
export async function speechOf(source: Source, options: TranscribeOptions): Promise<SpeechWav | undefined> {
  const found = await findSpeechWav(source.path)
  if (found && durationOf(found.sizeBytes) <= LONGEST_MS) return found
  const path = join(dirname(source.path), SPEECH_FILE)
  try {
    await options.runTool('ffmpeg', ffmpegArguments(basename(source.path)), {
      folder: dirname(source.path),
      limits: LIMITS,
      signal: options.signal,
    })
  } catch (error) {
    if (!(error instanceof ToolError)) throw error
    if (error.kind === 'missing') return undefined
    const kind = error.kind === 'limits' ? 'limits' : 'refused'
    throw new TranscriptionError(kind, `ffmpeg hears nothing in it: ${lastLine(error.message)}`, { cause: error })
  }
  const made = await findSpeechWav(path)
  if (!made) throw new TranscriptionError('refused', 'ffmpeg wrote no sound')
  return made
}

function ffmpegArguments(file: string): string[] {
  return [
    ...['-nostdin', '-hide_banner', '-v', 'error', '-protocol_whitelist', 'file', '-format_whitelist', FORMATS],
    ...['-i', `file:${file}`, '-map', '0:a:0', '-t', String(LONGEST_MS / 1000)],
    ...['-ac', '1', '-ar', String(SAMPLE_RATE), '-c:a', 'pcm_s16le', '-map_metadata', '-1'],
    ...['-fflags', '+bitexact', '-flags:a', '+bitexact', '-f', 'wav', '-y', SPEECH_FILE],
  ]
}

export function wasCut(speech: SpeechWav): boolean {
  return durationOf(speech.sizeBytes) >= LONGEST_MS
}

function lastLine(message: string): string {
  return message.trim().split('\n').at(-1)?.slice(0, 200) ?? ''
}
