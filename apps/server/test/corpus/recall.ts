/** One rule for how much of a known text came back. */

/**
 * A Chinese character, a Japanese sign or a picture is a word of its own; letters and digits of other scripts make
 * words between whatever parts them.
 */
const WORD =
  /\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Extended_Pictographic}|[[\p{L}\p{M}\p{N}]--[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]]+/gv

/** The words of a text in its order. Ligatures and presentation forms count as the letters that they show (NFKC). */
export function wordsOf(text: string): string[] {
  return text.normalize('NFKC').match(WORD) ?? []
}

export interface Recall {
  /** Of the known words, each as often as it stands there. */
  words: number
  found: number
  /** The share that came back; 1 where nothing was known. */
  share: number
  /** Some of what did not come back. */
  missed: string[]
}

const MISSED_SHOWN = 12

/** Compares the words of two texts as multisets: a word that stands there twice has to come back twice. */
export function recallOf(known: string, read: string): Recall {
  const left = new Map<string, number>()
  for (const word of wordsOf(read)) left.set(word, (left.get(word) ?? 0) + 1)
  const missed: string[] = []
  const words = wordsOf(known)
  for (const word of words) {
    const count = left.get(word) ?? 0
    if (count === 0) missed.push(word)
    else left.set(word, count - 1)
  }
  const found = words.length - missed.length
  return {
    words: words.length,
    found,
    share: words.length === 0 ? 1 : found / words.length,
    missed: missed.slice(0, MISSED_SHOWN),
  }
}
