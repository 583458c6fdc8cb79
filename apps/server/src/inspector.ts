import { Problem } from './domain/problem.ts'
import { defaultBoundLimits } from './features/inspection/bound-limits.ts'
import { checkBounds } from './features/inspection/bounds.ts'
import { detectMediaType } from './features/inspection/detect.ts'
import type { Inspector } from './features/uploads/room.ts'
import { readerOf } from './readers.ts'
import { wayOf } from './variants.ts'

/** The inspection room as the uploads room sees it, which lies to its left and cannot call it. */
export const inspector: Inspector = {
  detect: detectMediaType,
  reads: (mediaType) => readerOf(mediaType) !== undefined,
  draws: (mediaType) => mediaType.startsWith('image/') && 'painter' in wayOf(mediaType),
  async checkBounds(mediaType, reader, signal) {
    const result = await checkBounds(mediaType, reader, defaultBoundLimits, signal)
    if (result.ok) return
    const { code, detail } = result.refused
    if (code.startsWith('image')) throw new Problem('upload.imageRefused', { reason: code, detail })
    throw new Problem('upload.archiveRefused', { reason: code, detail })
  },
}
