import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bytesOf, durationOf, findSpeechWav, longestIn, speechHeader } from './wav.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stowage-wav-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function find(...parts: Buffer[]) {
  const path = join(folder, 'some.wav')
  await writeFile(path, Buffer.concat(parts))
  const found = await findSpeechWav(path)
  return found && { startsAt: found.startsAt, sizeBytes: found.sizeBytes }
}

/** A header whose number at an offset is another. */
function altered(at: number, value: number, bytes: 2 | 4 = 2): Buffer {
  const header = speechHeader(3200)
  if (bytes === 2) header.writeUInt16LE(value, at)
  else header.writeUInt32LE(value, at)
  return header
}

const samples = Buffer.alloc(3200)

describe('a WAV file of speech', () => {
  test('is found by its header, whatever stands before its samples', async () => {
    expect(await find(speechHeader(3200), samples)).toEqual({ startsAt: 44, sizeBytes: 3200 })
    const list = Buffer.from('LIST\x03\0\0\0abc\0', 'latin1')
    const header = speechHeader(3200)
    expect(await find(header.subarray(0, 36), list, header.subarray(36), samples)).toEqual({
      startsAt: 56,
      sizeBytes: 3200,
    })
  })

  test.each([
    ['two channels', altered(22, 2)],
    ['8 kHz', altered(24, 8000, 4)],
    ['8 bits', altered(34, 8)],
    ['packed samples', altered(20, 0x11)],
  ])('is not one of %s', async (_what, header) => {
    expect(await find(header, samples)).toBeUndefined()
  })

  test('has no more samples than the file has bytes, and whole ones', async () => {
    expect(await find(altered(40, 0xffff_ffff, 4), samples, Buffer.alloc(1))).toEqual({ startsAt: 44, sizeBytes: 3200 })
    expect(await find(altered(40, 0, 4), samples)).toEqual({ startsAt: 44, sizeBytes: 3200 })
  })

  test('is not found in what is none, or breaks off', async () => {
    for (const length of [0, 4, 11, 20, 40, 43]) expect(await find(speechHeader(0).subarray(0, length))).toBeUndefined()
    expect(await find(Buffer.alloc(100, 'RIFFxxxxWAVE'))).toBeUndefined()
    expect(await find(Buffer.from('RIFFxxxxWAVE', 'latin1'), Buffer.alloc(10_000))).toBeUndefined()
  })

  test('is as long as its samples', () => {
    expect(durationOf(bytesOf(12_345))).toBe(12_345)
    expect(bytesOf(longestIn(1_000_000)) + 44).toBeLessThanOrEqual(1_000_000)
  })
})
