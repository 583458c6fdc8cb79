/** What a Range header asks of a representation. `start` and `end` are inclusive byte positions. */
export type RangeAnswer = { kind: 'whole' } | RangePart | { kind: 'unsatisfiable' }

export interface RangePart {
  kind: 'part'
  start: number
  end: number
}

const WHOLE: RangeAnswer = { kind: 'whole' }
const UNSATISFIABLE: RangeAnswer = { kind: 'unsatisfiable' }

/**
 * Reads a Range header (RFC 9110 section 14.2) for a representation of `sizeBytes` bytes.
 *
 * A header in another unit, in bad syntax, or for several ranges is ignored, as section 14.2 allows: the whole
 * representation is sent.
 */
export function parseRange(header: string | undefined, sizeBytes: number): RangeAnswer {
  // RFC 9110 section 14.1: "Range units are case-insensitive"; section 5.6.1: empty list elements are ignored.
  const set = header === undefined ? undefined : /^\s*bytes=(.*)$/i.exec(header)?.[1]
  const specs = (set ?? '').split(',').map((spec) => spec.trim())
  const [spec, ...others] = specs.filter((each) => each !== '')
  const bounds = spec === undefined || others.length > 0 ? null : /^(\d*)-(\d*)$/.exec(spec)
  if (!bounds) return WHOLE
  const [, first, last] = bounds as unknown as [string, string, string]
  if (first === '') return last === '' ? WHOLE : suffixRange(BigInt(last), sizeBytes)
  // RFC 9110 section 14.1.1: "An int-range is invalid if the last-pos value is present and less than first-pos."
  if (last !== '' && BigInt(last) < BigInt(first)) return WHOLE
  return intRange(BigInt(first), last === '' ? undefined : BigInt(last), sizeBytes)
}

function intRange(first: bigint, last: bigint | undefined, sizeBytes: number): RangeAnswer {
  const end = BigInt(sizeBytes) - 1n
  if (first > end) return UNSATISFIABLE
  return { kind: 'part', start: Number(first), end: Number(last === undefined || last > end ? end : last) }
}

function suffixRange(length: bigint, sizeBytes: number): RangeAnswer {
  // RFC 9110 section 14.1.2: a suffix-range is satisfiable "if the suffix-length is non-zero".
  if (length === 0n) return UNSATISFIABLE
  // An empty representation has no byte that Content-Range could name.
  if (sizeBytes === 0) return WHOLE
  const start = length > BigInt(sizeBytes) ? 0 : sizeBytes - Number(length)
  return { kind: 'part', start, end: sizeBytes - 1 }
}

/** The Content-Range of a 206 or a 416 answer (RFC 9110 section 14.4). */
export function contentRange(answer: Exclude<RangeAnswer, { kind: 'whole' }>, sizeBytes: number): string {
  return answer.kind === 'part' ? `bytes ${answer.start}-${answer.end}/${sizeBytes}` : `bytes */${sizeBytes}`
}
