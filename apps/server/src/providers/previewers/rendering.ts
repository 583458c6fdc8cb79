import { type Emit, PreviewError } from './port.ts'

const MAX_MESSAGE_CHARS = 200

/**
 * Runs the drawing of one file, so that it need not care how it fails: what its libraries throw at a broken file becomes
 * a PreviewError, while a failing disk and a failing taker stay what they are.
 *
 * @throws PreviewError
 */
export async function rendering(emit: Emit, draw: (emit: Emit) => Promise<void>): Promise<void> {
  let failed: { error: unknown } | undefined
  const emitOrFail: Emit = async (picture) => {
    try {
      await emit(picture)
    } catch (error) {
      failed = { error }
      throw error
    }
  }
  try {
    await draw(emitOrFail)
  } catch (error) {
    throw failed ? failed.error : toPreviewError(error)
  }
}

function toPreviewError(error: unknown): unknown {
  if (error instanceof PreviewError) return error
  if (error instanceof Error && 'syscall' in error) return error
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof RangeError && /allocation|Invalid (?:string|array|typed array) length|stack/i.test(message)) {
    return new PreviewError('limits', 'The file needs more memory than there is', { cause: error })
  }
  if (/pixel limit|too large|dimensions? exceed/i.test(message)) {
    return new PreviewError('limits', 'The picture has too many pixels', { cause: error })
  }
  if (/unsupported codec|compression format/i.test(message)) {
    return new PreviewError('unsupported', 'Nothing here decodes what is in the file', { cause: error })
  }
  return new PreviewError('corrupt', `The file cannot be drawn: ${message.slice(0, MAX_MESSAGE_CHARS)}`, {
    cause: error,
  })
}
