import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { runEverything } from '../../../test/at-rest.ts'
import { hasProgram } from '../../../test/real-services.ts'
import { startTestService, type TestService } from '../../../test/test-service.ts'
import { toUuid as uuidOf } from '../../domain/id.ts'
import { withClient } from '../../platform/database/client.ts'
import { readPrinted } from '../../providers/transcribers/printed.ts'
import { type Reply, startEngine, type TestEngine } from '../../providers/transcribers/test-engine.ts'
import { bytesOf, speechHeader } from '../../providers/transcribers/wav.ts'
import { askSteps } from './steps.sql.ts'

const SPHINX = ['pocketsphinx_continuous', '-infile', '{file}', '-logfn', '/dev/null', '-time', 'yes']
const SAID = 'good morning this is a recording of our call'
const TOOLS = ['ffmpeg', 'pocketsphinx_continuous'].every(hasProgram)

let made = 0
/** Silence that no other recording holds, so long. */
function newSound(durationMs: number): Buffer {
  made += 1
  const samples = Buffer.alloc(bytesOf(durationMs))
  samples.writeUInt32LE(made)
  return Buffer.concat([speechHeader(samples.length), samples])
}

/** A voice that says it. */
async function spoken(words: string, extension: 'mp3' | 'wav'): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'stowage-spoken-'))
  try {
    const path = join(folder, `spoken.${extension}`)
    const voice = ['-f', 'lavfi', '-i', `flite=text='${words}':voice=rms`, '-ar', '16000', '-ac', '1']
    execFileSync('ffmpeg', ['-v', 'error', ...voice, path])
    return await readFile(path)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** What the API says of one service's recordings. */
function recordingsOf(service: () => TestService) {
  const read = async (id: string, what: string) => (await service().call(`/v1/assets/${id}/${what}`)).json
  return {
    read,
    async record(bytes: Buffer, fields: Record<string, string> = {}): Promise<string> {
      const query = new URLSearchParams({ name: 'call.wav', assetType: 'recording', ...fields })
      const headers = { 'content-type': 'application/octet-stream' }
      const { status, json } = await service().call(`/v1/assets?${query}`, { body: bytes, headers })
      expect({ status, json }).toMatchObject({ status: 201 })
      await runEverything(service())
      return json.id
    },
    async stepsOf(id: string) {
      const { items } = await read(id, 'steps')
      return Object.fromEntries(items.map((step: { name: string }) => [step.name, step]))
    },
    /** As if the time had come at which what waits is tried again. */
    async later(id: string) {
      const makeDue = `update stowage.step set due_at = now() where asset_id = $1 and state = 'waiting'`
      await withClient(service().database.owner, (client) => client.query(makeDue, [uuidOf(id)]))
      await runEverything(service())
    },
    async again(id: string) {
      const { status } = await service().call(`/v1/assets/${id}/steps/transcribe/retry`, { method: 'POST' })
      expect(status).toBe(202)
      await runEverything(service())
    },
  }
}

const timed = (...segments: [number, number, string][]): Reply => ({
  json: { text: '', language: 'greek', segments: segments.map(([start, end, text]) => ({ start, end, text })) },
})

describe('a recording', () => {
  let engine: TestEngine
  let service: TestService
  const { read, record, stepsOf, later, again } = recordingsOf(() => service)
  beforeAll(async () => {
    engine = await startEngine()
    service = await startTestService({
      settings: {
        STOWAGE_EXTRACT: 'on',
        STOWAGE_TRANSCRIBE_URL: engine.url,
        STOWAGE_TRANSCRIBE_KEY: 'sk-test',
        STOWAGE_TRANSCRIBE_MODEL: 'large',
        STOWAGE_TRANSCRIBE_MAX_BYTES: String(1024 * 1024),
      },
    })
  })
  beforeEach(() => {
    engine.works = true
    engine.heard.length = 0
    engine.answer = () => timed([0, 1.5, 'Good morning.'], [1.5, 4, 'My card is 4111 1111 1111 1111.'])
  })
  afterAll(async () => {
    await service?.stop()
    await engine?.close()
  })

  test('says in its text what was said and when, and what is sensitive in it', async () => {
    const id = await record(newSound(5000), { links: JSON.stringify({ callId: 'call-1' }) })
    const text = await read(id, 'text')
    expect(text).toMatchObject({ state: 'ready', cutShort: null, chars: 44 })
    expect(text.items).toMatchObject([
      { part: 0, fromMs: 0, toMs: 1500, text: 'Good morning.' },
      { part: 1, fromMs: 1500, toMs: 4000, text: 'My card is 4111 1111 1111 1111.' },
    ])
    expect((await read(id, 'findings')).items).toMatchObject([{ kind: 'paymentCard', part: 1 }])
    expect(engine.heard[0]).toMatchObject({ fields: { model: 'large' }, headers: { authorization: 'Bearer sk-test' } })
    const [found] = (await service.call('/v1/assets?call=call-1')).json.items
    expect(found.id).toBe(id)
  })

  test('keeps what was measured of it, and tells its language and who listened', async () => {
    const id = await record(newSound(5000))
    const { extracted, more, category } = await read(id, 'metadata')
    expect(extracted).toEqual({ durationMs: 5000, language: 'el' })
    expect(more).toMatchObject({ 'audio.sampleRate': 16_000, 'transcript.engine': 'openai large' })
    expect(category.name).toBe('recording')
  })

  test('is listened to in the language that its sender says is spoken', async () => {
    await record(newSound(1000), { metadata: JSON.stringify({ language: 'el-GR' }) })
    expect(engine.heard[0]?.fields['language']).toBe('el')
  })

  test('of more bytes than the engine takes is sent in pieces, and has the times of the whole', async () => {
    engine.answer = () => timed([0, 1, 'piece'])
    const id = await record(newSound(60_000))
    const { items } = await read(id, 'text')
    expect(items.map(({ fromMs }: { fromMs: number }) => fromMs)).toEqual([0, 30_000])
  })

  test('waits as long as the engine is away, and its text with it', async () => {
    engine.answer = () => ({ status: 503 })
    const id = await record(newSound(1000))
    expect(await read(id, 'text')).toMatchObject({
      state: 'waiting',
      items: [],
      cutShort: expect.stringContaining('503'),
    })
    expect(await read(id, 'metadata')).toMatchObject({ state: 'ready', extracted: { durationMs: 1000 } })
    for (let time = 1; time < 10; time += 1) await later(id)
    expect((await stepsOf(id)).transcribe).toMatchObject({ state: 'waiting', attempts: 10 })
    engine.answer = () => timed([0, 1, 'back again'])
    await later(id)
    expect(await read(id, 'text')).toMatchObject({ state: 'ready', items: [{ text: 'back again' }] })
  })

  test('that the engine does not take has no text, with the reason', async () => {
    engine.answer = () => ({ status: 400, text: 'Invalid file format.' })
    const id = await record(newSound(1000))
    expect((await stepsOf(id)).transcribe).toMatchObject({ state: 'skipped' })
    expect(await read(id, 'text')).toMatchObject({
      state: 'none',
      items: [],
      cutShort: 'refused: The engine answered 400: Invalid file format.',
    })
  })

  test('at which the engine breaks off again and again is given up, and can be tried again', async () => {
    engine.answer = () => (response) => void response.destroy()
    const id = await record(newSound(1000))
    for (let time = 1; time < 10; time += 1) await later(id)
    expect((await stepsOf(id)).transcribe).toMatchObject({ state: 'dead', attempts: 8 })
    expect((await read(id, 'text')).state).toBe('failed')
    engine.answer = () => timed([0, 1, 'at last'])
    await again(id)
    expect((await read(id, 'text')).items).toMatchObject([{ text: 'at last' }])
  })

  test('has its text replaced when it is listened to again', async () => {
    const id = await record(newSound(1000))
    engine.answer = () => timed([0, 1, 'better'])
    await again(id)
    expect(await read(id, 'text')).toMatchObject({ chars: 6, items: [{ part: 0, text: 'better' }] })
    expect((await read(id, 'findings')).items).toEqual([])
    expect((await read(id, 'metadata')).extracted).toEqual({ durationMs: 1000, language: 'el' })
  })

  test('is asked for again with all others, and nothing else is', async () => {
    const { json } = await service.call('/v1/assets?name=b.txt', {
      body: Buffer.from('no sound'),
      headers: { 'content-type': 'text/plain' },
    })
    const id = await record(newSound(1000))
    const everything = { organization: undefined, mediaType: undefined, currentOnly: false }
    const { tenantId } = await withClient(service.database.owner, async (client) => {
      const { rows } = await client.query('select tenant_id as "tenantId" from stowage.asset limit 1')
      return rows[0]
    })
    await service.app.platform.inTenant(tenantId, (db) => askSteps(db, tenantId, 'transcribe', everything))
    expect((await stepsOf(id)).transcribe.state).toBe('waiting')
    expect((await stepsOf(json.id)).transcribe).toBeUndefined()
    await runEverything(service)
    expect((await stepsOf(id)).transcribe.state).toBe('done')
  })

  test('of nobody speaking is ready, without text', async () => {
    engine.answer = () => timed()
    const id = await record(newSound(1000))
    expect(await read(id, 'text')).toMatchObject({ state: 'ready', items: [], chars: 0 })
  })

  test('whose sender means harm costs nothing but itself', async () => {
    engine.answer = () => timed([0, 1, '\u0000\ud800<script>'])
    const header = speechHeader(3200)
    header.writeUInt32LE(0xffff_fff0, 40)
    const id = await record(Buffer.concat([header, Buffer.alloc(3200, 'x')]))
    expect((await read(id, 'text')).items).toMatchObject([{ text: '\ufffd<script>' }])
  })

  test('is listened to, and no document is', async () => {
    const document = Buffer.from('words')
    const { json } = await service.call('/v1/assets?name=a.txt', {
      body: document,
      headers: { 'content-type': 'text/plain' },
    })
    await runEverything(service)
    expect(Object.keys(await stepsOf(json.id))).toEqual(['extract', 'classify'])
    await again(json.id)
    expect((await stepsOf(json.id)).transcribe).toMatchObject({
      state: 'skipped',
      reason: 'text/plain is no recording',
    })
  })
})

describe('a recording, where nobody is set up to listen', () => {
  let service: TestService
  const { record, stepsOf, again } = recordingsOf(() => service)
  beforeAll(async () => {
    service = await startTestService({ settings: { STOWAGE_EXTRACT: 'on' } })
  })
  afterAll(() => service?.stop())

  test('is measured, and not listened to', async () => {
    const id = await record(newSound(1000))
    expect(Object.keys(await stepsOf(id))).toEqual(['extract', 'classify'])
    await again(id)
    expect((await stepsOf(id)).transcribe).toMatchObject({ state: 'skipped', reason: /no engine/ })
  })
})

describe.skipIf(!TOOLS)('what a voice says', () => {
  let service: TestService | undefined
  let engine: TestEngine | undefined
  const { read, record } = recordingsOf(() => service as TestService)
  afterEach(async () => {
    await service?.stop()
    await engine?.close()
    engine = undefined
  })

  async function expectHeard(id: string): Promise<void> {
    const { state, items } = await read(id, 'text')
    expect(state).toBe('ready')
    const words = items.flatMap(({ text }: { text: string }) => text.split(' '))
    const right = SAID.split(' ').filter((word) => words.includes(word))
    expect(right.length).toBeGreaterThanOrEqual(SAID.split(' ').length / 2)
    const { durationMs } = (await read(id, 'metadata')).extracted
    for (const { fromMs, toMs } of items) {
      expect(fromMs).toBeLessThan(toMs)
      expect(toMs).toBeLessThanOrEqual(durationMs + 200)
    }
  }

  test('is written down by a program of this machine, and linked to its call', async () => {
    service = await startTestService({
      settings: { STOWAGE_EXTRACT: 'on', STOWAGE_TRANSCRIBE_COMMAND: JSON.stringify(SPHINX) },
    })
    const links = JSON.stringify({ callId: 'call-7' })
    const id = await record(await spoken(SAID, 'mp3'), { name: 'call.mp3', links })
    await expectHeard(id)
    expect((await service.call('/v1/assets?call=call-7')).json.items).toMatchObject([
      { id, links: { callId: 'call-7' } },
    ])
  })

  test('is written down by a service, from the file that it is sent', async () => {
    engine = await startEngine(async ({ file, fileName }) => {
      expect(fileName).toBe('recording.wav')
      const folder = await mkdtemp(join(tmpdir(), 'stowage-engine-'))
      const path = join(folder, fileName)
      await writeFile(path, file)
      const [program, ...args] = SPHINX.map((word) => word.replace('{file}', path)) as [string, ...string[]]
      const printed = execFileSync(program, args, { encoding: 'utf8' })
      await rm(folder, { recursive: true })
      return timed(
        ...readPrinted(printed, undefined).segments.map(({ fromMs = 0, toMs = 0, text }): [number, number, string] => [
          fromMs / 1000,
          toMs / 1000,
          text,
        ]),
      )
    })
    service = await startTestService({ settings: { STOWAGE_EXTRACT: 'on', STOWAGE_TRANSCRIBE_URL: engine.url } })
    await expectHeard(await record(await spoken(SAID, 'wav')))
  })
})
