import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { times } from '../../../test/effort.ts'
import { hasProgram } from '../../../test/real-services.ts'
import { createSandbox, type Sandbox } from '../../platform/sandbox/sandbox.ts'
import { pdfExtractor } from '../extractors/pdf.ts'
import { tell } from '../extractors/test-run.ts'
import { pdfPreviewer } from './pdf.ts'
import { SOURCE_NAME } from './port.ts'
import { converterOf } from './programs.ts'
import { convert } from './test-conversion.ts'
import {
  linkedPicture,
  makeOpenDocument,
  makeSheet,
  makeSlides,
  makeWordWithLinks,
  paragraph,
} from './test-documents.ts'
import { draw, pixelsOf } from './test-drawing.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 })

const PDF = 'application/pdf'
const ODT = 'application/vnd.oasis.opendocument.text'
const ODS = 'application/vnd.oasis.opendocument.spreadsheet'
const ODP = 'application/vnd.oasis.opendocument.presentation'
const DOCX = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'
const HAS_OFFICE = hasProgram('soffice')

let parent: string
let guarded: Sandbox
/** Nothing but LibreOffice's own settings keeps a document from the network and the files here. */
let open: Sandbox

beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'stowage-office-'))
  guarded = await createSandbox({ parent })
  const guards = { memory: 'watched', network: 'none', files: 'node-permission', programFiles: 'none' } as const
  open = await createSandbox({ parent, plan: { guards, nice: undefined, prlimit: undefined, cage: [] } })
})

afterAll(async () => {
  await guarded.close()
  await open.close()
  await rm(parent, { recursive: true })
})

const toPdf = (sandbox: Sandbox, bytes: Buffer, mediaType: string) => convert(sandbox, converterOf(mediaType)!, bytes)

async function textsOf(pdf: Buffer | undefined) {
  return (await tell(pdfExtractor, { bytes: pdf ?? Buffer.alloc(0), mediaType: PDF })).texts
}

/** Another format of the same document, made by LibreOffice. */
async function saveAs(bytes: Buffer, format: string): Promise<Buffer> {
  const { limits } = converterOf(ODT)!
  return guarded.withFolder(async (folder) => {
    await writeFile(join(folder, SOURCE_NAME), bytes)
    const args = ['--headless', '--convert-to', format, '--outdir', '.', SOURCE_NAME]
    await guarded.exec('soffice', args, { folder, limits, signal: new AbortController().signal })
    return await readFile(join(folder, `${SOURCE_NAME}.${format}`))
  })
}

describe.skipIf(!HAS_OFFICE)('LibreOffice, where it is installed', () => {
  test('lays out a text as pages that are drawn here', async () => {
    const pdf = await toPdf(guarded, makeOpenDocument('text', paragraph('Καλημέρα κόσμε')), ODT)
    expect((await textsOf(pdf))['1']).toContain('Καλημέρα κόσμε')
    const { pictures } = await draw(pdfPreviewer, { bytes: pdf!, mediaType: PDF })
    expect((await pixelsOf(pictures[0])).ink()).toBeGreaterThan(0.0005)
  })

  const others = [
    ['doc', 'application/msword'],
    ['docx', DOCX],
    ['rtf', 'application/rtf'],
  ] as const
  test.each(others.slice(0, times(1, others.length)))('lays out a text as %s', async (format, mediaType) => {
    const bytes = await saveAs(makeOpenDocument('text', paragraph('Some words')), format)
    expect((await textsOf(await toPdf(guarded, bytes, mediaType)))['1']).toContain('Some words')
  })

  test('lays out a sheet', async () => {
    const sheet = makeSheet([
      ['Name', 'Sum'],
      ['Ελένη', '42'],
    ])
    expect((await textsOf(await toPdf(guarded, sheet, ODS)))['1']).toMatch(/Ελένη[\s\S]*42/)
    if (times(0, 1) === 0) return
    const xls = await saveAs(sheet, 'xls')
    expect((await textsOf(await toPdf(guarded, xls, 'application/vnd.ms-excel')))['1']).toContain('Ελένη')
  })

  test('lays out slides where its part for them is installed', async (context) => {
    const pdf = await toPdf(guarded, makeSlides(['First slide', 'Second slide']), ODP)
    if (pdf === undefined) return context.skip('LibreOffice Impress is not installed')
    expect(await textsOf(pdf)).toMatchObject({
      1: expect.stringContaining('First slide'),
      2: expect.stringContaining('Second slide'),
    })
    if (times(0, 1) === 0) return
    const ppt = await saveAs(makeSlides(['Old slide']), 'ppt')
    const texts = await textsOf(await toPdf(guarded, ppt, 'application/vnd.ms-powerpoint'))
    expect(texts['1']).toContain('Old slide')
  })

  test('lays out no more than the first hundred pages', async () => {
    const rows = Array.from({ length: 12_000 }, (_, index) => [`row ${index}`])
    const { facts } = await tell(pdfExtractor, { bytes: (await toPdf(guarded, makeSheet(rows), ODS))!, mediaType: PDF })
    expect(facts.pageCount).toBe(100)
  })

  test('makes nothing of what is no document, or says so', async () => {
    const outcome = toPdf(guarded, Buffer.from([0, 1, 2, 3, 0xff]), ODT)
    expect(await outcome.catch((error: unknown) => error)).toSatisfy(
      (made) => made === undefined || (made as Error).name === 'SandboxError',
    )
  })
})

describe.skipIf(!HAS_OFFICE)('a document that names what lies elsewhere', () => {
  let server: Server
  let asked: string[]
  let elsewhere: string[]

  beforeAll(async () => {
    const red = await sharp({ create: { width: 60, height: 30, channels: 3, background: '#ff0000' } })
      .png()
      .toBuffer()
    await writeFile(join(parent, 'red.png'), red)
    asked = []
    server = createServer((request, response) => {
      asked.push(String(request.url))
      response.end(red)
    }).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    elsewhere = [`http://127.0.0.1:${port}/red.png`, `file://${join(parent, 'red.png')}`]
  })
  afterAll(() => server.close())

  const expectLeftOut = async (bytes: Buffer, mediaType: string) => {
    for (const sandbox of [open, guarded].slice(0, times(1, 2))) {
      const pdf = await toPdf(sandbox, bytes, mediaType)
      expect((await textsOf(pdf))['1']).toContain('Before')
      const { pictures } = await draw(pdfPreviewer, { bytes: pdf!, mediaType: PDF })
      expect(await redShare(pictures[0]!.bytes)).toBe(0)
    }
    expect(asked).toEqual([])
  }

  test('shows neither the remote picture nor the local one', async () => {
    await expectLeftOut(makeOpenDocument('text', paragraph('Before') + elsewhere.map(linkedPicture).join('')), ODT)
  })

  test('shows neither as a document of Word', async () => {
    await expectLeftOut(makeWordWithLinks('Before', elsewhere), DOCX)
  })
})

async function redShare(picture: Uint8Array): Promise<number> {
  const { data } = await sharp(picture).removeAlpha().raw().toBuffer({ resolveWithObject: true })
  let red = 0
  for (let at = 0; at < data.length; at += 3) if (data[at]! > 200 && data[at + 1]! < 60 && data[at + 2]! < 60) red += 1
  return red / (data.length / 3)
}
