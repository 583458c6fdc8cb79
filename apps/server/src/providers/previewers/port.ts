import type { Source } from '../extractors/port.ts'

/**
 * A previewer makes pictures of one family of files: of an image, of a document's pages, of a text, of a sound. It trusts
 * nothing in them.
 *
 * It runs in a process of its own that may be killed at any moment, has no network, and draws one file. It MUST stop at
 * the limits; it MUST NOT write files, start processes or fetch what a file points at; what it draws MUST be upright and
 * MUST NOT carry over anything that the file says of itself, such as where it was taken.
 */
export interface Previewer {
  /**
   * Makes each picture that is wanted of a page that is there, in the order in which they are wanted.
   *
   * @param emit resolves when the next picture may be emitted; MUST be awaited
   * @throws PreviewError; anything else is a fault of the previewer
   */
  render(source: Source, wanted: readonly Wanted[], emit: Emit, limits: PreviewLimits): Promise<void>
}

export type { Source }

export interface Wanted {
  /** From 1. A file without pages has one. */
  page: number
  /** In pixels; nothing is ever enlarged, but for what has no size of its own. */
  width: number
  height: number
  /** `inside` keeps the whole picture, `cover` fills the box and cuts what stands out. */
  fit: 'inside' | 'cover'
  format: PictureFormat
}

export type PictureFormat = 'jpeg' | 'webp' | 'avif' | 'png'

export type Emit = (picture: Picture) => Promise<void>

export interface Picture {
  /** Which of those that were wanted. */
  index: number
  bytes: Uint8Array
  width: number
  height: number
}

export interface PreviewLimits {
  /** Of a picture before it is made smaller. */
  pixels: number
  /** Of a text that is drawn. */
  textChars: number
}

/** What a converter's source is called in its folder. */
export const SOURCE_NAME = 'source'

/**
 * An external program that turns files into files of another type, which are drawn or read.
 *
 * Whoever starts one writes its `files` into an empty folder beside the source, runs it there with HOME set to that
 * folder, and finds its output there, or nothing: a program may end well without having made anything.
 */
export interface Converter {
  id: string
  /** To be found by PATH. */
  program: string
  /** Media types. */
  reads: readonly string[]
  output: { name: string; mediaType: string }
  /** What must lie in the folder before it starts, by path. */
  files(): Record<string, string>
  /** @param sourceName SOURCE_NAME, after which some programs call their output */
  arguments(sourceName: string, durationMs?: number): string[]
  limits: ConverterLimits
}

export interface ConverterLimits {
  wallSeconds: number
  cpuSeconds: number
  memoryBytes: number
  outputBytes: number
}

export type PreviewErrorKind =
  /** Not what its media type says, or broken so that nothing can be drawn. */
  | 'corrupt'
  /** Only its password opens it. */
  | 'encrypted'
  | 'limits'
  /** A kind of file inside this family that nobody here draws, or one that has nothing to be seen. */
  | 'unsupported'

export class PreviewError extends Error {
  readonly kind: PreviewErrorKind

  constructor(kind: PreviewErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'PreviewError'
    this.kind = kind
  }
}
