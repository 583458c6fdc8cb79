import { describe, expect, test } from 'vitest'
import { openCompoundFile } from './compound-file.ts'
import { makeCompoundFile } from './test-compound-file.ts'

const large = Buffer.from(Array.from({ length: 20_000 }, (_, index) => index % 251))
const streams = {
  Small: Buffer.from('few bytes'),
  Large: large,
  'Storage/Inner': Buffer.alloc(700, 3),
  Empty: Buffer.alloc(0),
}

function refusal(bytes: Buffer, maxEntries = 100) {
  try {
    return openCompoundFile(bytes, maxEntries) && undefined
  } catch (error) {
    return error
  }
}

/** Where the table of sectors lies, of which there is one in a small file. */
function findTable(bytes: Buffer) {
  return (bytes.readUInt32LE(76) + 1) * 512
}

describe('a compound file', () => {
  test('has its streams, small ones and large ones, in their storages', () => {
    const file = openCompoundFile(makeCompoundFile(streams), 100)
    const found = Object.fromEntries(file.streams.map((stream) => [stream.path.join('/'), stream.read()]))
    for (const [path, bytes] of Object.entries(streams)) expect(found[path]).toEqual(bytes)
  })

  test('is refused when its sectors lead in a circle or out of it', () => {
    const table = findTable(makeCompoundFile(streams))
    for (const next of [0, 1, 2, 3, 4, 5, 6, 0x7fff_ffff, 0xffff_ffff]) {
      let refused = 0
      for (let sector = 0; sector < 30; sector += 1) {
        const bytes = makeCompoundFile(streams)
        bytes.writeUInt32LE(next, table + 4 * sector)
        const error = refusal(bytes)
        if (error) expect(error).toMatchObject({ kind: 'corrupt' })
        if (error) refused += 1
      }
      expect(refused).toBeGreaterThan(10)
    }
  })

  test('is refused when its directory leads in a circle', () => {
    const honest = makeCompoundFile(streams)
    const directory = (honest.readUInt32LE(48) + 1) * 512
    for (let entry = 1; entry <= 4; entry += 1) {
      for (const pointer of [68, 72]) {
        const bytes = Buffer.from(honest)
        bytes.writeUInt32LE(entry, directory + 128 * entry + pointer)
        expect(refusal(bytes)).toMatchObject({ kind: 'corrupt' })
      }
    }
  })

  test('is refused when it ends early, or has too many entries', () => {
    const bytes = makeCompoundFile(streams)
    for (let size = 0; size < bytes.length; size += 300) {
      const error = refusal(bytes.subarray(0, size))
      if (error) expect(error).toMatchObject({ kind: 'corrupt' })
    }
    expect(refusal(bytes.subarray(0, bytes.length / 2))).toMatchObject({ kind: 'corrupt' })
    expect(refusal(bytes, 2)).toMatchObject({ kind: 'limits' })
  })
})
