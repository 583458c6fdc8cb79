import { blamingFile, faultOf, messageOf } from '../extractors/file-fault.ts'
import { type Emit, PreviewError } from './port.ts'

/**
 * Runs the drawing of one file, so that it need not care how it fails: what its libraries throw at a broken file, and
 * what the readers say of one that it shares with the extractors, becomes a PreviewError, while a failing disk and a
 * failing taker stay what they are.
 *
 * @throws PreviewError
 */
export function rendering(emit: Emit, draw: (emit: Emit) => Promise<void>): Promise<void> {
  return blamingFile(emit, draw, toPreviewError)
}

function toPreviewError(error: unknown): PreviewError {
  if (error instanceof PreviewError) return error
  const fault = faultOf(error)
  if (fault) return new PreviewError(fault.kind, fault.message, { cause: error })
  const said = String(error)
  if (/pixel limit|too large|dimensions? exceed/i.test(said)) {
    return new PreviewError('limits', 'The picture has too many pixels', { cause: error })
  }
  if (/unsupported codec|compression format/i.test(said)) {
    return new PreviewError('unsupported', 'Nothing here decodes what is in the file', { cause: error })
  }
  return new PreviewError('corrupt', `The file cannot be drawn: ${messageOf(error)}`, { cause: error })
}
