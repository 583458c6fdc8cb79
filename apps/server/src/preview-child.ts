import { join } from 'node:path'
import type { PreviewJob } from './features/variants/room.ts'
import { previewerOf } from './previewers.ts'
import type { Emit } from './providers/previewers/port.ts'

/** Runs in a child process: files are drawn there alone. The source's path is its name in the job's folder. */
export async function run({ source, wanted, limits }: PreviewJob, emit: Emit, folder: string): Promise<void> {
  const drawer = previewerOf(source.mediaType)
  if (!drawer) throw new Error(`nothing draws ${source.mediaType}`)
  const previewer = await drawer.load()
  await previewer.render({ ...source, path: join(folder, source.path) }, wanted, emit, limits)
}
