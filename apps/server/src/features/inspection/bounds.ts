import { type ArchiveKind, checkArchive } from './archive-bounds.ts'
import { type ArchiveFacts, type BoundLimits, type ImageFacts, type Refusal, Refused } from './bound-limits.ts'
import { checkImage, findImageWalk } from './image-bounds.ts'
import { guardedReader, type RandomReader, SourceFailure } from './random-reader.ts'
import { checkSvg } from './svg-bounds.ts'

export type BoundsResult = { ok: true; facts?: ArchiveFacts | ImageFacts } | { ok: false; refused: Refusal }

const archiveKinds: Record<string, ArchiveKind> = {
  'application/zip': 'zip',
  'application/epub+zip': 'zip',
  'application/java-archive': 'zip',
  'application/x-xpinstall': 'zip',
  'application/vnd.android.package-archive': 'zip',
  'application/vnd.visio': 'zip',
  'model/3mf': 'zip',
  'application/gzip': 'gzip',
  'application/x-tar': 'tar',
}
const zipFamilies = [
  'application/vnd.openxmlformats-officedocument.',
  'application/vnd.oasis.opendocument.',
  'application/vnd.apple.',
]

/**
 * Checks that a file stands for no more than it may: what an archive unpacks to, what an image decodes to. Media types
 * that are neither pass without being read.
 *
 * Reads only what it needs, in slices; memory does not grow with the file, nothing is written, and other work gets its
 * turn in between. Encrypted members and unknown compressions are judged by what they declare; the facts count them.
 *
 * @param mediaType as found by `detectMediaType`, never as the sender declared it.
 * @throws the reader's own error, or the reason of `signal`; hostile bytes are a refusal, never a throw
 */
export async function checkBounds(
  mediaType: string,
  reader: RandomReader,
  limits: BoundLimits,
  signal: AbortSignal,
): Promise<BoundsResult> {
  const check = findCheck(mediaType)
  if (!check) return { ok: true }
  try {
    return { ok: true, facts: await check(guardedReader(reader, signal), limits) }
  } catch (error) {
    if (error instanceof Refused) return { ok: false, refused: error.refusal }
    if (error instanceof SourceFailure) throw error.cause
    if (mediaType.startsWith('image/')) return { ok: false, refused: malformedImage(error) }
    throw error
  }
}

function findCheck(mediaType: string) {
  if (mediaType === 'image/svg+xml') return checkSvg
  const walk = findImageWalk(mediaType)
  if (walk) return (reader: RandomReader, limits: BoundLimits) => checkImage(walk, reader, limits)
  const kind = findArchiveKind(mediaType)
  if (kind) return (reader: RandomReader, limits: BoundLimits) => checkArchive(kind, reader, limits)
  return undefined
}

function findArchiveKind(mediaType: string): ArchiveKind | undefined {
  if (Object.hasOwn(archiveKinds, mediaType)) return archiveKinds[mediaType]
  const isZip =
    zipFamilies.some((family) => mediaType.startsWith(family)) ||
    mediaType.endsWith('+zip') ||
    /^application\/vnd\.ms-(?:word|excel|powerpoint)\..*macroenabled/i.test(mediaType)
  return isZip ? 'zip' : undefined
}

/** Header readers fail in their own words, by range errors among others; those say nothing to a reader of the answer. */
function malformedImage(error: unknown): Refusal {
  const known = error instanceof Error && /^(?:The|A) /.test(error.message)
  return { code: 'imageMalformed', detail: known ? error.message : "The image's headers cannot be read", members: {} }
}
