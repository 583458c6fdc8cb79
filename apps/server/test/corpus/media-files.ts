import { type CorpusFile, fileIn, type KnownFacts, type Workshop } from './corpus-file.ts'
import { exec } from './tools.ts'

/** Sound and films of ffmpeg's making: a tone, and a test picture. */

const SECONDS = 3
const [WIDTH, HEIGHT] = [320, 240]
const TITLE = 'Φάρος και θάλασσα'
const ARTIST = 'Ελένη'
const TAGS = ['-metadata', `title=${TITLE}`, '-metadata', `artist=${ARTIST}`]

const SOUND = ['-f', 'lavfi', '-i', `sine=frequency=440:sample_rate=44100:duration=${SECONDS}`]
const PICTURE = ['-f', 'lavfi', '-i', `testsrc=size=${WIDTH}x${HEIGHT}:rate=25:duration=${SECONDS}`]

/** Containers that keep no tag, or not both of them. */
const TAGGED: Readonly<Record<string, KnownFacts>> = {
  aac: {},
  // Its texts are ASCII.
  aiff: {},
  avi: { title: TITLE },
  mpg: {},
  ts: {},
}

const SOUNDS: Readonly<Record<string, readonly string[]>> = {
  mp3: ['-c:a', 'libmp3lame'],
  flac: ['-c:a', 'flac'],
  ogg: ['-c:a', 'libvorbis'],
  opus: ['-c:a', 'libopus'],
  m4a: ['-c:a', 'aac'],
  aac: ['-c:a', 'aac'],
  wav: ['-c:a', 'pcm_s16le'],
  aiff: ['-c:a', 'pcm_s16be'],
  wma: ['-c:a', 'wmav2'],
}

const FILMS: Readonly<Record<string, readonly string[]>> = {
  mp4: ['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-c:a', 'aac'],
  mov: ['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-c:a', 'aac'],
  mkv: ['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-c:a', 'flac'],
  webm: ['-c:v', 'libvpx', '-c:a', 'libvorbis', '-deadline', 'realtime'],
  avi: ['-c:v', 'mpeg4', '-c:a', 'libmp3lame'],
  mpg: ['-c:v', 'mpeg2video', '-c:a', 'mp2'],
  ts: ['-c:v', 'mpeg2video', '-c:a', 'mp2'],
  ogv: ['-c:v', 'libtheora', '-c:a', 'libvorbis'],
}

export async function makeMedia(workshop: Workshop): Promise<CorpusFile[]> {
  const made: CorpusFile[] = []
  const make = async (name: string, format: string, words: readonly string[], facts: KnownFacts) => {
    const file = fileIn(workshop, name)
    const tagged = TAGGED[format] ?? { title: TITLE, author: ARTIST }
    try {
      await exec('ffmpeg', ['-v', 'error', '-y', ...words, ...TAGS, file.path])
      made.push({ ...file, format, maker: 'ffmpeg', facts: { durationMs: SECONDS * 1000, ...tagged, ...facts } })
    } catch (error) {
      workshop.missing.push(`${name}: ${(error as Error).message.split('\n').at(-2)}`)
    }
  }
  for (const [format, codec] of Object.entries(SOUNDS)) await make(`tone.${format}`, format, [...SOUND, ...codec], {})
  for (const [format, codecs] of Object.entries(FILMS)) {
    await make(`film.${format}`, format, [...PICTURE, ...SOUND, ...codecs], { width: WIDTH, height: HEIGHT })
  }
  return made
}
