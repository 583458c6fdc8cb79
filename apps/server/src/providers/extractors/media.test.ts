import { describe, expect, test, vi } from 'vitest'
import { describeExtractor } from './conformance.ts'
import { mediaExtractor } from './media.ts'
import { makeMp4, makeWav } from './test-media.ts'
import { tell } from './test-run.ts'

// Each of the many broken files takes a new instance of its reader.
vi.setConfig({ testTimeout: 120_000 })

const tags = { INAM: 'Τραγούδι', IART: 'Ελένη', IPRD: 'Album', IGNR: 'Jazz', ICRD: '2024', ITRK: '3' }

const read = (bytes: Buffer, mediaType: string) => tell(mediaExtractor, { bytes, mediaType })

describeExtractor('sound', () => ({
  extractor: mediaExtractor,
  honest: { bytes: makeWav(1, tags), mediaType: 'audio/wav' },
  says: [],
  limits: {},
}))

describeExtractor('film', () => ({
  extractor: mediaExtractor,
  honest: { bytes: makeMp4({ title: 'Ταινία' }), mediaType: 'video/mp4' },
  says: [],
  limits: {},
}))

describe('sound', () => {
  test('says how long it lasts, what it is coded in, and its tags', async () => {
    const { facts } = await read(makeWav(3, tags), 'audio/wav')
    expect(facts).toMatchObject({
      title: 'Τραγούδι',
      author: 'Ελένη',
      durationMs: 3000,
      more: {
        'audio.codec': 'PCM',
        'audio.sampleRate': 8000,
        'audio.channels': 2,
        'audio.bitrate': 256_000,
        'audio.album': 'Album',
        'audio.genre': ['Jazz'],
        'audio.year': 2024,
      },
    })
  })

  test('is none in a file that holds none', async () => {
    expect((await read(Buffer.from('RIFF\0\0\0\0WAVE'), 'audio/wav')).error).toMatchObject({ kind: 'corrupt' })
    expect((await read(Buffer.alloc(5000), 'audio/mpeg')).error).toMatchObject({ kind: 'corrupt' })
  })
})

describe('a film', () => {
  test('says how long it lasts, how large it is and what it is coded in', async () => {
    const { facts } = await read(makeMp4({ seconds: 4, width: 1280, height: 720, title: 'Ταινία' }), 'video/mp4')
    expect(facts).toMatchObject({
      title: 'Ταινία',
      durationMs: 4000,
      width: 1280,
      height: 720,
      createdAt: '2024-05-06T07:08:09.000Z',
      more: { 'video.codec': 'AVC', 'video.frameRate': 25 },
    })
  })
})
