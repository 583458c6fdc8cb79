import { join } from 'node:path'
import type { Emit, ExtractionLimits, Source } from './providers/extractors/port.ts'
import { readerOf } from './readers.ts'

/** Runs in a child process: files are read there alone. The source's path is its name in the job's folder. */
export async function run(
  { source, limits }: { source: Source; limits: ExtractionLimits },
  emit: Emit,
  folder: string,
): Promise<void> {
  const reader = readerOf(source.mediaType)
  if (!reader) throw new Error(`nothing reads ${source.mediaType}`)
  const extractor = await reader.load()
  await extractor.extract({ ...source, path: join(folder, source.path) }, emit, limits)
}
