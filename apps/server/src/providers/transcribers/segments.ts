import { type Segment, TranscriptionError } from './port.ts'

/** Of a whole recording: some eighty hours of uninterrupted speech. */
const MAX_CHARS = 5_000_000
const MAX_SEGMENTS = 200_000
/** One that says more is cut between words: a text without times is one segment. */
const MAX_SEGMENT_CHARS = 10_000
/** The latest time that is kept, which has room in 32 bits. */
const LATEST_MS = 2 ** 31 - 1

/**
 * Puts what an engine said in the form that the port promises: words alone, in order, at times that can be.
 *
 * @throws TranscriptionError `failed` for more than anybody can have said
 */
export function tidied(said: Iterable<Segment>): Segment[] {
  const segments: Segment[] = []
  let chars = 0
  let before = 0
  for (const { text, fromMs, toMs } of inOrder(said)) {
    const words = text
      .replaceAll(/[\0\s]+/g, ' ')
      .trim()
      .toWellFormed()
    if (words === '') continue
    chars += words.length
    if (chars > MAX_CHARS || segments.length >= MAX_SEGMENTS)
      throw new TranscriptionError('failed', 'The engine says more than anybody can have said')
    const from = fromMs === undefined ? undefined : between(before, fromMs, LATEST_MS)
    const place = {
      ...(from !== undefined && { fromMs: from }),
      ...(from !== undefined && toMs !== undefined && { toMs: between(from, toMs, LATEST_MS) }),
    }
    for (const part of cutBetweenWords(words)) segments.push({ ...place, text: part })
    before = from ?? before
  }
  return segments
}

function cutBetweenWords(words: string): string[] {
  const parts: string[] = []
  let rest = words
  while (rest.length > MAX_SEGMENT_CHARS) {
    const space = rest.lastIndexOf(' ', MAX_SEGMENT_CHARS)
    const end = space > 0 ? space : MAX_SEGMENT_CHARS
    parts.push(rest.slice(0, end).toWellFormed())
    rest = rest.slice(end).trimStart()
  }
  return [...parts, rest.toWellFormed()]
}

function inOrder(said: Iterable<Segment>): Segment[] {
  const all = [...said]
  if (all.some(({ fromMs }) => fromMs === undefined)) return all
  return all.sort((one, other) => (one.fromMs as number) - (other.fromMs as number))
}

function between(least: number, value: number, most: number): number {
  return Math.round(Math.min(most, Math.max(least, value)))
}
