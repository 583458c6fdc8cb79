import { rm } from 'node:fs/promises'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { times } from '../../../test/effort.ts'
import { COUNTS_READS, readBytes } from '../../../test/own-reads.ts'
import { type Emit, ExtractionError, type ExtractionLimits, type Extractor, type Piece, type Source } from './port.ts'
import { cutShort, expectClosed, type SampleFile, useSources } from './test-source.ts'

const MIB = 1024 * 1024
const MAX_PIECE_CHARS = 64 * 1024
/** What may be read beyond what the taker took: slices on their way, and the ends of the file that say what it holds. */
const READ_AHEAD_BYTES = 2 * MIB
const SEED = 20_261_121
/** Of each kind of file. */
const [CUTS, NOISES, MUTATIONS] = [times(8, 40), times(5, 30), times(8, 200)]

/** Limits that no honest sample comes near. */
export const WIDE_LIMITS: ExtractionLimits = {
  textChars: 100 * MIB,
  cells: 10_000_000,
  unpackedBytes: 512 * MIB,
  depth: 100,
  pages: 10_000,
  entries: 10_000,
}

export interface ExtractorUnderTest {
  extractor: Extractor
  /** An honest file of a few kilobytes. */
  honest: SampleFile
  /** What it says: pieces of its text, or of its cells, in the order in which they are emitted. */
  says: readonly string[]
  /** For every limit that concerns the family: a value that the file, else the honest one, passes. */
  limits: Partial<Record<keyof ExtractionLimits, { value: number; file?: SampleFile }>>
  /** A file of more than 4 MiB on disk. Left out for formats that have to be read whole before they say anything. */
  long?: SampleFile
  /** Makes the honest file anew with what lies packed in it changed. */
  remake?(change: (part: Buffer) => Buffer): Buffer
}

interface Bench {
  readonly subject: ExtractorUnderTest
  source(file: SampleFile): Promise<Source>
  run(source: Source, limits?: Partial<ExtractionLimits>, emit?: Emit): Promise<Outcome>
}

interface Outcome {
  pieces: Piece[]
  error?: unknown
}

/** The suite of every MUST of the port, passed by every extractor. */
export function describeExtractor(name: string, open: () => ExtractorUnderTest | Promise<ExtractorUnderTest>): void {
  describe(`${name} as an extractor`, () => {
    let subject: ExtractorUnderTest
    beforeAll(async () => {
      subject = await open()
    })
    const bench: Bench = {
      get subject() {
        return subject
      },
      source: useSources(),
      run: (source, limits, emit) => runExtractor(subject.extractor, source, limits, emit),
    }
    describeHonest(bench)
    describeTaking(bench)
    describeLimits(bench)
    describeHostile(bench)
  })
}

/** Runs an extractor and keeps what it emitted and how it ended. */
export async function runExtractor(
  extractor: Extractor,
  source: Source,
  limits: Partial<ExtractionLimits> = {},
  emit?: Emit,
): Promise<Outcome> {
  const pieces: Piece[] = []
  const take: Emit = async (piece) => {
    pieces.push(piece)
    await emit?.(piece)
  }
  try {
    await extractor.extract(source, take, { ...WIDE_LIMITS, ...limits })
    return { pieces }
  } catch (error) {
    return { pieces, error }
  }
}

/** All text and cells, with a newline where one piece ends and the next stands elsewhere. */
export function saidBy(pieces: readonly Piece[]): string {
  let said = ''
  let before = ''
  for (const piece of pieces) {
    const where = piece.kind === 'text' ? JSON.stringify(piece.place) : piece.kind
    if (where !== before && said !== '') said += '\n'
    before = where
    said += wordsOf(piece)
  }
  return said
}

function wordsOf(piece: Piece): string {
  if (piece.kind === 'text') return piece.text
  if (piece.kind !== 'rows') return ''
  const cells = (row: (typeof piece.rows)[number]) =>
    row.map((cell) => (typeof cell === 'object' && cell !== null ? cell.date : `${cell ?? ''}`))
  return `${piece.rows.map((row) => cells(row).join('\t')).join('\n')}\n`
}

function describeHonest(bench: Bench): void {
  test('emits what a file says in its order', async () => {
    const { honest, says } = bench.subject
    const { pieces, error } = await bench.run(await bench.source(honest))
    expect(error).toBeUndefined()
    const said = saidBy(pieces)
    let at = 0
    for (const text of says) {
      const found = said.indexOf(text, at)
      expect({ text, found: found >= 0, after: found < 0 ? said.slice(at) : '' }).toMatchObject({ found: true })
      at = found + text.length
    }
  })

  test('says the same of the same file every time', async () => {
    const source = await bench.source(bench.subject.honest)
    expect(await bench.run(source)).toEqual(await bench.run(source))
  })

  test('emits texts that are not empty, of bounded length, and whole characters', async () => {
    const { honest, long } = bench.subject
    for (const file of [honest, ...(long ? [long] : [])]) {
      for (const piece of (await bench.run(await bench.source(file))).pieces) {
        if (piece.kind !== 'text') continue
        expect(piece.text.length).toBeGreaterThan(0)
        expect(piece.text.length).toBeLessThanOrEqual(MAX_PIECE_CHARS)
        expect(piece.text.isWellFormed() && !piece.text.includes('\0')).toBe(true)
      }
    }
  })

  test('states facts that say something', async () => {
    const { pieces } = await bench.run(await bench.source(bench.subject.honest))
    for (const piece of pieces) {
      if (piece.kind !== 'facts') continue
      for (const value of [...Object.values(piece.facts), ...Object.values(piece.facts.more ?? {})]) {
        expect(value === undefined || value === '' || Number.isNaN(value)).toBe(false)
      }
    }
  })
}

function describeTaking(bench: Bench): void {
  test('emits one piece at a time, in the order of an undisturbed run', async () => {
    const source = await bench.source(bench.subject.honest)
    let emitting = 0
    let most = 0
    const { pieces, error } = await bench.run(source, {}, async () => {
      emitting += 1
      most = Math.max(most, emitting)
      await turn()
      await turn()
      emitting -= 1
    })
    expect(error).toBeUndefined()
    expect(most).toBe(1)
    expect(pieces).toEqual((await bench.run(source)).pieces)
  })

  test.runIf(COUNTS_READS)('reads no more than a bounded part ahead of a slow taker', async ({ skip }) => {
    const { long } = bench.subject
    skip(!long, 'has to be read whole')
    const source = await bench.source(long!)
    expect(source.sizeBytes).toBeGreaterThan(2 * READ_AHEAD_BYTES)
    const readAhead = async () => {
      const before = await readBytes()
      let ahead: number | undefined
      const { error } = await bench.run(source, {}, async (piece) => {
        // The facts and the name of a sheet may be known before anything of the content is read.
        if (!['text', 'rows'].includes(piece.kind) || ahead !== undefined) return
        await untilQuiet()
        ahead = (await readBytes()) - before
      })
      expect(error).toBeUndefined()
      return ahead
    }
    // What else the process reads meanwhile is counted as well, and is not the same each time.
    let ahead = await readAhead()
    for (let again = 0; again < 2 && Number(ahead) >= READ_AHEAD_BYTES; again++) ahead = await readAhead()
    expect(ahead).toBeLessThan(READ_AHEAD_BYTES)
  })

  test('ends with the error of a taker who fails, and has closed the file', async () => {
    const source = await bench.source(bench.subject.honest)
    const gone = new Error('The taker is gone')
    const { pieces, error } = await bench.run(source, {}, () => Promise.reject(gone))
    expect(pieces).toHaveLength(1)
    expect(error).toBe(gone)
    await expectClosed(source)
  })
}

function describeLimits(bench: Bench): void {
  const names = Object.keys(WIDE_LIMITS) as (keyof ExtractionLimits)[]
  test.each(names)('stops at the limit of %s, and what it emitted stands', async (name) => {
    const { limits, honest } = bench.subject
    const limit = limits[name]
    // A family that a limit does not concern is not stopped by it.
    const source = await bench.source(limit?.file ?? honest)
    const whole = await bench.run(source)
    expect(whole.error).toBeUndefined()
    const { pieces, error } = await bench.run(source, { [name]: limit?.value ?? 1_000_000 })
    if (!limit) return expect(error).toBeUndefined()
    expect(error).toMatchObject({ name: 'ExtractionError', kind: 'limits' })
    const said = saidBy(pieces)
    expect(saidBy(whole.pieces).startsWith(said.trimEnd())).toBe(true)
    if (name === 'textChars') expectFilled(pieces, limit.value)
    await expectClosed(source)
  })
}

/** Stopped at the limit and not long before it. */
function expectFilled(pieces: readonly Piece[], chars: number): void {
  const emitted = pieces.reduce((sum, piece) => sum + (piece.kind === 'text' ? piece.text.length : 0), 0)
  expect(emitted).toBeLessThanOrEqual(chars)
  expect(emitted).toBeGreaterThan(pieces.some(({ kind }) => kind === 'rows') ? -1 : chars / 2)
}

function describeHostile(bench: Bench): void {
  const expectOrderly = async (bytes: Buffer) => {
    const source = await bench.source({ ...bench.subject.honest, bytes })
    const { error } = await bench.run(source, { unpackedBytes: 4 * MIB, textChars: 4 * MIB })
    if (error !== undefined) expect(error).toBeInstanceOf(ExtractionError)
    await expectClosed(source)
    await rm(source.path)
    return error
  }

  test('answers a file that ends early in an orderly way, wherever it ends', async () => {
    for (const bytes of cutShort(bench.subject.honest.bytes, CUTS)) await expectOrderly(bytes)
  })

  test('refuses bytes that are no file of its kind', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 4096, maxLength: 20_000, size: 'max' }), async (bytes) => {
        const noise = Buffer.from(bytes)
        // Generated bytes lean towards small ones; these do not.
        for (let at = 0, state = bytes.length; at < noise.length; at += 1) {
          state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
          noise[at] = noise[at]! ^ (state >>> 16)
        }
        expect(await expectOrderly(noise)).toBeInstanceOf(ExtractionError)
      }),
      { numRuns: NOISES, seed: SEED },
    )
  })

  test('answers a file with changed bytes in an orderly way', async () => {
    const { bytes } = bench.subject.honest
    const property = fc.asyncProperty(changes, async (change) => {
      await expectOrderly(changed(bytes, change))
    })
    await fc.assert(property, { numRuns: MUTATIONS, seed: SEED })
  })

  test('answers changes in what lies packed in the file in an orderly way', async ({ skip }) => {
    const { remake } = bench.subject
    skip(!remake, 'nothing lies packed in it')
    const property = fc.asyncProperty(changes, async (change) => {
      await expectOrderly(remake!((part) => changed(part, change)))
    })
    await fc.assert(property, { numRuns: MUTATIONS, seed: SEED })
  })

  test('holds no file open after an honest one', async () => {
    const source = await bench.source(bench.subject.honest)
    await bench.run(source)
    await expectClosed(source)
  })
}

/** Bytes that are set, cut out or said twice, at places told as shares of the whole. */
const changes = fc.record({
  set: fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 0, max: 255 })), {
    maxLength: 8,
  }),
  from: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.double({ min: 0, max: 0.2, noNaN: true }),
  how: fc.constantFrom('keep', 'keep', 'remove', 'repeat'),
})

type Change = typeof changes extends fc.Arbitrary<infer Value> ? Value : never

function changed(original: Buffer, { set, from, length, how }: Change): Buffer {
  const bytes = Buffer.from(original)
  for (const [share, byte] of set) if (bytes.length > 0) bytes[Math.floor(share * (bytes.length - 1))] = byte
  const start = Math.floor(from * bytes.length)
  const end = start + Math.floor(length * bytes.length)
  if (how === 'remove') return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)])
  if (how === 'repeat') return Buffer.concat([bytes.subarray(0, end), bytes.subarray(start)])
  return bytes
}

/** Waits until the process reads no more than this waiting itself does. */
async function untilQuiet(): Promise<void> {
  let quiet = 0
  for (let before = await readBytes(); quiet < 20; ) {
    for (let turns = 0; turns < 20; turns += 1) await turn()
    const now = await readBytes()
    quiet = now - before < 4096 ? quiet + 1 : 0
    before = now
  }
}
