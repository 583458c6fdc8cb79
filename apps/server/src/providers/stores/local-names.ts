import { randomBytes } from 'node:crypto'

/**
 * Names of temporary files: the key, made fit for a file name, `~` and random letters. A key too long for one name is
 * cut into folders, whose names end in `+`. Neither character appears in an encoded key, so the key is read back from
 * the path.
 */
const PIECE_LENGTH = 200

const PLAIN: Record<number, string> = Object.fromEntries(
  Array.from('abcdefghijklmnopqrstuvwxyz0123456789._-', (character) => [character.charCodeAt(0), character]),
)

/**
 * Where the temporary files of one key lie, and how their names begin; `folders` are relative to the temporary folder.
 */
export interface TemporaryNames {
  folders: string[]
  namePrefix: string
}

export function temporaryNames(key: string): TemporaryNames {
  const pieces = encodeKey(key).match(new RegExp(`.{1,${PIECE_LENGTH}}`, 'g')) ?? []
  return { folders: pieces.slice(0, -1).map((piece) => `${piece}+`), namePrefix: `${pieces.at(-1)}~` }
}

export function newTemporaryName({ namePrefix }: TemporaryNames): string {
  return namePrefix + randomBytes(8).toString('hex')
}

/** The key that a temporary file was written for, or undefined when the file is none of ours. */
export function keyOfTemporary(path: string[]): string | undefined {
  const name = path.at(-1)!
  if (!name.includes('~')) return undefined
  const encoded = path.slice(0, -1).map((folder) => folder.replace(/\+$/, ''))
  try {
    return decodeURIComponent(encoded.join('') + name.slice(0, name.lastIndexOf('~')))
  } catch {
    return undefined
  }
}

// Capitals are encoded too: keys that differ only in case stay apart where the file system takes them for one.
function encodeKey(key: string): string {
  return Array.from(Buffer.from(key), (byte) => PLAIN[byte] ?? `%${byte.toString(16).padStart(2, '0')}`).join('')
}
