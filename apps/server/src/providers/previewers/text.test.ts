import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import iconv from 'iconv-lite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describePreviewer } from './conformance.ts'
import { hasFont } from './fonts.ts'
import { draw, pixelsOf } from './test-drawing.ts'
import { textPreviewer } from './text.ts'
import { layOut, PAGE } from './text-page.ts'

const run = promisify(execFile)
const FONTS = await hasFont()

const plain = (text: string | Buffer, charset?: string) => ({
  bytes: Buffer.from(text),
  mediaType: 'text/plain',
  ...(charset !== undefined && { charset }),
})
const pictureOf = async (text: string | Buffer, charset?: string) =>
  (await draw(textPreviewer, plain(text, charset))).pictures[0]

const PROSE = 'Καλημέρα κόσμε, this is a text of a few words.\n\nIt has two paragraphs & <some> "signs".\n'.repeat(8)

describe.skipIf(!FONTS)('with a font', () => {
  describePreviewer('text', () => ({
    previewer: textPreviewer,
    honest: plain(PROSE),
    shape: { ...PAGE, isItsOwnSize: false },
  }))

  describe('a text', () => {
    test('is drawn from the top of a white page', async () => {
      const pixels = await pixelsOf(await pictureOf('Hello, world\n'.repeat(10)))
      expect(pixels.at(0.5, 0.98)).toEqual([255, 255, 255, 255])
      expect(pixels.ink({ bottom: 0.25 })).toBeGreaterThan(0.005)
      expect(pixels.ink({ top: 0.3 })).toBe(0)
    })

    test('is shown as it is written, whatever it says', async () => {
      const markup = [
        '</text><rect width="794" height="1123" fill="#ff0000"/><text>',
        '<image href="file:///etc/passwd" width="800" height="1000"/> &xxe; <![CDATA[ ]]> <!-- -->',
        '<script>alert(1)</script> \' " &amp; &#0; ]]>',
      ]
      const { pictures, error } = await draw(textPreviewer, plain(markup.join('\n').repeat(5)))
      expect(error).toBeUndefined()
      const pixels = await pixelsOf(pictures[0])
      expect(pixels.at(0.9, 0.9)).toEqual([255, 255, 255, 255])
      expect(pixels.ink({ bottom: 0.3 })).toBeGreaterThan(0.005)
    })

    test.each(['utf-16le', 'utf-16be', 'windows-1253', 'utf-8'])('looks the same in %s', async (encoding) => {
      const text = 'Η γρήγορη αλεπού πηδάει πάνω από το τεμπέλικο σκυλί. '.repeat(6)
      const expected = await pictureOf(text)
      expect(await pictureOf(iconv.encode(text, encoding), encoding)).toEqual(expected)
      expect(await pictureOf(iconv.encode(text, encoding, { addBOM: encoding.startsWith('utf-16') }))).toEqual(expected)
    })

    test('from right to left begins at the right', async () => {
      const pixels = await pixelsOf(await pictureOf('שלום עולם\n'.repeat(20)))
      expect(pixels.ink({ left: 0.6, bottom: 0.4 })).toBeGreaterThan(0)
      expect(pixels.ink({ right: 0.5 })).toBe(0)
    })

    test('with signs that no page takes is drawn without them', async () => {
      const { error } = await draw(textPreviewer, plain('a\u0001b\u001b[31mred\u001b[0m \ufffe \u0085 ok'))
      expect(error).toBeUndefined()
    })

    test('without end is drawn from its beginning alone', async () => {
      const start = 'the first line\n'.repeat(100)
      expect(await pictureOf(start + 'x'.repeat(20_000_000))).toEqual(await pictureOf(start))
    })

    test('is drawn as far as its limit goes', async () => {
      const { pictures } = await draw(textPreviewer, plain('abcdef'), [{}], { textChars: 3 })
      expect(pictures[0]).toEqual(await pictureOf('abc'))
    })
  })
})

describe('a text', () => {
  test('that begins with nothing to be seen is not supported', async () => {
    for (const text of ['', ' \n\t\n', '\u0001\u0002']) {
      const { error } = await draw(textPreviewer, plain(text))
      expect(error).toMatchObject({ name: 'PreviewError', kind: expect.stringMatching(/unsupported|corrupt/) })
    }
  })

  test('that is none is broken', async () => {
    const bytes = Buffer.from(Array.from({ length: 4000 }, (_, index) => (index * 7919) % 32))
    expect((await draw(textPreviewer, plain(bytes, 'utf-8'))).error).toMatchObject({ kind: 'corrupt' })
  })
})

describe('a machine without a font', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stowage-no-font-'))
    await writeFile(join(folder, 'fonts.conf'), '<?xml version="1.0"?><fontconfig></fontconfig>')
  })
  afterAll(() => rm(folder, { recursive: true }))

  const drawWithoutFont = async (content: string, mediaType: string) => {
    const path = join(folder, 'source')
    await writeFile(path, content)
    const fixture = join(import.meta.dirname, 'no-font.fixture.ts')
    const env = { PATH: process.env['PATH'], FONTCONFIG_FILE: join(folder, 'fonts.conf') }
    return (await run(process.execPath, [fixture, path, mediaType], { env })).stdout
  }

  test.runIf(process.platform === 'linux')('says so instead of drawing a text', async () => {
    expect(await drawWithoutFont('Hello, world', 'text/plain')).toMatch(/^unsupported: .*font/)
  })

  test.runIf(process.platform === 'linux')('survives a drawing that holds text', async () => {
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="90"><text y="20">Hello</text></svg>'
    expect(await drawWithoutFont(svg, 'image/svg+xml')).toBe('drawn')
  })
})

describe('the lines of a page', () => {
  test('are as many as fit on it', () => {
    const lines = layOut('line\n'.repeat(10_000))
    expect(lines.length).toBeGreaterThan(40)
    expect(lines.length).toBeLessThan(80)
    expect(layOut('word '.repeat(100_000)).length).toBe(lines.length)
  })

  test('break between words where that goes, and lose nothing', () => {
    const text = `${'some words of prose '.repeat(20)}${'x'.repeat(500)}`
    const lines = layOut(text)
    expect(lines.join('')).toBe(text)
    expect(lines[0]).toMatch(/ $/)
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(90)
  })

  test('hold half as many wide signs, and a bounded number of marks', () => {
    expect(layOut('早'.repeat(200))[0]!.length).toBeLessThanOrEqual(45)
    for (const line of layOut(`a${'\u0301'.repeat(100_000)}`)) expect(line.length).toBeLessThan(400)
  })

  test('end where any system ends them, and stand where tabs put them', () => {
    expect(layOut('a\r\nb\rc\nd')).toEqual(['a', 'b', 'c', 'd'])
    expect(layOut('a\tb\n\tc')).toEqual(['a   b', '    c'])
  })
})
