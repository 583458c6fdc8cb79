import { randomUUID } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runExtractor } from './conformance.ts'
import type { ExtractionLimits, Extractor, Facts, Piece } from './port.ts'
import type { SampleFile } from './test-source.ts'

export interface Told {
  pieces: Piece[]
  /** The text at each place, joined: `` for none, else as in `2`, `header`, `2 notes`. */
  texts: Record<string, string>
  facts: Facts
  error?: unknown
}

/** Extracts from bytes and sorts what was said by its place. */
export async function tell(
  extractor: Extractor,
  file: SampleFile,
  limits: Partial<ExtractionLimits> = {},
): Promise<Told> {
  const path = join(tmpdir(), `stowage-extract-${randomUUID()}`)
  await writeFile(path, file.bytes)
  try {
    const source = { ...file, path, sizeBytes: file.bytes.length, name: file.name ?? 'sample' }
    const { pieces, error } = await runExtractor(extractor, source, limits)
    return { pieces, texts: sortByPlace(pieces), facts: joinFacts(pieces), error }
  } finally {
    await rm(path)
  }
}

function sortByPlace(pieces: readonly Piece[]) {
  const texts: Record<string, string> = {}
  for (const piece of pieces) {
    if (piece.kind !== 'text') continue
    const where = [piece.place.page, piece.place.label].filter((part) => part !== undefined).join(' ')
    texts[where] = (texts[where] ?? '') + piece.text
  }
  return texts
}

function joinFacts(pieces: readonly Piece[]): Facts {
  return Object.assign({}, ...pieces.flatMap((piece) => (piece.kind === 'facts' ? [piece.facts] : [])))
}

/** Words that do not pack well, the same in every run. */
export function manyWords(count: number, seed = 1): string {
  const words: string[] = []
  for (let at = 0, state = seed; at < count; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    words.push(state.toString(36))
  }
  return words.join(' ')
}
