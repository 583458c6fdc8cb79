import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { hasProgram } from '../../../test/real-services.ts'
import { createSandbox, type Sandbox } from '../../platform/sandbox/sandbox.ts'
import { imagePreviewer } from './image.ts'
import { PCM } from './media-types.ts'
import { converterOf } from './programs.ts'
import { convert } from './test-conversion.ts'
import { draw, pixelsOf } from './test-drawing.ts'
import { makeWav } from './test-wav.ts'
import { waveformPreviewer } from './waveform.ts'

vi.setConfig({ testTimeout: 60_000 })

const HAS_FFMPEG = hasProgram('ffmpeg')

let parent: string
let sandbox: Sandbox
/** Nothing but what ffmpeg is told keeps a list of files from the files here. */
let open: Sandbox

beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'stowage-ffmpeg-'))
  sandbox = await createSandbox({ parent })
  const guards = { memory: 'watched', network: 'none', files: 'node-permission', programFiles: 'none' } as const
  open = await createSandbox({ parent, plan: { guards, nice: undefined, prlimit: undefined, cage: [] } })
})

afterAll(async () => {
  await sandbox.close()
  await open.close()
  await rm(parent, { recursive: true })
})

/** A file that ffmpeg makes by these arguments, of a file that is called `input`. */
async function made(args: readonly string[], name: string, input?: Buffer): Promise<Buffer> {
  const { limits } = converterOf('video/mp4')!
  return sandbox.withFolder(async (folder) => {
    if (input) await writeFile(join(folder, 'input'), input)
    const options = { folder, limits, signal: new AbortController().signal }
    await sandbox.exec('ffmpeg', ['-nostdin', '-loglevel', 'error', ...args, name], options)
    return await readFile(join(folder, name))
  })
}

/** A film of one colour after the other, each for so many seconds. */
async function film(colours: readonly (readonly [string, number])[], size: string, more: readonly string[] = []) {
  const inputs = colours.flatMap(([colour, seconds]) => [
    '-f',
    'lavfi',
    '-i',
    `color=${colour}:size=${size}:rate=10:duration=${seconds}`,
  ])
  const joined = `${colours.map((_, index) => `[${index}]`).join('')}concat=n=${colours.length}`
  return await made([...inputs, '-filter_complex', joined, '-c:v', 'mpeg4', ...more], 'film.mp4')
}

const poster = (bytes: Buffer, durationMs?: number) => convert(sandbox, converterOf('video/mp4')!, bytes, durationMs)

async function colourOf(png: Buffer | undefined) {
  const { pictures } = await draw(imagePreviewer, { bytes: png!, mediaType: 'image/png' })
  const [red, green, blue] = (await pixelsOf(pictures[0])).at(0.5, 0.5)
  return { isRed: red > 180 && green < 80 && blue < 80, isBlue: blue > 180 && red < 80 && green < 80 }
}

describe.skipIf(!HAS_FFMPEG)('a poster, where ffmpeg is installed', () => {
  test('shows what a film shows after a tenth of it', async () => {
    const bytes = await film(
      [
        ['red', 2],
        ['blue', 18],
      ],
      '320x200',
    )
    expect(await colourOf(await poster(bytes, 20_000))).toMatchObject({ isBlue: true })
    expect(await colourOf(await poster(bytes))).toMatchObject({ isRed: true })
  })

  test('is there for a film of a moment', async () => {
    expect(await colourOf(await poster(await film([['red', 0.1]], '320x200')))).toMatchObject({ isRed: true })
  })

  test('is upright, in the shape of the film, and no larger than it', async () => {
    const flat = await film([['red', 0.5]], '320x200')
    expect(await sharp(await poster(flat)).metadata()).toMatchObject({ width: 320, height: 200 })
    const wide = await film([['red', 0.5]], '320x200', ['-aspect', '32:10'])
    expect(await sharp(await poster(wide)).metadata()).toMatchObject({ width: 640, height: 200 })
    const turned = await made(['-display_rotation', '90', '-i', 'input', '-c', 'copy'], 'turned.mp4', flat)
      // What versions before 6 call it.
      .catch(() => made(['-i', 'input', '-c', 'copy', '-metadata:s:v:0', 'rotate=90'], 'turned.mp4', flat))
    expect(await sharp(await poster(turned)).metadata()).toMatchObject({ width: 200, height: 320 })
    const large = await film([['red', 0.2]], '4000x1000')
    expect(await sharp(await poster(large)).metadata()).toMatchObject({ width: 1920, height: 480 })
  })

  test.each([
    ['a playlist', (path: string) => `#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://${path}\n#EXT-X-ENDLIST\n`],
    ['a list of files', (path: string) => `ffconcat version 1.0\nfile '${path}'\n`],
  ])('is not made from %s, which names other files', async (_, list) => {
    const path = join(parent, 'other.mp4')
    await writeFile(path, await film([['red', 0.5]], '320x200'))
    for (const mediaType of ['video/mp4', 'audio/mpeg']) {
      const outcome = convert(open, converterOf(mediaType)!, Buffer.from(list(path)))
      await expect(outcome).rejects.toMatchObject({ kind: 'failed', message: expect.stringContaining('whitelist') })
    }
  })

  test('is not made from what is no film', async () => {
    await expect(poster(Buffer.from('no film at all'))).rejects.toMatchObject({ name: 'SandboxError' })
  })
})

describe.skipIf(!HAS_FFMPEG)('a sound, where ffmpeg is installed', () => {
  const wav = makeWav({ channels: [(time) => (time < 0.5 ? 0.9 : 0.05) * Math.sin(time * 9000)], frames: 16_000 })

  test.each([
    ['mp3', 'audio/mpeg', 'libmp3lame'],
    ['ogg', 'audio/ogg', 'libvorbis'],
    ['flac', 'audio/flac', 'flac'],
    ['m4a', 'audio/mp4', 'aac'],
  ])('becomes samples that are drawn here, from %s', async (extension, mediaType, codec) => {
    const packed = await made(['-i', 'input', '-c:a', codec], `sound.${extension}`, wav)
    const samples = await convert(sandbox, converterOf(mediaType)!, packed)
    expect(samples!.length / 2 / 8000).toBeGreaterThan(1.9)
    expect(samples!.length / 2 / 8000).toBeLessThan(2.3)
    const { pictures } = await draw(waveformPreviewer, { bytes: samples!, mediaType: PCM }, [
      { width: 400, height: 100 },
    ])
    const pixels = await pixelsOf(pictures[0])
    expect(pixels.ink({ right: 0.4 })).toBeGreaterThan(4 * pixels.ink({ left: 0.6 }))
  })
})
