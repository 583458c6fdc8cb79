import { execFileSync } from 'node:child_process'
import { mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasProgram } from '../../../test/real-services.ts'
import { createCommandTranscriber } from './command.ts'
import { type Behaviour, calm, describeTranscriber, makeSource } from './conformance.ts'
import { type RunTool, type Segment, ToolError } from './port.ts'
import { runToolHere } from './test-tools.ts'
import { bytesOf, speechHeader } from './wav.ts'

/** A program that prints what is given, as WebVTT. */
function printing(segments: readonly Segment[]): readonly [string, ...string[]] {
  const time = (ms = 0) => new Date(ms).toISOString().slice(11, -1)
  const cues = segments.map(({ fromMs, toMs, text }) => `${time(fromMs)} --> ${time(toMs)}\n${text}\n`)
  return ['sh', '-c', 'printf %s "$0"', ['WEBVTT', ...cues].join('\n\n'), '{file}']
}

const commands: Record<Extract<Behaviour, string>, readonly [string, ...string[]]> = {
  isAway: ['no-such-transcriber', '{file}'],
  breaksOff: ['sh', '-c', 'echo "cannot allocate a model" >&2; exit 3', '{file}'],
  talksNonsense: ['echo', '{"what": ', '{file}'],
  neverEnds: ['yes', '{file}'],
  neverAnswers: ['sh', '-c', 'exec sleep 60', '{file}'],
}

describeTranscriber('command', async () => ({
  that: async (behaviour) =>
    createCommandTranscriber({
      command: typeof behaviour === 'string' ? commands[behaviour] : printing(behaviour.says),
    }),
  close: async () => {},
}))

describe('a program that transcribes', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stowage-command-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  const NO_FFMPEG: RunTool = (program, args, options) => {
    if (program === 'ffmpeg') throw new ToolError('missing', 'There is no program ffmpeg.')
    return runToolHere(program, args, options)
  }

  test('is told the name of the file in its folder, and the language', async () => {
    const transcriber = createCommandTranscriber({ command: ['sh', '-c', 'ls {file}; echo {language}', '{file}'] })
    const recording = await makeSource(folder, 5000)
    const told = await transcriber.transcribe(recording, { ...calm(), language: 'pt-BR' })
    expect(told.segments).toEqual([{ fromMs: 0, toMs: 5000, text: 'source pt' }])
    expect((await transcriber.transcribe(recording, calm())).segments[0]?.text).toBe('source auto')
  })

  test('gets the recording as it came where nothing can convert it', async () => {
    const transcriber = createCommandTranscriber({ command: ['cat', '{file}'] })
    const recording = await makeSource(folder, 5000, { mediaType: 'audio/mpeg' })
    await writeFile(recording.path, 'an mp3 of sorts')
    const { segments } = await transcriber.transcribe(recording, { ...calm(), runTool: NO_FFMPEG })
    expect(segments).toEqual([{ fromMs: 0, toMs: 5000, text: 'an mp3 of sorts' }])
  })

  test('has more time for a longer recording', async () => {
    const limits: number[] = []
    const runTool: RunTool = async (_program, _args, options) => {
      limits.push(options.limits.wallSeconds)
      return Buffer.from('')
    }
    const transcriber = createCommandTranscriber({ command: ['listener', '{file}'] })
    for (const durationMs of [1000, 100_000])
      await transcriber.transcribe(await makeSource(folder, durationMs), { ...calm(), runTool })
    expect(limits).toEqual([604, 1000])
  })

  test('hears the first hours of a recording without end, which is said', async () => {
    const [header, hour] = [speechHeader(0xffff_ffff - 44), bytesOf(3_600_000)]
    const recording = await makeSource(folder, 10)
    await writeFile(recording.path, header)
    await truncate(recording.path, 7 * hour)
    const runTool: RunTool = async (program, args, options) => {
      if (program !== 'ffmpeg') return Buffer.from('words')
      expect(args[args.indexOf('-t') + 1]).toBe('21600')
      const path = join(options.folder, 'speech.wav')
      await writeFile(path, speechHeader(6 * hour))
      await truncate(path, 6 * hour + header.length)
      return Buffer.from('')
    }
    const transcriber = createCommandTranscriber({ command: ['listener', '{file}'] })
    expect(await transcriber.transcribe(recording, { ...calm(), runTool })).toMatchObject({
      segments: [{ fromMs: 0, toMs: 6 * 3_600_000 }],
      cutShort: expect.stringMatching(/^limits: /),
    })
  })

  describe.skipIf(!hasProgram('ffmpeg'))('and ffmpeg', () => {
    const ffmpeg = (args: string[]) => execFileSync('ffmpeg', ['-v', 'error', '-y', ...args])

    test('hear any kind of file as a WAV of 16 kHz and one channel', async () => {
      const recording = await makeSource(folder, 10, { mediaType: 'video/x-matroska', durationMs: undefined })
      const pictures = ['-f', 'lavfi', '-i', 'color=size=64x64:duration=2']
      const sound = ['-f', 'lavfi', '-i', 'sine=duration=2', '-ac', '2', '-ar', '44100']
      ffmpeg([...pictures, ...sound, '-shortest', '-f', 'matroska', recording.path])
      const transcriber = createCommandTranscriber({ command: ['sh', '-c', 'od -An -tu4 -j24 -N4 {file}', '{file}'] })
      const { segments } = await transcriber.transcribe(recording, calm())
      expect(segments).toMatchObject([{ fromMs: 0, text: '16000' }])
      expect(Math.abs((segments[0]?.toMs ?? 0) - 2000)).toBeLessThan(100)
      expect(await readdir(dirname(recording.path))).toContain('speech.wav')
    })

    test('hear nothing in a film without sound', async () => {
      const recording = await makeSource(folder, 10, { mediaType: 'video/mp4' })
      ffmpeg(['-f', 'lavfi', '-i', 'color=size=64x64:duration=1', '-f', 'mp4', recording.path])
      const listening = createCommandTranscriber({ command: ['cat', '{file}'] }).transcribe(recording, calm())
      await expect(listening).rejects.toMatchObject({ kind: 'refused' })
    })

    test.skipIf(!hasProgram('pocketsphinx_continuous'))('hear what a voice says with PocketSphinx', async () => {
      const recording = await makeSource(folder, 10)
      const said = 'good morning this is a recording'
      ffmpeg(['-f', 'lavfi', '-i', `flite=text='${said}':voice=rms`, '-f', 'mp3', recording.path])
      const transcriber = createCommandTranscriber({
        command: ['pocketsphinx_continuous', '-infile', '{file}', '-logfn', '/dev/null', '-time', 'yes'],
      })
      const { segments } = await transcriber.transcribe(recording, calm())
      const text = segments.map((segment) => segment.text).join(' ')
      expect(text.split(' ').filter((word) => said.split(' ').includes(word)).length).toBeGreaterThanOrEqual(3)
      expect(segments.every(({ fromMs, toMs }) => fromMs !== undefined && toMs !== undefined && fromMs < toMs)).toBe(
        true,
      )
    })
  })
})
