import { newUuid } from '../../domain/id.ts'
import { Problem } from '../../domain/problem.ts'
import { readStoreEvents, type StoreEvent } from '../../domain/store-event.ts'
import { StoreError } from '../../providers/stores/port.ts'
import { isStaged, storeOf } from '../uploads/room.ts'
import { inboxPlace, orderOf, suspicionOf } from './events.rules.ts'
import { raiseIncident } from './incidents.ts'
import type { StoreEvents } from './room.ts'
import * as rows from './stores.sql.ts'

/** What became of an event: `strange` is an object that nobody knows, `ignored` whatever has no effect. */
type Taken = 'taken' | 'strange' | 'ignored'

/**
 * Takes a message of a store: what it tells is durable when this resolves, and has its effect once, however often and in
 * whatever order messages come. The work itself, reading objects, is left to the jobs.
 *
 * @throws Problem `request.malformed` for a message that cannot be read; anything else passes by itself
 */
export async function takeMessage(events: StoreEvents, body: string): Promise<{ taken: number; ignored: number }> {
  const reading = readStoreEvents(body)
  if ('refused' in reading) throw new Problem('request.malformed', { reason: `${reading.refused}: ${reading.detail}` })
  const counts = { taken: 0, ignored: 0 }
  for (const event of reading.events) {
    const became = await takeEvent(events, event)
    events.onEvent(became)
    counts[became === 'ignored' ? 'ignored' : 'taken'] += 1
  }
  return counts
}

async function takeEvent(events: StoreEvents, event: StoreEvent): Promise<Taken> {
  const storeIds = events.storesIn(event.bucket)
  if (storeIds.length === 0) events.log.info({ bucket: event.bucket }, 'an event of a bucket that no store uses')
  const became = new Set<Taken>()
  for (const storeId of storeIds) became.add(await takeAt(events, storeId, event))
  return (['taken', 'strange'] as const).find((each) => became.has(each)) ?? 'ignored'
}

async function takeAt(events: StoreEvents, storeId: string, event: StoreEvent): Promise<Taken> {
  const copies = await rows.findCopiesAt(events.sweep, storeId, event.key)
  if (copies.length === 0) {
    return event.key.startsWith(events.inbox)
      ? takeInInbox(events, storeId, event)
      : takeStranger(events, storeId, event)
  }
  for (const { tenant_id: tenantId, id } of copies) {
    await takeAtCopy(events, { tenantId, storeId, key: event.key }, id, event)
  }
  return 'taken'
}

async function takeAtCopy(events: StoreEvents, place: rows.Place, copyId: string, event: StoreEvent): Promise<void> {
  await events.platform.inTenant(place.tenantId, async (db) => {
    const known = await rows.rememberFirst(db, place, event)
    const copy = await rows.findCopy(db, place.tenantId, copyId)
    const suspicion = copy && suspicionOf(event, copy, known)
    const newer = known && orderOf(event, known) === 'newer'
    if (newer) await rows.changeRemembered(db, place, { ...rememberedOf(event), suspected: suspicion !== undefined })
    else if (suspicion) await rows.changeRemembered(db, place, { suspected: true })
    if (suspicion) await raiseIncident(events, db, { ...place, kind: suspicion, copyId, at: event.at, detail: null })
  })
}

async function takeInInbox(events: StoreEvents, storeId: string, event: StoreEvent): Promise<Taken> {
  const { key } = event
  const inboxed = inboxPlace(events.inbox, key)
  const tenantId = inboxed && (await rows.findTenant(events.sweep, inboxed.slug))
  if (tenantId === undefined) {
    if (inboxed) events.log.warn({ store: storeId, key }, 'an object in the inbox of no organization stays there')
    return 'ignored'
  }
  const place = { tenantId, storeId, key }
  return events.platform.inTenant(tenantId, async (db) => {
    const known = await rows.rememberFirst(db, place, event)
    if (orderOf(event, known) !== 'newer') return 'ignored'
    if (known) await rows.changeRemembered(db, place, rememberedOf(event))
    if (event.kind === 'created') await rows.wantIngested(db, place)
    return 'taken'
  })
}

/**
 * An object under a key that we have not made, or have made and removed since: the news of our own writes may come late,
 * so what is not there any more is nothing strange.
 */
async function takeStranger(events: StoreEvents, storeId: string, event: StoreEvent): Promise<Taken> {
  const { key } = event
  if (event.kind === 'removed' || isStaged(key) || !(await isThere(events, storeId, key))) return 'ignored'
  const tenantId = await rows.findTenant(events.sweep, key.split('/')[0] as string)
  events.log.warn({ store: storeId, key, tenant: tenantId }, 'an object that is none of ours lies in a store')
  if (tenantId === undefined) return 'strange'
  const place = { tenantId, storeId, key }
  return events.platform.inTenant(tenantId, async (db) => {
    const known = await rows.rememberFirst(db, place, event)
    if (orderOf(event, known) !== 'newer') return 'ignored'
    await rows.changeRemembered(db, place, { ...rememberedOf(event), suspected: true })
    await raiseIncident(events, db, { ...place, kind: 'strange', copyId: null, at: event.at, detail: null })
    return 'strange'
  })
}

async function isThere(events: StoreEvents, storeId: string, key: string): Promise<boolean> {
  try {
    return (await storeOf(events.uploads, storeId).head(key, { requestId: newUuid() })) !== undefined
  } catch (error) {
    // No key of ours looks like that, so that nobody but its maker can have put it there.
    if (error instanceof StoreError && error.kind === 'badKey') return true
    throw error
  }
}

function rememberedOf({ kind, at, order }: StoreEvent) {
  return { kind, at, sequencer: order ?? null }
}
