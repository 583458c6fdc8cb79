import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runEverything } from '../../../test/at-rest.ts'
import { exec } from '../../../test/corpus/tools.ts'
import { hasProgram } from '../../../test/real-services.ts'
import { startTestService, type TestService } from '../../../test/test-service.ts'
import { turnedHeic } from '../../providers/previewers/test-heic.ts'
import { pagePicture, shareOfWords } from '../inspection/test-pages.ts'

const WORDS = `The keeper of the archive writes the name of every visitor.
Nothing may be copied without the permission of the harbour master.`

let service: TestService
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stowage-heic-'))
  service = await startTestService({ settings: { STOWAGE_EXTRACT: 'on' } })
})
afterAll(async () => {
  await service?.stop()
  await rm(folder, { recursive: true })
})

/** As a telephone writes it: HEVC, with what the JPEG file says of itself. */
async function heicOf(jpeg: Buffer): Promise<Buffer> {
  const [from, to] = [join(folder, 'photo.jpg'), join(folder, 'photo.heic')]
  await writeFile(from, jpeg)
  await exec('heif-enc', ['-q', '90', from, '-o', to])
  return readFile(to)
}

/** Red on the left, blue on the right; its Exif says that the camera was held on its side. */
async function photo(): Promise<Buffer> {
  const left = await sharp({ create: { width: 300, height: 600, channels: 3, background: '#f00' } })
    .png()
    .toBuffer()
  return sharp({ create: { width: 900, height: 600, channels: 3, background: '#00f' } })
    .composite([{ input: left, left: 0, top: 0 }])
    .withExif({ IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '37/1 58/1 0/1' } })
    .withMetadata({ orientation: 6 })
    .jpeg({ quality: 95 })
    .toBuffer()
}

async function upload(bytes: Buffer, name = 'photo.heic'): Promise<string> {
  const headers = { 'content-type': 'application/octet-stream' }
  const { status, json } = await service.call(`/v1/assets?name=${name}`, { body: bytes, headers })
  expect([status, json.mediaType]).toEqual([201, 'image/heic'])
  await runEverything(service)
  return json.id
}

const read = async (id: string, what: string) => (await service.call(`/v1/assets/${id}/${what}`)).json
const thumbnailOf = async (id: string) =>
  (await read(id, 'variants')).items.find(({ name }: { name: string }) => name === 'thumbnail')

async function colours(bytes: Buffer): Promise<{ width: number; height: number; first: string; last: string }> {
  const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true })
  const nameAt = (at: number) => ((data[at] as number) > 200 ? 'red' : 'blue')
  const { width, height, channels } = info
  return { width, height, first: nameAt(0), last: nameAt((width * height - 1) * channels) }
}

describe.skipIf(!hasProgram('heif-convert'))('a photograph in HEIC', { timeout: 100_000 }, () => {
  test('is drawn as the file turns it and not as its Exif does, and without where it was taken', async () => {
    const heic = await heicOf(await photo())
    const lying = await upload(heic)
    const standing = await upload(turnedHeic(heic))
    const pictures = []
    for (const id of [lying, standing]) {
      expect(await thumbnailOf(id)).toMatchObject({ state: 'made', mediaType: 'image/jpeg' })
      const { bytes } = await service.call(`/v1/assets/${id}/variants/thumbnail`)
      pictures.push(await colours(bytes))
      expect((await sharp(bytes).metadata()).exif).toBeUndefined()
    }
    expect(pictures).toEqual([
      { width: 320, height: 213, first: 'red', last: 'blue' },
      // A quarter anti-clockwise: what was on the left is below.
      { width: 213, height: 320, first: 'blue', last: 'red' },
    ])
    expect((await read(lying, 'metadata')).more).toMatchObject({ 'exif.gpsLatitude': expect.closeTo(37.97, 1) })
  })

  test.skipIf(!hasProgram('tesseract'))('has the text that it shows', async () => {
    const id = await upload(await heicOf(await pagePicture(WORDS).jpeg({ quality: 95 }).toBuffer()))
    const { items } = await read(id, 'text')
    const text = items.map((part: { text: string }) => part.text).join('\n')
    expect(shareOfWords(WORDS, text)).toBeGreaterThanOrEqual(0.95)
  })

  test('that is broken ends with its reason', async () => {
    const heic = await heicOf(await photo())
    const broken = Buffer.from(heic)
    broken.fill(0xaa, heic.indexOf('mdat') + 8)
    const id = await upload(broken)
    expect(await thumbnailOf(id)).toMatchObject({ state: 'failed', reason: expect.stringContaining('decode') })
    const { items } = await read(id, 'steps')
    const states = items.map(({ state }: { state: string }) => state)
    expect(states.filter((state: string) => state !== 'done' && state !== 'skipped')).toEqual([])
  })
})
