import { deflateRawSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type BoundLimits, defaultBoundLimits } from './bound-limits.ts'
import { checkBounds } from './bounds.ts'
import {
  makeGif,
  makeGzipOfZeros,
  makeIcon,
  makeJpeg,
  makeNestedZip,
  makePng,
  makeTar,
  makeTiff,
  makeZip,
} from './hostile-files.ts'
import { bufferReader } from './random-reader.ts'

const never = new AbortController().signal
const mebibyte = 1024 ** 2

function check(mediaType: string, bytes: Buffer, limits: Partial<BoundLimits> = {}) {
  return checkBounds(mediaType, bufferReader(bytes), { ...defaultBoundLimits, ...limits }, never)
}

async function codeOf(mediaType: string, bytes: Buffer, limits: Partial<BoundLimits> = {}) {
  const result = await check(mediaType, bytes, limits)
  return result.ok ? 'ok' : result.refused.code
}

/** Bytes that do not pack, the same in every run. */
function noise(length: number) {
  const bytes = Buffer.alloc(length)
  for (let at = 0, state = 1; at < length; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    bytes[at] = state >>> 16
  }
  return bytes
}

describe('a ZIP archive', () => {
  const letter = { name: 'letter.txt', data: Buffer.from('Dear all, '.repeat(50)) }

  test('passes with the facts of what it holds', async () => {
    const archive = makeZip([letter, { name: '../up.txt', data: Buffer.from('x'), stored: true }])
    expect(await check('application/zip', archive)).toEqual({
      ok: true,
      facts: {
        kind: 'archive',
        entries: 2,
        unpackedBytes: 501,
        nesting: 0,
        encryptedEntries: 0,
        opaqueEntries: 0,
        unsafeNames: 1,
      },
    })
  })

  test('passes when it is empty, in ZIP64, and with large members', async () => {
    expect(await codeOf('application/zip', makeZip([]))).toBe('ok')
    expect(await check('application/zip', makeZip([letter], { zip64: true }))).toMatchObject({
      ok: true,
      facts: { entries: 1 },
    })
    const large = makeZip([{ name: 'noise.bin', data: noise(3 * mebibyte) }])
    expect(await check('application/zip', large)).toMatchObject({ ok: true, facts: { unpackedBytes: 3 * mebibyte } })
  })

  test('is refused when it declares more than it may unpack to', async () => {
    expect(await codeOf('application/zip', makeZip([letter]), { maxUnpackedBytes: 499 })).toBe('archiveTooLarge')
    const claim = makeZip([{ ...letter, declaredBytes: 2 ** 40 }], { zip64: true })
    expect(await codeOf('application/zip', claim)).toBe('archiveTooLarge')
  })

  test('is refused when it holds more entries than it may, before they are read', async () => {
    const crowd = makeZip([{ name: 'a', data: Buffer.alloc(0), stored: true }], { repeat: 100_000, zip64: true })
    expect(await codeOf('application/zip', crowd)).toBe('archiveTooManyEntries')
  })

  test('is refused when it holds more entries than it declares', async () => {
    expect(await codeOf('application/zip', makeZip([letter, letter, letter], { declaredEntries: 1 }))).toBe(
      'archiveMalformed',
    )
    const crowd = makeZip([{ name: 'a', data: Buffer.alloc(0), stored: true }], { repeat: 65_537 })
    expect(await codeOf('application/zip', crowd)).toBe('archiveMalformed')
  })

  test('is refused when it unpacks to far more than its size', async () => {
    const zeros = makeZip([{ name: 'zeros', data: Buffer.alloc(12 * mebibyte) }])
    expect(await codeOf('application/zip', zeros)).toBe('archiveRatio')
    expect(await codeOf('application/zip', zeros, { maxRatio: 2000 })).toBe('ok')
    expect(await codeOf('application/zip', zeros, { ratioFromBytes: 20 * mebibyte })).toBe('ok')
  })

  test('is refused when a member is not as large as it declares', async () => {
    const data = Buffer.alloc(5 * mebibyte)
    for (const declaredBytes of [10, 2 * mebibyte, 6 * mebibyte]) {
      const result = await check('application/zip', makeZip([{ name: 'liar', data, declaredBytes }]))
      expect(result).toMatchObject({ ok: false, refused: { code: 'archiveMalformed', members: { declaredBytes } } })
    }
  })

  test('is refused when its members share bytes', async () => {
    const kernel = { name: 'kernel', data: Buffer.alloc(1000) }
    expect(await codeOf('application/zip', makeZip([kernel, kernel], { sameData: true }))).toBe('archiveMalformed')
    const quoted = makeZip([kernel]).subarray(0, 40)
    const swallowing = makeZip([{ name: 'outer', data: quoted, stored: true }, kernel])
    swallowing.writeUInt32LE(quoted.length + 40, swallowing.indexOf('PK\x01\x02') + 20)
    swallowing.writeUInt32LE(quoted.length + 40, swallowing.indexOf('PK\x01\x02') + 24)
    expect(await check('application/zip', swallowing)).toMatchObject({
      refused: { detail: expect.stringContaining('overlaps') },
    })
  })

  test('is refused when it is cut, wherever', async () => {
    const archive = makeZip([letter, { name: 'b', data: noise(200) }])
    for (let length = 0; length < archive.length; length += 7) {
      expect(await codeOf('application/zip', archive.subarray(0, length))).toBe('archiveMalformed')
    }
  })

  test('is refused when a member cannot be unpacked', async () => {
    const broken = { name: 'broken', data: Buffer.alloc(100), packed: Buffer.from([0xff, 0xff, 0xff]) }
    expect(await codeOf('application/zip', makeZip([broken]))).toBe('archiveMalformed')
    const cut = {
      name: 'cut',
      data: noise(2 * mebibyte),
      packed: deflateRawSync(noise(2 * mebibyte)).subarray(0, mebibyte),
    }
    expect(await codeOf('application/zip', makeZip([cut]))).toBe('archiveMalformed')
  })

  test('passes with encrypted and unknown members, which are counted', async () => {
    const archive = makeZip([
      { ...letter, encrypted: true },
      { ...letter, method: 14 },
    ])
    expect(await check('application/zip', archive)).toMatchObject({
      ok: true,
      facts: { encryptedEntries: 1, opaqueEntries: 1 },
    })
  })
})

describe('an archive in an archive', () => {
  test('counts with everything in it, stored or packed, small or large', async () => {
    const inner = makeZip([{ name: 'noise', data: noise(2 * mebibyte), stored: true }])
    for (const stored of [true, false]) {
      const outer = makeZip([{ name: 'inner.dat', data: inner, stored }])
      const unpackedBytes = inner.length + 2 * mebibyte
      expect(await check('application/zip', outer)).toMatchObject({
        ok: true,
        facts: { entries: 2, nesting: 1, unpackedBytes },
      })
    }
  })

  test('is refused beyond the depth that is allowed', async () => {
    expect(await codeOf('application/zip', makeNestedZip(3, 1, 10))).toBe('ok')
    expect(await codeOf('application/zip', makeNestedZip(4, 1, 10))).toBe('archiveNested')
  })

  test('is refused when many small ones grow into one large result', async () => {
    const bomb = makeNestedZip(3, 16, mebibyte)
    expect(bomb.length).toBeLessThan(100_000)
    expect(await codeOf('application/zip', bomb)).toBe('archiveRatio')
  })

  test('is refused when the entries of all together are too many', async () => {
    expect(await codeOf('application/zip', makeNestedZip(2, 10, 1), { maxEntries: 1000 })).toBe('archiveTooManyEntries')
  })

  test('is refused when looking into it takes more work than it may', async () => {
    let deep = makeZip([{ name: 'noise', data: noise(2 * mebibyte), stored: true }])
    for (let level = 0; level < 8; level++) deep = makeZip([{ name: 'level', data: deep }])
    expect(await codeOf('application/zip', deep, { maxNesting: 8 })).toBe('ok')
    expect(await codeOf('application/zip', deep, { maxNesting: 8, maxUnpackedBytes: 19 * mebibyte })).toBe(
      'archiveNested',
    )
  })

  test('that only begins like one is counted as not looked into', async () => {
    const zip = makeZip([{ name: 'PK', data: Buffer.from('PK\x03\x04 but nothing more') }])
    expect(await check('application/zip', zip)).toMatchObject({ ok: true, facts: { opaqueEntries: 1 } })
    const gzip = makeZip([{ name: 'gz', data: Buffer.from('1f8b0800ffffffffffff', 'hex') }])
    expect(await check('application/zip', gzip)).toMatchObject({ ok: true, facts: { opaqueEntries: 1 } })
  })

  test('is found inside an Office document', async () => {
    const bomb = makeZip([{ name: 'zeros', data: Buffer.alloc(12 * mebibyte) }])
    const document = makeZip([{ name: 'word/embeddings/sheet.xlsx', data: bomb, stored: true }])
    const mediaType = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'
    expect(await codeOf(mediaType, document)).toBe('archiveRatio')
  })
})

describe('a gzip stream', () => {
  test('passes with its true size, tar members counted', async () => {
    expect(await check('application/gzip', gzipSync('hello'))).toMatchObject({ ok: true, facts: { unpackedBytes: 5 } })
    const tar = makeTar(['a', 'b'].map((name) => ({ name, data: noise(2 * mebibyte) })))
    expect(await check('application/gzip', gzipSync(tar))).toMatchObject({
      ok: true,
      facts: { entries: 2, nesting: 0 },
    })
  })

  test('is refused as soon as it unpacks to too much, whatever its trailer says', async () => {
    const bomb = makeGzipOfZeros(64)
    expect(await codeOf('application/gzip', bomb)).toBe('archiveRatio')
    expect(await codeOf('application/gzip', bomb, { maxUnpackedBytes: 5 * mebibyte })).toBe('archiveTooLarge')
  })

  test('is refused when it is cut or is none', async () => {
    expect(await codeOf('application/gzip', gzipSync(noise(5000)).subarray(0, 3000))).toBe('archiveMalformed')
    expect(await codeOf('application/gzip', Buffer.from('none'))).toBe('archiveMalformed')
  })

  test('is refused for an archive bomb in its tar', async () => {
    const bomb = makeZip([{ name: 'zeros', data: Buffer.alloc(12 * mebibyte) }])
    expect(await codeOf('application/gzip', gzipSync(makeTar([{ name: 'b.zip', data: bomb }])))).toBe('archiveRatio')
    expect(await codeOf('application/x-tar', makeTar([{ name: 'b.zip', data: bomb }]))).toBe('archiveRatio')
  })
})

describe('an image', () => {
  const one = { width: 1, height: 1 }
  const huge = { width: 60_000, height: 60_000 }

  test('passes with its size and its frames', async () => {
    expect(await check('image/png', makePng(640, 480))).toMatchObject({ facts: { width: 640, height: 480, frames: 1 } })
    expect(await check('image/gif', makeGif(20, 10, [one, one]))).toMatchObject({
      facts: { frames: 2, totalPixels: 400 },
    })
    expect(await check('image/tiff', makeTiff([one, { width: 8, height: 4 }]))).toMatchObject({
      facts: { width: 8, frames: 2 },
    })
    expect(await check('image/jpeg', makeJpeg(4000, 3000, 500_000))).toMatchObject({
      facts: { width: 4000, height: 3000 },
    })
  })

  test('is refused when one frame claims too many pixels', async () => {
    expect(await codeOf('image/png', makePng(60_000, 60_000))).toBe('imageTooManyPixels')
    expect(await codeOf('image/apng', makePng(1, 1, [one, huge]))).toBe('imageTooManyPixels')
    expect(await codeOf('image/gif', makeGif(1, 1, [one, huge]))).toBe('imageTooManyPixels')
    expect(await codeOf('image/tiff', makeTiff([one, huge]))).toBe('imageTooManyPixels')
    expect(await codeOf('image/jpeg', makeJpeg(60_000, 60_000))).toBe('imageTooManyPixels')
    expect(await codeOf('image/vnd.microsoft.icon', makeIcon([makePng(16, 16), makePng(60_000, 60_000)]))).toBe(
      'imageTooManyPixels',
    )
  })

  test('is refused when its frames together claim too many pixels, or are too many', async () => {
    const frames = Array.from({ length: 30 }, () => one)
    expect(await codeOf('image/gif', makeGif(9000, 9000, frames))).toBe('imageTooManyPixels')
    expect(await codeOf('image/png', makePng(9000, 9000, frames))).toBe('imageTooManyPixels')
    expect(await codeOf('image/gif', makeGif(1, 1, frames), { maxFrames: 29 })).toBe('imageTooManyPixels')
  })

  test('is refused without a size or a frame', async () => {
    expect(await codeOf('image/png', makePng(0, 10))).toBe('imageMalformed')
    expect(await codeOf('image/gif', Buffer.from('GIF89a/*<script>alert(1)</script>*/=1;'))).toBe('imageMalformed')
    for (const type of ['png', 'gif', 'jpeg', 'tiff', 'webp', 'bmp', 'avif', 'x-icon', 'jxl', 'svg+xml']) {
      expect(await codeOf(`image/${type}`, Buffer.from('not an image'))).toBe('imageMalformed')
      expect(await codeOf(`image/${type}`, Buffer.alloc(0))).toBe('imageMalformed')
    }
  })

  test('with directories that lead in a circle ends', async () => {
    expect(await check('image/tiff', makeTiff([one, one], true))).toMatchObject({ ok: true, facts: { frames: 2 } })
  })
})

describe('an SVG', () => {
  const svg = (attributes: string, inside = '') =>
    Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" ${attributes}>${inside}</svg>`)

  test('passes with the size of its root', async () => {
    expect(await check('image/svg+xml', svg('width="2in" height="100"'))).toMatchObject({
      facts: { width: 192, height: 100 },
    })
    expect(await check('image/svg+xml', svg('viewBox="0 0 40 30"'))).toMatchObject({ facts: { width: 40, height: 30 } })
  })

  test('is refused when it is too large, too deep or claims too many pixels', async () => {
    expect(await codeOf('image/svg+xml', svg('', ' '.repeat(2000)), { maxSvgBytes: 2000 })).toBe('imageMalformed')
    expect(await codeOf('image/svg+xml', svg('', '<g>'.repeat(255)))).toBe('ok')
    expect(await codeOf('image/svg+xml', svg('', '<g a=">">'.repeat(256)))).toBe('imageMalformed')
    expect(await codeOf('image/svg+xml', svg('', '<g/>'.repeat(10_000)))).toBe('ok')
    expect(await codeOf('image/svg+xml', svg('width="60000" height="60000"'))).toBe('imageTooManyPixels')
  })

  test('is refused for entities that grow or refer to other files, not for plain ones', async () => {
    const withEntities = (...entities: string[]) =>
      Buffer.concat([Buffer.from(`<!DOCTYPE svg [${entities.join('')}]>`), svg('')])
    expect(await codeOf('image/svg+xml', withEntities('<!ENTITY ns "http://example.org/">'))).toBe('ok')
    expect(await codeOf('image/svg+xml', withEntities('<!ENTITY a "x>y">', '<!ENTITY b "&a;&a;">'))).toBe(
      'imageMalformed',
    )
    expect(await codeOf('image/svg+xml', withEntities('<!ENTITY a SYSTEM "file:///etc/passwd">'))).toBe(
      'imageMalformed',
    )
  })
})

describe('the check', () => {
  test('lets other media types pass without reading them', async () => {
    const unreadable = { sizeBytes: 10, read: () => Promise.reject(new Error('not to be read')) }
    expect(await checkBounds('text/plain', unreadable, defaultBoundLimits, never)).toEqual({ ok: true })
  })

  test('fails with the error of its reader, never with a refusal', async () => {
    const lost = { sizeBytes: 1000, read: () => Promise.reject(new Error('store unavailable')) }
    const short = { sizeBytes: 1000, read: async () => Buffer.alloc(3) }
    for (const mediaType of [
      'application/zip',
      'application/gzip',
      'application/x-tar',
      'image/png',
      'image/svg+xml',
    ]) {
      await expect(checkBounds(mediaType, lost, defaultBoundLimits, never)).rejects.toThrow('store unavailable')
      await expect(checkBounds(mediaType, short, defaultBoundLimits, never)).rejects.toThrow('ended early')
    }
  })

  test('stops when its signal aborts', async () => {
    const controller = new AbortController()
    const bytes = makeZip([{ name: 'a', data: noise(3 * mebibyte) }])
    const reader = {
      sizeBytes: bytes.length,
      read: async (start: number, length: number) => {
        if (start < mebibyte) controller.abort(new Error('gave up'))
        return bytes.subarray(start, start + length)
      },
    }
    await expect(checkBounds('application/zip', reader, defaultBoundLimits, controller.signal)).rejects.toThrow(
      'gave up',
    )
  })

  test('lets other work have its turn while it unpacks', async () => {
    const entries = Array.from({ length: 64 }, (_, index) => ({
      name: `${index}`,
      data: Buffer.alloc(mebibyte, index),
    }))
    let turns = 0
    const counter = setInterval(() => {
      turns += 1
    }, 0)
    await check('application/zip', makeZip(entries), { maxRatio: 2000 })
    clearInterval(counter)
    expect(turns).toBeGreaterThan(0)
  })

  test('answers for any bytes, and for any change to an honest file', async () => {
    const honest: Record<string, Buffer> = {
      'application/zip': makeZip([
        { name: 'a', data: noise(300) },
        { name: 'b.zip', data: makeNestedZip(1, 2, 50) },
      ]),
      'application/gzip': gzipSync(makeTar([{ name: 'a', data: noise(300) }])),
      'application/x-tar': makeTar([{ name: 'a', data: noise(300) }]),
      'image/png': makePng(10, 10, [{ width: 10, height: 10 }]),
      'image/gif': makeGif(10, 10, [{ width: 10, height: 10 }]),
      'image/tiff': makeTiff([{ width: 10, height: 10 }]),
      'image/jpeg': makeJpeg(10, 10, 100),
      'image/x-icon': makeIcon([makePng(16, 16)]),
      'image/webp': Buffer.from('RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x01\0\0\x01\0\0VP8 '),
      'image/avif': Buffer.from(
        '\0\0\0\x10ftypavif\0\0\0\0\0\0\0\x30meta\0\0\0\0\0\0\0\x14ispe\0\0\0\0\0\0\0\x01\0\0\0\x01',
      ),
      'image/svg+xml': Buffer.from('<svg width="1" height="1"><g><a/></g></svg>'),
    }
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 8 })
    const limits = { ...defaultBoundLimits, maxUnpackedBytes: mebibyte }
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...Object.keys(honest)),
        changes,
        fc.uint8Array(),
        fc.boolean(),
        async (type, edits, other, replace) => {
          const bytes = replace ? Buffer.from(other) : Buffer.from(honest[type]!)
          for (const [at, value] of replace ? [] : edits) bytes[at % bytes.length] = value
          const result = await checkBounds(type, bufferReader(bytes), limits, never)
          expect(result.ok || result.refused.detail.length > 0).toBe(true)
        },
      ),
      { numRuns: 500 },
    )
  })
})
