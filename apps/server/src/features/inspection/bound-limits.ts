/** How much work and how large a result one file may stand for. Sizes in bytes. */
export type BoundLimits = {
  /** Everything an archive unpacks to, nested archives included. */
  maxUnpackedBytes: number
  /** Members of an archive, those of nested archives included. */
  maxEntries: number
  /** Unpacked bytes for each stored byte, looked at once more than `ratioFromBytes` were unpacked. */
  maxRatio: number
  ratioFromBytes: number
  /** Archives inside one another below the outermost; a tar in a gzip counts as one archive with it. */
  maxNesting: number
  /** Pixels of the largest frame or page of an image. */
  maxPixels: number
  /** Pixels of all frames or pages together. */
  maxTotalPixels: number
  maxFrames: number
  maxSvgBytes: number
  /** Elements inside one another in an SVG. */
  maxSvgDepth: number
}

export const defaultBoundLimits: BoundLimits = {
  maxUnpackedBytes: 1024 ** 3,
  maxEntries: 10_000,
  maxRatio: 200,
  ratioFromBytes: 10 * 1024 ** 2,
  maxNesting: 3,
  maxPixels: 100_000_000,
  maxTotalPixels: 1_000_000_000,
  maxFrames: 5_000,
  maxSvgBytes: 10 * 1024 ** 2,
  maxSvgDepth: 256,
}

export type RefusalCode =
  | 'archiveTooLarge'
  | 'archiveTooManyEntries'
  | 'archiveRatio'
  | 'archiveNested'
  | 'archiveMalformed'
  | 'imageTooManyPixels'
  | 'imageMalformed'

export type Refusal = { code: RefusalCode; detail: string; members: Record<string, number> }

/** Carries a refusal up through the walks over a file; never leaves this room. */
export class Refused extends Error {
  readonly refusal: Refusal
  constructor(code: RefusalCode, detail: string, members: Record<string, number> = {}) {
    super(detail)
    this.refusal = { code, detail, members }
  }
}

/** What was learnt about an archive on the way. */
export type ArchiveFacts = {
  kind: 'archive'
  entries: number
  /** Declared bytes of members that cannot be opened, true bytes of all others; every level of nesting counts. */
  unpackedBytes: number
  nesting: number
  encryptedEntries: number
  /** Members whose inside was not looked at: an unknown compression, or a nested archive that cannot be opened. */
  opaqueEntries: number
  /** Members whose name would leave the folder it is unpacked to. */
  unsafeNames: number
}

/** What an image claims in its headers; nothing was decoded. */
export type ImageFacts = { kind: 'image'; width: number; height: number; frames: number; totalPixels: number }
