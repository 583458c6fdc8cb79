import { ExtractionError } from './port.ts'

/**
 * Works on one file, whose libraries may throw what they like at a broken one: that becomes what `explain` makes of it,
 * while a failing disk and a failing taker stay what they are.
 */
export async function blamingFile<Item>(
  emit: (item: Item) => Promise<void>,
  work: (emit: (item: Item) => Promise<void>) => Promise<void>,
  explain: (error: unknown) => unknown,
): Promise<void> {
  let failed: { error: unknown } | undefined
  const emitOrFail = async (item: Item) => {
    if (failed) throw failed.error
    try {
      await emit(item)
    } catch (error) {
      failed = { error }
      throw error
    }
  }
  try {
    await work(emitOrFail)
  } catch (error) {
    if (failed) throw failed.error
    throw error instanceof Error && 'syscall' in error ? error : explain(error)
  }
}

/** @returns what the error says of the file; undefined where the file may just be broken */
export function faultOf(error: unknown): ExtractionError | undefined {
  if (error instanceof ExtractionError) return error
  const isTooMuch =
    error instanceof RangeError && /allocation|Invalid (?:string|array|typed array) length|stack/i.test(error.message)
  if (!isTooMuch) return undefined
  return new ExtractionError('limits', 'The file needs more memory than there is', { cause: error })
}

const MAX_MESSAGE_CHARS = 200

/** What a library said, as the part of a sentence. */
export function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, MAX_MESSAGE_CHARS)
}
