import { rm } from 'node:fs/promises'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import sharp from 'sharp'
import { beforeAll, describe, expect, test } from 'vitest'
import { times } from '../../../test/effort.ts'
import { cutShort, expectClosed, type SampleFile, useSources } from '../extractors/test-source.ts'
import type { Size } from './box.ts'
import {
  type Emit,
  type Picture,
  type PictureFormat,
  PreviewError,
  type Previewer,
  type PreviewLimits,
  type Source,
  type Wanted,
} from './port.ts'

const SEED = 20_261_121
/** Of each kind of file. */
const [CUTS, NOISES, MUTATIONS] = [times(8, 40), times(5, 30), times(8, 200)]

/** Limits that no honest sample comes near. */
export const WIDE_LIMITS: PreviewLimits = { pixels: 100_000_000, textChars: 100_000 }

const THUMBNAIL: Wanted = { page: 1, width: 320, height: 320, fit: 'inside', format: 'jpeg' }
const PREVIEW: Wanted = { page: 1, width: 1600, height: 1600, fit: 'inside', format: 'webp' }
const FORMATS: readonly PictureFormat[] = ['jpeg', 'webp', 'avif', 'png']

export interface PreviewerUnderTest {
  previewer: Previewer
  /** An honest file of a few kilobytes. */
  honest: SampleFile
  /** How the file looks when it is upright; exact pixels where it has a size of its own. */
  shape: Size & { isItsOwnSize: boolean }
  /** What its bytes hold and no picture of it may. */
  secrets?: readonly string[]
}

interface Outcome {
  pictures: Picture[]
  error?: unknown
}

interface Bench {
  readonly subject: PreviewerUnderTest
  source(file: SampleFile): Promise<Source>
  run(source: Source, wanted: readonly Wanted[], limits?: Partial<PreviewLimits>, emit?: Emit): Promise<Outcome>
}

/** The suite of every MUST of the port, passed by every previewer. */
export function describePreviewer(name: string, open: () => PreviewerUnderTest | Promise<PreviewerUnderTest>): void {
  describe(`${name} as a previewer`, () => {
    let subject: PreviewerUnderTest
    beforeAll(async () => {
      subject = await open()
    })
    const bench: Bench = {
      get subject() {
        return subject
      },
      source: useSources(),
      run: (source, wanted, limits, emit) => runPreviewer(subject.previewer, source, wanted, limits, emit),
    }
    describeHonest(bench)
    describeTaking(bench)
    describeHostile(bench)
  })
}

/** Runs a previewer and keeps what it emitted and how it ended. */
export async function runPreviewer(
  previewer: Previewer,
  source: Source,
  wanted: readonly Wanted[],
  limits: Partial<PreviewLimits> = {},
  emit?: Emit,
): Promise<Outcome> {
  const pictures: Picture[] = []
  const take: Emit = async (picture) => {
    pictures.push(picture)
    await emit?.(picture)
  }
  try {
    await previewer.render(source, wanted, take, { ...WIDE_LIMITS, ...limits })
    return { pictures }
  } catch (error) {
    return { pictures, error }
  }
}

function describeHonest(bench: Bench): void {
  test('makes each picture that is wanted, in order and in its format', async () => {
    const wanted = [PREVIEW, THUMBNAIL, ...FORMATS.map((format) => ({ ...THUMBNAIL, width: 100, format }))]
    const { pictures, error } = await bench.run(await bench.source(bench.subject.honest), wanted)
    expect(error).toBeUndefined()
    expect(pictures.map(({ index }) => index)).toEqual(wanted.map((_, index) => index))
    for (const [index, picture] of pictures.entries()) await expectSound(picture, wanted[index]!)
  })

  test('makes the same pictures of the same file every time', async () => {
    const source = await bench.source(bench.subject.honest)
    expect(await bench.run(source, [THUMBNAIL, PREVIEW])).toEqual(await bench.run(source, [THUMBNAIL, PREVIEW]))
  })

  test('keeps the whole picture inside the box, in its shape', async () => {
    const { honest, shape } = bench.subject
    const boxes = [
      { width: 60, height: 60 },
      { width: 30, height: 500 },
      { width: 500, height: 20 },
    ]
    const wanted = boxes.map((box) => ({ ...THUMBNAIL, ...box }))
    const { pictures } = await bench.run(await bench.source(honest), wanted)
    expect(pictures).toHaveLength(boxes.length)
    for (const [index, { width, height }] of pictures.entries()) {
      const box = boxes[index]!
      const scale = Math.min(box.width / shape.width, box.height / shape.height)
      expect(Math.abs(width - shape.width * scale)).toBeLessThanOrEqual(1)
      expect(Math.abs(height - shape.height * scale)).toBeLessThanOrEqual(1)
    }
  })

  test('fills the box and cuts what stands out where it is to cover it', async () => {
    const boxes = [
      { width: 32, height: 32 },
      { width: 16, height: 40 },
    ]
    const wanted = boxes.map((box) => ({ ...THUMBNAIL, ...box, fit: 'cover' as const }))
    const { pictures } = await bench.run(await bench.source(bench.subject.honest), wanted)
    expect(pictures.map(({ width, height }) => ({ width, height }))).toEqual(boxes)
  })

  test('enlarges nothing but what has no size of its own', async () => {
    const { honest, shape } = bench.subject
    const large = { width: 1200, height: 1200 }
    const fits = ['inside', 'cover'] as const
    const wanted = fits.map((fit) => ({ ...THUMBNAIL, ...large, fit }))
    const { pictures } = await bench.run(await bench.source(honest), wanted)
    expect(pictures).toHaveLength(fits.length)
    for (const { width, height } of pictures) {
      if (shape.isItsOwnSize) expect({ width, height }).toEqual({ width: shape.width, height: shape.height })
      else expect(Math.max(width, height)).toBe(1200)
    }
  })

  test('makes AVIF pictures of 2048 pixels a side at most', async () => {
    const wanted = [{ ...THUMBNAIL, width: 9000, height: 9000, format: 'avif' as const }]
    const { pictures } = await bench.run(await bench.source(bench.subject.honest), wanted)
    expect(Math.max(pictures[0]!.width, pictures[0]!.height)).toBeLessThanOrEqual(2048)
  })

  test('carries over nothing that the file says of itself', async () => {
    const { honest, secrets = [] } = bench.subject
    for (const secret of secrets) expect(honest.bytes.includes(secret)).toBe(true)
    const wanted = FORMATS.map((format) => ({ ...THUMBNAIL, format }))
    const { pictures } = await bench.run(await bench.source(honest), wanted)
    expect(pictures).toHaveLength(FORMATS.length)
    for (const { bytes } of pictures) {
      const { exif, icc, iptc, xmp, orientation, comments } = await sharp(bytes).metadata()
      expect({ exif, icc, iptc, xmp, orientation, comments }).toEqual({})
      for (const secret of secrets) expect(Buffer.from(bytes).includes(secret)).toBe(false)
    }
  })

  test('leaves out pages that are not there', async () => {
    const wanted = [{ ...THUMBNAIL, page: 900 }, THUMBNAIL]
    const { pictures, error } = await bench.run(await bench.source(bench.subject.honest), wanted)
    expect(error).toBeUndefined()
    expect(pictures.map(({ index }) => index)).toEqual([1])
  })
}

/** Of its format and size, and inside its box. */
async function expectSound(picture: Picture, wanted: Wanted): Promise<void> {
  const { format, width, height } = await sharp(picture.bytes).metadata()
  expect(format).toBe(wanted.format === 'avif' ? 'heif' : wanted.format)
  expect({ width, height }).toEqual({ width: picture.width, height: picture.height })
  expect(width).toBeLessThanOrEqual(wanted.width)
  expect(height).toBeLessThanOrEqual(wanted.height)
}

function describeTaking(bench: Bench): void {
  test('emits one picture at a time', async () => {
    let [emitting, most] = [0, 0]
    const { error } = await bench.run(
      await bench.source(bench.subject.honest),
      [THUMBNAIL, PREVIEW, THUMBNAIL],
      {},
      async () => {
        emitting += 1
        most = Math.max(most, emitting)
        await turn()
        await turn()
        emitting -= 1
      },
    )
    expect(error).toBeUndefined()
    expect(most).toBe(1)
  })

  test('ends with the error of a taker who fails, and has closed the file', async () => {
    const source = await bench.source(bench.subject.honest)
    const gone = new Error('The taker is gone')
    const { pictures, error } = await bench.run(source, [THUMBNAIL, PREVIEW], {}, () => Promise.reject(gone))
    expect(pictures).toHaveLength(1)
    expect(error).toBe(gone)
    await expectClosed(source)
  })
}

function describeHostile(bench: Bench): void {
  const expectOrderly = async (bytes: Buffer) => {
    const source = await bench.source({ ...bench.subject.honest, bytes })
    const { pictures, error } = await bench.run(source, [THUMBNAIL], { pixels: 4_000_000 })
    if (error !== undefined) expect(error).toBeInstanceOf(PreviewError)
    for (const picture of pictures) await expectSound(picture, THUMBNAIL)
    await expectClosed(source)
    await rm(source.path)
    return error
  }

  test('answers a file that ends early in an orderly way, wherever it ends', async () => {
    for (const bytes of cutShort(bench.subject.honest.bytes, CUTS)) await expectOrderly(bytes)
  })

  test('refuses a file without bytes', async () => {
    expect(await expectOrderly(Buffer.alloc(0))).toBeInstanceOf(PreviewError)
  })

  test('answers bytes that are no file of its kind in an orderly way', async () => {
    const property = fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 8192, size: 'max' }), async (bytes) => {
      await expectOrderly(Buffer.from(bytes))
    })
    await fc.assert(property, { numRuns: NOISES, seed: SEED })
  })

  test('answers a file with changed bytes in an orderly way', async () => {
    const { bytes } = bench.subject.honest
    const property = fc.asyncProperty(changes, async (change) => {
      await expectOrderly(changed(bytes, change))
    })
    await fc.assert(property, { numRuns: MUTATIONS, seed: SEED })
  })
}

const share = fc.double({ min: 0, max: 1, noNaN: true })
/** Bytes that are set and bytes that are left out, at places told as shares of the whole. */
const changes = fc.record({
  set: fc.array(fc.tuple(share, fc.integer({ min: 0, max: 255 })), { maxLength: 8 }),
  from: share,
  length: fc.constantFrom(0, 0, 0.01, 0.1),
})

type Change = typeof changes extends fc.Arbitrary<infer Value> ? Value : never

function changed(original: Buffer, { set, from, length }: Change): Buffer {
  const bytes = Buffer.from(original)
  for (const [place, byte] of set) bytes[Math.floor(place * (bytes.length - 1))] = byte
  const start = Math.floor(from * bytes.length)
  return Buffer.concat([bytes.subarray(0, start), bytes.subarray(start + Math.floor(length * bytes.length))])
}
