import iconv from 'iconv-lite'
import { describe, expect, test } from 'vitest'
import { describeExtractor } from './conformance.ts'
import { manyWords, tell } from './test-run.ts'
import type { SampleFile } from './test-source.ts'
import { textExtractor } from './text.ts'

const read = (bytes: Buffer | string, more: Partial<SampleFile> = {}, limits = {}) =>
  tell(textExtractor, { bytes: Buffer.from(bytes), mediaType: 'text/plain', ...more }, limits)
const lines = (count: number) => Array.from({ length: count }, (_, index) => manyWords(20, index)).join('\n')

describeExtractor('plain text', () => ({
  extractor: textExtractor,
  honest: { bytes: Buffer.from('Καλημέρα κόσμε\nصباح الخير\n早上好 🌍\n'), mediaType: 'text/plain' },
  says: ['Καλημέρα κόσμε\n', 'صباح الخير\n', '早上好 🌍'],
  limits: { textChars: { value: 20 } },
  long: { bytes: Buffer.from(lines(60_000)), mediaType: 'text/plain' },
}))

describeExtractor('JSON', () => ({
  extractor: textExtractor,
  honest: { bytes: Buffer.from('{"a":[1,{"β":"]}"}],\n"c":"你好 \\" 🌍"}'), mediaType: 'application/json' },
  says: ['{"a":[1,{"β":"]}"}],\n', '"c":"你好 \\" 🌍"}'],
  limits: { textChars: { value: 10 }, depth: { value: 2 } },
  long: { bytes: Buffer.from(`["${lines(60_000).replaceAll('\n', '",\n"')}"]`), mediaType: 'application/json' },
}))

const SAMPLES = {
  greek: 'Η γρήγορη καφέ αλεπού πηδά πάνω από το τεμπέλικο σκυλί και φεύγει μακριά από το χωριό της. ',
  russian: 'Съешь же ещё этих мягких французских булок, да выпей чаю, и не забудь про старых друзей. ',
  arabic: 'ولد جميع الناس أحراراً متساوين في الكرامة والحقوق وقد وهبوا عقلاً وضميراً وعليهم أن يعاملوا. ',
  chinese: '人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心，并应以兄弟关系的精神相对待。',
  japanese: 'すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。',
  french: 'Les élèves français étudiaient déjà à l’été, où ça coûte très cher : voilà des œuvres. ',
} as const

describe('text', () => {
  test.each([
    ['greek', 'windows-1253'],
    ['greek', 'iso-8859-7'],
    ['russian', 'windows-1251'],
    ['russian', 'koi8-r'],
    ['arabic', 'windows-1256'],
    ['chinese', 'gb18030'],
    ['chinese', 'big5'],
    ['japanese', 'shift_jis'],
    ['japanese', 'euc-jp'],
    ['french', 'windows-1252'],
    ['greek', 'utf-8'],
    ['chinese', 'utf16-le'],
    ['french', 'utf16-le'],
    ['french', 'utf16-be'],
  ] as const)('in %s is read in %s without being told', async (language, encoding) => {
    const traditional = '人人生而自由，在尊嚴和權利上一律平等。他們賦有理性和良心，並應以兄弟關係的精神相對待。'
    const text = (encoding === 'big5' ? traditional : SAMPLES[language]).repeat(6)
    const addBOM = encoding === 'utf16-le' && language === 'chinese'
    expect((await read(iconv.encode(text, encoding, { addBOM }))).texts).toEqual({ '': text })
  })

  test('is read in the encoding that is certain, and without its mark', async () => {
    const bytes = iconv.encode('Привет', 'koi8-r')
    expect((await read(bytes, { charset: 'koi8-r' })).texts).toEqual({ '': 'Привет' })
    expect((await read('\ufeffmark', { charset: 'utf-8' })).texts).toEqual({ '': 'mark' })
    expect((await read('x', { charset: 'no-such-encoding' })).texts).toEqual({ '': 'x' })
  })

  test('is known by its first letters beyond ASCII, however late they come', async () => {
    const text = `${'plain ascii\n'.repeat(20_000)}${SAMPLES.greek.repeat(20)}`
    const { pieces } = await read(iconv.encode(text, 'windows-1253'))
    expect(pieces.map((piece) => (piece.kind === 'text' ? piece.text : '')).join('')).toBe(text)
  })

  test('goes out in parts that end with lines, and that joined are the text', async () => {
    const text = `${lines(4000)}\n${'🌍'.repeat(100_000)}`
    const { pieces } = await read(text)
    const parts = pieces.map((piece) => (piece.kind === 'text' ? piece.text : ''))
    expect(parts.join('')).toBe(text)
    expect(parts.length).toBeGreaterThan(5)
    expect(parts[0]!.endsWith('\n') && parts[1]!.endsWith('\n')).toBe(true)
    expect(parts.every((part) => part.isWellFormed() && part.length <= 65_536)).toBe(true)
  })

  test('that is none is refused, however it is called', async () => {
    expect((await read(Buffer.alloc(5000))).error).toMatchObject({ kind: 'corrupt' })
    expect((await read('a'.repeat(5000) + '\0'.repeat(10))).error).toBeUndefined()
    expect((await read('')).pieces).toEqual([])
  })
})

describe('Markdown', () => {
  const title = async (text: string) => (await read(text, { mediaType: 'text/markdown' })).facts.title

  test('stays as it is, and its first heading is its title', async () => {
    const text = 'intro\n\n# Ένας *τίτλος* #\n\n- a\n- b\n\n## Next'
    const { texts, facts } = await read(text, { mediaType: 'text/markdown' })
    expect({ texts, facts }).toEqual({ texts: { '': text }, facts: { title: 'Ένας *τίτλος*' } })
    expect(await title('Under\n=====\n# no')).toBe('Under')
    expect(await title('```\n# code\n```\n## Real')).toBe('Real')
    expect(await title('---\nlayout: x\n---\n\n# After')).toBe('After')
    expect(await title('#no\n\n---\n\ntext')).toBeUndefined()
  })
})

describe('JSON', () => {
  const json = (text: string, limits = {}) => read(text, { mediaType: 'application/json' }, limits)

  test('nested without end stops at the limit of depth, having said what came before', async () => {
    const { texts, error } = await json(`{"a":1,"b":${'['.repeat(1_000_000)}`, { depth: 5 })
    expect(error).toMatchObject({ kind: 'limits' })
    expect(texts).toEqual({ '': '{"a":1,"b":[[[[' })
  })

  test('that ends early, or ends what it did not begin, is corrupt', async () => {
    for (const text of ['{"a":1', '["a', '[1]]']) expect((await json(text)).error).toMatchObject({ kind: 'corrupt' })
    expect((await json('["]}\\"]"]')).error).toBeUndefined()
  })
})
