import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { agrees, allowed, findMediaType, mediaTypeForExtension, mediaTypeName, safeHeaders } from './media-type.ts'
import { MEDIA_TYPE_ALIASES, MEDIA_TYPES } from './media-type-table.ts'

const DOCX = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'
const XLSX = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'

describe('the table', () => {
  test('names every type once, in its usual form, and no alias', () => {
    const names = MEDIA_TYPES.map((row) => row.name)
    expect(new Set(names).size).toBe(names.length)
    expect(names.filter((name) => mediaTypeName(name) !== name)).toEqual([])
    expect(names.filter((name) => Object.hasOwn(MEDIA_TYPE_ALIASES, name))).toEqual([])
  })

  test('resolves every alias to a known type', () => {
    expect(Object.keys(MEDIA_TYPE_ALIASES).filter((alias) => findMediaType(alias) === undefined)).toEqual([])
  })

  test('what a browser would run is never safe to show', () => {
    expect(MEDIA_TYPES.filter((row) => row.active && row.inlineSafe)).toEqual([])
    for (const name of ['text/html', 'image/svg+xml', 'text/xml', 'application/javascript', 'application/xhtml+xml']) {
      expect(findMediaType(name)?.active, name).toBe(true)
    }
  })
})

describe('mediaTypeForExtension', () => {
  test.each([
    ['JPG', 'image/jpeg'],
    ['docx', DOCX],
    ['md', 'text/markdown'],
    ['ts', 'text/x-typescript'],
    ['ogg', 'audio/ogg'],
  ])('%s is %s', (extension, name) => {
    expect(mediaTypeForExtension(extension)?.name).toBe(name)
  })

  test('an unknown extension has none', () => {
    expect(mediaTypeForExtension('xyz')).toBeUndefined()
    expect(mediaTypeForExtension('')).toBeUndefined()
  })
})

describe('agrees', () => {
  test.each([
    ['text/plain', undefined, 'txt', 'text/plain'],
    ['text/plain', 'text/csv', 'csv', 'text/csv'],
    ['text/plain', 'text/plain', 'md', 'text/markdown'],
    ['text/plain', 'application/json', 'json', 'application/json'],
    ['application/json', 'text/plain', 'txt', 'text/plain'],
    ['text/plain', 'application/vnd.ms-excel', 'csv', 'text/csv'],
    ['text/plain', 'application/octet-stream', undefined, 'text/plain'],
    ['text/plain', 'text/html', 'html', 'text/html'],
    ['text/plain', 'text/html', 'txt', 'text/html'],
    ['text/html', 'text/html; charset=utf-8', 'htm', 'text/html'],
    ['text/html', undefined, undefined, 'text/html'],
    ['text/html', 'text/markdown', 'md', 'text/markdown'],
    ['text/xml', 'image/svg+xml', 'svg', 'image/svg+xml'],
    ['image/svg+xml', 'image/svg+xml', 'svg', 'image/svg+xml'],
    ['application/zip', DOCX, 'docx', DOCX],
    ['application/zip', 'application/octet-stream', 'xlsx', XLSX],
    [DOCX, 'application/zip', 'zip', DOCX],
    [DOCX, 'application/octet-stream', 'docx', DOCX],
    ['application/x-cfb', 'application/msword', 'doc', 'application/msword'],
    ['application/rtf', undefined, 'doc', 'application/rtf'],
    ['image/jpeg', 'image/jpg', 'jpeg', 'image/jpeg'],
    ['audio/wav', 'audio/x-wav', 'wav', 'audio/wav'],
    ['video/mp4', 'audio/x-m4a', 'm4a', 'audio/mp4'],
    ['video/webm', 'audio/webm', 'weba', 'audio/webm'],
    ['application/ogg', undefined, 'ogg', 'audio/ogg'],
    ['video/ogg', undefined, 'ogg', 'video/ogg'],
    ['video/mp2t', undefined, 'ts', 'video/mp2t'],
    ['image/png', undefined, undefined, 'image/png'],
    ['image/png', 'IMAGE/PNG', 'xyz', 'image/png'],
    [undefined, undefined, 'bin', 'application/octet-stream'],
    [undefined, 'application/x-ours', 'ours', 'application/x-ours'],
    [undefined, 'text/plain', 'txt', 'text/plain'],
    ['text/x-python', 'text/plain', 'txt', 'text/plain'],
    ['application/zip', 'application/x-ours', undefined, 'application/zip'],
    ['message/rfc822', undefined, 'eml', 'message/rfc822'],
  ])('content %s declared as %s with .%s is kept as %s', (detected, declared, extension, mediaType) => {
    expect(agrees(detected, declared, extension)).toEqual({ ok: true, mediaType })
  })

  test.each([
    ['text/html', undefined, 'txt', 'extension'],
    ['text/html', 'image/png', 'png', 'declared'],
    ['text/html', 'text/plain', undefined, 'declared'],
    ['text/html', 'application/octet-stream', 'jpg', 'extension'],
    ['image/svg+xml', 'image/png', 'png', 'declared'],
    ['image/svg+xml', undefined, 'txt', 'extension'],
    ['text/plain', 'image/png', 'png', 'declared'],
    ['text/plain', DOCX, 'docx', 'declared'],
    ['image/png', 'image/jpeg', undefined, 'declared'],
    ['image/png', 'image/png', 'pdf', 'extension'],
    ['application/pdf', 'text/plain', 'txt', 'declared'],
    [XLSX, DOCX, 'docx', 'declared'],
    ['application/vnd.ms-word.document.macroEnabled.12', undefined, 'docx', 'extension'],
    ['application/x-msdownload', undefined, 'pdf', 'extension'],
    [undefined, 'image/png', 'png', 'declared'],
    [undefined, undefined, 'pdf', 'extension'],
    ['application/octet-stream', undefined, 'zip', 'extension'],
  ])('content %s declared as %s with .%s is refused for its %s', (detected, declared, extension, against) => {
    expect(agrees(detected, declared, extension)).toEqual({ ok: false, against, reason: expect.any(String) })
  })

  test('says in plain words what disagrees', () => {
    expect(agrees('text/html', 'image/png', 'png')).toMatchObject({
      reason: 'It is declared as image/png, but the content is text/html.',
    })
    expect(agrees(undefined, undefined, 'pdf')).toMatchObject({
      reason: 'Its extension says application/pdf, but the content is not recognised as that.',
    })
  })

  test('every type agrees with itself under each of its extensions', () => {
    for (const row of MEDIA_TYPES) {
      for (const extension of row.extensions.length > 0 ? row.extensions : [undefined]) {
        expect(agrees(row.name, row.name, extension), `${row.name} .${extension}`).toMatchObject({ ok: true })
      }
    }
  })

  test('content that a browser would run is refused or kept as active or Markdown, whatever it is called', () => {
    const name = fc.constantFrom(undefined, ...MEDIA_TYPES.map((row) => row.name))
    const extension = fc.constantFrom(undefined, ...MEDIA_TYPES.flatMap((row) => row.extensions))
    fc.assert(
      fc.property(fc.constantFrom('text/html', 'image/svg+xml', 'application/xml'), name, extension, (...given) => {
        const answer = agrees(...given)
        if (!answer.ok || answer.mediaType === 'text/markdown') return
        expect(findMediaType(answer.mediaType)?.active).toBe(true)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('allowed', () => {
  test('takes exact names, aliases and wildcards', () => {
    expect(allowed(['image/*'], 'image/png')).toBe(true)
    expect(allowed(['image/*'], 'imagex/png')).toBe(false)
    expect(allowed(['image/jpg'], 'image/jpeg')).toBe(true)
    expect(allowed([' Text/CSV '], 'text/csv; charset=utf-8')).toBe(true)
    expect(allowed(['*/*'], 'application/x-ours')).toBe(true)
    expect(allowed(['application/pdf', 'text/*'], 'image/png')).toBe(false)
    expect(allowed([], 'image/png')).toBe(false)
    expect(allowed(['*'], 'no type')).toBe(false)
  })
})

describe('safeHeaders', () => {
  test('shows what is safe to show, when asked', () => {
    expect(safeHeaders('image/png', 'inline')).toEqual({
      disposition: 'inline',
      headers: {
        'Content-Type': 'image/png',
        'X-Content-Type-Options': 'nosniff',
        'Content-Security-Policy': "sandbox; default-src 'none'",
        'Cross-Origin-Resource-Policy': 'same-origin',
        'Referrer-Policy': 'no-referrer',
      },
    })
    expect(safeHeaders('image/png', 'attachment').disposition).toBe('attachment')
  })

  test.each(['text/html', 'image/svg+xml', 'text/xml', 'text/javascript', 'application/x-ours', 'x', '', DOCX])(
    'sends %j as an attachment though asked otherwise',
    (mediaType) => {
      expect(safeHeaders(mediaType, 'inline').disposition).toBe('attachment')
    },
  )

  test('says UTF-8 for text that names no charset, and nothing of an unknown type', () => {
    const contentType = (mediaType: string) => safeHeaders(mediaType, 'inline').headers['Content-Type']
    expect(contentType('text/plain')).toBe('text/plain; charset=utf-8')
    expect(contentType('text/plain; charset="ISO-8859-7"')).toBe('text/plain; charset=iso-8859-7')
    expect(contentType('text/plain; charset=a\r\nSet-Cookie: x')).toBe('text/plain; charset=utf-8')
    expect(contentType('application/pdf; x=y')).toBe('application/pdf')
    expect(contentType('application/x-ours')).toBe('application/octet-stream')
    expect(contentType('image/jpg')).toBe('image/jpeg')
  })

  test('no type at all makes an unsafe header', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const { headers } = safeHeaders(`text/html;${text}`, 'inline')
        expect(headers['Content-Type']).toMatch(/^text\/html; charset=[a-z0-9._:+-]+$/)
      }),
    )
  })
})
