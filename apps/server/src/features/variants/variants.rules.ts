import type { Wanted } from '../../providers/previewers/port.ts'

/** What tells a version's variants apart. */
export interface VariantId {
  name: string
  /** Empty where there is one of the name. */
  suffix: string
}

/** A picture that an organization has named. */
export type ImageSize = Omit<Wanted, 'page'>
export type ImageSizes = Readonly<Record<string, ImageSize>>

const PREVIEW_PAGES = 3
const THUMBNAIL: Wanted = { page: 1, width: 320, height: 320, fit: 'inside', format: 'jpeg' }
const PREVIEW: Wanted = { page: 1, width: 1600, height: 1600, fit: 'inside', format: 'webp' }
const OPTIMISED = { page: 1, width: 2048, height: 2048, fit: 'inside' } as const
const POSTER: Wanted = { page: 1, width: 1280, height: 1280, fit: 'inside', format: 'webp' }
const WAVEFORM: Wanted = { page: 1, width: 1600, height: 320, fit: 'inside', format: 'png' }

const OPTIMISED_FORMATS = ['avif', 'webp'] as const
const ONE_PAGE = /^(image\/(?!tiff)|video\/|audio\/|text\/|application\/(json|xml|javascript))/

/** What is meant by a name alone. `accept` is the header of RFC 9110 section 12.5.1. */
export function meant(name: string, suffix: string | undefined, accept = ''): VariantId {
  if (suffix !== undefined) return { name, suffix }
  if (name === 'preview') return { name, suffix: '1' }
  if (name !== 'optimised') return { name, suffix: '' }
  return { name, suffix: accept.includes('image/avif') ? 'avif' : 'webp' }
}

/** The picture that a variant of a file of this type is to be; undefined when there is no such variant. */
export function pictureOf({ name, suffix }: VariantId, mediaType: string, sizes: ImageSizes): Wanted | undefined {
  const [family] = mediaType.split('/')
  switch (name) {
    case 'thumbnail':
      return suffix === '' ? THUMBNAIL : undefined
    case 'preview': {
      const page = previewPages(mediaType).find((each) => String(each) === suffix)
      return page === undefined ? undefined : { ...PREVIEW, page }
    }
    case 'optimised': {
      const format = OPTIMISED_FORMATS.find((each) => each === suffix)
      return family === 'image' && format ? { ...OPTIMISED, format } : undefined
    }
    case 'poster':
      return family === 'video' && suffix === '' ? POSTER : undefined
    case 'waveform':
      return family === 'audio' && suffix === '' ? WAVEFORM : undefined
    default:
      return Object.hasOwn(sizes, name) && suffix === '' ? { ...(sizes[name] as ImageSize), page: 1 } : undefined
  }
}

/** Every variant that can be made of files of this type, if they can be drawn at all. */
export function possibleVariants(mediaType: string, sizes: ImageSizes): VariantId[] {
  const candidates = [
    { name: 'thumbnail', suffix: '' },
    ...previewPages(mediaType).map((page) => ({ name: 'preview', suffix: String(page) })),
    ...OPTIMISED_FORMATS.map((suffix) => ({ name: 'optimised', suffix })),
    { name: 'poster', suffix: '' },
    { name: 'waveform', suffix: '' },
    ...Object.keys(sizes).map((name) => ({ name, suffix: '' })),
  ]
  return candidates.filter((each) => pictureOf(each, mediaType, sizes) !== undefined)
}

function previewPages(mediaType: string): number[] {
  const count = ONE_PAGE.test(mediaType) ? 1 : PREVIEW_PAGES
  return Array.from({ length: count }, (_, index) => index + 1)
}

/** How a picture was made, in one line: when it differs, it is worth making again. */
export function recipeOf(
  { page, width, height, fit, format }: Wanted,
  painter: { id: string; version: number },
): string {
  return `${painter.id}/${painter.version} page ${page} ${fit} ${width}x${height} ${format}`
}
