export type DispositionKind = 'inline' | 'attachment'

// RFC 8187 section 3.2.1: attr-char
const ATTR_CHAR = /^[A-Za-z0-9!#$&+\-.^_`|~]$/
const FALLBACK_NAME = 'download'

/**
 * The Content-Disposition of an answer (RFC 6266): `filename*` carries the name exactly, `filename` an ASCII likeness
 * for clients that read nothing else. Safe in a header whatever the name holds.
 */
export function contentDisposition(kind: DispositionKind, name: string): string {
  return `${kind}; filename="${asciiLikeness(name)}"; filename*=UTF-8''${extendedValue(name)}`
}

function asciiLikeness(name: string): string {
  // RFC 6266 section 4.3: recipients use only the last path segment; what stands before it is not a name.
  const last = name.split(/[/\\]/).at(-1)!
  const likeness = last
    .normalize('NFKD')
    .replace(/[\p{M}\p{Cc}\p{Cf}]/gu, '')
    // Appendix D: some clients decode %XX in `filename`; quotes and separators must not come back by decomposition.
    .replace(/[^\x20-\x7e]|["\\/%]/gu, '_')
    .trim()
  return /[A-Za-z0-9]/.test(likeness) ? likeness : FALLBACK_NAME
}

// RFC 8187 section 3.2: value-chars = *( pct-encoded / attr-char )
function extendedValue(name: string): string {
  let value = ''
  for (const byte of Buffer.from(name, 'utf8')) {
    const character = String.fromCharCode(byte)
    value += ATTR_CHAR.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return value
}
