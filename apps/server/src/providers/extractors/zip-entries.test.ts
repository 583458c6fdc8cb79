import { randomUUID } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { WIDE_LIMITS } from './conformance.ts'
import type { ExtractionLimits } from './port.ts'
import { makeZip } from './test-zip.ts'
import { withZipEntries, type ZipEntries } from './zip-entries.ts'

async function within(bytes: Buffer, work: (zip: ZipEntries) => Promise<void>, limits: Partial<ExtractionLimits> = {}) {
  const path = join(tmpdir(), `stowage-zip-${randomUUID()}`)
  await writeFile(path, bytes)
  try {
    await withZipEntries(path, { ...WIDE_LIMITS, ...limits }, work)
  } finally {
    await rm(path)
  }
}

const textOf = async (zip: ZipEntries, name: string) => (await buffer(zip.read(name))).toString()
const reading =
  (...names: string[]) =>
  async (zip: ZipEntries) => {
    for (const name of names) await textOf(zip, name)
  }

describe('the entries of an archive', () => {
  test('are read by name in any order, packed or stored, and more than once', async () => {
    const long = 'Ωμέγα '.repeat(100_000)
    await within(makeZip({ 'a.txt': long, 'b/ü.txt': 'stored' }, { stored: ['b/ü.txt'] }), async (zip) => {
      expect(await textOf(zip, 'b/ü.txt')).toBe('stored')
      expect(await textOf(zip, 'a.txt')).toBe(long)
      expect(await textOf(zip, 'a.txt')).toBe(long)
      expect([...zip.names()]).toEqual(['a.txt', 'b/ü.txt'])
    })
  })

  test('are found in another case, and under backslashes or a leading slash', async () => {
    await within(makeZip({ 'Word\\Document.xml': 'x', '/abs.xml': 'y' }), async (zip) => {
      expect(await textOf(zip, 'word/document.xml')).toBe('x')
      expect(zip.has('abs.xml')).toBe(true)
      expect(zip.has('other.xml')).toBe(false)
    })
  })

  test('are counted before any is read', async () => {
    const files = Object.fromEntries(Array.from({ length: 11 }, (_, index) => [`${index}`, '']))
    const opening = within(makeZip(files), async () => expect.unreachable(), { entries: 10 })
    await expect(opening).rejects.toMatchObject({ kind: 'limits' })
  })

  test('unpack to no more than the limit in all, however often they are read', async () => {
    const bytes = makeZip({ a: 'x'.repeat(600) })
    await within(bytes, reading('a'), { unpackedBytes: 1000 })
    await expect(within(bytes, reading('a', 'a'), { unpackedBytes: 1000 })).rejects.toMatchObject({ kind: 'limits' })
  })

  test('that unpack to far more than their size are bombs', async () => {
    const bytes = makeZip({ a: Buffer.alloc(40 * 1024 * 1024) })
    await expect(within(bytes, reading('a'))).rejects.toMatchObject({ kind: 'limits' })
  })

  test('say why they cannot be read', async () => {
    const encrypted = makeZip({ a: 'x' }, { encrypted: ['a'] })
    await expect(within(encrypted, reading('a'))).rejects.toMatchObject({ kind: 'encrypted' })
    await expect(within(makeZip({ a: 'x' }, { method: 12 }), reading('a'))).rejects.toMatchObject({
      kind: 'unsupported',
    })
    await expect(within(makeZip({ a: 'x' }), reading('b'))).rejects.toMatchObject({ kind: 'corrupt' })
    await expect(within(Buffer.from('no archive'), reading())).rejects.toMatchObject({ kind: 'corrupt' })
    await expect(within(Buffer.alloc(0), reading())).rejects.toMatchObject({ kind: 'corrupt' })
  })

  test('that overlap their directory or lie beyond the file are corrupt', async () => {
    const bytes = makeZip({ a: 'text' })
    const directory = bytes.indexOf('PK\x01\x02')
    bytes.writeUInt32LE(0x7fffffff, directory + 42)
    await expect(within(bytes, reading('a'))).rejects.toMatchObject({ kind: 'corrupt' })
    bytes.writeUInt32LE(0, directory + 42)
    bytes.writeUInt32LE(0x7fffffff, directory + 20)
    await expect(within(bytes, reading('a'))).rejects.toMatchObject({ kind: 'corrupt' })
  })

  test('may be left in the middle', async () => {
    await within(makeZip({ a: 'x'.repeat(1_000_000) }), async (zip) => {
      for await (const slice of zip.read('a')) {
        expect(slice.length).toBeGreaterThan(0)
        break
      }
      expect(await textOf(zip, 'a')).toHaveLength(1_000_000)
    })
  })
})
