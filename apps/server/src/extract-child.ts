import { join } from 'node:path'
import type { ExtractJob } from './features/inspection/room.ts'
import type { PagePicture } from './providers/extractors/ocr-port.ts'
import type { Piece } from './providers/extractors/port.ts'
import { readerOf } from './readers.ts'

/** Runs in a child process: files are read there alone. The source's path is its name in the job's folder. */
export async function run(
  { source: named, limits, draw }: ExtractJob,
  emit: (piece: Piece | PagePicture) => Promise<void>,
  folder: string,
): Promise<void> {
  const reader = readerOf(named.mediaType)
  if (!reader) throw new Error(`nothing reads ${named.mediaType}`)
  const source = { ...named, path: join(folder, named.path) }
  if (draw === undefined) {
    const extractor = await reader.load()
    await extractor.extract(source, emit, limits)
  } else {
    const drawer = await reader.loadDrawer?.()
    if (!drawer) throw new Error(`nothing draws ${named.mediaType}`)
    await emit(await drawer.draw(source, draw))
  }
}
