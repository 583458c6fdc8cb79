import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { times } from '../effort.ts'
import { startTestService, type TestService } from '../test-service.ts'
import { judge } from './judge.ts'
import { type Corpus, openCorpus } from './make.ts'
import { openReading, type Reading } from './reading.ts'
import { readByService } from './service-reading.ts'

const LEAST_FILES = 60
const LEAST_FORMATS = 20

/** With the real servers alone: making the files takes a minute or two. */
const isWanted = times(0, 1) === 1
const NOTHING: Corpus = { files: [], scans: [], missing: [] }
const { files, scans, missing } = isWanted ? await openCorpus() : NOTHING

/** What no child of our own reads without another program's help. */
const isConverted = ({ format }: { format: string }) => format === 'ppt'

describe.skipIf(!isWanted)('files that other programs have made', () => {
  let reading: Reading
  beforeAll(async () => {
    reading = await openReading()
  })
  afterAll(() => reading?.close())

  test('are many, in many formats, and all of them could be made', () => {
    expect(missing).toEqual([])
    expect(files.length).toBeGreaterThanOrEqual(LEAST_FILES)
    expect(new Set(files.map(({ format }) => format)).size).toBeGreaterThanOrEqual(LEAST_FORMATS)
  })

  test.each(files.filter((file) => !isConverted(file)))('are read whole: $name by $maker', async (file) => {
    expect(judge(file, await reading.read(file.path, file.name)).faults).toEqual([])
  })
})

describe.skipIf(!isWanted)('what the service tells of files that other programs have made', () => {
  let service: TestService
  beforeAll(async () => {
    service = await startTestService({ settings: { STOWAGE_EXTRACT: 'on' } })
  })
  afterAll(() => service?.stop())

  test.each(files.filter(({ sheets }) => sheets))('is each cell, page by page: $name', async (file) => {
    expect(judge(file, await readByService(service, file.path, file.name)).faults).toEqual([])
  })

  test.each(files.filter(isConverted))('is all of what has to be converted first: $name', async (file) => {
    expect(judge(file, await readByService(service, file.path, file.name)).faults).toEqual([])
  })

  test.each(scans)('is what a scanned page shows: $name', { timeout: 120_000 }, async (file) => {
    expect(judge(file, await readByService(service, file.path, file.name)).faults).toEqual([])
  })
})
