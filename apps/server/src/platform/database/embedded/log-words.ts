import { fstatSync, readSync } from 'node:fs'

/** Reads back what programs wrote to the log file, which stays open for them. */
export type LogWords = {
  position(): number
  /** The end of what was written since a position, short enough for the message of an error. */
  since(position: number): string
}

const LONGEST_QUOTE_BYTES = 2_000

export function logWords(logFile: number): LogWords {
  const position = () => fstatSync(logFile).size
  return {
    position,
    since: (begun) => {
      const end = position()
      const from = Math.max(begun, end - LONGEST_QUOTE_BYTES)
      const quote = Buffer.alloc(end - from)
      readSync(logFile, quote, 0, quote.length, from)
      return quote.toString().trim()
    },
  }
}
