const PLAIN = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/

/**
 * Metadata as header values, which hold ASCII alone: a value that is anything else, holds `%` or `=?`, or begins or
 * ends with a space is percent-encoded as UTF-8. `readMetadata` turns it back; a value that others wrote and that is
 * not percent-encoded is left as it is.
 */
export function writeMetadata(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return mapValues(metadata, (value) => (isPlain(value) ? value : encodeURIComponent(value.toWellFormed())))
}

export function readMetadata(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return mapValues(metadata, (value) => {
    try {
      return decodeURIComponent(value)
    } catch {
      return value
    }
  })
}

function isPlain(value: string): boolean {
  return PLAIN.test(value) && !value.includes('%') && !value.includes('=?')
}

function mapValues(record: Readonly<Record<string, string>>, change: (value: string) => string) {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]))
}
