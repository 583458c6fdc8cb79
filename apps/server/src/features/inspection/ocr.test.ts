import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runEverything } from '../../../test/at-rest.ts'
import { hasProgram } from '../../../test/real-services.ts'
import { startTestService, type TestService } from '../../../test/test-service.ts'
import { extractionOf, lazySandbox } from '../../inspection.ts'
import { findProgram } from '../../platform/sandbox/programs.ts'
import { tesseract } from '../../providers/extractors/tesseract.ts'
import { makeHeic } from '../../providers/previewers/test-heic.ts'
import { extractStep } from './extract-step.ts'
import type { Extraction } from './extraction.ts'
import { chooseLanguages } from './ocr.ts'
import { inPageOrder } from './spool.ts'
import { pagePicture, scannedPdf, shareOfWords } from './test-pages.ts'

const ENGLISH = `The harbour master keeps a record of every vessel that arrives before noon.
Each entry names the captain, the cargo and the place where the ship was built.
Visitors may read these books in the library on Thursday and Friday afternoons.
Nothing may be copied without the written permission of the keeper of the archive.`

const GREEK = `Ο λιμενάρχης κρατά κατάλογο για κάθε πλοίο που φτάνει πριν από το μεσημέρι.
Κάθε εγγραφή γράφει τον πλοίαρχο, το φορτίο και τον τόπο όπου χτίστηκε το σκάφος.
Οι επισκέπτες διαβάζουν αυτά τα βιβλία στη βιβλιοθήκη κάθε Πέμπτη και Παρασκευή.
Τίποτα δεν αντιγράφεται χωρίς τη γραπτή άδεια του φύλακα του αρχείου.`

let service: TestService
beforeAll(async () => {
  service = await startTestService({ settings: { STOWAGE_EXTRACT: 'on', STOWAGE_OCR_PAGES: '3' } })
})
afterAll(() => service?.stop())

const read = async (id: string, what: string) => (await service.call(`/v1/assets/${id}/${what}`)).json

async function upload(bytes: Buffer, name: string): Promise<string> {
  const headers = { 'content-type': 'application/octet-stream' }
  const { status, json } = await service.call(`/v1/assets?name=${name}&assetType=export_file`, { body: bytes, headers })
  expect(status).toBe(201)
  return json.id
}

async function told(bytes: Buffer, name: string) {
  const id = await upload(bytes, name)
  await runEverything(service)
  const { items, state, cutShort } = await read(id, 'text')
  const parts = items as { page: number | null; text: string }[]
  const { more } = await read(id, 'metadata')
  return {
    parts,
    text: parts.map(({ text }) => text).join('\n'),
    state,
    cutShort,
    more,
    steps: await read(id, 'steps'),
  }
}

/** Does the step another way for a while. */
async function withExtraction<Result>(changes: Partial<Extraction>, work: () => Promise<Result>): Promise<Result> {
  const sandbox = lazySandbox()
  const steps = service.app.worker.inspection.steps as Record<string, unknown>
  const before = steps['extract']
  const usual = extractionOf(service.config, sandbox.get)
  steps['extract'] = extractStep(service.app.uploads, { ...usual, ...changes })
  try {
    return await work()
  } finally {
    steps['extract'] = before
    await sandbox.close()
  }
}

describe.skipIf(!hasProgram('tesseract'))('text in pictures', { timeout: 100_000 }, () => {
  test.each([
    ['English', ENGLISH],
    ['Greek', GREEK],
  ])('is recognised in %s', async (_, words) => {
    const { text, parts, more, cutShort } = await told(await pagePicture(words).png().toBuffer(), 'page.png')
    expect(shareOfWords(words, text)).toBeGreaterThanOrEqual(0.95)
    expect(parts.map(({ page }) => page)).toEqual([1])
    expect(cutShort).toBeNull()
    expect(more).toMatchObject({ 'ocr.pages': ['1'], 'ocr.program': expect.stringMatching(/^tesseract \d/) })
  })

  test('is recognised in a photograph of a page that was turned', async () => {
    const turned = await pagePicture(ENGLISH).rotate(90).jpeg().withMetadata({ orientation: 8 }).toBuffer()
    expect(shareOfWords(ENGLISH, (await told(turned, 'turned.jpg')).text)).toBeGreaterThanOrEqual(0.95)
  })

  test('is recognised in the small letters of a screen', async () => {
    const screen = await pagePicture(ENGLISH, 13).png().toBuffer()
    expect(shareOfWords(ENGLISH, (await told(screen, 'screen.png')).text)).toBeGreaterThanOrEqual(0.95)
  })

  test('stands among the text of a document in the order of its pages', async () => {
    const scan = await pagePicture(ENGLISH).jpeg({ quality: 90 }).toBuffer({ resolveWithObject: true })
    const pdf = scannedPdf(['First written page', scan, 'Third written page', scan])
    const { parts, more, cutShort } = await told(pdf, 'mixed.pdf')
    expect(parts.map(({ page }) => page)).toEqual([1, 2, 3, 4])
    expect(parts[0]!.text).toContain('First written page')
    expect(shareOfWords(ENGLISH, parts[1]!.text)).toBeGreaterThanOrEqual(0.95)
    expect(more['ocr.pages']).toEqual(['2', '4'])
    expect(cutShort).toBeNull()
  })

  test('is recognised on so many pages of a file, and the rest is named', async () => {
    const scan = await pagePicture(ENGLISH).jpeg({ quality: 90 }).toBuffer({ resolveWithObject: true })
    const { parts, more, cutShort } = await told(scannedPdf([scan, scan, scan, scan, scan]), 'long.pdf')
    expect(parts.map(({ page }) => page)).toEqual([1, 2, 3])
    expect(more['ocr.pagesNotRecognised']).toEqual(['4', '5'])
    expect(cutShort).toMatch(/3 of 5 pages/)
  })

  test('is found like any other: what is sensitive in it is told', async () => {
    const id = await upload(await pagePicture('IBAN DE89370400440532013000').png().toBuffer(), 'iban.png')
    await runEverything(service)
    expect((await read(id, 'findings')).items).toMatchObject([{ kind: 'iban', page: 1 }])
  })

  test('is none where there are no words', async () => {
    const noise = { type: 'gaussian', mean: 128, sigma: 60 } as const
    const grain = sharp({ create: { width: 800, height: 600, channels: 3, background: '#888888', noise } })
    const plain = sharp({ create: { width: 800, height: 600, channels: 3, background: '#336699' } })
    for (const picture of [grain, plain]) {
      const { parts, cutShort, state } = await told(await picture.png().toBuffer(), 'picture.png')
      expect({ parts, cutShort, state }).toEqual({ parts: [], cutShort: null, state: 'ready' })
    }
  })

  test('is not looked for in what is tiny', async () => {
    const icon = await sharp({ create: { width: 31, height: 400, channels: 3, background: '#fff' } })
      .png()
      .toBuffer()
    expect((await told(icon, 'icon.png')).more).not.toHaveProperty(['ocr.program'])
  })
})

describe('pages that cannot be recognised', { timeout: 60_000 }, () => {
  const scanned = () => pagePicture(ENGLISH).jpeg({ quality: 90 }).toBuffer({ resolveWithObject: true })
  const script = (words: string) => ['-c', words]
  /** Answers like an honest one, and then prints for ever. */
  const recognizer = {
    ...tesseract,
    program: 'sh',
    askVersion: script('echo tesseract 9.0'),
    askLanguages: script('echo Languages; echo eng'),
    askText: () => script('yes'),
  }

  test('because the program was stopped by a limit are left out, and named', async () => {
    const recognition = { recognizer, pages: 3 }
    const pdf = scannedPdf(['Written', await scanned()])
    const { parts, more, cutShort, steps } = await withExtraction({ recognition }, () => told(pdf, 'stopped.pdf'))
    expect(steps).toMatchObject({ items: [{ name: 'extract', state: 'done' }, { name: 'classify' }] })
    expect(parts).toMatchObject([{ page: 1, text: expect.stringContaining('Written') }])
    expect(more['ocr.pagesNotRecognised']).toEqual(['2'])
    expect(cutShort).toMatch(/^page 2 was not recognised \(output: /)
  })

  test('are no longer tried after three', async () => {
    const scan = await scanned()
    const recognition = { recognizer, pages: 50 }
    const pdf = scannedPdf([scan, scan, scan, scan, scan])
    const { more, cutShort } = await withExtraction({ recognition }, () => told(pdf, 'stopped-often.pdf'))
    expect(more['ocr.pagesNotRecognised']).toEqual(['1', '2', '3', '4', '5'])
    expect(cutShort).toMatch(/3 of 5 pages without text/)
  })

  test('because nothing here decodes the picture are named, which is no failure', async () => {
    const found = (program: string) => (program === 'heif-convert' ? undefined : findProgram(program))
    const { more, cutShort } = await withExtraction({ findProgram: found }, () => told(makeHeic(640, 480), 'a.heic'))
    expect(cutShort).toBeNull()
    expect(more).toMatchObject({
      'ocr.pagesNotRecognised': ['1'],
      'ocr.notRecognisedBecause': 'heif-convert is not installed',
    })
  })

  test('because the program is not installed are named, which is no failure', async () => {
    const picture = await pagePicture(ENGLISH).png().toBuffer()
    const { parts, more, cutShort, steps } = await withExtraction({ findProgram: () => undefined }, () =>
      told(picture, 'without.png'),
    )
    expect(steps).toMatchObject({ items: [{ name: 'extract', state: 'done' }, { name: 'classify' }] })
    expect({ parts, cutShort }).toEqual({ parts: [], cutShort: null })
    expect(more).toMatchObject({
      'ocr.pagesNotRecognised': ['1'],
      'ocr.notRecognisedBecause': 'tesseract is not installed',
    })
  })
})

describe('languages', () => {
  test('are those that are installed, English first and three at most, unless they are named', () => {
    expect(chooseLanguages(['ara', 'deu', 'ell', 'eng', 'fra'], undefined)).toEqual(['eng', 'ara', 'deu'])
    expect(chooseLanguages(['deu', 'ell', 'eng', 'fra'], ['fra', 'ell', 'deu', 'eng'])).toHaveLength(4)
    expect(chooseLanguages(['eng'], ['ell'])).toEqual([])
  })
})

describe('pieces in the order of their pages', () => {
  test('keep their order, whatever was found later', async () => {
    const text = (page: number, words: string) => ({ kind: 'text' as const, text: words, place: { page } })
    async function* pieces() {
      yield text(2, 'two')
      yield text(2, 'two, too')
      yield text(5, 'five')
      yield { kind: 'facts' as const, facts: {} }
    }
    const all: string[] = []
    for await (const piece of inPageOrder(pieces(), [text(1, 'one'), text(3, 'three'), text(9, 'nine')]))
      all.push(piece.kind === 'text' ? piece.text : piece.kind)
    expect(all).toEqual(['one', 'two', 'two, too', 'three', 'five', 'facts', 'nine'])
  })
})
