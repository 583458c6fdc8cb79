import { randomBytes } from 'node:crypto'
import { describe, expect, type TestContext, test } from 'vitest'
import type { Bench } from './conformance-bench.ts'
import { describeLocks } from './conformance-locks.ts'
import { needs } from './conformance-needs.ts'
import { describeParts } from './conformance-parts.ts'
import { describePresigned } from './conformance-presigned.ts'
import type { CallOptions, ObjectStore, StoreCapabilities } from './port.ts'

/** The part of the suite about what only some stores can do: the real thing where it is declared, else `unsupported`. */
export function describeExtras(bench: Bench): void {
  describe('extras', () => {
    describeDeclared(bench)
    describeCopies(bench)
    describePresigned(bench)
    describeParts(bench)
    describeClasses(bench)
    describeLocks(bench)
    describeMetadata(bench)
  })
}

type Call = (store: ObjectStore, key: string, options: CallOptions) => Promise<unknown>

const presigning = { expiresInSeconds: 60 }
const named = { reference: 'none' }

const CALLS: readonly [name: string, able: (capabilities: StoreCapabilities) => boolean, call: Call][] = [
  ['copy', (can) => can.serverCopy, (store, key, told) => store.copy(key, { ...told, to: `${key}-to`, sizeBytes: 1 })],
  ['presignGet', (can) => can.presignedGet, (store, key, told) => store.presignGet(key, { ...told, ...presigning })],
  [
    'presignPut',
    (can) => can.presignedPut,
    (store, key, told) => store.presignPut(key, { ...told, ...presigning, sizeBytes: 1 }),
  ],
  [
    'presignPost',
    (can) => can.presignedPost,
    (store, key, told) => store.presignPost(key, { ...told, ...presigning, minBytes: 0, maxBytes: 1 }),
  ],
  ['startParts', (can) => can.presignedParts, (store, key, told) => store.startParts(key, told)],
  [
    'presignPart',
    (can) => can.presignedParts,
    (store, key, told) => store.presignPart(key, { ...told, ...presigning, ...named, number: 1, sizeBytes: 1 }),
  ],
  ['listParts', (can) => can.presignedParts, (store, key, told) => store.listParts(key, { ...told, ...named })],
  [
    'completeParts',
    (can) => can.presignedParts,
    (store, key, told) => store.completeParts(key, { ...told, ...named, parts: [] }),
  ],
  [
    'setStorageClass',
    (can) => can.storageClasses.length > 0,
    (store, key, told) => {
      return store.setStorageClass(key, { ...told, storageClass: store.capabilities.storageClasses[0] ?? 'COLD' })
    },
  ],
  ['setHold', (can) => can.objectLock, (store, key, told) => store.setHold(key, { ...told, held: true })],
  [
    'setRetention',
    (can) => can.objectLock,
    (store, key, told) =>
      store.setRetention(key, { ...told, until: new Date(Date.now() + 60_000), mode: 'governance' }),
  ],
]

function describeDeclared(bench: Bench): void {
  test.each(CALLS)('refuses %s with unsupported where it is not declared', async (_, able, call) => {
    if (able(bench.store.capabilities)) return
    const key = `${bench.prefix()}extra`
    await bench.put(key, Buffer.from('x'))
    const refused = { name: 'StoreError', kind: 'unsupported' }
    await expect(call(bench.store, key, {})).rejects.toMatchObject(refused)
  })

  test.each(CALLS)('refuses %s of what is no store key', async (_, able, call) => {
    if (!able(bench.store.capabilities)) return
    for (const key of ['', '/a', 'a/../b', 'a\nb']) {
      await expect(call(bench.store, key, {})).rejects.toMatchObject({ name: 'StoreError', kind: 'badKey' })
    }
  })

  test.each(CALLS)('refuses %s whose signal has aborted before', async (_, able, call) => {
    if (!able(bench.store.capabilities)) return
    const reason = new Error('too late')
    const key = `${bench.prefix()}extra`
    await expect(call(bench.store, key, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })

  test.each(['copy', 'setStorageClass', 'setHold', 'setRetention'])(
    'answers notFound to %s of nothing',
    async (verb) => {
      const [, able, call] = CALLS.find(([name]) => name === verb)!
      if (!able(bench.store.capabilities)) return
      await expect(call(bench.store, `${bench.prefix()}missing`, {})).rejects.toMatchObject({ kind: 'notFound' })
    },
  )
}

function describeCopies(bench: Bench): void {
  test.for([0, 1, 100_000, 9 * 1024 * 1024])('copies an object of %d bytes', async (sizeBytes, context) => {
    needs(bench, context, (can) => can.serverCopy)
    const prefix = bench.prefix()
    const bytes = randomBytes(sizeBytes)
    await bench.put(`${prefix}from`, bytes)
    expect(await bench.store.copy(`${prefix}from`, { to: `${prefix}to`, sizeBytes })).toMatchObject({
      storedBytes: sizeBytes,
    })
    expect((await bench.read(`${prefix}to`)).equals(bytes)).toBe(true)
    expect((await bench.read(`${prefix}from`)).equals(bytes)).toBe(true)
    await bench.store.delete(`${prefix}from`)
    expect((await bench.listAll(prefix)).map((info) => info.key)).toEqual([`${prefix}to`])
  })

  test('copies from and to keys that need escaping', async (context) => {
    needs(bench, context, (can) => can.serverCopy)
    const prefix = bench.prefix()
    const from = `${prefix}a b+c%2F?d=e&f#g/żółć 日本`
    await bench.put(from, Buffer.from('escaped'))
    await bench.store.copy(from, { to: `${from}%20+`, sizeBytes: 7 })
    expect((await bench.read(`${from}%20+`)).toString()).toBe('escaped')
  })

  test('refuses to copy to a key that is taken, and keeps what lies there', async (context) => {
    needs(bench, context, (can) => can.serverCopy)
    const prefix = bench.prefix()
    await bench.put(`${prefix}from`, Buffer.from('from'))
    await bench.put(`${prefix}to`, Buffer.from('kept'))
    const copying = bench.store.copy(`${prefix}from`, { to: `${prefix}to`, sizeBytes: 4 })
    await expect(copying).rejects.toMatchObject({ name: 'StoreError', kind: 'exists' })
    expect((await bench.read(`${prefix}to`)).toString()).toBe('kept')
  })

  test('lets one of twenty racing copies win, and keeps the bytes of that one', async (context) => {
    needs(bench, context, (can) => can.serverCopy && can.conditionalCreate)
    const prefix = bench.prefix()
    const names = Array.from({ length: 20 }, (_, index) => `${prefix}from-${index + 10}`)
    for (const name of names) await bench.put(name, Buffer.from(name))
    const results = await Promise.allSettled(
      names.map((name) => bench.store.copy(name, { to: `${prefix}to`, sizeBytes: name.length })),
    )
    const winners = names.filter((_, index) => results[index]!.status === 'fulfilled')
    expect(winners).toHaveLength(1)
    for (const loser of results) if (loser.status === 'rejected') expect(loser.reason).toMatchObject({ kind: 'exists' })
    expect((await bench.read(`${prefix}to`)).toString()).toBe(winners[0])
  })
}

function describeClasses(bench: Bench): void {
  const ofClasses = (context: TestContext) => {
    needs(bench, context, (can) => can.storageClasses.length > 0)
    const { storageClasses } = bench.store.capabilities
    const { unreadableClasses = [] } = bench.subject.limits ?? {}
    return storageClasses.map((name) => ({ name, readable: !unreadableClasses.includes(name) }))
  }

  test('stores in each of its storage classes', async (context) => {
    const prefix = bench.prefix()
    for (const { name, readable } of ofClasses(context)) {
      const key = `${prefix}put-${name}`
      const receipt = await bench.put(key, Buffer.from(name), { storageClass: name })
      expect(await bench.store.head(key)).toMatchObject({ storageClass: name })
      if (readable) expect((await bench.read(key, receipt)).toString()).toBe(name)
    }
  })

  test('moves an object to each of its storage classes, and keeps bytes, metadata and media type', async (context) => {
    const prefix = bench.prefix()
    for (const { name, readable } of ofClasses(context)) {
      const key = `${prefix}moved-${name}`
      const receipt = await bench.put(key, Buffer.from(name), { contentType: 'text/plain', metadata: { note: 'żółć' } })
      await bench.store.setStorageClass(key, { storageClass: name })
      await bench.store.setStorageClass(key, { storageClass: name })
      const info = await bench.store.head(key)
      expect(info).toMatchObject({ storageClass: name })
      if (bench.store.capabilities.metadata) {
        expect(info).toMatchObject({ contentType: 'text/plain', metadata: { note: 'żółć' } })
      }
      if (readable) expect((await bench.read(key, receipt)).toString()).toBe(name)
    }
  })

  test('copies into a storage class', async (context) => {
    const [first] = ofClasses(context)
    needs(bench, context, (can) => can.serverCopy)
    const prefix = bench.prefix()
    await bench.put(`${prefix}from`, Buffer.from('from'))
    await bench.store.copy(`${prefix}from`, { to: `${prefix}to`, sizeBytes: 4, storageClass: first!.name })
    expect(await bench.store.head(`${prefix}to`)).toMatchObject({ storageClass: first!.name })
  })

  test('refuses a storage class that it does not know with unsupported, and stores nothing', async (context) => {
    ofClasses(context)
    const prefix = bench.prefix()
    const storageClass = 'NO_SUCH_CLASS'
    const refused = { name: 'StoreError', kind: 'unsupported' }
    await expect(bench.put(`${prefix}a`, Buffer.from('a'), { storageClass })).rejects.toMatchObject(refused)
    expect(await bench.store.head(`${prefix}a`)).toBeUndefined()
    await bench.put(`${prefix}b`, Buffer.from('b'))
    await expect(bench.store.setStorageClass(`${prefix}b`, { storageClass })).rejects.toMatchObject(refused)
    const copying = bench.store.copy(`${prefix}b`, { to: `${prefix}c`, sizeBytes: 1, storageClass })
    await expect(copying).rejects.toMatchObject(refused)
    expect(await bench.store.head(`${prefix}c`)).toBeUndefined()
  })
}

const METADATA = {
  plain: 'a value',
  note: 'żółć, 日本語, العربية, 😀',
  escaped: '100% %20 %C5%BC =?utf-8?q?x?=',
  spaced: '  two before and after  ',
  lines: 'one\r\ntwo\tthree',
}

function describeMetadata(bench: Bench): void {
  test('keeps metadata of every script and the media type beside the bytes', async (context) => {
    needs(bench, context, (can) => can.metadata)
    const key = `${bench.prefix()}described`
    const contentType = 'text/plain; charset=utf-8'
    await bench.put(key, Buffer.from('x'), { metadata: METADATA, contentType })
    expect(await bench.store.head(key)).toMatchObject({ metadata: METADATA, contentType })
  })

  test('keeps them beside an object that is too large for one request', async (context) => {
    needs(bench, context, (can) => can.metadata)
    const key = `${bench.prefix()}described`
    await bench.put(key, randomBytes(17 * 1024 * 1024), { metadata: METADATA, contentType: 'video/mp4' })
    expect(await bench.store.head(key)).toMatchObject({ metadata: METADATA, contentType: 'video/mp4' })
  })

  test('gives a copy the metadata that it is told, else those of its source', async (context) => {
    needs(bench, context, (can) => can.metadata && can.serverCopy)
    const prefix = bench.prefix()
    await bench.put(`${prefix}from`, Buffer.from('x'), { metadata: METADATA, contentType: 'text/plain' })
    await bench.store.copy(`${prefix}from`, { to: `${prefix}same`, sizeBytes: 1 })
    expect(await bench.store.head(`${prefix}same`)).toMatchObject({ metadata: METADATA, contentType: 'text/plain' })
    const metadata = { note: 'ó' }
    await bench.store.copy(`${prefix}from`, { to: `${prefix}told`, sizeBytes: 1, metadata, contentType: 'text/csv' })
    const told = await bench.store.head(`${prefix}told`)
    expect(told).toMatchObject({ contentType: 'text/csv' })
    expect(told!.metadata).toEqual(metadata)
  })

  test('ignores metadata and media type where it keeps none', async (context) => {
    needs(bench, context, (can) => !can.metadata)
    const key = `${bench.prefix()}described`
    await bench.put(key, Buffer.from('x'), { metadata: METADATA, contentType: 'text/plain' })
    const info = await bench.store.head(key)
    expect(info).not.toHaveProperty('metadata.plain')
  })
}
