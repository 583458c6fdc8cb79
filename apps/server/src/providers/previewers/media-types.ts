/**
 * Which previewer draws which media types. Apart from the previewers, which are heavy: the server itself only asks
 * whether there is one, and they are loaded where files are drawn, in child processes.
 */
import { DECODED_IMAGES, HTML, SVG, READS as TEXTS } from '../extractors/media-types.ts'

/** What a sound becomes on its way to a picture: 16 bits a sample, little-endian, one channel, 8000 samples a second. */
export const PCM = 'audio/pcm;rate=8000'

const WAV = ['audio/wav', 'audio/x-wav', 'audio/vnd.wave']

export const DRAWS = {
  image: [...DECODED_IMAGES, SVG],
  pdf: ['application/pdf'],
  text: [
    ...TEXTS.text,
    ...TEXTS.csv,
    ...HTML,
    'application/xml',
    'application/rss+xml',
    'application/atom+xml',
    'application/gpx+xml',
    'application/vnd.google-earth.kml+xml',
  ],
  waveform: [PCM, ...WAV],
} as const satisfies Record<string, readonly string[]>
