import { fileURLToPath } from 'node:url'
import { createTurns } from './domain/turns.ts'
import type { Delivery } from './features/delivery/room.ts'
import type { Uploads } from './features/uploads/room.ts'
import type { Variants, Way } from './features/variants/room.ts'
import { findProgram } from './platform/sandbox/programs.ts'
import type { Sandbox } from './platform/sandbox/sandbox.ts'
import { previewerOf } from './previewers.ts'
import { converterOf } from './providers/previewers/programs.ts'

const PREVIEW_CHILD = fileURLToPath(import.meta.resolve('./preview-child.ts'))
/** Each is held in memory as a whole. */
const ATTACHED_AT_ONCE = 4

export function createVariants(
  uploads: Uploads,
  delivery: Delivery,
  sandbox: () => Promise<Sandbox>,
  options: { releaseDelaySeconds: number },
): Variants {
  return {
    uploads,
    delivery,
    sandbox,
    child: PREVIEW_CHILD,
    wayOf,
    waiting: new Map(),
    attaching: createTurns(ATTACHED_AT_ONCE),
    options,
  }
}

/** How files of a type become pictures here, by what is installed. */
export function wayOf(mediaType: string): Way {
  const painter = previewerOf(mediaType)
  if (painter) return { painter, converter: undefined }
  const converter = converterOf(mediaType)
  const second = converter && previewerOf(converter.output.mediaType)
  if (!converter || !second) return { reason: `nothing here draws ${mediaType}` }
  if (findProgram(converter.program) === undefined)
    return { reason: `${converter.program} is needed to draw ${mediaType}, and is not installed` }
  return { painter: second, converter }
}
