import { describe, expect, test } from 'vitest'
import { HEIC, READS, VIDEO } from '../extractors/media-types.ts'
import { DRAWS } from './media-types.ts'
import { SOURCE_NAME } from './port.ts'
import { CONVERTERS, converterOf } from './programs.ts'

const drawn: readonly string[] = Object.values(DRAWS).flat()

describe('a converter', () => {
  test.each(CONVERTERS.map((converter) => [converter.id, converter] as const))(
    '%s makes what is drawn here, from what is called as it expects',
    (_, { output, arguments: argumentsFor, files }) => {
      expect(drawn).toContain(output.mediaType)
      expect(output.name).toMatch(/^[a-z]+\.[a-z]+$/)
      expect(argumentsFor(SOURCE_NAME).join(' ')).toContain(SOURCE_NAME)
      for (const path of Object.keys(files())) expect(path).not.toMatch(/^\/|\.\./)
    },
  )

  test('is there once for a media type', () => {
    const all = CONVERTERS.flatMap(({ reads }) => reads)
    expect(new Set(all).size).toBe(all.length)
  })

  test('is there for every document, photograph of a telephone, film and sound that is read', () => {
    const read = [...HEIC, ...READS.office, ...READS.doc, ...READS.rtf, ...READS.sheets, ...VIDEO, ...READS.media]
    for (const mediaType of [...read, 'application/vnd.ms-powerpoint']) expect(converterOf(mediaType)).toBeDefined()
    expect(converterOf('application/x-msdownload')).toBeUndefined()
  })

  test('looks at a film after a tenth of it, and at one of unknown length from its beginning', () => {
    const poster = converterOf('video/mp4')!
    const after = (args: string[]) => args[args.indexOf('-ss') + 1]
    expect(after(poster.arguments(SOURCE_NAME, 30_000))).toBe('3')
    expect(after(poster.arguments(SOURCE_NAME, 100 * 3_600_000))).toBe('600')
    expect(poster.arguments(SOURCE_NAME)).not.toContain('-ss')
  })
})
