/** Algorithms we compute; others in a field are ignored, as RFC 9530 section 2 asks. */
export type DigestAlgorithm = 'sha-256' | 'sha-512'

/** Digests in lower-case hexadecimal. */
export type Digests = Partial<Record<DigestAlgorithm, string>>

const LENGTH_BYTES: Readonly<Record<DigestAlgorithm, number>> = { 'sha-256': 32, 'sha-512': 64 }

// RFC 8941 section 3.2 and 3.3.5: a dictionary whose members of interest are byte sequences.
const MEMBER = /^([a-z*][a-z0-9_.*-]*)(=[^;]*)?((?:; *[a-z*][a-z0-9_.*-]*(?:=[^;]*)?)*)$/
const BYTE_SEQUENCE = /^=:([A-Za-z0-9+/]*={0,2}):$/

/**
 * Reads a Repr-Digest or Content-Digest field (RFC 9530 sections 2 and 3). A field with unknown algorithms alone gives
 * no digests; a field that is no dictionary, or a known digest that is not one, is malformed as a whole.
 */
export function parseDigestField(field: string): { digests: Digests } | { malformed: string } {
  const digests: Digests = {}
  for (const text of field.split(',')) {
    const member = MEMBER.exec(text.trim())
    if (!member) return { malformed: 'Write the field as algorithm=:base64:, such as sha-256=:…:' }
    const [, algorithm, value] = member
    if (!isKnown(algorithm!)) continue
    const base64 = BYTE_SEQUENCE.exec(value ?? '')?.[1]
    const hex = base64 === undefined ? undefined : hexOfBase64(base64, LENGTH_BYTES[algorithm])
    if (hex === undefined) {
      return { malformed: `${algorithm} must be ${LENGTH_BYTES[algorithm]} bytes of base64 between colons` }
    }
    // RFC 8941 section 3.2: of two members with one key, the last counts.
    digests[algorithm] = hex
  }
  return { digests }
}

/** Writes a Repr-Digest or Content-Digest field. */
export function formatDigestField(digests: Digests): string {
  const members = Object.entries(digests).map(([algorithm, hex]) => {
    return `${algorithm}=:${Buffer.from(hex, 'hex').toString('base64')}:`
  })
  return members.join(', ')
}

/**
 * A SHA-256 that a client sent in a field of its own, as 64 hexadecimal digits or as base64 (either alphabet, with or
 * without padding); in lower-case hexadecimal, or undefined when it is none.
 */
export function parseSha256(text: string): string | undefined {
  const trimmed = text.trim()
  if (/^[0-9a-fA-F]{64}$/.test(trimmed)) return trimmed.toLowerCase()
  const base64 = trimmed.replaceAll('-', '+').replaceAll('_', '/')
  return hexOfBase64(base64, LENGTH_BYTES['sha-256'])
}

function hexOfBase64(base64: string, lengthBytes: number): string | undefined {
  const bytes = Buffer.from(base64, 'base64')
  // Buffer skips what is not base64; only text that it would write itself is taken.
  const padded = bytes.toString('base64')
  const same = base64 === padded || base64 === padded.replace(/=+$/, '')
  return same && bytes.length === lengthBytes ? bytes.toString('hex') : undefined
}

function isKnown(algorithm: string): algorithm is DigestAlgorithm {
  return Object.hasOwn(LENGTH_BYTES, algorithm)
}
