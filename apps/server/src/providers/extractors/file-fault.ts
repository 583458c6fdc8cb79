/** What is wrong with a file that is read or drawn, as both ports know it. */
export type FileFaultKind = 'corrupt' | 'encrypted' | 'limits' | 'unsupported'

/** Thrown by what reads and what draws alike; each port has an error of its own, which this becomes. */
export class FileFault extends Error {
  readonly kind: FileFaultKind

  constructor(kind: FileFaultKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'FileFault'
    this.kind = kind
  }
}

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
export function faultOf(error: unknown): FileFault | undefined {
  if (error instanceof FileFault) return error
  const isTooMuch =
    error instanceof RangeError && /allocation|Invalid (?:string|array|typed array) length|stack/i.test(error.message)
  return isTooMuch ? new FileFault('limits', 'The file needs more memory than there is', { cause: error }) : undefined
}

const MAX_MESSAGE_CHARS = 200

/** What a library said, as the part of a sentence. */
export function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, MAX_MESSAGE_CHARS)
}
