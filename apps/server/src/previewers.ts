import { DRAWS } from './providers/previewers/media-types.ts'
import type { Previewer } from './providers/previewers/port.ts'

/** Who draws files of some types, and what else that takes. */
interface Drawer {
  id: keyof typeof DRAWS
  /** Raised whenever it draws something better, so that files can be drawn again. */
  version: number
  load: () => Promise<Previewer>
  /** What its child process must be allowed. */
  grants: readonly 'addons'[]
}

// All of them end in sharp, which is native.
const grants = ['addons'] as const

const drawers: readonly Drawer[] = [
  {
    id: 'image',
    version: 1,
    load: async () => (await import('./providers/previewers/image.ts')).imagePreviewer,
    grants,
  },
  { id: 'pdf', version: 1, load: async () => (await import('./providers/previewers/pdf.ts')).pdfPreviewer, grants },
  { id: 'text', version: 1, load: async () => (await import('./providers/previewers/text.ts')).textPreviewer, grants },
  {
    id: 'waveform',
    version: 1,
    load: async () => (await import('./providers/previewers/waveform.ts')).waveformPreviewer,
    grants,
  },
]

const byType: ReadonlyMap<string, Drawer> = new Map(
  drawers.flatMap((drawer) => DRAWS[drawer.id].map((mediaType) => [mediaType, drawer] as const)),
)

/** Who draws files of a type, if anybody does. */
export function previewerOf(mediaType: string): Drawer | undefined {
  return byType.get(mediaType)
}
