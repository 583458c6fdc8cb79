import { posix } from 'node:path'
import { findAttribute, localName, type MarkupVisitor, walkMarkup } from './markup.ts'
import { ExtractionError, type ExtractionLimits } from './port.ts'
import { decodeSlices, findXmlEncoding } from './text-decoding.ts'
import type { ZipEntries } from './zip-entries.ts'

/** One part's pointer to another, by the last word of its type: `header`, `notesSlide`. */
export interface Relationship {
  id: string
  type: string
  /** The entry that it points to. */
  target: string
}

/** Walks an entry of XML. */
export function walkEntry(
  zip: ZipEntries,
  limits: ExtractionLimits,
  name: string,
  visitor: MarkupVisitor,
  pause = async () => {},
): Promise<void> {
  const texts = decodeSlices(zip.read(name), findXmlEncoding)
  return walkMarkup(texts, visitor, { dialect: 'xml', depth: limits.depth, pause })
}

/**
 * What a part of an Open Packaging file points to inside the file, in its order (ISO/IEC 29500-2, 6.5); nothing for a
 * part that points nowhere.
 *
 * @param part its entry, or the empty text for the package itself
 */
export async function readRelationships(
  zip: ZipEntries,
  limits: ExtractionLimits,
  part: string,
): Promise<Relationship[]> {
  const folder = posix.dirname(part)
  const name = posix.join(folder, '_rels', `${posix.basename(part)}.rels`)
  const found: Relationship[] = []
  if (!zip.has(name)) return found
  await walkEntry(zip, limits, name, {
    open(element, attributes) {
      if (localName(element) !== 'Relationship' || attributes['TargetMode'] === 'External') return
      if (found.length >= limits.entries)
        throw new ExtractionError('limits', `More than ${limits.entries} relationships`)
      const type = attributes['Type'] ?? ''
      const target = entryOf(folder, attributes['Target'] ?? '')
      found.push({ id: findAttribute(attributes, 'Id') ?? '', type: type.slice(type.lastIndexOf('/') + 1), target })
    },
    close() {},
    text() {},
  })
  return found
}

/** The entries that a part points to by these types and that are there, each once, in the order of the types. */
export function targetsOf(zip: ZipEntries, relationships: readonly Relationship[], ...types: string[]): string[] {
  const targets = types.flatMap((type) =>
    relationships.flatMap((relationship) => (relationship.type === type ? [relationship.target] : [])),
  )
  return [...new Set(targets)].filter((target) => zip.has(target))
}

/** The entry that a reference in another one means; never one outside the archive. */
export function entryOf(folder: string, reference: string): string {
  const path = decodePath(reference.split(/[?#]/)[0]!).replaceAll('\\', '/')
  return posix.join('/', path.startsWith('/') ? '' : folder, path).slice(1)
}

function decodePath(path: string) {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}
