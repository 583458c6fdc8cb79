import { lstat, mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { SandboxError } from '../../platform/sandbox/sandbox.ts'
import type { Piece, Source } from '../../providers/extractors/port.ts'
import type { Converter } from '../../providers/previewers/port.ts'
import { type Desk, MAX_SOURCE_BYTES } from './extraction.ts'

/**
 * Has an external program turn the file into one that can be read, in the same folder.
 *
 * @throws SandboxError
 */
export async function convert(
  { sandbox, folder, signal }: Desk,
  converter: Converter,
  source: Source,
): Promise<Source> {
  for (const [name, text] of Object.entries(converter.files())) {
    await mkdir(dirname(join(folder, name)), { recursive: true, mode: 0o700 })
    await writeFile(join(folder, name), text, { mode: 0o600 })
  }
  const { program, limits, output } = converter
  await sandbox.exec(program, converter.arguments(source.path), { folder, limits, signal })
  const made = await lstat(join(folder, output.name)).catch(() => undefined)
  // LibreOffice ends well also when it could not open the file.
  if (!made?.isFile()) throw new SandboxError('failed', `${program} could not convert the file.`)
  if (made.size > MAX_SOURCE_BYTES) throw new SandboxError('output', `${program} made too large a file of it.`)
  const { name, mediaType } = output
  return { path: name, sizeBytes: made.size, mediaType, name: source.name }
}

/** What was made of a file has its text and its pages; what else it says of itself is of the program that made it. */
export function asOfOriginal(piece: Piece): Piece {
  if (piece.kind !== 'facts') return piece
  const { pageCount } = piece.facts
  return { kind: 'facts', facts: pageCount === undefined ? {} : { pageCount } }
}
