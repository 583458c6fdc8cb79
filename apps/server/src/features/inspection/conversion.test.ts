import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runEverything } from '../../../test/at-rest.ts'
import { hasProgram } from '../../../test/real-services.ts'
import { startTestService, type TestService } from '../../../test/test-service.ts'
import { extractionOf, lazySandbox } from '../../inspection.ts'
import { makeCompoundFile } from '../../providers/extractors/test-compound-file.ts'
import { extractStep } from './extract-step.ts'

let service: TestService
beforeAll(async () => {
  service = await startTestService({ settings: { STOWAGE_EXTRACT: 'on' } })
})
afterAll(() => service?.stop())

const read = async (id: string, what: string) => (await service.call(`/v1/assets/${id}/${what}`)).json

async function understood(bytes: Buffer, name: string): Promise<string> {
  const headers = { 'content-type': 'application/octet-stream' }
  const { status, json } = await service.call(`/v1/assets?name=${name}&assetType=export_file`, { body: bytes, headers })
  expect({ status, mediaType: json.mediaType }).toEqual({ status: 201, mediaType: 'application/vnd.ms-powerpoint' })
  await runEverything(service)
  return json.id
}

/** Slides in PowerPoint's old format, which LibreOffice writes from its own. */
async function makePpt(slides: readonly string[]): Promise<Buffer> {
  const pages = slides.map(
    (
      words,
      index,
    ) => `<draw:page draw:name="${index}"><draw:frame svg:width="20cm" svg:height="4cm" svg:x="2cm" svg:y="2cm">
      <draw:text-box><text:p>${words}</text:p></draw:text-box></draw:frame></draw:page>`,
  )
  const document = `<?xml version="1.0" encoding="UTF-8"?>
    <office:document office:version="1.3" office:mimetype="application/vnd.oasis.opendocument.presentation"
      xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
      xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0"
      xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"
      xmlns:meta="urn:oasis:names:tc:opendocument:xmlns:meta:1.0"
      xmlns:dc="http://purl.org/dc/elements/1.1/"
      xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0">
    <office:meta><dc:title>Ετήσια έκθεση</dc:title><meta:creation-date>2020-01-02T03:04:05</meta:creation-date></office:meta>
    <office:body><office:presentation>${pages.join('')}</office:presentation></office:body></office:document>`
  const folder = await mkdtemp(join(tmpdir(), 'stowage-ppt-'))
  try {
    await writeFile(join(folder, 'slides.fodp'), document)
    const words = [
      '--headless',
      '--convert-to',
      'ppt:MS PowerPoint 97',
      '--outdir',
      folder,
      join(folder, 'slides.fodp'),
    ]
    const options = { cwd: folder, env: { PATH: process.env['PATH'], HOME: folder } }
    await promisify(execFile)('soffice', [`-env:UserInstallation=file://${folder}/profile`, ...words], options)
    return await readFile(join(folder, 'slides.ppt'))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const BROKEN = makeCompoundFile({ 'PowerPoint Document': Buffer.alloc(5000, 1), 'Current User': Buffer.alloc(100, 2) })

describe.skipIf(!hasProgram('soffice'))('a presentation in an old format', { timeout: 100_000 }, () => {
  test('is read slide by slide, and says of itself what its author said', async () => {
    const id = await understood(await makePpt(['Καλημέρα κόσμε', 'The second slide']), 'slides.ppt')
    const { items, state, cutShort } = await read(id, 'text')
    expect({ state, cutShort }).toEqual({ state: 'ready', cutShort: null })
    expect(items).toMatchObject([
      { page: 1, text: expect.stringContaining('Καλημέρα κόσμε') },
      { page: 2, text: expect.stringContaining('The second slide') },
    ])
    const { extracted, extractor } = await read(id, 'metadata')
    expect(extracted).toEqual({ title: 'Ετήσια έκθεση', createdAt: '2020-01-02T03:04:05.000Z', pageCount: 2 })
    expect(extractor).toMatchObject({ id: 'ppt' })
  })

  test('that is broken is a result, and no failure', async () => {
    const id = await understood(BROKEN, 'broken.ppt')
    expect(await read(id, 'steps')).toMatchObject({ items: [{ name: 'extract', state: 'done' }, { name: 'classify' }] })
    expect(await read(id, 'text')).toMatchObject({ items: [], cutShort: expect.stringMatching(/^\w+: /) })
  })
})

describe('a presentation in an old format, without LibreOffice', () => {
  test('is not read, and the reason is said', async () => {
    const sandbox = lazySandbox()
    const steps = service.app.worker.inspection.steps as Record<string, unknown>
    const usual = steps['extract']
    const without = { ...extractionOf(service.config, sandbox.get), findProgram: () => undefined }
    steps['extract'] = extractStep(service.app.uploads, without)
    try {
      const id = await understood(BROKEN, 'unread.ppt')
      const reason = 'LibreOffice is needed to read application/vnd.ms-powerpoint'
      expect(await read(id, 'steps')).toMatchObject({ items: [{ name: 'extract', state: 'skipped', reason }] })
      expect(await read(id, 'text')).toMatchObject({ state: 'none', cutShort: reason })
    } finally {
      steps['extract'] = usual
      await sandbox.close()
    }
  })
})
