import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { COUNTS_READS, readBytes } from '../../../test/own-reads.ts'
import { hasProgram } from '../../../test/real-services.ts'
import { expectClosed } from '../extractors/test-source.ts'
import { type Behaviour, calm, describeTranscriber, makeSource } from './conformance.ts'
import { createOpenaiTranscriber, type OpenaiSettings } from './openai.ts'
import { type RunTool, type Segment, ToolError } from './port.ts'
import { type Reply, startEngine, type TestEngine } from './test-engine.ts'
import { bytesOf, speechHeader } from './wav.ts'

const MIB = 1024 * 1024
const SETTINGS = { key: 'sk-test', model: 'whisper-1', maxFileBytes: 25 * MIB }
const NO_TOOLS: RunTool = async (program) => {
  throw new ToolError('missing', `There is no program ${program}.`)
}

function verbose(segments: readonly Segment[]): Reply {
  const timed = segments.map(({ fromMs = 0, toMs = 0, text }) => ({ start: fromMs / 1000, end: toMs / 1000, text }))
  return {
    json: {
      task: 'transcribe',
      language: 'english',
      duration: 5,
      text: timed.map(({ text }) => text).join(' '),
      segments: timed,
    },
  }
}

const endless: Reply = (response) => {
  const write = () => {
    while (response.writable && response.write(' '.repeat(64 * 1024)));
    if (response.writable) response.once('drain', write)
  }
  write()
}

const replies: Record<Extract<Behaviour, string>, Reply> = {
  isAway: { status: 503, text: 'loading' },
  breaksOff: (response) => response.destroy(),
  talksNonsense: { text: '<html>Welcome</html>' },
  neverEnds: endless,
  neverAnswers: () => {},
}

describeTranscriber('openai', async () => {
  const engine = await startEngine()
  return {
    async that(behaviour) {
      engine.answer = () => (typeof behaviour === 'string' ? replies[behaviour] : verbose(behaviour.says))
      return createOpenaiTranscriber({ ...SETTINGS, url: engine.url })
    },
    close: () => engine.close(),
  }
})

describe('an engine with the interface of OpenAI', () => {
  let engine: TestEngine
  let folder: string
  beforeAll(async () => {
    engine = await startEngine()
    folder = await mkdtemp(join(tmpdir(), 'stowage-openai-'))
  })
  beforeEach(() => {
    engine.works = true
    engine.heard.length = 0
    engine.answer = () => verbose([{ fromMs: 0, toMs: 1000, text: 'words' }])
  })
  afterAll(async () => {
    await engine?.close()
    await rm(folder, { recursive: true, force: true })
  })

  const transcriberWith = (more: Partial<OpenaiSettings> = {}) =>
    createOpenaiTranscriber({ ...SETTINGS, url: engine.url, ...more })
  const source = (more = {}) => makeSource(folder, 5000, more)

  test('is sent the file, whose name tells its kind and nothing else, and asked for segments', async () => {
    const recording = await source({ name: 'Call with Ms. Smith.wav' })
    const { language } = await transcriberWith().transcribe(recording, { ...calm(), language: 'el-GR' })
    const [heard] = engine.heard
    expect(heard).toMatchObject({
      path: '/v1/audio/transcriptions',
      fileName: 'recording.wav',
      fields: {
        model: 'whisper-1',
        response_format: 'verbose_json',
        'timestamp_granularities[]': 'segment',
        language: 'el',
      },
    })
    expect(heard?.headers.authorization).toBe('Bearer sk-test')
    expect(heard?.file.length).toBe(recording.sizeBytes)
    expect(language).toBe('en')
  })

  test('is sent no credential where it wants none', async () => {
    await transcriberWith({ key: undefined }).transcribe(await source(), calm())
    expect(engine.heard[0]?.headers.authorization).toBeUndefined()
  })

  test('gives one segment of the whole recording when it tells no times', async () => {
    engine.answer = () => ({ json: { text: ' Good morning. ' } })
    const { segments } = await transcriberWith().transcribe(await source(), calm())
    expect(segments).toEqual([{ fromMs: 0, toMs: 5000, text: 'Good morning.' }])
    const unmeasured = await transcriberWith().transcribe(await source({ durationMs: undefined }), calm())
    expect(unmeasured.segments).toEqual([{ fromMs: 0, text: 'Good morning.' }])
  })

  test('is asked without times, from then on, when it refuses to tell them', async () => {
    const detail = "response_format 'verbose_json' is not compatible with model 'gpt-4o-transcribe'"
    engine.answer = ({ fields }) =>
      fields['response_format'] === 'json'
        ? { json: { text: 'words' } }
        : { status: 400, json: { error: { message: detail } } }
    const transcriber = transcriberWith({ model: 'gpt-4o-transcribe' })
    for (const _time of [1, 2])
      expect((await transcriber.transcribe(await source(), calm())).segments).toMatchObject([{ text: 'words' }])
    expect(engine.heard.map(({ fields }) => fields['response_format'])).toEqual(['verbose_json', 'json', 'json'])
  })

  test.each([
    [401, 'unavailable'],
    [404, 'unavailable'],
    [429, 'unavailable'],
    [503, 'unavailable'],
    [413, 'limits'],
    [400, 'refused'],
    [415, 'refused'],
    [500, 'failed'],
    [502, 'failed'],
  ])('that answers %d is %s when it works for others', async (status, kind) => {
    engine.answer = () => ({ status, json: { error: { message: 'could not decode' } } })
    await expect(transcriberWith().transcribe(await source(), calm())).rejects.toMatchObject({ kind })
  })

  test.each([400, 500, 200])(
    'that answers %d to silence as well is not set up, and no file is to blame',
    async (status) => {
      engine.works = false
      engine.answer = () => ({ status, text: 'nonsense' })
      const listening = transcriberWith().transcribe(await source(), calm())
      await expect(listening).rejects.toMatchObject({ kind: 'unavailable' })
    },
  )

  test('that nobody runs is unavailable, with the reason', async () => {
    const gone = await startEngine()
    await gone.close()
    const listening = transcriberWith({ url: gone.url }).transcribe(await source(), calm())
    await expect(listening).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringMatching(/ECONNREFUSED/),
    })
  })

  test('that points elsewhere is not followed there, for the key is not for others', async () => {
    const elsewhere = await startEngine()
    engine.works = false
    engine.answer = () => ({ status: 307, headers: { location: `${elsewhere.url}/audio/transcriptions` } })
    await expect(transcriberWith().transcribe(await source(), calm())).rejects.toMatchObject({ kind: 'unavailable' })
    expect(elsewhere.heard).toEqual([])
    await elsewhere.close()
  })

  test('that takes too long is given up, and the recording is to blame', async () => {
    engine.answer = () => () => {}
    const listening = transcriberWith({ timeoutMs: 1500 }).transcribe(await source(), calm())
    await expect(listening).rejects.toMatchObject({ kind: 'failed', message: 'The engine did not answer within 1.5 s' })
  })

  describe('that takes nothing of a large recording', () => {
    const sizeBytes = 300 * MIB
    const listenTo = async (answer: string, signal = calm().signal) => {
      const taken: Socket[] = []
      const deaf = createServer({ pauseOnConnect: true }, (socket) => {
        taken.push(socket.on('error', () => {}))
        socket.write(answer)
      })
      await new Promise<void>((resolve) => deaf.listen(0, '127.0.0.1', resolve))
      onTestFinished(() => {
        for (const socket of taken) socket.destroy()
        deaf.close()
      })
      const recording = await source({ sizeBytes })
      await truncate(recording.path, sizeBytes)
      const url = `http://127.0.0.1:${(deaf.address() as AddressInfo).port}`
      const transcriber = transcriberWith({ url, maxFileBytes: 400 * MIB })
      return { recording, listening: transcriber.transcribe(recording, { ...calm(), signal }) }
    }

    test('has us hold a bounded part of it, and read no more of it once it is given up', async () => {
      const abort = new AbortController()
      const [before, read] = [process.memoryUsage().arrayBuffers, await readBytes()]
      const { recording, listening } = await listenTo('', abort.signal)
      await wait(500)
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * MIB)
      abort.abort(new Error('enough'))
      await expect(listening).rejects.toThrow('enough')
      await vi.waitFor(() => expectClosed(recording), { timeout: 20_000 })
      expect((await readBytes()) - read).toBeLessThan(64 * MIB)
    })

    test.runIf(COUNTS_READS)('but has an answer at once has us read no more of it', async () => {
      const read = await readBytes()
      const { recording, listening } = await listenTo('HTTP/1.1 413 Too Large\r\ncontent-length: 4\r\n\r\nMuch')
      await expect(listening).rejects.toMatchObject({ kind: 'limits' })
      await vi.waitFor(() => expectClosed(recording), { timeout: 20_000 })
      expect((await readBytes()) - read).toBeLessThan(64 * MIB)
    })
  })

  test('says nothing of keys where a key is refused', async () => {
    engine.answer = () => ({ status: 401, text: 'Incorrect API key provided: sk-te**st' })
    const error = await transcriberWith()
      .transcribe(await source(), calm())
      .catch((thrown) => thrown)
    expect(error.message).toBe('The engine refuses us: 401')
  })

  test('gets what is too large for it in pieces, whose times are those of the whole', async () => {
    const recording = await makeSource(folder, 90_000, { durationMs: undefined })
    engine.answer = ({ file }) => verbose([{ fromMs: 500, toMs: 1500, text: `${file.readUInt32LE(40)} bytes` }])
    const transcriber = transcriberWith({ maxFileBytes: MIB })
    const { segments } = await transcriber.transcribe(recording, { ...calm(), runTool: NO_TOOLS })
    const [third, bytes] = [30_000, `${bytesOf(30_000)} bytes`]
    expect(segments).toEqual([
      { fromMs: 500, toMs: 1500, text: bytes },
      { fromMs: third + 500, toMs: third + 1500, text: bytes },
      { fromMs: 2 * third + 500, toMs: 2 * third + 1500, text: bytes },
    ])
    for (const { file } of engine.heard) {
      expect(file.length).toBeLessThanOrEqual(MIB)
      expect(file.subarray(0, 44)).toEqual(speechHeader(file.length - 44))
    }
  })

  test('hears every sample of what comes in pieces once', async () => {
    const samples = Buffer.from(Uint8Array.from({ length: bytesOf(100_001) }, (_, index) => (index * 7919) % 251))
    const recording = await makeSource(folder, 10)
    await writeFile(recording.path, Buffer.concat([speechHeader(samples.length), samples]))
    const { length: sizeBytes } = samples
    await transcriberWith({ maxFileBytes: MIB }).transcribe({ ...recording, sizeBytes: sizeBytes + 44 }, calm())
    expect(Buffer.concat(engine.heard.map(({ file }) => file.subarray(44))).equals(samples)).toBe(true)
  })

  test('is not sent what is too large for it where nothing can cut it', async () => {
    const recording = await source({ mediaType: 'audio/mpeg' })
    await writeFile(recording.path, Buffer.alloc(2 * MIB, 'no sound'))
    const listening = transcriberWith({ maxFileBytes: MIB }).transcribe(
      { ...recording, sizeBytes: 2 * MIB },
      { ...calm(), runTool: NO_TOOLS },
    )
    await expect(listening).rejects.toMatchObject({ kind: 'limits', message: expect.stringContaining('no ffmpeg') })
    expect(engine.heard).toEqual([])
  })

  describe.skipIf(!hasProgram('ffmpeg'))('and ffmpeg', () => {
    const ffmpeg = (args: string[]) => execFileSync('ffmpeg', ['-v', 'error', '-y', ...args])

    test('hear a kind of file that engines do not take', async () => {
      const recording = await source({ mediaType: 'audio/aiff' })
      ffmpeg(['-f', 'lavfi', '-i', 'sine=duration=3', '-f', 'aiff', recording.path])
      await transcriberWith().transcribe(recording, calm())
      expect(engine.heard[0]?.file.subarray(0, 44)).toEqual(speechHeader(bytesOf(3000)))
    })

    test('hear a long recording in pieces', async () => {
      const recording = await source({ mediaType: 'audio/mpeg', durationMs: 25 * 60_000 })
      ffmpeg(['-f', 'lavfi', '-i', 'sine=duration=40', '-ac', '1', '-f', 'mp3', recording.path])
      const { segments } = await transcriberWith({ maxFileBytes: MIB }).transcribe(recording, calm())
      expect(segments).toHaveLength(2)
      expect(Math.abs((segments[1]?.fromMs ?? 0) - 20_000)).toBeLessThan(200)
    })

    test.each(['audio/aiff', 'video/x-matroska'])('refuse bytes that are no %s', async (mediaType) => {
      const recording = await source({ mediaType })
      await writeFile(recording.path, Buffer.alloc(100_000, 'no sound at all'))
      await expect(transcriberWith().transcribe(recording, calm())).rejects.toMatchObject({ kind: 'refused' })
    })

    test('open no other file that a recording points at', async () => {
      const recording = await source({ mediaType: 'audio/aiff' })
      const other = join(dirname(recording.path), 'other.ts')
      ffmpeg(['-f', 'lavfi', '-i', 'sine=duration=3', '-f', 'mpegts', other])
      const playlist = `#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nother.ts\n#EXT-X-ENDLIST\n`
      for (const text of [playlist, `ffconcat version 1.0\nfile other.ts\n`]) {
        await writeFile(recording.path, text)
        await expect(transcriberWith().transcribe(recording, calm())).rejects.toMatchObject({ kind: 'refused' })
      }
      expect(engine.heard).toEqual([])
    })
  })
})
