import type { Output } from './output.ts'
import type { Place } from './port.ts'

const PART_CHARS = 64 * 1024

/**
 * Takes text from a reader that cannot wait, such as a parser's callbacks, and hands it on in parts when the reader is
 * between two slices of its file. What it holds is what one slice says and less than one part more.
 */
export interface TextParts {
  add(text: string): void
  /** What comes next stands elsewhere. */
  moveTo(place: Place): void
  /** Hands on the parts that are full; to be awaited after each slice of the file. */
  drain(): Promise<void>
}

/**
 * Runs a reader, and hands on what it had found also when it fails. Parts of one place that follow each other, joined,
 * are its text, but for parts that are nothing but white space; they end at a line's end where there is one.
 *
 * @throws what the reader throws; ExtractionError `limits` from the output
 */
export async function collectingText(output: Output, read: (parts: TextParts) => Promise<void>): Promise<void> {
  const ready: { text: string; place: Place }[] = []
  let held = ''
  let place: Place = {}
  const close = () => {
    if (held !== '') ready.push({ text: held, place })
    held = ''
  }
  const drain = async () => {
    for (let part = ready.shift(); part; part = ready.shift()) await output.text(part.text, part.place)
  }
  const parts: TextParts = {
    add(text) {
      held += text
      for (let at = findCut(held); at > 0; at = findCut(held)) {
        ready.push({ text: held.slice(0, at), place })
        held = held.slice(at)
      }
    },
    moveTo(next) {
      close()
      place = next
    },
    drain,
  }
  try {
    await read(parts)
  } finally {
    close()
    await drain()
  }
}

/** Where a full part ends: after a line, else after a word, never within a character; 0 while it is not full. */
function findCut(text: string): number {
  if (text.length < PART_CHARS) return 0
  for (const sign of ['\n', ' ']) {
    const found = text.lastIndexOf(sign, PART_CHARS - 1)
    if (found > PART_CHARS / 2) return found + 1
  }
  const last = text.charCodeAt(PART_CHARS - 1)
  return last >= 0xd800 && last <= 0xdbff ? PART_CHARS - 1 : PART_CHARS
}
