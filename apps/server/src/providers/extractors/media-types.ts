/**
 * Which reader reads what. Apart from the readers, which are heavy: the server itself only asks whether there is one, and
 * they are loaded where files are read, in child processes.
 */

const OPEN_XML = 'application/vnd.openxmlformats-officedocument.'
export const OPEN_DOCUMENT = 'application/vnd.oasis.opendocument.'
export const SVG = 'image/svg+xml'
export const HTML = ['text/html', 'application/xhtml+xml']
export const JSON_TYPES = ['application/json', 'application/x-ndjson']
export const OUTLOOK = 'application/vnd.ms-outlook'
export const XLS = 'application/vnd.ms-excel'

export const VIDEO = [
  'video/mp4',
  'video/quicktime',
  'video/x-m4v',
  'video/webm',
  'video/x-matroska',
  'video/matroska',
  'video/x-msvideo',
  'video/vnd.avi',
  'video/mpeg',
  'video/mp2t',
  'video/ogg',
  'video/3gpp',
  'video/3gpp2',
  'video/x-ms-asf',
  'video/x-ms-wmv',
  'video/x-flv',
]

/** Photographs of telephones: what they say of themselves is read here, their pixels by a program that turns them into others. */
export const HEIC = ['image/heic', 'image/heif']

/** What becomes of them: upright, although its Exif may still say how the camera was held (ISO/IEC 23008-12, A.2.4). */
export const UPRIGHT_JPEG = 'image/jpeg;upright'

export const DECODED_IMAGES = [
  'image/jpeg',
  'image/png',
  'image/apng',
  'image/gif',
  'image/webp',
  'image/tiff',
  'image/avif',
  UPRIGHT_JPEG,
]

/** Images that nothing here decodes, but whose first bytes tell their size. */
export const MEASURED_IMAGES = [
  'image/bmp',
  'image/vnd.adobe.photoshop',
  'image/vnd.microsoft.icon',
  'image/x-icon',
  'image/jp2',
  'image/jxl',
]

export const READS = {
  office: [
    `${OPEN_XML}wordprocessingml.document`,
    `${OPEN_XML}wordprocessingml.template`,
    'application/vnd.ms-word.document.macroenabled.12',
    'application/vnd.ms-word.template.macroenabled.12',
    `${OPEN_XML}presentationml.presentation`,
    `${OPEN_XML}presentationml.slideshow`,
    `${OPEN_XML}presentationml.template`,
    'application/vnd.ms-powerpoint.presentation.macroenabled.12',
    'application/vnd.ms-powerpoint.slideshow.macroenabled.12',
    'application/vnd.ms-powerpoint.template.macroenabled.12',
  ],
  odf: [
    'text',
    'text-template',
    'text-master',
    'presentation',
    'presentation-template',
    'graphics',
    'graphics-template',
  ].map((kind) => OPEN_DOCUMENT + kind),
  sheets: [
    `${OPEN_XML}spreadsheetml.sheet`,
    `${OPEN_XML}spreadsheetml.template`,
    'application/vnd.ms-excel.sheet.macroenabled.12',
    'application/vnd.ms-excel.template.macroenabled.12',
    `${OPEN_DOCUMENT}spreadsheet`,
    `${OPEN_DOCUMENT}spreadsheet-template`,
    XLS,
  ],
  csv: ['text/csv', 'text/tab-separated-values'],
  pdf: ['application/pdf'],
  doc: ['application/msword'],
  rtf: ['application/rtf'],
  epub: ['application/epub+zip'],
  html: [
    ...HTML,
    SVG,
    'application/xml',
    'application/rss+xml',
    'application/atom+xml',
    'application/gpx+xml',
    'application/vnd.google-earth.kml+xml',
  ],
  mail: ['message/rfc822', OUTLOOK],
  text: [
    'text/plain',
    'text/markdown',
    ...JSON_TYPES,
    'application/yaml',
    'application/toml',
    'text/vtt',
    'application/x-subrip',
    'text/calendar',
    'text/vcard',
    'text/css',
    'text/javascript',
    'text/x-typescript',
    'text/x-python',
    'text/x-shellscript',
    'text/x-sql',
    'text/x-source',
    'text/x-template',
  ],
  image: [...DECODED_IMAGES, ...HEIC, ...MEASURED_IMAGES],
  media: [
    'audio/mpeg',
    'audio/wav',
    'audio/x-wav',
    'audio/vnd.wave',
    'audio/flac',
    'audio/x-flac',
    'audio/ogg',
    'audio/opus',
    'audio/mp4',
    'audio/x-m4a',
    'audio/aac',
    'audio/aiff',
    'audio/x-aiff',
    'audio/x-ms-wma',
    'audio/x-ms-asf',
    'audio/webm',
    'audio/ape',
    'audio/wavpack',
    'audio/amr',
    ...VIDEO,
  ],
} as const satisfies Record<string, readonly string[]>
