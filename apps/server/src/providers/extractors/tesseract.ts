import type { TextRecognizer } from './ocr-port.ts'

/** Out of a hundred. What is less certain is a stain or the grain of a photograph more often than a word. */
const LEAST_CONFIDENCE = 30
/** A picture holds words when at least one is as certain as this and has two letters or digits. */
const SURE = 70

/** Of Tesseract 4 and 5. */
export const tesseract: TextRecognizer = {
  program: 'tesseract',
  // Its threads wait for each other more than they work: one is as fast, and leaves the other processors to others.
  environment: { OMP_THREAD_LIMIT: '1' },
  askVersion: ['--version'],
  readVersion: (answer) => /^tesseract v?(\d\S*)/m.exec(answer)?.[1],
  askLanguages: ['--list-langs'],
  readLanguages: (answer) =>
    answer
      .split('\n')
      .slice(1)
      .map((line) => line.trim())
      // `osd` tells how a page lies, `equ` finds formulas, `script/…` are the languages once more.
      .filter((name) => /^\w+$/.test(name) && name !== 'osd' && name !== 'equ'),
  askText: (picture, languages) => [
    picture,
    'stdout',
    '-l',
    languages.join('+'),
    // Finds columns and blocks by itself, and takes the page as upright.
    '--psm',
    '3',
    // Words with their certainty. As a variable, since the file that stands for it need not be installed.
    '-c',
    'tessedit_create_tsv=1',
  ],
  readText: (answer) => textOf(wordsOf(answer)),
}

interface Word {
  /** Of a block, a paragraph in it and a line in that. */
  block: string
  paragraph: string
  line: string
  confidence: number
  text: string
}

/** level, page, block, paragraph, line, word, left, top, width, height, confidence, text; only words have a text. */
function wordsOf(answer: string): Word[] {
  return answer.split('\n').flatMap((row) => {
    const columns = row.split('\t')
    const [level, , block = '', paragraph = '', line = '', , , , , , confidence, ...text] = columns
    const word = { block, paragraph, line, confidence: Number(confidence), text: text.join(' ').trim() }
    return level === '5' && word.text !== '' && word.confidence >= LEAST_CONFIDENCE ? [word] : []
  })
}

function textOf(words: readonly Word[]): string {
  if (!words.some(({ confidence, text }) => confidence >= SURE && /[\p{L}\p{N}]{2}/u.test(text))) return ''
  let all = ''
  let before: Word | undefined
  for (const word of words) {
    all += separatorOf(before, word) + word.text
    before = word
  }
  return tidied(all)
}

function separatorOf(before: Word | undefined, { block, paragraph, line }: Word): string {
  if (before === undefined) return ''
  if (before.block !== block || before.paragraph !== paragraph) return '\n\n'
  return before.line === line ? ' ' : '\n'
}

/** Ligatures, letters of Arabic by their place in a word, and letters of full or half width. */
const FORMS = /[\ufb00-\ufb06\ufb13-\ufdff\ufe70-\ufefc\uff01-\uffee]+/g
/** It says U+00B5 for a Greek letter now and then. Beside other signs it is the millionth. */
const GREEK_MU = /(?<=\p{Script=Greek}µ*)µ|µ(?=µ*\p{Script=Greek})/gu
/** Between signs of scripts that are written without spaces. */
const NO_SPACE =
  /(?<=[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]) (?=[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}])/gu

/**
 * Other forms of a letter become the letter, so that words are found. Not everything that NFKC changes: it makes 10² a
 * 102 and ½ a 1⁄2.
 */
function tidied(text: string): string {
  return text
    .normalize('NFC')
    .replace(FORMS, (form) => form.normalize('NFKC'))
    .replace(GREEK_MU, 'μ')
    .replace(NO_SPACE, '')
}
