import { randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Segment, Source, TranscribeOptions, Transcriber, Transcript } from './port.ts'
import { runToolHere } from './test-tools.ts'
import { bytesOf, speechHeader } from './wav.ts'

/** What an engine does with every recording that it is given. */
export type Behaviour =
  | { says: readonly Segment[] }
  /** It is not there, or not set up. */
  | 'isAway'
  | 'breaksOff'
  | 'talksNonsense'
  | 'neverEnds'
  | 'neverAnswers'

export interface TranscriberUnderTest {
  /** A transcriber whose engine behaves so, and works for other recordings unless it is away. */
  that(behaviour: Behaviour): Promise<Transcriber>
  close(): Promise<void>
}

/** Sound of so long as every transcriber takes it, in a folder of its own. */
export async function makeSource(folder: string, durationMs: number, more: Partial<Source> = {}): Promise<Source> {
  const samples = Buffer.alloc(bytesOf(durationMs))
  const bytes = Buffer.concat([speechHeader(samples.length), samples])
  const own = join(folder, randomUUID())
  await mkdir(own)
  const path = join(own, 'source')
  await writeFile(path, bytes)
  return { path, sizeBytes: bytes.length, mediaType: 'audio/wav', name: 'call.wav', durationMs, ...more }
}

export const calm = (): TranscribeOptions => ({ runTool: runToolHere, signal: new AbortController().signal })

/** The suite of every MUST of the port, passed by every transcriber. */
export function describeTranscriber(name: string, open: () => Promise<TranscriberUnderTest>): void {
  describe(`${name} as a transcriber`, () => {
    let subject: TranscriberUnderTest
    let folder: string
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'stowage-transcriber-'))
      subject = await open()
    })
    afterAll(async () => {
      await subject?.close()
      await rm(folder, { recursive: true, force: true })
    })
    const listen = async (behaviour: Behaviour, options: TranscribeOptions = calm()): Promise<Transcript> =>
      (await subject.that(behaviour)).transcribe(await makeSource(folder, 5000), options)

    test('writes down what is said and when', async () => {
      const says = [
        { fromMs: 0, toMs: 1500, text: 'Good morning.' },
        { fromMs: 1500, toMs: 4000, text: 'Καλημέρα, 早上好 🎉' },
      ]
      expect((await listen({ says })).segments).toEqual(says)
    })

    test('gives words in the order in which they are said, at times that can be', async () => {
      const says = [
        { fromMs: 3000, toMs: 2000, text: 'second' },
        { fromMs: 1000, toMs: 2000, text: 'first' },
      ]
      expect((await listen({ says })).segments).toEqual([
        { fromMs: 1000, toMs: 2000, text: 'first' },
        { fromMs: 3000, toMs: 3000, text: 'second' },
      ])
    })

    test('leaves out segments without words', async () => {
      const says = [
        { fromMs: 0, toMs: 1000, text: '  ' },
        { fromMs: 1000, toMs: 2000, text: ' heard\n again ' },
      ]
      expect((await listen({ says })).segments).toEqual([{ fromMs: 1000, toMs: 2000, text: 'heard again' }])
    })

    test('has nothing to say of silence', async () => {
      expect((await listen({ says: [] })).segments).toEqual([])
    })

    test('says that its engine is away, which is no fault of the file', async () => {
      await expect(listen('isAway')).rejects.toMatchObject({ name: 'TranscriptionError', kind: 'unavailable' })
    })

    test.each(['breaksOff', 'talksNonsense'] as const)(
      'blames the file when an engine that works %s at it',
      async (fault) => {
        await expect(listen(fault)).rejects.toMatchObject({ name: 'TranscriptionError', kind: 'failed' })
      },
    )

    test('gives up an answer that does not end', async () => {
      const kind = expect.stringMatching(/^(failed|limits)$/)
      await expect(listen('neverEnds')).rejects.toMatchObject({ name: 'TranscriptionError', kind })
    })

    test('stops when it is called off, and says why', async () => {
      const abort = new AbortController()
      const why = new Error('called off')
      const listening = listen('neverAnswers', { ...calm(), signal: abort.signal })
      setTimeout(() => abort.abort(why), 50)
      await expect(listening).rejects.toBe(why)
    })
  })
}
