import { isUtf8 } from 'node:buffer'
import { type FileHandle, open, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { type MediaInfoFactoryOptions, type MediaInfoResult, mediaInfoFactory } from 'mediainfo.js'
import { type IAudioMetadata, parseFile } from 'music-metadata'
import { toIsoInstant } from './fact-values.ts'
import { VIDEO } from './media-types.ts'
import { extracting, type Output } from './output.ts'
import { ExtractionError, type Extractor, type Facts, type Source } from './port.ts'
import { wasm } from './wasm.ts'

const chunkBytes = 256 * 1024
/** What is read of a file that leads its reader to and fro. */
const maxReads = 4000

type More = NonNullable<Facts['more']>
type Track = NonNullable<MediaInfoResult['media']>['track'][number]
type TrackOf<Kind extends Track['@type']> = Extract<Track, { '@type': Kind }>

/** How long sound and pictures last, what they are coded in, and the tags that they carry. */
export const mediaExtractor: Extractor = {
  extract: (source, emit, limits) => extracting(emit, limits, (output) => readMedia(source, output)),
}

async function readMedia(source: Source, output: Output) {
  const tags = await readTags(source)
  const needsTracks = VIDEO.includes(source.mediaType) || tags?.format.duration === undefined
  const tracks = needsTracks ? await readTracks(source) : []
  const facts = mergeFacts(tags ? describeTags(tags) : {}, describeTracks(tracks))
  if (facts.durationMs === undefined && facts.width === undefined && !facts.more?.['audio.codec']) {
    throw new ExtractionError('corrupt', 'Neither sound nor pictures are found in the file')
  }
  await output.facts(facts)
}

/** Undefined when the reader of tags knows nothing of the file. */
async function readTags(source: Source): Promise<IAudioMetadata | undefined> {
  try {
    return await parseFile(source.path, { duration: true, skipCovers: true, mkvUseIndex: true })
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) throw error
    return undefined
  }
}

function mergeFacts(first: Facts, second: Facts): Facts {
  const present = Object.entries(first).filter(([, value]) => value !== undefined)
  return { ...second, ...Object.fromEntries(present), more: { ...second.more, ...first.more } }
}

function describeTags({ common, format }: IAudioMetadata): Facts {
  const values: Record<string, unknown> = {
    'media.container': format.container,
    'audio.codec': format.codec,
    'audio.sampleRate': format.sampleRate,
    'audio.channels': format.numberOfChannels,
    'audio.bitrate': format.bitrate && Math.round(format.bitrate),
    'audio.album': repair(common.album),
    'audio.albumArtist': repair(common.albumartist),
    'audio.track': common.track?.no,
    'audio.genre': common.genre?.map((genre) => repair(genre)),
    'audio.year': common.year,
  }
  return {
    title: repair(common.title),
    author: repair(common.artist),
    keywords: common.keywords,
    producer: format.tool ?? common.encodedby,
    createdAt: readCreation(format.creationTime),
    durationMs: toMs(format.duration),
    more: definedOnly(values),
  }
}

/** Tags that name no encoding are read as Latin-1, and are often UTF-8. */
function repair(text: string): string
function repair(text: string | undefined): string | undefined
function repair(text: string | undefined) {
  if (text === undefined || !/^[\0-\xff]*[\x80-\xff]/.test(text) || /[^\0-\xff]/.test(text)) return text
  const bytes = Buffer.from(text, 'latin1')
  return isUtf8(bytes) ? bytes.toString('utf8') : text
}

/** Writers that do not know leave the beginning of their calendar, 1904 or 1970. */
function readCreation(date: Date | undefined) {
  return date && date.getUTCFullYear() > 1970 ? toIsoInstant(date) : undefined
}

function toMs(seconds: number | undefined) {
  return seconds !== undefined && Number.isFinite(seconds) && seconds > 0 ? Math.round(seconds * 1000) : undefined
}

function definedOnly(values: Record<string, unknown>): More {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined && value !== null)) as More
}

let kept: Promise<object> | undefined

/** Each file gets a module of its own; they share its code as long as one that was compiled from it is held. */
function keepCode() {
  const path = createRequire(import.meta.url).resolve('mediainfo.js/MediaInfoModule.wasm')
  kept ??= readFile(path).then((bytes) => wasm.compile(bytes))
  return kept
}

async function readTracks(source: Source): Promise<readonly Track[]> {
  await keepCode()
  const file = await open(source.path)
  try {
    // The module prints nothing, and an abort of it shows as a call that throws.
    const options: MediaInfoFactoryOptions<'object'> = { format: 'object', chunkSize: chunkBytes }
    const mediainfo = await mediaInfoFactory(options)
    const result = await mediainfo.analyzeData(source.sizeBytes, limitedReads(file))
    return result.media?.track ?? []
  } finally {
    await file.close()
  }
}

function limitedReads(file: FileHandle) {
  let reads = 0
  return async (size: number, offset: number) => {
    reads += 1
    if (reads > maxReads) throw new ExtractionError('limits', 'The file leads its reader to and fro')
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size), 0, size, offset)
    return new Uint8Array(buffer.buffer, buffer.byteOffset, bytesRead)
  }
}

function describeTracks(tracks: readonly Track[]): Facts {
  const general = findTrack(tracks, 'General')
  const picture = findTrack(tracks, 'Video')
  const sound = findTrack(tracks, 'Audio')
  const turned = Number(picture?.Rotation) % 180 === 90
  const [width, height] = turned ? [picture?.Height, picture?.Width] : [picture?.Width, picture?.Height]
  return {
    title: repair(general?.Title),
    author: repair(general?.Performer),
    producer: general?.Encoded_Application,
    createdAt: readEncodedDate(general?.Encoded_Date),
    durationMs: toMs(general?.Duration ?? picture?.Duration ?? sound?.Duration),
    width,
    height,
    more: definedOnly({
      'media.container': general?.Format,
      'video.codec': picture?.Format,
      'video.frameRate': picture?.FrameRate,
      'audio.codec': sound?.Format,
      'audio.sampleRate': sound?.SamplingRate,
      'audio.channels': sound?.Channels,
    }),
  }
}

function findTrack<Kind extends Track['@type']>(tracks: readonly Track[], kind: Kind): TrackOf<Kind> | undefined {
  return tracks.find((track): track is TrackOf<Kind> => track['@type'] === kind)
}

/** `2024-05-06 07:08:09 UTC` or `UTC 2024-05-06 07:08:09`. */
function readEncodedDate(text: string | undefined) {
  const found = /(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)/.exec(text ?? '')
  return found ? readCreation(new Date(`${found[1]}T${found[2]}Z`)) : undefined
}
