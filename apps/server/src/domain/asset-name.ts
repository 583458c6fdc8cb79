export type AssetNameCode =
  | 'empty'
  | 'tooLong'
  | 'controlCharacter'
  | 'directionCharacter'
  | 'pathSeparator'
  | 'dotsOnly'
  | 'brokenCharacter'
  | 'surroundingSpace'

export interface AssetNameProblem {
  code: AssetNameCode
  /** What is wrong and what to do about it, in plain words. */
  message: string
}

/** In characters (code points), not bytes. */
export const MAXIMUM_NAME_LENGTH = 255

const MESSAGES: Readonly<Record<AssetNameCode, string>> = {
  empty: 'The name is empty; give it at least one character.',
  tooLong: `The name is longer than ${MAXIMUM_NAME_LENGTH} characters; shorten it.`,
  controlCharacter: 'The name holds a control character, such as a line break; take it out.',
  directionCharacter: 'The name holds a hidden character that turns the writing direction; take it out.',
  pathSeparator: 'The name holds a slash or a backslash; a name is not a path, put the asset into a folder instead.',
  dotsOnly: 'The names "." and ".." are reserved; choose another.',
  brokenCharacter: 'The name is not valid text: half of a character is missing; send it as UTF-8.',
  surroundingSpace: 'The name begins or ends with white space; take it off.',
}

const CHECKS: Readonly<Record<AssetNameCode, (name: string) => boolean>> = {
  empty: (name) => name.length === 0,
  tooLong: (name) => [...name].length > MAXIMUM_NAME_LENGTH,
  // Cc holds NUL, CR and LF; the two separators end a line as well.
  controlCharacter: (name) => /[\p{Cc}\u2028\u2029]/u.test(name),
  // A name such as photo<U+202E>gnp.exe is shown as photoexe.png.
  directionCharacter: (name) => /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u.test(name),
  pathSeparator: (name) => /[/\\]/.test(name),
  dotsOnly: (name) => name === '.' || name === '..',
  brokenCharacter: (name) => !name.isWellFormed(),
  surroundingSpace: (name) => name !== name.trim(),
}

/** Everything that is wrong with a name; an empty list accepts it. An accepted name is kept exactly as it was given. */
export function assetNameProblems(name: string): AssetNameProblem[] {
  const codes = (Object.keys(CHECKS) as AssetNameCode[]).filter((code) => CHECKS[code](name))
  return codes.map((code) => ({ code, message: MESSAGES[code] }))
}

/** The form in which two names are compared: composed (NFC) and without regard to case. Never shown. */
export function comparableName(name: string): string {
  // One character at a time, so that the lower case of a letter does not depend on its neighbours (the final sigma).
  return Array.from(name.normalize('NFC'), foldCase).join('').normalize('NFC')
}

function foldCase(character: string): string {
  // Its upper case is the plain I, but it is another letter.
  if (character === 'ı') return character
  return Array.from(character.toUpperCase(), (each) => each.toLowerCase()).join('')
}

/** The extension of a name, in lower case without its dot; undefined where there is none of 1 to 10 letters or digits. */
export function extensionOf(name: string): string | undefined {
  return /[^.]\.([A-Za-z0-9]{1,10})$/.exec(name)?.[1]?.toLowerCase()
}

/** The name of a generated text, `{type}_{YYYYMMDD_HHMMSS}.txt` in UTC. */
export function generatedName(assetType: string, createdAt: Date): string {
  const [date, time] = createdAt.toISOString().split('T') as [string, string]
  return `${assetType}_${date.replaceAll('-', '')}_${time.slice(0, 8).replaceAll(':', '')}.txt`
}
