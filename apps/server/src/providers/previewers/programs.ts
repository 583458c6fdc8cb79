/** External programs that turn what nobody here draws into what somebody does, as data: nothing is started here. */
import { HEIC, OPEN_DOCUMENT, READS, UPRIGHT_JPEG, VIDEO } from '../extractors/media-types.ts'
import { libreOfficeProfile, PROFILE } from './libreoffice-profile.ts'
import { PCM } from './media-types.ts'
import { type Converter, type ConverterLimits, SOURCE_NAME } from './port.ts'

const MIB = 1024 ** 2

/** Of a document; the rest is not laid out on paper. */
const MAX_PAGES = 100
const MAX_SOUND_SECONDS = 2 * 60 * 60
const MAX_POSTER_SIDE = 1920
/** Among so many frames the one that shows most is chosen, so that no film begins with a black picture. */
const POSTER_FRAMES = 24
const MAX_SEEK_SECONDS = 600

const OFFICE_LIMITS: ConverterLimits = {
  wallSeconds: 90,
  cpuSeconds: 60,
  memoryBytes: 1024 * MIB,
  outputBytes: 128 * MIB,
}
const POSTER_LIMITS: ConverterLimits = {
  wallSeconds: 60,
  cpuSeconds: 60,
  memoryBytes: 1024 * MIB,
  outputBytes: 32 * MIB,
}
/** A photograph of fifty million pixels takes 400 MiB. */
const PHOTO_LIMITS: ConverterLimits = {
  wallSeconds: 60,
  cpuSeconds: 60,
  memoryBytes: 1024 * MIB,
  outputBytes: 64 * MIB,
}
const SOUND_LIMITS: ConverterLimits = {
  wallSeconds: 120,
  cpuSeconds: 120,
  memoryBytes: 512 * MIB,
  outputBytes: 128 * MIB,
}

/** What a file may be that is said to be a film or a sound: no list of other files, and no address of any. */
const CONTAINERS = [
  ...['mov', 'matroska', 'avi', 'mpeg', 'mpegts', 'mpegvideo', 'm4v', 'ogg', 'asf', 'flv'],
  ...['mp3', 'wav', 'w64', 'flac', 'aac', 'aiff', 'ape', 'wv', 'amr'],
].join(',')

const READING = [
  ...['-nostdin', '-hide_banner', '-loglevel', 'error', '-threads', '2'],
  ...['-protocol_whitelist', 'file,pipe', '-format_whitelist', CONTAINERS],
]

/** In the shape in which it is to be looked at, and not larger than it is. */
const POSTER_FILTERS = [
  'scale=iw*sar:ih',
  `scale=min(iw\\,${MAX_POSTER_SIDE}):min(ih\\,${MAX_POSTER_SIDE}):force_original_aspect_ratio=decrease`,
  'setsar=1',
  `thumbnail=${POSTER_FRAMES}`,
].join(',')

export const CONVERTERS: readonly Converter[] = [
  office('libreoffice-writer', 'writer_pdf_Export', [
    ...READS.office.filter((type) => type.includes('word')),
    ...READS.doc,
    ...READS.rtf,
    ...['text', 'text-template', 'text-master'].map((kind) => OPEN_DOCUMENT + kind),
  ]),
  office('libreoffice-calc', 'calc_pdf_Export', READS.sheets),
  office('libreoffice-impress', 'impress_pdf_Export', [
    ...READS.office.filter((type) => !type.includes('word')),
    'application/vnd.ms-powerpoint',
    ...['presentation', 'presentation-template'].map((kind) => OPEN_DOCUMENT + kind),
  ]),
  {
    id: 'heif-convert',
    program: 'heif-convert',
    reads: HEIC,
    output: { name: 'photo.jpg', mediaType: UPRIGHT_JPEG },
    files: () => ({}),
    arguments: (sourceName) => ['--quiet', '-q', '95', sourceName, 'photo.jpg'],
    limits: PHOTO_LIMITS,
  },
  {
    id: 'ffmpeg-poster',
    program: 'ffmpeg',
    reads: VIDEO,
    output: { name: 'poster.png', mediaType: 'image/png' },
    files: () => ({}),
    arguments: (sourceName, durationMs) => [
      ...READING,
      ...(durationMs === undefined ? [] : ['-ss', String(Math.min(durationMs / 10_000, MAX_SEEK_SECONDS))]),
      ...['-i', `file:${sourceName}`, '-map', '0:v:0', '-vf', POSTER_FILTERS],
      ...['-frames:v', '1', '-c:v', 'png', '-f', 'image2', '-update', '1', 'poster.png'],
    ],
    limits: POSTER_LIMITS,
  },
  {
    id: 'ffmpeg-pcm',
    program: 'ffmpeg',
    reads: READS.media.filter((type) => type.startsWith('audio/')),
    output: { name: 'sound.pcm', mediaType: PCM },
    files: () => ({}),
    arguments: (sourceName) => [
      ...READING,
      ...['-i', `file:${sourceName}`, '-map', '0:a:0', '-t', String(MAX_SOUND_SECONDS)],
      ...['-ac', '1', '-ar', '8000', '-c:a', 'pcm_s16le', '-f', 's16le', 'sound.pcm'],
    ],
    limits: SOUND_LIMITS,
  },
]

/** What turns files of a type into something that is drawn here, if anything does. */
export function converterOf(mediaType: string): Converter | undefined {
  return CONVERTERS.find(({ reads }) => reads.includes(mediaType))
}

function office(id: string, exporter: string, reads: readonly string[]): Converter {
  const pages = JSON.stringify({ PageRange: { type: 'string', value: `1-${MAX_PAGES}` } })
  return {
    id,
    program: 'soffice',
    reads,
    output: { name: `${SOURCE_NAME}.pdf`, mediaType: 'application/pdf' },
    files: libreOfficeProfile,
    arguments: (sourceName) => [
      // $SYSUSERCONFIG is LibreOffice's own word for .config in the folder that is HOME.
      `-env:UserInstallation=$SYSUSERCONFIG/${PROFILE}`,
      ...['--headless', '--norestore', '--nologo', '--nodefault', '--nolockcheck', '--nofirststartwizard'],
      ...['--convert-to', `pdf:${exporter}:${pages}`, '--outdir', '.', sourceName],
    ],
    limits: OFFICE_LIMITS,
  }
}
