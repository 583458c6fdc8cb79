import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newOrganization, newText } from '../../../test/service.ts'
import { bridged, LARGE, record, startToldService, type ToldService } from '../../../test/told-service.ts'

let told: ToldService

beforeAll(async () => {
  told = await startToldService()
})
afterAll(() => told.service.stop())

async function assets(slug = told.organization.slug) {
  const { json } = await told.service.call('/v1/assets?limit=200', { organization: slug })
  return json.items as { id: string; name: string }[]
}

describe('an object in the inbox', () => {
  const inbox = (path: string) => `inbox/${told.organization.slug}/${path}`

  test.each([
    ['a small one', 100],
    ['a large one', LARGE],
  ])('becomes an asset that nobody owns, and is removed: %s', async (_title, sizeBytes) => {
    const bytes = newText(sizeBytes)
    const key = inbox(`2026/Août/note ${sizeBytes}.txt`)
    await told.drop(key, bytes)
    expect(await told.tell(record(key, { size: sizeBytes }))).toMatchObject({ taken: 1, ignored: 0 })
    expect(await told.run()).toMatchObject({ ingest: 1 })
    const made = (await assets()).find(({ name }) => name === `note ${sizeBytes}.txt`)
    expect(made).toMatchObject({ folder: '2026/Août', ownerId: null, assetType: 'document_upload', sizeBytes })
    const content = await told.get(`/v1/assets/${made?.id}/content`)
    expect(content.bytes.equals(bytes)).toBe(true)
    expect(await told.store.head(key)).toBeUndefined()
    const { json } = await told.get(`/v1/audit-events?action=assets.create&subject=${made?.id}`)
    expect(json.items[0]).toMatchObject({ outcome: 'allowed', principal: { kind: 'system', id: null } })
  })

  test('is ingested once, however often and in whatever form and order it is told of', async () => {
    const key = inbox('once.txt')
    await told.drop(key, newText(200))
    const first = record(key)
    const removed = record(key, { kind: 'removed' })
    await told.tell(first, first)
    await told.run()
    await told.drop(key, newText(200))
    // Our own removal, and after it what was told before.
    await told.tell(removed, first)
    await told.tell(first)
    expect(await told.run()).toMatchObject({ ingest: 0 })
    expect((await assets()).filter(({ name }) => name === 'once.txt')).toHaveLength(1)
  })

  test('is ingested again when another one is put under its key', async () => {
    const key = inbox('again.txt')
    await told.drop(key, newText(200))
    await told.tell(record(key))
    await told.run()
    await told.drop(key, newText(300))
    await told.post(bridged(key))
    await told.run()
    expect((await assets()).filter(({ name }) => name === 'again.txt')).toHaveLength(2)
    expect(await told.store.head(key)).toBeUndefined()
  })

  test('is nothing when it was taken away before it was read', async () => {
    const key = inbox('gone.txt')
    await told.tell(record(key))
    await told.run()
    expect(await told.incidentsAt(key)).toEqual([])
    expect((await assets()).some(({ name }) => name === 'gone.txt')).toBe(false)
  })

  test('is refused and left where it is when its name, type or size is not taken', async () => {
    const hostile: [string, Buffer, string][] = [
      [inbox('x\u202egnp.exe'), newText(100), 'upload.nameInvalid'],
      [inbox(`${'n'.repeat(251)}.text`), newText(100), 'upload.nameInvalid'],
      [inbox('a.png'), newText(100), 'upload.typeMismatch'],
      [inbox('big.txt'), newText(1_000_001), 'upload.tooLarge'],
      [inbox('empty.txt'), Buffer.alloc(0), 'upload.empty'],
    ]
    for (const [key, bytes, code] of hostile) {
      await told.drop(key, bytes).catch((error) => expect(error).toMatchObject({ kind: 'badKey' }))
      await told.tell(record(key))
      await told.run()
      expect(await told.incidentsAt(key)).toMatchObject([
        { kind: 'refused', outcome: 'left', copyId: null, store: 'memory', detail: expect.stringContaining(code) },
      ])
    }
    expect(await told.store.head(inbox('big.txt'))).toBeDefined()
  })

  test('leads nowhere else by `../`', async () => {
    for (const path of ['../../etc/passwd', '../other/a.txt', 'a/../../b.txt', './a.txt', '..']) {
      const before = (await assets()).length
      await told.tell(record(inbox(path)))
      await told.run()
      expect(await told.incidentsAt(inbox(path))).toMatchObject([{ kind: 'refused', outcome: 'left' }])
      expect(await assets()).toHaveLength(before)
    }
  })

  test('belongs to the organization whose slug it lies under, and to nobody under a slug that is not there', async () => {
    const other = await newOrganization(told.service.call)
    const [mine, strangers] = [`inbox/${other.slug}/theirs.txt`, 'inbox/nobody-at-all/lost.txt']
    await told.drop(mine, newText(100))
    await told.drop(strangers, newText(100))
    expect(await told.tell(record(mine), record(strangers))).toMatchObject({ taken: 1, ignored: 1 })
    await told.run()
    expect(await assets(other.slug)).toMatchObject([{ name: 'theirs.txt' }])
    expect((await assets()).some(({ name }) => name === 'theirs.txt')).toBe(false)
    expect(await told.store.head(strangers)).toBeDefined()
  })

  test('waits while its store does not answer', async () => {
    const key = inbox('patient.txt')
    await told.drop(key, newText(100))
    await told.tell(record(key))
    told.service.app.uploads.stores = new Map()
    expect(await told.runOnce('ingest')).toBe(0)
    told.service.app.uploads.stores = told.service.app.stores
    expect(await told.incidentsAt(key)).toEqual([])
    await told.makeDue('store_event')
    expect(await told.run()).toMatchObject({ ingest: 1 })
    expect((await assets()).some(({ name }) => name === 'patient.txt')).toBe(true)
  })

  test('that another one has replaced meanwhile is ingested as what it is now, and never twice', async () => {
    const key = inbox('replaced.txt')
    const bytes = newText(LARGE)
    await told.drop(key, newText(LARGE))
    await told.tell(record(key))
    const { head } = told.store
    // After the object was looked at and before its asset is committed.
    told.store.head = async (...asked) => {
      told.store.head = head
      const seen = await head(...asked)
      await told.overwrite(key, bytes)
      await told.tell(record(key))
      return seen
    }
    await told.run()
    await told.makeDue('store_event')
    await told.run()
    const made = (await assets()).filter(({ name }) => name === 'replaced.txt')
    expect(made).toHaveLength(1)
    const content = await told.get(`/v1/assets/${made[0]?.id}/content`)
    expect(content.bytes.equals(bytes)).toBe(true)
  })

  test('is not ingested again when the process ended before it was removed', async () => {
    const key = inbox('killed.txt')
    await told.drop(key, newText(100))
    await told.tell(record(key))
    const remove = told.store.delete
    told.store.delete = async () => {
      throw new Error('the process ended')
    }
    expect(await told.runOnce('ingest')).toBe(0)
    told.store.delete = remove
    expect(await told.store.head(key)).toBeDefined()
    await told.makeDue('store_event')
    expect(await told.runOnce('ingest')).toBe(1)
    expect(await told.store.head(key)).toBeUndefined()
    expect((await assets()).filter(({ name }) => name === 'killed.txt')).toHaveLength(1)
  })
})
