export type MediaFamily =
  | 'text'
  | 'image'
  | 'document'
  | 'spreadsheet'
  | 'presentation'
  | 'archive'
  | 'audio'
  | 'video'
  | 'mail'
  | 'font'
  | 'other'

/** One media type that we know. */
export interface MediaType {
  name: string
  extensions: readonly string[]
  family: MediaFamily
  /** Whether a transfer gains from compression. */
  compressible: boolean
  /** Whether a browser would run what it holds: never shown in place. */
  active: boolean
  /** Whether a browser may show it in place. */
  inlineSafe: boolean
  /** Whether it is text that people could read; detection then often says no more than that. */
  textual: boolean
  /** Whether its bytes always begin in a known way, so that content nobody recognises is not of this type. */
  signed: boolean
  /** Other types that detection may rightly give for such content. */
  detectedAs: readonly string[]
}

type Mark = 'compressible' | 'active' | 'inlineSafe' | 'textual' | 'signed'

const ZIP = ['application/zip']
// Word and Excel write RTF, and old files are told apart only by what lies inside the container.
const COMPOUND = ['application/x-cfb', 'application/rtf']
const MPEG4 = ['video/mp4', 'audio/mp4', 'video/quicktime', 'video/x-m4v', 'video/3gpp']
const OGG = ['application/ogg', 'audio/ogg', 'video/ogg']
const MATROSKA = ['video/webm', 'audio/webm', 'video/x-matroska', 'audio/x-matroska']
const HEIF = ['image/heic', 'image/heif', 'image/heic-sequence', 'image/heif-sequence']
const TIFF = ['image/tiff']
const XML = ['application/xml']

const TEXT: Mark[] = ['compressible', 'textual']
const SHOWN_TEXT: Mark[] = [...TEXT, 'inlineSafe']
const ACTIVE_TEXT: Mark[] = [...TEXT, 'active']
const PICTURE: Mark[] = ['signed', 'inlineSafe']

function type(
  name: string,
  extensions: string,
  family: MediaFamily,
  marks: readonly Mark[] = [],
  detectedAs: readonly string[] = [],
): MediaType {
  const has = (mark: Mark) => marks.includes(mark)
  return {
    name,
    extensions: extensions.split(' ').filter((extension) => extension !== ''),
    family,
    compressible: has('compressible'),
    active: has('active'),
    inlineSafe: has('inlineSafe'),
    textual: has('textual'),
    signed: has('signed'),
    detectedAs,
  }
}

/** The first row that names an extension is its usual type. */
export const MEDIA_TYPES: readonly MediaType[] = [
  type('text/plain', 'txt text log ini cfg conf env', 'text', SHOWN_TEXT),
  type('text/csv', 'csv', 'spreadsheet', SHOWN_TEXT),
  type('text/tab-separated-values', 'tsv tab', 'spreadsheet', SHOWN_TEXT),
  type('text/markdown', 'md markdown mdx', 'text', SHOWN_TEXT, ['text/html']),
  type('application/json', 'json map webmanifest', 'text', SHOWN_TEXT),
  type('application/x-ndjson', 'ndjson jsonl', 'text', SHOWN_TEXT),
  type('application/yaml', 'yaml yml', 'text', SHOWN_TEXT),
  type('application/toml', 'toml', 'text', SHOWN_TEXT),
  type('text/vtt', 'vtt', 'text', SHOWN_TEXT),
  type('application/x-subrip', 'srt', 'text', SHOWN_TEXT),
  type('text/calendar', 'ics ical', 'text', TEXT),
  type('text/vcard', 'vcf vcard', 'text', TEXT),
  type('text/css', 'css', 'text', TEXT),
  type('text/html', 'html htm', 'text', ACTIVE_TEXT, ['application/xhtml+xml', ...XML]),
  type('application/xhtml+xml', 'xhtml xht', 'text', ACTIVE_TEXT, ['text/html', ...XML]),
  type('application/xml', 'xml xsd xsl xslt rss atom gpx kml', 'text', ACTIVE_TEXT, [
    'application/xhtml+xml',
    'image/svg+xml',
    'application/rss+xml',
    'application/atom+xml',
    'application/gpx+xml',
    'application/vnd.google-earth.kml+xml',
  ]),
  type('text/javascript', 'js mjs cjs', 'text', ACTIVE_TEXT),
  type('text/x-typescript', 'ts tsx jsx', 'text', TEXT),
  type('text/x-python', 'py', 'text', TEXT),
  type('text/x-shellscript', 'sh bash', 'text', TEXT),
  type('text/x-sql', 'sql', 'text', TEXT),
  type('text/x-source', 'c h cpp hpp cc java go rs rb cs swift kt lua pl r', 'text', TEXT),
  type('text/x-template', 'php vue svelte ejs hbs erb jsp', 'text', ACTIVE_TEXT, ['text/html', 'text/x-php', ...XML]),

  type('image/jpeg', 'jpg jpeg jpe jfif', 'image', PICTURE),
  type('image/png', 'png', 'image', PICTURE, ['image/apng']),
  type('image/apng', 'apng', 'image', PICTURE, ['image/png']),
  type('image/gif', 'gif', 'image', PICTURE),
  type('image/webp', 'webp', 'image', PICTURE),
  type('image/avif', 'avif', 'image', PICTURE),
  type('image/bmp', 'bmp dib', 'image', [...PICTURE, 'compressible']),
  type('image/vnd.microsoft.icon', 'ico cur', 'image', PICTURE),
  type('image/heic', 'heic', 'image', ['signed'], HEIF),
  type('image/heif', 'heif', 'image', ['signed'], HEIF),
  type('image/tiff', 'tif tiff', 'image', ['signed']),
  type('image/x-adobe-dng', 'dng', 'image', ['signed'], TIFF),
  type('image/x-canon-cr2', 'cr2', 'image', ['signed'], TIFF),
  type('image/x-nikon-nef', 'nef', 'image', ['signed'], TIFF),
  type('image/x-sony-arw', 'arw', 'image', ['signed'], TIFF),
  type('image/jxl', 'jxl', 'image', ['signed']),
  type('image/jp2', 'jp2', 'image', ['signed']),
  type('image/svg+xml', 'svg', 'image', ACTIVE_TEXT, XML),
  type('image/vnd.adobe.photoshop', 'psd', 'image', ['signed', 'compressible']),

  type('application/pdf', 'pdf', 'document', PICTURE),
  type('application/postscript', 'ps eps ai', 'document', ['compressible'], ['application/pdf', 'application/eps']),
  type('application/rtf', 'rtf', 'document', ['signed', 'compressible']),
  type('application/msword', 'doc dot', 'document', ['signed', 'compressible'], COMPOUND),
  type('application/vnd.openxmlformats-officedocument.wordprocessingml.document', 'docx', 'document', ['signed'], ZIP),
  type(
    'application/vnd.openxmlformats-officedocument.wordprocessingml.template',
    'dotx',
    'document',
    ['signed'],
    [...ZIP, 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'],
  ),
  type('application/vnd.ms-word.document.macroenabled.12', 'docm', 'document', ['signed'], ZIP),
  type('application/vnd.oasis.opendocument.text', 'odt', 'document', ['signed'], ZIP),
  type('application/epub+zip', 'epub', 'document', ['signed'], ZIP),
  type('application/vnd.ms-excel', 'xls xlt', 'spreadsheet', ['signed', 'compressible'], COMPOUND),
  type('application/vnd.openxmlformats-officedocument.spreadsheetml.sheet', 'xlsx', 'spreadsheet', ['signed'], ZIP),
  type(
    'application/vnd.openxmlformats-officedocument.spreadsheetml.template',
    'xltx',
    'spreadsheet',
    ['signed'],
    [...ZIP, 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'],
  ),
  type('application/vnd.ms-excel.sheet.macroenabled.12', 'xlsm', 'spreadsheet', ['signed'], ZIP),
  type('application/vnd.oasis.opendocument.spreadsheet', 'ods', 'spreadsheet', ['signed'], ZIP),
  type('application/vnd.apache.parquet', 'parquet', 'spreadsheet'),
  type('application/vnd.ms-powerpoint', 'ppt pps', 'presentation', ['signed', 'compressible'], COMPOUND),
  type(
    'application/vnd.openxmlformats-officedocument.presentationml.presentation',
    'pptx',
    'presentation',
    ['signed'],
    ZIP,
  ),
  type(
    'application/vnd.openxmlformats-officedocument.presentationml.slideshow',
    'ppsx',
    'presentation',
    ['signed'],
    [...ZIP, 'application/vnd.openxmlformats-officedocument.presentationml.presentation'],
  ),
  type('application/vnd.ms-powerpoint.presentation.macroenabled.12', 'pptm', 'presentation', ['signed'], ZIP),
  type('application/vnd.oasis.opendocument.presentation', 'odp', 'presentation', ['signed'], ZIP),
  type('application/vnd.apple.pages', 'pages', 'document', ['signed'], ZIP),
  type('application/vnd.apple.numbers', 'numbers', 'spreadsheet', ['signed'], ZIP),
  type('application/vnd.apple.keynote', 'key', 'presentation', [], ZIP),

  type('application/zip', 'zip', 'archive', ['signed']),
  type('application/gzip', 'gz tgz', 'archive', ['signed']),
  type('application/x-tar', 'tar', 'archive', ['compressible']),
  type('application/x-bzip2', 'bz2 tbz2', 'archive', ['signed']),
  type('application/x-xz', 'xz txz', 'archive', ['signed']),
  type('application/zstd', 'zst', 'archive', ['signed']),
  type('application/x-7z-compressed', '7z', 'archive', ['signed']),
  type('application/vnd.rar', 'rar', 'archive', ['signed']),
  type('application/java-archive', 'jar war', 'archive', ['signed'], ZIP),
  type('application/vnd.android.package-archive', 'apk', 'archive', ['signed'], ZIP),
  type('application/x-cfb', '', 'other', ['compressible']),

  type('audio/mpeg', 'mp3', 'audio', ['inlineSafe']),
  type('audio/wav', 'wav', 'audio', PICTURE),
  type('audio/flac', 'flac', 'audio', PICTURE),
  type('audio/aac', 'aac', 'audio', ['inlineSafe']),
  type('audio/mp4', 'm4a m4b', 'audio', PICTURE, MPEG4),
  type('audio/ogg', 'oga ogg opus', 'audio', PICTURE, OGG),
  type('audio/webm', 'weba', 'audio', PICTURE, MATROSKA),
  type('audio/x-matroska', 'mka', 'audio', ['signed'], MATROSKA),
  type('audio/aiff', 'aif aiff', 'audio', ['signed']),
  type('audio/amr', 'amr', 'audio', ['signed']),
  type('audio/midi', 'mid midi', 'audio', ['signed']),
  type('audio/x-ms-wma', 'wma', 'audio', ['signed'], ['application/vnd.ms-asf', 'video/x-ms-asf', 'audio/x-ms-asf']),

  type('video/mp4', 'mp4', 'video', PICTURE, MPEG4),
  type('video/x-m4v', 'm4v', 'video', PICTURE, MPEG4),
  type('video/quicktime', 'mov qt', 'video', PICTURE, MPEG4),
  type('video/3gpp', '3gp 3g2', 'video', ['signed'], MPEG4),
  type('video/webm', 'webm', 'video', PICTURE, MATROSKA),
  type('video/x-matroska', 'mkv', 'video', ['signed'], MATROSKA),
  type('video/ogg', 'ogv ogg', 'video', PICTURE, OGG),
  type('video/x-msvideo', 'avi', 'video', ['signed']),
  type('video/mpeg', 'mpg mpeg', 'video', [], ['video/mp1s', 'video/mp2p']),
  type('video/mp2t', 'mts m2ts ts', 'video'),
  type('video/x-ms-wmv', 'wmv', 'video', ['signed'], ['application/vnd.ms-asf', 'video/x-ms-asf']),
  type('video/x-flv', 'flv', 'video', ['signed']),

  type('message/rfc822', 'eml mht mhtml', 'mail', TEXT),
  type('application/mbox', 'mbox', 'mail', TEXT, ['message/rfc822']),
  type('application/vnd.ms-outlook', 'msg', 'mail', ['signed', 'compressible'], COMPOUND),

  type('font/woff', 'woff', 'font', ['signed']),
  type('font/woff2', 'woff2', 'font', ['signed']),
  type('font/ttf', 'ttf', 'font', ['signed', 'compressible']),
  type('font/otf', 'otf', 'font', ['signed', 'compressible']),

  type('application/wasm', 'wasm', 'other', ['signed', 'compressible', 'active']),
  type('application/x-msdownload', 'exe dll', 'other', ['signed']),
  type('application/x-elf', 'elf so', 'other', ['signed']),
  type('application/vnd.sqlite3', 'sqlite sqlite3', 'other', ['signed', 'compressible']),
  type('application/pgp-encrypted', 'gpg pgp', 'other'),
]

/** Other names under which types travel. */
export const MEDIA_TYPE_ALIASES: Readonly<Record<string, string>> = {
  'image/jpg': 'image/jpeg',
  'image/pjpeg': 'image/jpeg',
  'image/x-png': 'image/png',
  'image/x-ms-bmp': 'image/bmp',
  'image/x-bmp': 'image/bmp',
  'image/x-icon': 'image/vnd.microsoft.icon',
  'image/ico': 'image/vnd.microsoft.icon',
  'image/x-tiff': 'image/tiff',
  'image/svg': 'image/svg+xml',
  'image/x-photoshop': 'image/vnd.adobe.photoshop',
  'audio/mp3': 'audio/mpeg',
  'audio/x-mp3': 'audio/mpeg',
  'audio/x-mpeg': 'audio/mpeg',
  'audio/x-wav': 'audio/wav',
  'audio/wave': 'audio/wav',
  'audio/vnd.wave': 'audio/wav',
  'audio/x-pn-wav': 'audio/wav',
  'audio/x-flac': 'audio/flac',
  'audio/x-m4a': 'audio/mp4',
  'audio/m4a': 'audio/mp4',
  'audio/x-aac': 'audio/aac',
  'audio/aacp': 'audio/aac',
  'audio/opus': 'audio/ogg',
  'audio/x-aiff': 'audio/aiff',
  'video/avi': 'video/x-msvideo',
  'video/msvideo': 'video/x-msvideo',
  'video/vnd.avi': 'video/x-msvideo',
  'video/matroska': 'video/x-matroska',
  'video/3gpp2': 'video/3gpp',
  'text/xml': 'application/xml',
  'text/json': 'application/json',
  'application/x-json': 'application/json',
  'application/jsonl': 'application/x-ndjson',
  'application/x-jsonlines': 'application/x-ndjson',
  'text/yaml': 'application/yaml',
  'text/x-yaml': 'application/yaml',
  'application/x-yaml': 'application/yaml',
  'text/x-markdown': 'text/markdown',
  'application/csv': 'text/csv',
  'text/x-csv': 'text/csv',
  'text/comma-separated-values': 'text/csv',
  'application/javascript': 'text/javascript',
  'application/x-javascript': 'text/javascript',
  'application/ecmascript': 'text/javascript',
  'text/ecmascript': 'text/javascript',
  'text/x-js': 'text/javascript',
  'application/typescript': 'text/x-typescript',
  'application/sql': 'text/x-sql',
  'application/x-sh': 'text/x-shellscript',
  'text/x-vcard': 'text/vcard',
  'text/rtf': 'application/rtf',
  'application/x-rtf': 'application/rtf',
  'application/x-pdf': 'application/pdf',
  'application/x-zip-compressed': 'application/zip',
  'application/x-zip': 'application/zip',
  'application/x-gzip': 'application/gzip',
  'application/x-tgz': 'application/gzip',
  'application/x-bzip': 'application/x-bzip2',
  'application/x-rar-compressed': 'application/vnd.rar',
  'application/x-rar': 'application/vnd.rar',
  'application/x-zstd': 'application/zstd',
  'application/x-ole-storage': 'application/x-cfb',
  'application/cdfv2': 'application/x-cfb',
  'application/x-font-ttf': 'font/ttf',
  'application/x-font-otf': 'font/otf',
  'font/sfnt': 'font/ttf',
  'application/font-woff': 'font/woff',
  'application/x-dosexec': 'application/x-msdownload',
  'application/vnd.microsoft.portable-executable': 'application/x-msdownload',
  'application/x-sqlite3': 'application/vnd.sqlite3',
}
