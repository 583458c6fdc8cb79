import { open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { describePreviewer, runPreviewer } from './conformance.ts'
import { PCM } from './media-types.ts'
import { AS_PIXELS, draw, pixelsOf } from './test-drawing.ts'
import { type MadeWav, makeWav } from './test-wav.ts'
import { waveformPreviewer } from './waveform.ts'

const tone = (time: number) => Math.sin(time * 2000)
/** Loud in its first half, and soft in its second. */
const loudThenSoft = (time: number) => (time < 0.5 ? 0.9 : 0.1) * tone(time)
const silence = () => 0

const wav = (made: Partial<MadeWav>) => ({
  bytes: makeWav({ channels: [loudThenSoft], frames: 4000, ...made }),
  mediaType: 'audio/wav',
})
const pcm = (samples: readonly number[]) => ({
  bytes: Buffer.from(Int16Array.from(samples, (sample) => Math.round(sample * 32_767)).buffer),
  mediaType: PCM,
})

describePreviewer('waveform', () => ({
  previewer: waveformPreviewer,
  honest: wav({}),
  shape: { width: 1600, height: 400, isItsOwnSize: false },
  secrets: ['INFOodd'],
}))

async function expectLoudThenSoft(file: { bytes: Buffer; mediaType: string }) {
  const { pictures, error } = await draw(waveformPreviewer, file, [{ width: 800, height: 200 }])
  expect(error).toBeUndefined()
  const pixels = await pixelsOf(pictures[0])
  const [loud, soft] = [pixels.ink({ right: 0.48 }), pixels.ink({ left: 0.52 })]
  expect(loud).toBeGreaterThan(0.4)
  expect(soft).toBeGreaterThan(0)
  expect(soft).toBeLessThan(loud / 4)
}

describe('a sound', () => {
  test('is drawn as loud as it is, from bare samples', async () => {
    const samples = Array.from({ length: 4000 }, (_, index) => loudThenSoft(index / 4000))
    await expectLoudThenSoft(pcm(samples))
  })

  test.each([
    ['8 bits', { bits: 8 }],
    ['16 bits', { bits: 16 }],
    ['24 bits', { bits: 24 }],
    ['32 bits', { bits: 32 }],
    ['floating point', { kind: 'float', bits: 32 }],
    ['long floating point', { kind: 'float', bits: 64 }],
    ['a long name', { extensible: true, bits: 24 }],
    ['an open length', { saysBytes: 0xffff_ffff }],
    ['no length', { saysBytes: 0 }],
    ['a length beyond its end', { saysBytes: 1_000_000 }],
    ['two channels, one of them silent', { channels: [silence, loudThenSoft] }],
  ] as const satisfies readonly (readonly [string, Partial<MadeWav>])[])(
    'is drawn as loud as it is, from a WAV file with %s',
    async (_, made) => {
      await expectLoudThenSoft(wav(made))
    },
  )

  test('lies on nothing, or on white where there is no nothing', async () => {
    const { pictures } = await draw(waveformPreviewer, wav({}), [{}, { format: 'webp' }, { format: 'jpeg' }])
    const corners = await Promise.all(pictures.map(async (picture) => (await pixelsOf(picture)).at(0.01, 0.02)))
    expect(corners.map(([, , , opaque]) => opaque)).toEqual([0, 0, 255])
    expect(Math.min(...corners[2]!)).toBeGreaterThan(250)
  })

  test('that is silent is a thin line', async () => {
    const { pictures } = await draw(waveformPreviewer, wav({ channels: [silence] }), [{ width: 800, height: 200 }])
    const pixels = await pixelsOf(pictures[0])
    expect(pixels.ink({ top: 0.45, bottom: 0.55 })).toBeGreaterThan(0)
    expect(pixels.ink({ bottom: 0.45 }) + pixels.ink({ top: 0.55 })).toBe(0)
  })

  test('of samples that are no numbers is a thin line', async () => {
    const { error } = await draw(waveformPreviewer, wav({ kind: 'float', bits: 32, channels: [() => Number.NaN] }))
    expect(error).toBeUndefined()
  })

  test('of one sample is drawn', async () => {
    expect((await draw(waveformPreviewer, wav({ frames: 1 }))).pictures).toHaveLength(1)
  })

  test('that nobody can hear is not supported', async () => {
    expect((await draw(waveformPreviewer, wav({ frames: 0 }))).error).toMatchObject({ kind: 'unsupported' })
    expect((await draw(waveformPreviewer, pcm([]))).error).toMatchObject({ kind: 'unsupported' })
  })

  test('whose samples are packed is not supported', async () => {
    expect((await draw(waveformPreviewer, wav({ kindNumber: 0x11 }))).error).toMatchObject({ kind: 'unsupported' })
  })

  test('takes no more memory the longer it is', async () => {
    const path = join(tmpdir(), `stowage-long-${process.pid}.wav`)
    const head = makeWav({ channels: [silence], frames: 0, saysBytes: 0xffff_ffff })
    const file = await open(path, 'w')
    try {
      const sizeBytes = 192 * 1024 ** 2
      await file.write(head)
      await file.truncate(sizeBytes)
      const before = process.memoryUsage().rss
      const source = { path, sizeBytes, mediaType: 'audio/wav', name: 'long.wav' }
      const { pictures } = await runPreviewer(waveformPreviewer, source, [AS_PIXELS])
      expect(pictures).toHaveLength(1)
      expect(process.memoryUsage().rss - before).toBeLessThan(96 * 1024 ** 2)
    } finally {
      await file.close()
      await rm(path)
    }
  })
})
