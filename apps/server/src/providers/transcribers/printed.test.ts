import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { times } from '../../../test/effort.ts'
import { TranscriptionError } from './port.ts'
import { readPrinted } from './printed.ts'
import { tidied } from './segments.ts'

const SAID = [
  { fromMs: 1000, toMs: 2500, text: 'Good morning.' },
  { fromMs: 3_602_500, toMs: 3_604_000, text: 'This is R&D <here>.' },
]
const read = (printed: string) => tidied(readPrinted(printed, 4000).segments)

describe('what a program printed is read', () => {
  test('as WebVTT, with its notes, settings, names and escapes', () => {
    const vtt = `\uFEFFWEBVTT - a call

NOTE nobody says this

STYLE
::cue { color: red }

1
00:01.000 --> 00:02.500 align:start position:0%
<v Mary Smith>Good <00:01.200><c.loud>morning</c>.</v>

01:00:02.500 --> 01:00:04.000
This is R&amp;D
&lt;here&gt;.
`
    expect(read(vtt)).toEqual(SAID)
    expect(read(vtt.replaceAll('\n', '\r\n'))).toEqual(SAID)
  })

  test('as SRT', () => {
    const srt =
      '1\n00:00:01,000 --> 00:00:02,500\n{\\an8}<i>Good morning.</i>\n\n2\n01:00:02,500 --> 01:00:04,000\nThis is R&D\n< here >.\n'
    expect(read(srt)).toEqual([SAID[0], { ...SAID[1], text: 'This is R&D < here >.' }])
  })

  test('as the lines that programs of Whisper print', () => {
    const lines =
      '\n[00:00:01.000 --> 00:00:02.500]   Good morning.\n[01:00:02.500 --> 01:00:04.000]  This is R&D <here>.\n'
    expect(read(lines).map(({ fromMs, toMs }) => [fromMs, toMs])).toEqual([
      [1000, 2500],
      [3_602_500, 3_604_000],
    ])
    expect(read('[00:01.000 --> 00:02.500] Good morning.')).toEqual([SAID[0]])
  })

  test("as Whisper's JSON, with its language", () => {
    const segments = SAID.map(({ fromMs, toMs, text }) => ({ id: 0, start: fromMs / 1000, end: toMs / 1000, text }))
    const json = JSON.stringify({ text: 'all', segments, language: 'en' })
    expect(read(json)).toEqual(SAID)
    expect(readPrinted(json, undefined).language).toBe('en')
  })

  test('as the JSON of whisper.cpp', () => {
    const transcription = SAID.map(({ fromMs, toMs, text }) => ({
      offsets: { from: fromMs, to: toMs },
      text: ` ${text}`,
    }))
    const json = JSON.stringify({ systeminfo: '', result: { language: 'el' }, transcription })
    expect(read(json)).toEqual(SAID)
    expect(readPrinted(json, undefined).language).toBe('el')
  })

  test('as the sentences of PocketSphinx, word by word, without its noises', () => {
    const printed = `good morning
<s> 0.000 0.980 1.000000
[NOISE] 0.980 0.990 0.5
good(2) 1.000 1.400 0.998701
morning 1.410 2.500 0.9
</s> 2.510 2.600 1.000000

<s> 3.000 3.100 1.000000
++BREATH++ 3.100 3.200 1.000000
</s> 3.200 3.300 1.000000
again
<s> 3.400 3.500 1.000000
<sil> 3.500 3.600 1.000000
again 3.600 4.000 0.6
</s> 4.000 4.100 1.000000
`
    expect(read(printed)).toEqual([
      { fromMs: 1000, toMs: 2500, text: 'good morning' },
      { fromMs: 3600, toMs: 4000, text: 'again' },
    ])
  })

  test('as one segment of the whole recording, where it is plain text', () => {
    expect(read('Good morning.\nAnd good bye.\n')).toEqual([
      { fromMs: 0, toMs: 4000, text: 'Good morning. And good bye.' },
    ])
    expect(readPrinted('words', undefined).segments).toEqual([{ fromMs: 0, text: 'words' }])
    expect(read(' \n')).toEqual([])
  })

  test.each(['{"a":1}', '{"segments": [{"start": "x"}]}', '{', '{"text": "words without times"}'])(
    'as a failure, where it is JSON like %s',
    (printed) => {
      expect(() => readPrinted(printed, undefined)).toThrow(expect.objectContaining({ kind: 'failed' }))
    },
  )

  test('as segments that keep what the port promises, or as a failure, whatever it is', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.constantFrom(
        'WEBVTT\n',
        '\n\n',
        ' --> ',
        '00:00:01.000',
        '99:99.999',
        '[',
        ']',
        '<s> 0.1 0.2 1.0\n',
        'a 1.0 2.0 1\n',
      ),
      fc.constantFrom('{"segments":[', '{"start":1,"end":-1,"text":"x"}', ']}', '\0', '\ud800'),
    )
    const property = fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      try {
        let before = 0
        for (const { fromMs = before, toMs = fromMs, text } of read(pieces.join(''))) {
          expect(text.trim() !== '' && text.isWellFormed() && !text.includes('\0')).toBe(true)
          expect(Number.isInteger(fromMs) && Number.isInteger(toMs) && before <= fromMs && fromMs <= toMs).toBe(true)
          before = fromMs
        }
      } catch (error) {
        expect(error).toBeInstanceOf(TranscriptionError)
      }
    })
    fc.assert(property, { numRuns: times(300, 3000), seed: 20_261_121 })
  })
})

describe('what is said', () => {
  test('is cut between words where one segment says very much', () => {
    const words = 'word '.repeat(5000).trim()
    const segments = tidied([{ fromMs: 0, toMs: 1000, text: words }])
    expect(segments.length).toBeGreaterThan(1)
    expect(segments.every(({ text, toMs }) => text.length <= 10_000 && toMs === 1000)).toBe(true)
    expect(segments.map(({ text }) => text).join(' ')).toBe(words)
  })

  test('is more than anybody can have said', () => {
    const endless = Array.from({ length: 600 }, () => ({ text: 'word '.repeat(2000) }))
    expect(() => tidied(endless)).toThrow(expect.objectContaining({ kind: 'failed' }))
  })

  test('has times that a database holds', () => {
    const segments = tidied([{ fromMs: -5, toMs: Number.MAX_VALUE, text: 'x' }])
    expect(segments).toEqual([{ fromMs: 0, toMs: 2 ** 31 - 1, text: 'x' }])
  })
})
