import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { PreviewJob } from './features/variants/room.ts'
import { createSandbox, type Sandbox, type SandboxLimits } from './platform/sandbox/sandbox.ts'
import { previewerOf } from './previewers.ts'
import { DRAWS, PCM } from './providers/previewers/media-types.ts'
import type { Picture, Wanted } from './providers/previewers/port.ts'
import { filled, makePages } from './providers/previewers/test-pages.ts'
import { makeWav } from './providers/previewers/test-wav.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const CHILD = fileURLToPath(import.meta.resolve('./preview-child.ts'))
const MIB = 1024 ** 2
const LIMITS: SandboxLimits = { wallSeconds: 60, cpuSeconds: 60, memoryBytes: 800 * MIB, outputBytes: 64 * MIB }
const WANTED: readonly Wanted[] = [
  { page: 1, width: 320, height: 320, fit: 'inside', format: 'jpeg' },
  { page: 1, width: 1600, height: 1600, fit: 'inside', format: 'webp' },
]

let parent: string
let sandbox: Sandbox

beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'stowage-previews-'))
  sandbox = await createSandbox({ parent })
})

afterAll(async () => {
  await sandbox.close()
  await rm(parent, { recursive: true })
})

async function drawInChild(bytes: Buffer, mediaType: string, wanted = WANTED): Promise<Picture[]> {
  const pictures: Picture[] = []
  await sandbox.withFolder(async (folder) => {
    await writeFile(join(folder, 'source'), bytes)
    const source = { path: 'source', sizeBytes: bytes.length, mediaType, name: 'sample' }
    await sandbox.run<PreviewJob, Picture>(
      CHILD,
      { source, wanted, limits: { pixels: 100_000_000, textChars: 100_000 } },
      {
        folder,
        limits: LIMITS,
        signal: new AbortController().signal,
        grants: previewerOf(mediaType)!.grants,
        take: async (picture) => void pictures.push(picture),
      },
    )
  })
  return pictures
}

const colour = { create: { width: 4000, height: 3000, channels: 3, background: '#2255aa' } } as const
const SVG =
  '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="60"><text y="20">Hello</text><rect width="9" height="9"/></svg>'

describe('in a child process', () => {
  test.each([
    ['a photo', 'image/jpeg', () => sharp(colour).jpeg().toBuffer()],
    ['a drawing with text', 'image/svg+xml', async () => Buffer.from(SVG)],
    ['a page', 'application/pdf', async () => makePages([{ content: filled('1 0 0', [0, 0, 100, 100]) }])],
    ['a text', 'text/plain', async () => Buffer.from('Hello, world\n'.repeat(20))],
    ['a sound', 'audio/wav', async () => makeWav({ channels: [Math.sin], frames: 8000 })],
    ['samples', PCM, async () => Buffer.alloc(8000, 7)],
  ])('%s becomes all pictures that are wanted of it', async (_, mediaType, make) => {
    const pictures = await drawInChild(await make(), mediaType)
    expect(pictures.map(({ index, width, height }) => [index, Math.max(width, height)])).toEqual([
      [0, 320],
      [1, 1600],
    ])
    expect((await sharp(pictures[0]!.bytes).metadata()).format).toBe('jpeg')
    expect((await sharp(pictures[1]!.bytes).metadata()).format).toBe('webp')
  })

  test('what cannot be drawn says why', async () => {
    await expect(drawInChild(Buffer.from('no image'), 'image/png')).rejects.toMatchObject({
      name: 'PreviewError',
      fields: { kind: 'corrupt' },
    })
  })

  test('a large photo becomes an AVIF picture within the limits', async () => {
    const wanted = [{ page: 1, width: 4000, height: 4000, fit: 'inside', format: 'avif' }] as const
    const [picture] = await drawInChild(await sharp(colour).jpeg().toBuffer(), 'image/jpeg', wanted)
    expect(picture).toMatchObject({ width: 2048, height: 1536 })
  })
})

test('every media type has one previewer', () => {
  const types = Object.values(DRAWS).flat()
  expect(new Set(types).size).toBe(types.length)
  for (const [id, mediaTypes] of Object.entries(DRAWS))
    for (const mediaType of mediaTypes) expect(previewerOf(mediaType)?.id).toBe(id)
  expect(previewerOf('application/zip')).toBeUndefined()
})
