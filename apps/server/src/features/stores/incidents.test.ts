import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newOrganization, newText } from '../../../test/service.ts'
import { LARGE, record, startToldService, type ToldService } from '../../../test/told-service.ts'
import type { Db } from '../../platform/database/connect.ts'
import { transaction } from '../../platform/database/transaction.ts'
import { enter } from '../../platform/enter.ts'
import { hashSecret } from '../tenants/room.ts'

let told: ToldService

beforeAll(async () => {
  told = await startToldService()
})
afterAll(() => told.service.stop())

async function incidents(slug = told.organization.slug, query = '') {
  const { json } = await told.service.call(`/v1/incidents?limit=200${query}`, { organization: slug })
  return json.items as Record<string, unknown>[]
}

describe('a copy', () => {
  test('that the service wrote, moved to the trash and purged raises nothing', async () => {
    const { id, key } = await told.upload()
    const written = record(key, { size: LARGE })
    await told.tell(written)
    await told.service.call(`/v1/assets/${id}?purge=true`, { method: 'DELETE', organization: told.organization.slug })
    await told.run()
    expect(await told.store.head(key)).toBeUndefined()
    await told.tell(record(key, { kind: 'removed' }), written)
    await told.run()
    expect(await told.incidentsAt(key)).toEqual([])
  })

  test('that was removed behind our back is an incident, and found missing', async () => {
    const { id, key, copyId } = await told.upload()
    await told.store.delete(key)
    const removed = record(key, { kind: 'removed' })
    // The news of our own write comes last, and everything twice.
    const written = record(key, { size: LARGE, sequencer: '1' })
    await told.tell(removed, written, removed, written)
    expect(await told.incidentsAt(key)).toMatchObject([{ kind: 'vanished', outcome: null, settledAt: null }])
    expect(await told.run()).toMatchObject({ scrub: 1 })
    expect(await told.incidentsAt(key)).toMatchObject([
      { kind: 'vanished', outcome: 'missing', copyId, assetIds: [id], otherCopies: 0, settledAt: expect.any(String) },
    ])
  })

  test('that was written again is found damaged, or intact when it is the same', async () => {
    const [damaged, same] = [await told.upload(), await told.upload()]
    await told.tell(record(damaged.key, { size: LARGE }), record(same.key, { size: LARGE }))
    await told.overwrite(damaged.key, newText(LARGE))
    await told.overwrite(same.key, same.bytes)
    await told.tell(record(damaged.key, { size: LARGE }), record(same.key, { size: LARGE }))
    await told.run()
    expect(await told.incidentsAt(damaged.key)).toMatchObject([{ kind: 'changed', outcome: 'damaged' }])
    expect(await told.incidentsAt(same.key)).toMatchObject([{ kind: 'changed', outcome: 'intact', detail: null }])
  })

  test('of which another one lies elsewhere is said to have it', async () => {
    const { id, key, copyId, bytes } = await told.upload()
    await told.inTenant(async (db) => {
      const copy = await db.selectFrom('copy').selectAll().where('key', '=', key).executeTakeFirstOrThrow()
      await db
        .insertInto('copy')
        .values({ ...copy, id: randomUUID(), store_id: 'second' })
        .execute()
    })
    await told.store.delete(key)
    await told.tell(record(key, { kind: 'removed' }))
    await told.run()
    expect(await told.incidentsAt(key)).toMatchObject([
      { outcome: 'missing', copyId, otherCopies: 1, detail: 'The same bytes lie in second as well.' },
    ])
    expect([id, bytes.length]).toEqual([expect.any(String), LARGE])
  })

  test('that was released before it could be read is not looked at', async () => {
    const { id, key } = await told.upload()
    await told.tell(record(key, { kind: 'removed' }))
    await told.service.call(`/v1/assets/${id}?purge=true`, { method: 'DELETE', organization: told.organization.slug })
    await told.run()
    expect(await told.incidentsAt(key)).toMatchObject([{ kind: 'vanished', outcome: 'released', otherCopies: null }])
  })

  test('whose store does not answer is read again later', async () => {
    const { key } = await told.upload()
    await told.tell(record(key, { size: LARGE + 1 }))
    told.service.app.uploads.stores = new Map()
    expect(await told.runOnce('scrub')).toBe(0)
    told.service.app.uploads.stores = told.service.app.stores
    expect(await told.incidentsAt(key)).toMatchObject([{ kind: 'changed', outcome: null }])
    await told.makeDue('incident')
    expect(await told.runOnce('scrub')).toBe(1)
    expect(await told.incidentsAt(key)).toMatchObject([{ outcome: 'intact' }])
  })
})

describe('an object that is none of ours', () => {
  test('is an incident of the organization whose prefix it lies under, while it lies there', async () => {
    const [there, gone] = [`${told.organization.slug}/ab/stranger`, `${told.organization.slug}/ab/late-news`]
    await told.drop(there, newText(10))
    expect(await told.tell(record(there), record(gone))).toMatchObject({ taken: 1, ignored: 1 })
    expect(await told.incidentsAt(there)).toMatchObject([
      { kind: 'strange', outcome: 'left', copyId: null, assetIds: [] },
    ])
    expect(await told.incidentsAt(gone)).toEqual([])
  })

  test('is counted where it lies under no prefix of ours, and nothing when it is staged', async () => {
    await told.drop('elsewhere/a', newText(10))
    await told.drop(`staging/${told.organization.slug}/upl/any`, newText(10))
    const before = await incidents()
    expect(await told.tell(record('elsewhere/a'), record(`staging/${told.organization.slug}/upl/any`))).toMatchObject({
      taken: 1,
      ignored: 1,
    })
    expect(await incidents()).toEqual(before)
    expect((await told.service.call('/metrics')).bytes.toString()).toMatch(
      /stowage_store_events_total\{became="strange"\} [1-9]/,
    )
  })
})

describe('incidents', () => {
  test('are listed page by page, newest first, and by kind and outcome', async () => {
    const all = await incidents()
    expect(all.length).toBeGreaterThan(3)
    const first = (await told.get('/v1/incidents?limit=2')).json
    const next = await told.get(`/v1/incidents?limit=200&cursor=${first.nextCursor}`)
    expect([...first.items, ...next.json.items]).toEqual(all)
    const missing = await incidents(told.organization.slug, '&kind=vanished&outcome=missing')
    expect(missing).toEqual(all.filter(({ kind, outcome }) => kind === 'vanished' && outcome === 'missing'))
    expect(missing.length).toBeGreaterThan(0)
  })

  test('are shown to admins of their own organization alone', async () => {
    const other = await newOrganization(told.service.call)
    expect(await incidents(other.slug)).toEqual([])
    const { json } = await told.service.call('/v1/api-keys', {
      body: { name: 'editor', role: 'editor' },
      organization: told.organization.slug,
    })
    expect(await told.service.call('/v1/incidents', { secret: json.secret })).toMatchObject({ status: 403 })
  })

  test('are rows that the database shows to nobody below an admin', async () => {
    const { app } = told.service
    const seenBy = async (role: string) => {
      const body = { name: role, role }
      const { json } = await told.service.call('/v1/api-keys', { body, organization: told.organization.slug })
      const credential = { kind: 'secret', hash: hashSecret(json.secret), organization: null, actFor: null } as const
      const entering = { enter: (db: Db) => enter(db, credential, true), readOnly: true }
      const rows = await transaction(app.platform.pool, entering, (db) =>
        db.selectFrom('incident').select('id').execute(),
      )
      return rows.length
    }
    expect(await seenBy('editor')).toBe(0)
    expect(await seenBy('admin')).toBe((await incidents()).length)
  })

  test('are in the audit trail, raised and settled, and counted', async () => {
    const [incident] = await incidents(told.organization.slug, '&outcome=missing')
    const { json } = await told.get(`/v1/audit-events?subject=${incident?.['id']}`)
    const trail = json.items.map((event: { action: string; body: string }) => [
      event.action,
      JSON.parse(event.body).remarks,
    ])
    expect(trail).toEqual([
      ['system.scrub', ['missing']],
      ['system.incident', ['vanished']],
    ])
    const metrics = (await told.service.call('/metrics')).bytes.toString()
    expect(metrics).toMatch(/stowage_incidents\{kind="vanished",outcome="missing"\} [1-9]/)
  })
})

test('nothing but what was provoked was logged as an error', () => {
  expect(told.service.errors.filter((line) => !/a copy is lost/.test(line))).toEqual([])
})
